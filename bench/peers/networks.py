"""riffle's networks, described from the names and shapes of their tensors.

Widths, depths and groups are read off the weights, so that there is no second table of the papers to keep in step. As in
riffle batch norms are folded and the ReLU behind ShuffleNet v1's concat is applied to the branch alone: the other operand is
a mean of values that are never negative.
"""
from graph import Graph


def classifier(tensors, size, act="relu"):
    """ShuffleNet v1 or v2 with its head; output: logits."""
    g = Graph(3, size)
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
