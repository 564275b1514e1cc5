"""Targets and losses of both stages.

Second stage: quality focal loss (Li et al. 2020, arXiv:2006.04388) on soft targets, score x IoU of the refined box; GIoU
on boxes. First stage: every dense point is held to what the untouched teacher says on the same picture, corrected object
by object towards the labels, so that points keep their order inside an object and only the object's score moves.
"""
import math

import torch
import torch.nn.functional as F
from torchvision.ops import box_iou, generalized_box_iou_loss

from .model import BINS, CLASSES, STRIDES

RAMP = (0.4, 0.9)          # IoU at which a refined box earns nothing, and its label's whole score
RIVAL = 0.08               # how fast a second box on the same object loses its target, in IoU behind the best
HARM = 1.0                 # extra weight of a box that got worse
FADE = 0.85                # what no label speaks of keeps its prior times FADE, up to the score where the photo's labels stop
SHIFT, STRENGTH = 1.5, 0.6  # largest correction of an object's logit, and the share of it that is applied


def second_targets(refined, prior, boxes, scores, classes, cut):
    """One picture: refined boxes [R, 4], prior probabilities [R, 80], labels [n] that stop at score cut -> target probabilities [R, 80]."""
    base = FADE * prior.clamp(max=cut)
    if not len(boxes):
        return base
    iou = box_iou(refined, boxes)
    lead = iou.amax(0, keepdim=True) - iou
    value = ((iou - RAMP[0]) / (RAMP[1] - RAMP[0])).clamp(0, 1) * (-lead / RIVAL).exp() * scores
    column = classes[None].expand_as(value)
    target = torch.zeros_like(prior).scatter_reduce_(1, column, value, "amax")
    near = torch.zeros_like(prior).scatter_reduce_(1, column, (iou > 0.5).to(prior.dtype), "amax")
    return torch.where(near > 0, target, torch.maximum(base, target))


def box_targets(proposals, prior, boxes, scores, classes, _cut):
    """One picture -> box target [R, 4], weight [R]; weight 0 where no label of a likely class is near.

    The best placed proposals of an object weigh most: those are the ones that end up as detections.
    """
    if not len(boxes):
        return proposals.clone(), proposals.new_zeros(len(proposals))
    iou = box_iou(proposals, boxes)
    fit = iou * (iou > 0.45) * scores * prior[:, classes].clamp(min=1e-3).sqrt()
    best, which = fit.max(1)
    chosen = iou.gather(1, which[:, None])[:, 0]
    lead = iou.amax(0)[which] - chosen
    return boxes[which], (best > 0) * scores[which] * (0.2 + 0.8 * (-lead / RIVAL).exp())


def box_loss(refined, proposals, target, weight):
    """Sum of the GIoU loss, plus HARM times the IoU that refinement takes from a box: a good box is best left alone."""
    moved = generalized_box_iou_loss(refined, target)
    with torch.no_grad():
        before = generalized_box_iou_loss(proposals, target)
    return ((moved + HARM * (moved - before).relu()) * weight).sum()


def quality_focal(logits, target):
    """Sum over all of |target - p|^2 x binary cross entropy."""
    p = logits.detach().sigmoid()
    return (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * (target - p) ** 2).sum()


def second_loss(logits, refined, proposals, prior_logits, labels, counts):
    """All pictures' rows one after the other; counts: rows a picture. -> class loss, box loss."""
    target, where, weight = [], [], []
    with torch.no_grad():
        at = 0
        for n, label in zip(counts, labels):
            rows = slice(at, at + n)
            at += n
            prior = prior_logits[rows].sigmoid()
            target.append(second_targets(refined[rows], prior, *label))
            b, w = box_targets(proposals[rows], prior, *label)
            where.append(b)
            weight.append(w)
        target, where, weight = torch.cat(target), torch.cat(where), torch.cat(weight)
    pictures = len(counts)
    cls = quality_focal(logits, target) / pictures
    box = box_loss(refined, proposals, where, weight) / pictures
    return cls, box


def dense_targets(dense, anchor_boxes, boxes, scores, classes, cut):
    """One picture: the teacher's dense logits [A, 112] and decoded boxes [A, 4] -> target class logits [A, 80], box targets [A, 4], box weights [A]."""
    logits = dense[:, :CLASSES]
    p = logits.sigmoid()
    lost = math.log(cut / (1 - cut)) - logits  # what the labels do not show scores at most as much as where they stop
    shift = torch.where(p > cut, lost.clamp(-SHIFT, 0), torch.zeros_like(lost))
    to, weight = anchor_boxes.clone(), torch.zeros(len(logits))
    if len(boxes):
        iou = box_iou(anchor_boxes, boxes)
        for c in classes.unique():
            mine = (classes == c).nonzero()[:, 0]
            best, k = iou[:, mine].max(1)
            label = mine[k]
            on = best > 0.5
            # the object's score now is that of its best point; all its points move by the same step
            top = torch.zeros(len(boxes)).scatter_reduce_(0, label[on], p[on, c], "amax")
            step = (torch.logit(scores.clamp(0.02, 0.98)) - torch.logit(top.clamp(0.02, 0.98))).clamp(-SHIFT, SHIFT)
            shift[:, c] = torch.where(on, step[label], torch.where(best > 0.3, shift[:, c] / 2, shift[:, c]))
            mine_weight = torch.where(on, p[:, c] * scores[label], torch.zeros(len(logits)))
            better = mine_weight > weight
            to = torch.where(better[:, None], boxes[label], to)
            weight = torch.where(better, mine_weight, weight)
    return logits + STRENGTH * shift, to, weight


def first_loss(dense, boxes, teacher, teacher_boxes, labels):
    """dense, teacher [N, A, 112], their boxes [N, A, 4] -> class loss (KL), distribution loss (KL), box loss (GIoU)."""
    cls = dist = box = 0.0
    for i, label in enumerate(labels):
        with torch.no_grad():
            wanted, to, weight = dense_targets(teacher[i], teacher_boxes[i], *label)
            q = wanted.sigmoid()
            floor = F.binary_cross_entropy_with_logits(wanted, q, reduction="none").sum()
            sure = teacher[i, :, :CLASSES].sigmoid().amax(1)
        z = dense[i]
        cls = cls + F.binary_cross_entropy_with_logits(z[:, :CLASSES], q, reduction="sum") - floor
        log_p = z[:, CLASSES:].unflatten(-1, (4, BINS)).log_softmax(-1)
        log_t = teacher[i, :, CLASSES:].unflatten(-1, (4, BINS)).log_softmax(-1)
        dist = dist + ((log_t.exp() * (log_t - log_p)).sum((1, 2)) * sure).sum()
        rows = weight > 0.01
        if rows.any():
            box = box + (generalized_box_iou_loss(boxes[i, rows], to[rows]) * weight[rows]).sum()
    n = len(labels)
    return cls / n, dist / n, box / n


def label_targets(at, boxes, scores, classes):
    """One picture, no teacher: points [A, 3] -> target probabilities [A, 80], box targets [A, 4], box weights [A].

    A point answers for a label if it lies near its centre (within 1.5 strides, inside the box) on the level that fits the
    longer side: up to 8 strides, the coarsest level takes the rest (as FCOS does, arXiv:1904.01355). Where several do, the smallest wins.
    """
    target, to, weight = torch.zeros(len(at), CLASSES), torch.zeros(len(at), 4), torch.zeros(len(at))
    stride = at[:, 2]
    for k in (boxes[:, 2:] - boxes[:, :2]).prod(1).argsort(descending=True).tolist():
        b = boxes[k]
        side = float((b[2:] - b[:2]).max())
        level = next((s for s in STRIDES if side <= 8 * s), STRIDES[-1])
        near = ((at[:, :2] - (b[:2] + b[2:]) / 2).abs() <= torch.minimum(1.5 * stride[:, None], (b[2:] - b[:2]) / 2)).all(1)
        on = near & (stride == level)
        target[on] = 0.0
        target[on, classes[k]] = scores[k]
        to[on], weight[on] = b, scores[k]
    return target, to, weight


def label_loss(dense, boxes, at, labels):
    """dense [N, A, 112], their boxes [N, A, 4], points [A, 3] -> class loss (quality focal), box loss (GIoU), from labels alone."""
    cls = box = 0.0
    for i, (label_boxes, scores, classes, _cut) in enumerate(labels):
        target, to, weight = label_targets(at, label_boxes, scores, classes)
        cls = cls + quality_focal(dense[i, :, :CLASSES], target)
        rows = weight > 0
        if rows.any():
            box = box + (generalized_box_iou_loss(boxes[i, rows], to[rows]) * weight[rows]).sum()
    return cls / len(labels), box / len(labels)
