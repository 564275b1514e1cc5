"""riffle's networks, described from the names and shapes of their tensors.

Widths, depths and groups are read off the weights, so that there is no second table of the papers to keep in step. As in
riffle batch norms are folded and the ReLU behind ShuffleNet v1's concat is applied to the branch alone: the other operand is
a mean of values that are never negative.
"""
from graph import Graph


def classifier(tensors, size, act="relu"):
    """ShuffleNet v1, v2 or MobileNetV3 with its head; output: logits."""
    g = Graph(3, size)
    if "features.0.0.weight" in tensors:
        g.outputs = [mobilenet_v3(g, tensors, g.input)]
        return g
    x = features(g, tensors, g.input, act)[-1]
    if "conv5.0.weight" in tensors:
        x = g.conv(x, tensors.conv("conv5.0", "conv5.1"), act=act)
    x = g.linear(g.mean(x), tensors["fc.weight"], tensors["fc.bias"])
    g.outputs = [x]
    return g


def features(g, tensors, x, act, prefix=""):
    """-> C3, C4, C5."""
    maps = []
    x = g.pool(g.conv(x, tensors.conv(prefix + "conv1.0", prefix + "conv1.1"), 2, act), "max")
    for stage in ("stage2", "stage3", "stage4"):
        i = 0
        while True:
            name = f"{prefix}{stage}.{i}"
            if name + ".branch.0.weight" in tensors:
                x = unit_v1(g, tensors, x, name + ".branch", 2 if i == 0 else 1, act)
            elif name + ".branch2.0.weight" in tensors:
                x = unit_v2(g, tensors, x, name, 2 if i == 0 else 1, act)
            else:
                break
            i += 1
        maps.append(x)
    return maps


def _conv(g, tensors, x, branch, i, stride=1, act=None):
    return g.conv(x, tensors.conv(f"{branch}.{i}", f"{branch}.{i + 1}"), stride, act)


def unit_v1(g, tensors, x, branch, stride, act):
    y = _conv(g, tensors, x, branch, 0, act=act)
    y = g.shuffle(y, y.c // tensors[branch + ".6.weight"].shape[1])
    y = _conv(g, tensors, y, branch, 4, stride)
    if stride == 1:
        return g.add(x, _conv(g, tensors, y, branch, 6), act)
    return g.concat(g.pool(x, "avg"), _conv(g, tensors, y, branch, 6, act=act))


def unit_v2(g, tensors, x, name, stride, act):
    if stride == 1:
        left, right = g.halves(x)
    else:
        left, right = x, x
        left = _conv(g, tensors, left, name + ".branch1", 0, stride)
        left = _conv(g, tensors, left, name + ".branch1", 2, act=act)
    right = _conv(g, tensors, right, name + ".branch2", 0, act=act)
    right = _conv(g, tensors, right, name + ".branch2", 3, stride)
    right = _conv(g, tensors, right, name + ".branch2", 5, act=act)
    return g.shuffle(g.concat(left, right), 2)


# What the tensors of MobileNetV3 do not tell, by the number of its blocks: which have stride 2, and from which on h-swish is used.
MOBILENET_V3 = {15: ({2, 4, 7, 13}, 7), 11: ({1, 2, 4, 9}, 4)}
MOBILENET_EPSILON = 1e-3


def mobilenet_v3(g, tensors, x):
    """-> logits."""
    def conv(x, name, stride=1, act=None):
        return g.conv(x, tensors.conv(name + ".0", name + ".1", MOBILENET_EPSILON), stride, act)

    blocks = 0
    while f"features.{blocks + 1}.block.0.0.weight" in tensors:
        blocks += 1
    strided, curved = MOBILENET_V3[blocks]
    x = conv(x, "features.0", 2, "hswish")
    for i in range(1, blocks + 1):
        act, stride = "hswish" if i >= curved else "relu", 2 if i in strided else 1
        y, j = x, 0
        while f"features.{i}.block.{j}.0.weight" in tensors or f"features.{i}.block.{j}.fc1.weight" in tensors:
            name = f"features.{i}.block.{j}"
            if name + ".fc1.weight" in tensors:
                y = g.scale(y, squeeze(g, tensors, y, name))
            elif f"features.{i}.block.{j + 1}.0.weight" not in tensors and f"features.{i}.block.{j + 1}.fc1.weight" not in tensors:
                y = conv(y, name)  # the last one: projection
            else:
                y = conv(y, name, stride if tensors[name + ".0.weight"].shape[1] == 1 else 1, act)
            j += 1
        x = g.add(x, y) if stride == 1 and x.c == y.c else y
    x = g.mean(conv(x, f"features.{blocks + 1}", act="hswish"))
    x = g.linear(x, tensors["classifier.0.weight"], tensors["classifier.0.bias"], "hswish")
    return g.linear(x, tensors["classifier.3.weight"], tensors["classifier.3.bias"])


def squeeze(g, tensors, x, name):
    s = g.mean(x)
    for layer, act in (("fc1", "relu"), ("fc2", "hsigmoid")):
        weight = tensors[f"{name}.{layer}.weight"]
        s = g.linear(s, weight.reshape(weight.shape[:2]), tensors[f"{name}.{layer}.bias"], act)
    return s
