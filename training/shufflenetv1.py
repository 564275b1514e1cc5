"""ShuffleNet v1 (Zhang et al. 2017, arXiv:1707.01083) as a trunk: grouped pointwise convolutions and channel shuffle.

Tensor names are those of package backbone in Go. Trained with batch norm; `fold` makes the form that is shipped, biases in
the convolutions. LeakyReLU(0.1) where the paper has ReLU, as in the other networks here.
"""
import torch
import torch.nn.functional as F
from torch import nn

SLOPE, REPEATS = 0.1, (4, 8, 4)


def shuffle(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Unit(nn.Module):
    """The paper's figure 2 (b) and (c); without `shuffled` the groups never mix inside a unit, for the ablation."""

    def __init__(self, i, o, stride, groups, first, conv, shuffled):
        super().__init__()
        self.stride, self.groups, self.shuffled = stride, groups, shuffled
        middle, out = o // 4, o - i if stride == 2 else o
        self.branch = nn.Sequential(
            *conv(i, middle, 1, 1, 1 if first else groups), nn.LeakyReLU(SLOPE), nn.Identity(),
            *conv(middle, middle, 3, stride, middle), *conv(middle, out, 1, 1, groups))

    def forward(self, x):
        y = self.branch[:3](x)
        if self.shuffled:
            y = shuffle(y, self.groups)
        y = self.branch[4:](y)
        if self.stride == 1:
            return F.leaky_relu(x + y, SLOPE)
        return torch.cat((F.avg_pool2d(x, 3, 2, 1), F.leaky_relu(y, SLOPE)), 1)


class ShuffleNetV1(nn.Module):
    """[N, 3, H, W] -> C3, C4, C5 at strides 8, 16 and 32."""

    def __init__(self, stem, widths, groups, norm, shuffled=True):
        super().__init__()

        def conv(i, o, k, stride, g):
            return (nn.Conv2d(i, o, k, stride, k // 2, groups=g, bias=not norm),
                    nn.BatchNorm2d(o) if norm else nn.Identity())

        self.conv1 = nn.Sequential(*conv(3, stem, 3, 2, 1), nn.LeakyReLU(SLOPE))
        c = stem
        for number, (width, repeats) in enumerate(zip(widths, REPEATS), 2):
            units = []
            for r in range(repeats):
                units.append(Unit(c, width, 2 if r == 0 else 1, groups, number == 2 and r == 0, conv, shuffled))
                c = width
            setattr(self, f"stage{number}", nn.Sequential(*units))

    def forward(self, x):
        c3 = self.stage2(F.max_pool2d(self.conv1(x), 3, 2, 1))
        c4 = self.stage3(c3)
        return c3, c4, self.stage4(c4)


def fold(state, prefix="backbone."):
    """State dict with batch norms -> the same network with biases instead: w * g / s, b - m * g / s."""
    out = dict(state)
    for name in [n for n in state if n.startswith(prefix) and n.endswith("running_var")]:
        norm = name[:-len("running_var")]
        at, index = norm[:-1].rsplit(".", 1)
        conv = f"{at}.{int(index) - 1}."
        scale = out.pop(norm + "weight") / (out.pop(name) + 1e-5).sqrt()
        out[conv + "weight"] = out[conv + "weight"] * scale[:, None, None, None]
        out[conv + "bias"] = out.pop(norm + "bias") - out.pop(norm + "running_mean") * scale
        out.pop(norm + "num_batches_tracked")
    return out
