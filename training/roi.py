"""The second stage: proposals, RoIAlign and the head of a Faster R-CNN (Ren et al. 2015, arXiv:1506.01497).

The head sees, beside the pooled features, where the box is and what the first stage thought of it (the prior).
"""
import math

import torch
from torch import nn
from torchvision import ops

from .model import CLASSES, STRIDES, decode

PRE_NMS, PROPOSAL_IOU = 600, 0.6
CHANNELS, SIZE, SAMPLING, HIDDEN = 64, 7, 2, 256
DELTA_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
DELTA_CLAMP = math.log(1000.0 / 16.0)
FINEST = 80  # boxes with a side below this are pooled from P3; each further level doubles it


def propose(dense, at, width, height, index, most):
    """Picture `index` of dense [N, A, 112] -> boxes [n, 4], class logits [n, 80], objectness [n] (a probability), n <= most.

    The best pairs of a point and a class are suppressed class by class, as detections are; the points of those that are
    left, each once, are the proposals. With class-agnostic NMS two overlapping objects of different classes lose one.
    """
    with torch.no_grad():
        logits = dense[index, :, :CLASSES].flatten()
        score, pair = logits.topk(min(PRE_NMS, len(logits)))
        point = pair // CLASSES
        boxes = decode(dense[index, point, CLASSES:], at[point], width, height)
        kept = point[ops.batched_nms(boxes, score, pair % CLASSES, PROPOSAL_IOU)].tolist()
        where = torch.tensor(list(dict.fromkeys(kept))[:most], dtype=torch.long)
        rows = dense[index, where]
        boxes = decode(rows[:, CLASSES:], at[where], width, height)
    return boxes, rows[:, :CLASSES], rows[:, :CLASSES].amax(1).sigmoid()


def sides(boxes):
    """Widths and heights in pixels, at least 1."""
    return (boxes[:, 2] - boxes[:, 0]).clamp(min=1), (boxes[:, 3] - boxes[:, 1]).clamp(min=1)


def level_of(boxes, finest=FINEST):
    """Index into P3..P6 by the square root of the box's area in network pixels: < 80, < 160, < 320, else."""
    w, h = sides(boxes)
    side = (w * h).sqrt()
    return sum((side >= finest * 2 ** k).long() for k in range(len(STRIDES) - 1))


def pool(thin, boxes, picture, finest=FINEST):
    """thin: P3..P6 at 64 channels; boxes [R, 4]; picture [R] -> [R, 64, 7, 7].

    aligned=True puts cell i's centre at (i + 0.5) * stride; in this net it sits at i * stride, hence the half-stride shift.
    """
    level = level_of(boxes, finest)
    parts, order = [], []
    for k, stride in enumerate(STRIDES):
        rows = (level == k).nonzero()[:, 0]
        if len(rows):
            rois = torch.cat((picture[rows, None].to(boxes.dtype), boxes[rows] + stride / 2), 1)
            parts.append(ops.roi_align(thin[k], rois, SIZE, 1.0 / stride, SAMPLING, True))
            order.append(rows)
    return torch.cat(parts)[torch.cat(order).argsort()]


def geometry(boxes, objectness, width, height):
    """[R, 4]: log sides relative to the picture, log aspect, objectness logit; scaled to about one."""
    w, h = sides(boxes)
    return torch.stack(((w / width).log() / 2, (h / height).log() / 2, (w / h).log() / 2,
                        torch.logit(objectness.clamp(0.001, 0.999)) / 4), 1)


def apply_deltas(boxes, deltas):
    """torchvision's BoxCoder with weights 10, 10, 5, 5: boxes [R, 4] moved by deltas [R, 4], not clipped."""
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    d = deltas / deltas.new_tensor(DELTA_WEIGHTS)
    cx = boxes[:, 0] + w / 2 + d[:, 0] * w
    cy = boxes[:, 1] + h / 2 + d[:, 1] * h
    w, h = w * d[:, 2].clamp(max=DELTA_CLAMP).exp(), h * d[:, 3].clamp(max=DELTA_CLAMP).exp()
    return torch.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), 1)


class RoIHead(nn.Module):
    """cls starts as the prior itself (its weights are zero, prior_scale one), reg as no movement."""

    def __init__(self, neck, channels, hidden):
        super().__init__()
        self.thin = nn.Conv2d(neck, channels, 1)
        self.fc1 = nn.Linear(channels * SIZE * SIZE, hidden)
        self.fc2 = nn.Linear(hidden + 4 + CLASSES, hidden)
        self.cls = nn.Linear(hidden, CLASSES)
        self.reg = nn.Linear(hidden, 4)
        self.prior_scale = nn.Parameter(torch.ones(CLASSES))
        nn.init.orthogonal_(self.thin.weight)
        nn.init.zeros_(self.thin.bias)
        for layer in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        for layer in (self.cls, self.reg):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled, prior, geo):
        """pooled [R, 64, 7, 7], prior logits [R, 80], geometry [R, 4] -> class logits [R, 80], deltas [R, 4]."""
        h = self.fc1(pooled.flatten(1)).relu()
        h = self.fc2(torch.cat((h, geo, prior.clamp(-8, 4) / 4), 1)).relu()
        return self.cls(h) + self.prior_scale * prior, self.reg(h)
