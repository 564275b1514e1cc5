"""ShuffleNet v1 (arXiv 1707.01083) in PyTorch, to compare backbone/ with."""

import torch
from torch import nn

STAGE2 = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}


class Shuffle(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        return x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)


class Unit(nn.Module):
    def __init__(self, inputs, outputs, groups, stride, first):
        super().__init__()
        self.stride = stride
        mid = outputs // 4
        made = outputs - inputs if stride == 2 else outputs
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, mid, 1, groups=1 if first else groups, bias=False),
            nn.BatchNorm2d(mid),
            nn.ReLU(),
            Shuffle(groups),
            nn.Conv2d(mid, mid, 3, stride, 1, groups=mid, bias=False),
            nn.BatchNorm2d(mid),
            nn.Conv2d(mid, made, 1, groups=groups, bias=False),
            nn.BatchNorm2d(made),
        )

    def forward(self, x):
        y = self.branch(x)
        if self.stride == 1:
            return torch.relu(x + y)
        # ReLU after the concat, as the paper's figure 2c draws it.
        return torch.relu(torch.cat([nn.functional.avg_pool2d(x, 3, 2, 1), y], 1))


class ShuffleNetV1(nn.Module):
    def __init__(self, groups, stem, channels, repeats=(4, 8, 4), classes=1000):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, stem, 3, 2, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        inputs = stem
        for s, (outputs, count) in enumerate(zip(channels, repeats), start=2):
            units = []
            for i in range(count):
                units.append(Unit(inputs, outputs, groups, 2 if i == 0 else 1, (s, i) == (2, 0)))
                inputs = outputs
            setattr(self, f"stage{s}", nn.Sequential(*units))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv1(x), 3, 2, 1)
        c3 = self.stage2(x)
        c4 = self.stage3(c3)
        c5 = self.stage4(c4)
        return {"c3": c3, "c4": c4, "c5": c5, "logits": self.fc(c5.mean((2, 3)))}


def shufflenet_v1(scale, groups):
    """The paper's ShuffleNet scale x (groups); see shufflenetv1.go for how odd widths are rounded."""

    def up(x, multiple):
        return int(-(-x // multiple) * multiple)

    stem = {0.25: 6, 0.5: 12, 1.0: 24, 1.5: 24, 2.0: 48}[scale]
    c = up(STAGE2[groups] * scale, 4 * groups)
    return ShuffleNetV1(groups, up(stem, groups), (c, 2 * c, 4 * c))
