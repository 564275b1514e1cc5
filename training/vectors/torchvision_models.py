"""Makes torchvision_* in cmd/riffle/testdata and testdata: what
torchvision's models say of one picture.

    python training/vectors/torchvision_models.py

Weights are random by name (backbone_random.py), under torchvision's own names,
and the picture is made of the same numbers, so Go makes both again: it writes a
checkpoint, imports it, and looks at the picture from its bytes on.
"""

import json
import pathlib
from collections import OrderedDict
from functools import partial

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchvision.models.detection import FasterRCNN, _utils, fasterrcnn_mobilenet_v3_large_320_fpn, ssdlite
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.ssd import SSD
from torchvision.models.segmentation import lraspp_mobilenet_v3_large
from torchvision.models.segmentation.lraspp import _lraspp_mobilenetv3

from torchvision.transforms._presets import SemanticSegmentation

import backbone_random as rnd

ROOT = pathlib.Path(__file__).resolve().parents[2]
DETECTORS, SEGMENTERS = ROOT / "cmd" / "riffle" / "testdata", ROOT / "testdata"
PICTURE = (300, 410)  # height, width


def picture(height, width):
    """Tiles of 16 pixels with noise, as bytes."""
    rows, cols = -(-height // 16), -(-width // 16)
    tiles = rnd.uniform("picture.tiles", 3 * rows * cols).reshape(3, rows, cols)
    noise = rnd.uniform("picture.noise", 3 * height * width).reshape(3, height, width)
    big = tiles.repeat(16, 1).repeat(16, 2)[:, :height, :width]
    return np.floor(200 * big + 55 * noise).astype(np.uint8)


def fill(model):
    """Random weights by name; gains keep the answers of different places apart."""
    state = model.state_dict()
    for name, t in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        state[name] = torch.from_numpy(rnd.tensor(name, tuple(t.shape)))
    model.load_state_dict(state)
    return model.eval()


class ShuffleNetMaps(nn.Module):
    """The maps that SSDLite reads on ShuffleNet v2: stages 3 and 4, and four more."""

    def __init__(self, net, norm):
        super().__init__()
        self.conv1, self.maxpool = net.conv1, net.maxpool
        self.stage2, self.stage3, self.stage4 = net.stage2, net.stage3, net.stage4
        widths = [net._stage_out_channels[3], 512, 256, 256, 128]
        self.extra = nn.ModuleList(ssdlite._extra_block(a, b, norm) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        x = self.stage3(self.stage2(self.maxpool(self.conv1(x))))
        maps = [x]
        for block in (self.stage4, *self.extra):
            x = block(x)
            maps.append(x)
        return OrderedDict((str(i), m) for i, m in enumerate(maps))


def ssdlite_shufflenet(net, num_classes):
    """torchvision's ssdlite320_mobilenet_v3_large with another backbone."""
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
    backbone = ShuffleNetMaps(net, norm)
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    head = ssdlite.SSDLiteHead(_utils.retrieve_out_channels(backbone, (320, 320)), anchors.num_anchors_per_location(), num_classes, norm)
    return SSD(backbone, anchors, (320, 320), num_classes, head=head, score_thresh=0.001, nms_thresh=0.55, detections_per_img=300,
               topk_candidates=300, image_mean=[0.5] * 3, image_std=[0.5] * 3)


def fasterrcnn_shufflenet(net, num_classes):
    """torchvision's Faster R-CNN for photos of 320 pixels with another backbone."""
    body = nn.Sequential(OrderedDict((n, getattr(net, n)) for n in ("conv1", "maxpool", "stage2", "stage3", "stage4")))
    backbone = BackboneWithFPN(body, {f"stage{i + 2}": str(i) for i in range(3)}, net._stage_out_channels[1:4], 64)
    anchors = AnchorGenerator(tuple((32 << i,) for i in range(4)), ((0.5, 1.0, 2.0),) * 4)
    return FasterRCNN(backbone, num_classes, min_size=320, max_size=640, rpn_anchor_generator=anchors, rpn_pre_nms_top_n_test=150,
                      rpn_post_nms_top_n_test=150, rpn_score_thresh=0.05, box_detections_per_img=400)


def shapes(model):
    return {k: list(v.shape) for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def detections(name, model):
    x = torch.from_numpy(picture(*PICTURE)).float() / 255
    with torch.no_grad():
        d = fill(model)([x])[0]
    print(name, len(d["scores"]), "scores", d["scores"][0].item(), d["scores"][-1].item(), "labels", len(set(d["labels"].tolist())))
    found = [
        {"label": label, "score": score, "box": box}
        for label, score, box in zip(d["labels"].tolist(), d["scores"].tolist(), d["boxes"].tolist())
    ]
    write(DETECTORS, name, {"shapes": shapes(model), "detections": found})


def segmentation(name, model):
    """The class of every pixel, at the size of the network's input and at the
    picture's, and a digest of the scores at stride 8."""
    fill(model)
    image = Image.fromarray(picture(*PICTURE).transpose(1, 2, 0))
    x = SemanticSegmentation(resize_size=520)(image)[None]
    out = model(x)["out"]
    scores = model.classifier(model.backbone(x))
    assert torch.equal(out, F.interpolate(scores, size=x.shape[-2:], mode="bilinear", align_corners=False))
    whole = F.interpolate(scores, size=PICTURE, mode="bilinear", align_corners=False)
    for size, logits in (("network", out), ("picture", whole)):
        classes = logits[0].argmax(0).byte().numpy()
        print(name, size, classes.shape, "classes", len(np.unique(classes)))
        Image.fromarray(classes).save(SEGMENTERS / f"torchvision_{name}_{size}.png", optimize=True)
    write(SEGMENTERS, name, {"shapes": shapes(model), "scores": [float(v) for v in rnd.digest(scores[0].numpy())]})


def write(folder, name, what):
    (folder / f"torchvision_{name}.json").write_text(json.dumps(what, separators=(",", ":")) + "\n")


def main():
    DETECTORS.mkdir(exist_ok=True)
    SEGMENTERS.mkdir(exist_ok=True)
    torch.set_grad_enabled(False)
    detections("ssdlite320_mobilenet_v3_large", ssdlite.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None))
    segmentation("lraspp_mobilenet_v3_large", lraspp_mobilenet_v3_large(weights=None, weights_backbone=None))
    small = torchvision.models.mobilenet_v3_small(weights=None)  # stride 32
    segmentation("lraspp_mobilenet_v3_small", _lraspp_mobilenetv3(small, 5))
    detections("fasterrcnn_mobilenet_v3_large_320_fpn",
               fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None, box_detections_per_img=400))
    detections("fasterrcnn_shufflenet_v2_x1.0_320_fpn", fasterrcnn_shufflenet(torchvision.models.shufflenet_v2_x1_0(), 21))
    detections("ssdlite320_shufflenet_v2_x1.0", ssdlite_shufflenet(torchvision.models.shufflenet_v2_x1_0(), 21))


if __name__ == "__main__":
    main()
