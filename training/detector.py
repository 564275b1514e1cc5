"""Both stages in one module, and the rules that turn its outputs into detections."""
import torch
from torch import nn
from torchvision import ops

from . import model, recipes, roi, shufflenetv1
from .model import CLASSES

ALPHA = 0.5            # weight of the second stage in the score
SCORE, IOU, TOP = 0.01, 0.6, 100


def trunk(arch, norm, branches=()):
    stem, widths, _ = model.ARCHS[arch]
    if arch.startswith("shufflenet_v1"):
        return shufflenetv1.ShuffleNetV1(stem, widths, int(arch.rsplit("_g", 1)[1]), norm)
    return model.ShuffleNetV2(stem, widths, branches)


class Detector(nn.Module):
    """A recipe's network; `norm`: with the batch norms a trunk that begins at random is trained with, not yet folded."""

    def __init__(self, recipe=recipes.DEFAULT, norm=False):
        super().__init__()
        self.recipe = recipe
        _, widths, neck = model.ARCHS[recipe.arch]
        neck = recipe.neck or neck
        self.backbone = trunk(recipe.arch, norm, recipe.branches)
        self.neck = model.GhostPAN(widths, neck)
        self.rpn = model.Towers(neck)
        self.roi = roi.RoIHead(neck, recipe.thin or roi.CHANNELS, recipe.hidden or roi.HIDDEN)

    def first(self, x):
        """[N, 3, H, W] -> pyramid P3..P6, dense predictions [N, A, 112], points [A, 3]."""
        pyramid = self.neck(self.backbone(x))
        maps = self.rpn(pyramid)
        return pyramid, model.flatten(maps), model.points([m.shape[2:] for m in maps])

    def propose(self, dense, at, width, height):
        return [roi.propose(dense, at, width, height, i, self.recipe.proposals) for i in range(len(dense))]

    def second(self, pyramid, proposals, width, height):
        """proposals: a (boxes, prior logits, objectness) a picture -> class logits [R, 80], deltas [R, 4]."""
        thin = [self.roi.thin(p) for p in pyramid]
        boxes, prior, objectness = (torch.cat(v) for v in zip(*proposals))
        picture = torch.cat([torch.full((len(p[0]),), i) for i, p in enumerate(proposals)])
        pooled = roi.pool(thin, boxes, picture, self.recipe.finest or roi.FINEST)
        return self.roi(pooled, prior, roi.geometry(boxes, objectness, width, height))

    @torch.no_grad()
    def predict(self, x):
        """[N, 3, H, W] -> for each picture a dict of what both stages say, boxes in network pixels."""
        height, width = x.shape[2:]
        pyramid, dense, at = self.first(x)
        proposals = self.propose(dense, at, width, height)
        counts = [len(p[0]) for p in proposals]
        logits, deltas = (t.split(counts) for t in self.second(pyramid, proposals, width, height))
        return [{"pyramid": [p[i] for p in pyramid], "dense": dense[i], "points": at, "proposals": boxes, "prior": prior,
                 "objectness": objectness, "head": logits[i], "deltas": deltas[i],
                 "refined": roi.apply_deltas(boxes, deltas[i])} for i, (boxes, prior, objectness) in enumerate(proposals)]


def fuse(prior, head, alpha):
    """Geometric mean of both stages' probabilities, [R, 80]."""
    return prior.sigmoid() ** (1 - alpha) * head.sigmoid() ** alpha


def suppress(boxes, scores, threshold=SCORE, iou=IOU, top=TOP):
    """boxes [R, 4], scores [R, 80] -> boxes [n, 4], scores [n], classes [n]: per-class NMS of pairs above the threshold, best first."""
    row, cls = (scores > threshold).nonzero(as_tuple=True)
    value = scores[row, cls]
    kept = []
    for c in cls.unique():
        mine = (cls == c).nonzero()[:, 0]
        kept.append(mine[ops.nms(boxes[row[mine]], value[mine], iou)])
    if not kept:
        return boxes[:0], value[:0], cls[:0]
    kept = torch.cat(kept)
    kept = kept[value[kept].argsort(descending=True, stable=True)][:top]
    return boxes[row[kept]], value[kept], cls[kept]


def whole(out, width, height, alpha=ALPHA):
    """Detections of both stages together; boxes clipped to the picture."""
    limit = out["refined"].new_tensor([width, height, width, height])
    boxes = torch.minimum(out["refined"].clamp(min=0), limit)
    return suppress(boxes, fuse(out["prior"], out["head"], alpha))


def first_only(out, width, height):
    """Detections of the first stage alone: every dense point, no proposals."""
    boxes = model.decode(out["dense"][:, CLASSES:], out["points"], width, height)
    scores = out["dense"][:, :CLASSES].sigmoid()
    good = scores.amax(1) > SCORE
    return suppress(boxes[good], scores[good])
