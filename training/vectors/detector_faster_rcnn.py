"""torchvision's Faster R-CNN on a small ShuffleNet v2 of random weights, with and without a feature pyramid, and what it finds.

Run from the repository's root: python training/vectors/detector_faster_rcnn.py
"""
import argparse
import os
from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.shufflenetv2 import ShuffleNetV2
from torchvision.ops import MultiScaleRoIAlign

REPEATS, CHANNELS = [1, 2, 1], [8, 16, 24, 32, 32]      # stem, stages 2 to 4, conv5
HEIGHT, WIDTH = 96, 128
CLASSES, HIDDEN, FPN = 5, 16, 8


def body():
    net = ShuffleNetV2(REPEATS, CHANNELS)
    names = ("conv1", "maxpool", "stage2", "stage3", "stage4")
    return nn.Sequential(OrderedDict((n, getattr(net, n)) for n in names))


def single():
    trunk = body()
    trunk.out_channels = CHANNELS[3]
    anchors = AnchorGenerator(((16, 48),), ((0.5, 1.0, 2.0),))
    return FasterRCNN(trunk, rpn_anchor_generator=anchors, **options(["0"], 4, trunk.out_channels))


def pyramid():
    trunk = BackboneWithFPN(body(), {"stage2": "0", "stage3": "1", "stage4": "2"}, CHANNELS[1:4], FPN)
    anchors = AnchorGenerator(((8,), (24,), (48,), (80,)), ((0.5, 1.0, 2.0),) * 4)
    return FasterRCNN(trunk, rpn_anchor_generator=anchors, **options(["0", "1", "2"], 7, FPN))


def options(maps, bins, channels):
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    return {"num_classes": None, "min_size": HEIGHT, "max_size": WIDTH, "image_mean": [0.0] * 3, "image_std": [1.0] * 3,
            "rpn_pre_nms_top_n_test": 60, "rpn_post_nms_top_n_test": 40, "box_score_thresh": 0.05,
            "box_roi_pool": MultiScaleRoIAlign(maps, bins, 2), "box_detections_per_img": 50,
            "box_head": TwoMLPHead(channels * bins * bins, HIDDEN), "box_predictor": FastRCNNPredictor(HIDDEN, CLASSES)}


def randomise(net, x):
    """Random float16 numbers; batch norms with statistics of their own; outputs that spread."""
    with torch.no_grad():
        for name, p in list(net.named_parameters()) + list(net.named_buffers()):
            if not p.is_floating_point():
                continue
            if name.endswith("running_var"):
                p.uniform_(0.5, 1.5)
            elif p.dim() > 1:
                nn.init.normal_(p, std=(2.0 / p[0].numel()) ** 0.5)
            elif name.endswith("weight"):
                p.uniform_(0.7, 1.3)
            else:
                nn.init.normal_(p, std=0.1)
        half(net)
        # Outputs of a size that neither saturates nor leaves every anchor where it was.
        for layer, wanted in ((net.rpn.head.cls_logits, 1.5), (net.rpn.head.bbox_pred, 0.25),
                              (net.roi_heads.box_predictor.cls_score, 1.2), (net.roi_heads.box_predictor.bbox_pred, 1.0)):
            seen = []
            hook = layer.register_forward_hook(lambda m, i, o: seen.append(o.std()))
            net([x])
            hook.remove()
            layer.weight *= wanted / seen[0]
        half(net)


def half(net):
    for p in list(net.parameters()) + list(net.buffers()):
        if p.is_floating_point():
            p.copy_(p.half().float())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="detector/testdata")
    args = parser.parse_args()
    for name, build in (("single", single), ("pyramid", pyramid)):
        torch.manual_seed(2)
        x = nn.functional.avg_pool2d(torch.rand(1, 3, HEIGHT, WIDTH), 5, 1, 2)[0]
        x = ((x - 0.5) * 1000 + 128).round().clamp(0, 255)
        pixels, x = x.to(torch.uint8), x / 64 - 2
        net = build().eval()
        randomise(net, x)
        with torch.no_grad():
            found = net([x])[0]
        print(name, len(found["scores"]), "detections", found["scores"][:4].tolist(), torch.bincount(found["labels"]).tolist())
        out = {k: v.half() for k, v in net.state_dict().items() if v.is_floating_point()}
        out.update({"test.pixels": pixels, "test.boxes": found["boxes"], "test.scores": found["scores"],
                    "test.labels": found["labels"].float()})
        save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(args.out, f"faster_rcnn_{name}.safetensors"))


if __name__ == "__main__":
    main()
