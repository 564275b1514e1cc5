"""Vectors for the detector package's box operations, from torchvision.

Run from the repository's root: python training/vectors/detector_ops.py
"""
import argparse

import torch
from safetensors.torch import save_file
from torchvision import ops
from torchvision.models.detection import anchor_utils, roi_heads, rpn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.image_list import ImageList
from torchvision.ops.poolers import LevelMapper


def random_boxes(n, g, size=100.0, smallest=1.0):
    xy = torch.rand(n, 2, generator=g) * size * 0.8
    wh = smallest + torch.rand(n, 2, generator=g) ** 2 * size * 0.6
    return torch.cat((xy, xy + wh), 1)


def nms_cases(out, g):
    boxes = random_boxes(120, g, 60)
    boxes[100:110] = boxes[:10]                         # exact duplicates
    boxes[110] = torch.tensor([5.0, 5.0, 5.0, 9.0])     # empty
    scores = (torch.rand(120, generator=g) * 20).round() / 20     # many ties
    groups = torch.randint(0, 4, (120,), generator=g)
    out.update({"nms.boxes": boxes, "nms.scores": scores, "nms.groups": groups.float()})
    for t in (0.3, 0.5, 0.7):
        out[f"nms.keep.{t}"] = ops.nms(boxes, scores, t).float()
        # The definition: NMS group by group, then everything by score, ties by index.
        mask = torch.zeros(120, dtype=torch.bool)
        for k in groups.unique():
            mine = (groups == k).nonzero()[:, 0]
            mask[mine[ops.nms(boxes[mine], scores[mine], t)]] = True
        keep = mask.nonzero()[:, 0]
        keep = keep[scores[keep].argsort(descending=True, stable=True)]
        theirs = ops.batched_nms(boxes, scores, groups, t)
        assert set(theirs.tolist()) == set(keep.tolist())
        out[f"nms.group_keep.{t}"] = keep.float()


def coder_cases(out, g):
    ref = random_boxes(40, g)
    moved = ref + torch.randn(40, 4, generator=g)
    moved[:, 2:] = torch.maximum(moved[:, 2:], moved[:, :2] + 0.5)
    deltas = torch.randn(40, 4, generator=g) * 2
    deltas[0, 2:] = 50.0                                # the clamp
    out.update({"coder.ref": ref, "coder.moved": moved, "coder.deltas": deltas})
    for name, weights in (("rpn", (1.0, 1.0, 1.0, 1.0)), ("head", (10.0, 10.0, 5.0, 5.0))):
        c = BoxCoder(weights)
        out[f"coder.{name}.decoded"] = c.decode_single(deltas, ref)
        out[f"coder.{name}.encoded"] = c.encode_single(moved, ref)


ANCHORS = (((32.0, 64.0), (100.0,)), ((0.5, 1.0, 2.0), (0.25, 1.0, 3.0)))


def anchor_cases(out):
    gen = anchor_utils.AnchorGenerator(*ANCHORS)
    maps = [torch.zeros(1, 1, 6, 8), torch.zeros(1, 1, 3, 4)]
    images = ImageList(torch.zeros(1, 3, 96, 128), [(96, 128)])
    out["anchors"] = gen(images, maps)[0]


def proposal_cases(out, g):
    counts = [180, 60, 20]
    anchors = [random_boxes(n, g, 80, 4) for n in counts]
    deltas = torch.randn(1, sum(counts), 4, generator=g) * 0.4
    objectness = torch.randn(1, sum(counts), generator=g) * 3
    boxes = BoxCoder((1.0, 1.0, 1.0, 1.0)).decode(deltas[0], [torch.cat(anchors)]).reshape(1, -1, 4)
    size = (70, 90)                                     # height, width: some boxes leave it
    for name, kept, score, smallest in (("plain", 40, 0.0, 1e-3), ("confident", 200, 0.4, 1e-3)):
        net = rpn.RegionProposalNetwork(None, None, 0.7, 0.3, 256, 0.5, {"training": 50, "testing": 50},
                                        {"training": kept, "testing": kept}, 0.7, score)
        net.min_size = smallest
        net.eval()
        b, s = net.filter_proposals(boxes, objectness, [size], counts)
        out[f"proposals.{name}.boxes"], out[f"proposals.{name}.scores"] = b[0], s[0]
    for i, (b, o) in enumerate(zip(boxes[0].split(counts), objectness[0].split(counts))):
        out[f"proposals.{i}.decoded"], out[f"proposals.{i}.logits"] = b, o


def align_cases(out, g):
    features = torch.randn(1, 3, 9, 13, generator=g)
    boxes = random_boxes(12, g, 100)
    boxes[0] = torch.tensor([-30.0, -20.0, 200.0, 150.0])   # far over the rim
    boxes[1] = torch.tensor([40.0, 30.0, 40.5, 30.2])       # less than a cell
    boxes[2] = torch.tensor([300.0, 300.0, 320.0, 320.0])   # outside
    boxes[3] = torch.tensor([50.0, 40.0, 45.0, 35.0])       # inside out
    out.update({"align.features": features[0], "align.boxes": boxes})
    rois = torch.cat((torch.zeros(12, 1), boxes), 1)
    for rows, cols in ((7, 7), (2, 3)):
        for sampling in (2, -1, 3):
            for aligned in (False, True):
                out[f"align.{rows}.{cols}.{sampling}.{int(aligned)}"] = ops.roi_align(
                    features, rois, (rows, cols), 0.125, sampling, aligned)


def level_cases(out, g):
    side = torch.cat((torch.tensor([0.0, 1.0, 55.9, 56.0, 111.9, 112.0, 223.9, 224.0, 447.9, 448.0, 5000.0]),
                      torch.rand(20, generator=g) * 600))
    boxes = torch.stack((torch.zeros_like(side), torch.zeros_like(side), side, side), 1)
    out.update({"levels.boxes": boxes, "levels.2to5": LevelMapper(2, 5)([boxes]).float(),
                "levels.3to4": LevelMapper(3, 4)([boxes]).float()})


def head_cases(out, g):
    proposals = random_boxes(50, g)
    logits = torch.randn(50, 5, generator=g) * 2
    deltas = torch.randn(50, 20, generator=g)
    heads = roi_heads.RoIHeads(None, None, None, 0.5, 0.5, 512, 0.25, None, 0.05, 0.5, 30)
    boxes, scores, labels = heads.postprocess_detections(logits, deltas, [proposals], [(80, 90)])
    out.update({"head.proposals": proposals, "head.logits": logits.T.contiguous(), "head.deltas": deltas.T.contiguous(),
                "head.boxes": boxes[0], "head.scores": scores[0], "head.labels": labels[0].float()})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="detector/testdata/ops.safetensors")
    args = parser.parse_args()
    g = torch.Generator().manual_seed(11)
    out = {}
    a, b = random_boxes(20, g), random_boxes(20, g)
    out.update({"iou.a": a, "iou.b": b, "iou.want": ops.box_iou(a, b)})
    nms_cases(out, g)
    coder_cases(out, g)
    anchor_cases(out)
    proposal_cases(out, g)
    align_cases(out, g)
    level_cases(out, g)
    head_cases(out, g)
    save_file({k: v.contiguous() for k, v in out.items()}, args.out)


if __name__ == "__main__":
    main()
