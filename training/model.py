"""The first stage: ShuffleNet v2 trunk, GhostPAN neck and the dense towers that propose boxes.

ShuffleNet v2 follows Ma et al. 2018 (arXiv:1807.11164) with LeakyReLU(0.1) and batch norm already folded into the
convolutions; neck and towers follow NanoDet-Plus. Tensor names are torchvision's for the trunk: the places of the
folded batch norms stay empty, so indices agree.
"""
import torch
import torch.nn.functional as F
from torch import nn

STRIDES = (8, 16, 32, 64)
BINS = 8
CLASSES = 80
SLOPE = 0.1
# stem, widths of C3 C4 C5, channels of the neck
ARCHS = {"shufflenet_v2_x1.0": (24, (116, 232, 464), 96), "shufflenet_v2_x1.5": (24, (176, 352, 704), 128),
         "shufflenet_v1_x1.0_g3": (24, (240, 480, 960), 128)}
REPEATS = (4, 8, 4)


def leaky(x):
    return F.leaky_relu(x, SLOPE)


def pointwise(i, o):
    return nn.Conv2d(i, o, 1)


def depthwise(c, k, stride=1):
    return nn.Conv2d(c, c, k, stride, k // 2, groups=c)


def channel_shuffle(x):
    """[N, 2g, H, W] -> the two halves interleaved; goes by NHWC so that channels_last memory needs one copy."""
    n, c, h, w = x.shape
    return x.permute(0, 2, 3, 1).reshape(n, h, w, 2, c // 2).transpose(3, 4).reshape(n, h, w, c).permute(0, 3, 1, 2)


class Unit(nn.Module):
    """A ShuffleNet v2 unit; stride 2 doubles the branches, stride 1 leaves half of the channels untouched. inner: width between
    the pointwise convolutions of branch2, in the paper that of its result."""

    def __init__(self, i, o, stride, inner=0):
        super().__init__()
        half, fold = o // 2, nn.Identity
        inner = inner or half
        self.branch1 = None
        if stride == 2:
            self.branch1 = nn.Sequential(depthwise(i, 3, 2), fold(), pointwise(i, half), fold(), nn.LeakyReLU(SLOPE))
        self.branch2 = nn.Sequential(
            pointwise(i if stride == 2 else half, inner), fold(), nn.LeakyReLU(SLOPE),
            depthwise(inner, 3, stride), fold(),
            pointwise(inner, half), fold(), nn.LeakyReLU(SLOPE))

    def forward(self, x):
        if self.branch1 is not None:
            return channel_shuffle(torch.cat((self.branch1(x), self.branch2(x)), 1))
        kept, worked = x.chunk(2, 1)
        return channel_shuffle(torch.cat((kept, self.branch2(worked)), 1))


class ShuffleNetV2(nn.Module):
    """[N, 3, H, W] -> C3, C4, C5 at strides 8, 16 and 32."""

    def __init__(self, stem, widths, branches=()):
        super().__init__()
        inner = list(branches) or [0] * sum(REPEATS)
        self.conv1 = nn.Sequential(nn.Conv2d(3, stem, 3, 2, 1), nn.Identity(), nn.LeakyReLU(SLOPE))
        c = stem
        for number, (width, repeats) in enumerate(zip(widths, REPEATS), 2):
            units = [Unit(c if r == 0 else width, width, 2 if r == 0 else 1, inner.pop(0)) for r in range(repeats)]
            setattr(self, f"stage{number}", nn.Sequential(*units))
            c = width

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        c3 = self.stage2(x)
        c4 = self.stage3(c3)
        return c3, c4, self.stage4(c4)


class Ghost(nn.Module):
    """Half of the channels by a 1x1 convolution, the other half by a cheap 3x3 depthwise one on top (GhostNet)."""

    def __init__(self, i, o, act):
        super().__init__()
        self.primary, self.cheap, self.act = pointwise(i, o // 2), depthwise(o // 2, 3), act

    def forward(self, x):
        a = self.primary(x)
        if self.act:
            a = leaky(a)
        b = self.cheap(a)
        return torch.cat((a, leaky(b) if self.act else b), 1)


class GhostBottleneck(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.ghost1, self.ghost2 = Ghost(i, o, True), Ghost(o, o, False)
        self.shortcut = nn.Sequential(depthwise(i, 5), pointwise(i, o))

    def forward(self, x):
        return self.ghost2(self.ghost1(x)) + self.shortcut(x)


class Separable(nn.Sequential):
    """5x5 depthwise, then 1x1, LeakyReLU after each."""

    def __init__(self, c, stride=1):
        super().__init__(depthwise(c, 5, stride), pointwise(c, c))

    def forward(self, x):
        return leaky(self[1](leaky(self[0](x))))


class GhostPAN(nn.Module):
    """C3..C5 -> P3..P6 with c channels at strides 8, 16, 32 and 64."""

    def __init__(self, widths, c):
        super().__init__()
        self.reduce = nn.ModuleList(pointwise(w, c) for w in widths)
        self.top_down = nn.ModuleList(GhostBottleneck(2 * c, c) for _ in range(2))
        self.downsample = nn.ModuleList(Separable(c, 2) for _ in range(2))
        self.bottom_up = nn.ModuleList(GhostBottleneck(2 * c, c) for _ in range(2))
        self.extra_in = Separable(c, 2)
        self.extra_out = Separable(c, 2)

    def forward(self, features):
        c3, c4, c5 = (leaky(r(x)) for r, x in zip(self.reduce, features))

        def up(x, like):
            return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)

        t4 = self.top_down[0](torch.cat((up(c5, c4), c4), 1))
        p3 = self.top_down[1](torch.cat((up(t4, c3), c3), 1))
        p4 = self.bottom_up[0](torch.cat((self.downsample[0](p3), t4), 1))
        p5 = self.bottom_up[1](torch.cat((self.downsample[1](p4), c5), 1))
        return p3, p4, p5, self.extra_in(c5) + self.extra_out(p5)


class Towers(nn.Module):
    """P3..P6 -> per level [N, 80 + 4*8, H, W]: class logits, then bin logits of the left, top, right, bottom distance."""

    def __init__(self, c):
        super().__init__()
        self.stem = nn.ModuleList(nn.Sequential(Separable(c), Separable(c)) for _ in STRIDES)
        self.pred = nn.ModuleList(pointwise(c, CLASSES + 4 * BINS) for _ in STRIDES)

    def forward(self, pyramid):
        return [pred(stem(p)) for stem, pred, p in zip(self.stem, self.pred, pyramid)]


def points(shapes):
    """Points of all levels, [A, 3] = x, y, stride: cell (i, j) of stride s sits on pixel (i*s, j*s)."""
    rows = []
    for (h, w), s in zip(shapes, STRIDES):
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        rows.append(torch.stack((x.flatten() * s, y.flatten() * s, torch.full((h * w,), s)), 1))
    return torch.cat(rows).float()


def flatten(maps):
    """Per level [N, C, H, W] -> [N, A, C], levels one after the other, rows before columns."""
    return torch.cat([m.permute(0, 2, 3, 1).flatten(1, 2) for m in maps], 1)


def decode(bins, at, width, height):
    """Bin logits [..., A, 32] at points [A, 3] -> boxes [..., A, 4] (x1 y1 x2 y2, pixels), clipped to the picture."""
    d = bins.unflatten(-1, (4, BINS)).softmax(-1) @ torch.arange(BINS, dtype=bins.dtype) * at[:, 2:3]
    x, y = at[:, 0], at[:, 1]
    return torch.stack(((x - d[..., 0]).clamp(0, width), (y - d[..., 1]).clamp(0, height),
                        (x + d[..., 2]).clamp(0, width), (y + d[..., 3]).clamp(0, height)), -1)
