"""What a score is worth: the chance that a box of that score is right (IoU 0.5 with an object of its class), from the
development photos, as a monotone curve for the header of a weights file.

    python -m training.calibrate models/riffle-v2-1.5x.safetensors --shared ../shared

The curve is an isotonic regression (Zadrozny and Elkan 2002) thinned to a few knots and kept strictly rising, so the order of
the boxes, and with it AP, stays. It is fitted on what people labelled: all classes of the fully labelled COCO photos, VOC's
20 classes of the VOC photos. Expected calibration error (Guo et al. 2017): mean distance between the score and the share
that is right, over bins of the score, weighted by their boxes.
"""
import argparse
import json

import numpy as np
import torch

from . import checkpoint, data, evaluate, export
from .classes import IDS, VOC

IOU, BINS, KNOTS = 0.5, 10, 25
FLOOR = 0.05      # scores below are not judged: nobody shows them, and they are most of the boxes
RISE = 0.02       # least slope of the curve, so that no two scores become one


def matched(truth, rows, image_ids, category_ids):
    """-> scores, right (bool): detections as COCO matches them at IoU 0.5; those on crowds are left out."""
    ids, wanted = set(image_ids), set(category_ids)
    objects = {}
    for a in truth["annotations"]:
        objects.setdefault((a["image_id"], a["category_id"]), []).append((a["bbox"], bool(a.get("iscrowd"))))
    taken, scores, right = {}, [], []
    for image, x, y, w, h, score, category in rows[np.argsort(-rows[:, 5], kind="stable")]:
        key = (int(image), int(category))
        if key[0] not in ids or key[1] not in wanted:
            continue
        best, which, crowd = IOU, -1, False
        for k, ((ox, oy, ow, oh), is_crowd) in enumerate(objects.get(key, ())):
            if (key, k) in taken and not is_crowd:
                continue
            inside = max(0, min(x + w, ox + ow) - max(x, ox)) * max(0, min(y + h, oy + oh) - max(y, oy))
            iou = inside / (w * h if is_crowd else w * h + ow * oh - inside)
            if iou >= best and (which < 0 or crowd or not is_crowd):
                best, which, crowd = iou, k, is_crowd
        if crowd:
            continue
        if which >= 0:
            taken[key, which] = True
        scores.append(score)
        right.append(which >= 0)
    return np.array(scores), np.array(right, bool)


def isotonic(scores, right):
    """Pool adjacent violators: -> rising scores (mean of each pool), share that is right there."""
    order = np.argsort(scores, kind="stable")
    pools = []
    for s, r in zip(scores[order], right[order]):
        pools.append([s, float(r), 1])
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            s, r, n = pools.pop()
            pools[-1] = [pools[-1][0] + s, pools[-1][1] + r, pools[-1][2] + n]
    return np.array([[s / n, r / n] for s, r, n in pools]).T


def curve(scores, right, knots=KNOTS):
    """-> [[score, probability], ...] strictly rising from [0, 0] to [1, 1], straight in between."""
    at, share = isotonic(scores, right)
    out = [[0.0, 0.0]]
    for s in np.linspace(0, 1, knots + 1)[1:-1]:
        if s <= scores.max():
            value = min(float(np.interp(s, at, share)), 1 - RISE * (1 - s))
            out.append([round(float(s), 4), round(float(max(value, out[-1][1] + RISE * (s - out[-1][0]))), 5)])
    return out + [[1.0, 1.0]]


def apply(knots, scores):
    return np.interp(scores, *np.array(knots).T)


def error(scores, right, bins=BINS):
    """Expected calibration error of scores from FLOOR on."""
    keep = scores >= FLOOR
    scores, right = scores[keep], right[keep]
    which = np.minimum((scores * bins).astype(int), bins - 1)
    return float(sum(abs(scores[which == b].sum() - right[which == b].sum()) for b in range(bins)) / max(len(scores), 1))


def best_threshold(scores, right, objects):
    """-> score with the highest F1, precision, recall and F1 there."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    precision, recall = hits / np.arange(1, len(hits) + 1), hits / objects
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    k = int(f1.argmax())
    return float(scores[order][k]), float(precision[k]), float(recall[k]), float(f1[k])


def judged(rows, dev):
    """-> scores, right: of a network's detections on the development photos."""
    parts = (matched(dev.truth, rows, dev.full, IDS), matched(dev.truth, rows, dev.voc, [IDS[c] for c in VOC]))
    return tuple(np.concatenate(p) for p in zip(*parts))


def objects(truth, image_ids):
    ids = set(image_ids)
    return sum(1 for a in truth["annotations"] if a["image_id"] in ids and not a.get("iscrowd"))


def main(arguments=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("weights", help="exported file, whose header gets the curve")
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs")
    a = p.parse_args(arguments)
    torch.set_num_threads(1)
    net, alpha = checkpoint.load_any(a.weights), export.read_header(a.weights)["roi"]["second_stage_weight"]
    dev, val = evaluate.DevSet(data.Photos(a.shared, f"{a.runs}/cache")), evaluate.ValSet(a.shared)
    rule, name = evaluate.rules([alpha]), f"a{alpha:g}"
    rows = evaluate.run(net, dev.photos(), {name: rule[name]})[name]
    knots = curve(*judged(rows, dev))
    export.change_header(a.weights, score_curve=knots)
    full = matched(dev.truth, rows, dev.full, IDS)
    at, precision, recall, f1 = best_threshold(apply(knots, full[0]), full[1], objects(dev.truth, dev.full))
    seen = matched(val.truth, evaluate.run(net, val.photos(), {name: rule[name]})[name], list(val.files), IDS)
    print(json.dumps({"knots": len(knots), "dev": {"best_threshold": round(at, 3), "precision": round(precision, 3), "recall": round(recall, 3), "f1": round(f1, 3)},
                      "val_error": {"before": round(error(*seen), 4), "after": round(error(apply(knots, seen[0]), seen[1]), 4)}}))


if __name__ == "__main__":
    main()
