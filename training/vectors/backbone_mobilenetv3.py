"""MobileNetV3 from torchvision with the maps that backbone/ hands out."""

from torch import nn
from torchvision.models import mobilenetv3


class MobileNetV3(mobilenetv3.MobileNetV3):
    """torchvision's network that also returns the maps of MobileNetV3Maps."""

    def forward(self, x):
        starts = [i for i, b in enumerate(self.features) if getattr(b, "_is_cn", False)]
        c3_start, c3_end, last = starts[-3], starts[-2], starts[-1]
        if len(starts) > 4 or self.features[0][0].stride != (2, 2):
            raise ValueError("not a MobileNetV3")
        out = {}
        for i, block in enumerate(self.features):
            if i == last:
                out["c4"] = block.block[0](x)
            x = block(x)
            if i == c3_start:
                out["low"] = x
            if i == c3_end - 1:
                out["c3"] = x
        return out | {"c5": x, "logits": self.classifier(x.mean((2, 3)))}


def mobilenet_v3(size, width=1.0, minimal=False, **changes):
    """size is "large" or "small"; changes are torchvision's reduced_tail and
    dilated. minimal is not torchvision's: no squeeze-and-excite, no h-swish and
    no 5x5 filters, as in the authors' "minimalistic" models."""
    blocks, last = mobilenetv3._mobilenet_v3_conf(f"mobilenet_v3_{size}", width_mult=width, **changes)
    if minimal:
        for b in blocks:
            b.kernel, b.use_se, b.use_hs = 3, False, False
    net = MobileNetV3(blocks, last)
    if minimal:
        for module in list(net.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.Hardswish):
                    setattr(module, name, nn.ReLU())
    return net


def networks():
    for size in ("large", "small"):
        yield f"mobilenet_v3_{size}", mobilenet_v3(size)
        yield f"mobilenet_v3_{size}_minimal", mobilenet_v3(size, minimal=True)
        yield f"mobilenet_v3_{size}_x0.35", mobilenet_v3(size, 0.35)
        yield f"mobilenet_v3_{size}+dilated", mobilenet_v3(size, dilated=True)
    yield "mobilenet_v3_large_x0.75", mobilenet_v3("large", 0.75)
    yield "mobilenet_v3_large_x1.25", mobilenet_v3("large", 1.25)
    yield "mobilenet_v3_large+reduced_tail", mobilenet_v3("large", reduced_tail=True)
    yield "mobilenet_v3_large+reduced_tail+dilated", mobilenet_v3("large", reduced_tail=True, dilated=True)
