"""ShuffleNet v2 from torchvision with its features, and v2* built from it."""

import torchvision
from torch import nn
from torchvision.models.shufflenetv2 import InvertedResidual

WIDTHS = {
    "0.5": (24, 48, 96, 192, 1024),
    "1.0": (24, 116, 232, 464, 1024),
    "1.5": (24, 176, 352, 704, 1024),
    "2.0": (24, 244, 488, 976, 2048),
}


class ShuffleNetV2(torchvision.models.ShuffleNetV2):
    """torchvision's network that also returns C3, C4 and C5."""

    def forward(self, x):
        x = self.maxpool(self.conv1(x))
        c3 = self.stage2(x)
        c4 = self.stage3(c3)
        c5 = self.stage4(c4)
        return {"c3": c3, "c4": c4, "c5": c5, "logits": self.fc(self.conv5(c5).mean([2, 3]))}


class StarUnit(InvertedResidual):
    """A unit whose branch2 starts with one more 3x3 depthwise convolution."""

    def __init__(self, inp, oup, stride):
        super().__init__(inp, oup, stride)
        c = self.branch2[0].in_channels
        extra = [nn.Conv2d(c, c, 3, 1, 1, groups=c, bias=False), nn.BatchNorm2d(c)]
        self.branch2 = nn.Sequential(*extra, *self.branch2)


def shufflenet_v2(width, star=False):
    return ShuffleNetV2([4, 8, 4], list(WIDTHS[width]), inverted_residual=StarUnit if star else InvertedResidual)
