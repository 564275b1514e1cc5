"""Compare ways to put a photo's looks together: python merge.py instances.json looks.jsonl

The looks come from bench/tiles (Go). Prints COCO's AP, and by size of objects, for
each rule; the first line is the look at the whole photo alone.
"""
import json
import sys

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def overlaps(box, boxes, smaller):
    """IoU of a box with boxes, or intersection over the smaller area."""
    w = np.clip(np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0]), 0, None)
    h = np.clip(np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1]), 0, None)
    inter = w * h
    a = (box[2] - box[0]) * (box[3] - box[1])
    b = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return inter / np.maximum(np.minimum(a, b) if smaller else a + b - inter, 1e-9)


def at_border(found, part, size, eps=0.03):
    """Which boxes of a part touch a border of it that lies within the photo."""
    mx, my = eps * (part[2] - part[0]), eps * (part[3] - part[1])
    return (((part[0] > 0) & (found[:, 2] < part[0] + mx)) | ((part[2] < size[0]) & (found[:, 4] > part[2] - mx))
            | ((part[1] > 0) & (found[:, 3] < part[1] + my)) | ((part[3] < size[1]) & (found[:, 5] > part[3] - my)))


def suppress(found, limit, smaller=False, fuse=""):
    """NMS by class; fuse averages the suppressed boxes in ("weighted"), or lowers their
    scores instead of dropping them ("soft")."""
    kept = []
    for c in np.unique(found[:, 0]):
        f = found[found[:, 0] == c]
        f = f[np.argsort(-f[:, 1], kind="stable")].copy()
        while len(f):
            if fuse == "soft":
                f = f[np.argsort(-f[:, 1], kind="stable")]
            best, rest = f[0].copy(), f[1:]
            v = overlaps(best[2:], rest[:, 2:], smaller)
            if fuse == "soft":
                rest = rest.copy()
                rest[:, 1] *= np.exp(-v * v / limit)
                rest = rest[rest[:, 1] > 0.001]
            else:
                if fuse == "weighted" and (v > limit).any():
                    group = np.vstack([best[None], rest[v > limit]])
                    best[2:] = np.average(group[:, 2:], axis=0, weights=group[:, 1] ** 2)
                rest = rest[v <= limit]
            kept.append(best)
            f = rest
    kept = sorted(kept, key=lambda k: -k[1])[:100]
    return np.array(kept).reshape(-1, 6)


def score(gt, found):
    rows = [{"image_id": i, "category_id": int(f[0]), "score": float(f[1]), "bbox": [f[2], f[3], f[4] - f[2], f[5] - f[3]]}
            for i, list_ in found.items() for f in list_]
    sys.stdout, out = open("/dev/null", "w"), sys.stdout
    e = COCOeval(gt, gt.loadRes(rows), "bbox")
    e.evaluate()
    e.accumulate()
    e.summarize()
    sys.stdout = out
    return " ".join(f"{100 * e.stats[k]:5.1f}" for k in (0, 1, 3, 4, 5))


def main():
    sys.stdout, out = open("/dev/null", "w"), sys.stdout
    gt = COCO(sys.argv[1])
    sys.stdout = out
    photos = {}
    for line in open(sys.argv[2]):
        p = json.loads(line)
        photos[p["image_id"]] = [(l["part"], np.array(l["found"] or []).reshape(-1, 6)) for l in p["looks"]]

    def merged(border, limit, smaller=False, fuse="", eps=0.01):
        out = {}
        for i, looks in photos.items():
            size = looks[0][0][2:]
            all_ = [f if k == 0 or not border else f[~at_border(f, part, size, eps)] for k, (part, f) in enumerate(looks)]
            out[i] = suppress(np.vstack(all_), limit, smaller, fuse)
        return out

    print(f"{'rule':32}    AP  AP50   APs   APm   APl")
    print(f"{'whole photo':32}", score(gt, {i: looks[0][1] for i, looks in photos.items()}))
    for name, args in {
        "NMS 0.6": (False, 0.6), "IoS 0.6": (False, 0.6, True),
        "border, NMS 0.5": (True, 0.5), "border, NMS 0.6": (True, 0.6), "border, NMS 0.7": (True, 0.7),
        "border 0.03, NMS 0.6": (True, 0.6, False, "", 0.03),
        "border, IoS 0.7": (True, 0.7, True), "border, IoS 0.85": (True, 0.85, True),
        "border, weighted fusion 0.6": (True, 0.6, False, "weighted"), "border, soft 0.5": (True, 0.5, False, "soft"),
    }.items():
        print(f"{name:32}", score(gt, merged(*args)), flush=True)


main()
