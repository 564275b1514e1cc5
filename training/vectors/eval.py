"""Vectors for eval/: what pycocotools and tidecv make of generated cases.

    python training/vectors/eval.py           writes eval/testdata/{coco,synthetic,tide,masks}.json
    python training/vectors/eval.py --bench   times pycocotools on the set of BenchmarkScore
    python training/vectors/eval.py --check ANNOTATIONS RESULTS   prints the 12 numbers of two files

Needs pycocotools 2.0.11 and, for tide.json, tidecv 1.0.1 (pip install tidecv).
"""
import argparse
import contextlib
import io
import json
import pathlib
import random
import time

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

OUT = pathlib.Path(__file__).resolve().parents[2] / "eval" / "testdata"
NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def coco(images, categories, objects):
    """objects: [id, image, category, x, y, w, h, area, iscrowd, ignore]; numbered here from 1, as riffle does:
    pycocotools takes an id of 0 for "no match", and keeps one of several with the same id"""
    c = COCO()
    c.dataset = {
        "images": [{"id": i} for i in images],
        "categories": [{"id": i, "name": f"c{i}"} for i in categories],
        "annotations": [{"id": n, "image_id": o[1], "category_id": o[2], "bbox": o[3:7], "area": o[7],
                         "iscrowd": o[8], "ignore": o[9]} for n, o in enumerate(objects, 1)]}
    c.createIndex()
    return c


def evaluate(truth, dets):
    """dets: [image, category, x, y, w, h, score]; returns the evaluated COCOeval"""
    if dets:
        found = truth.loadRes([{"image_id": d[0], "category_id": d[1], "bbox": d[2:6], "score": d[6]} for d in dets])
    else:  # loadRes cannot read an empty list
        found = coco([i["id"] for i in truth.dataset["images"]], [c["id"] for c in truth.dataset["categories"]], [])
    e = COCOeval(truth, found, "bbox")
    e.evaluate()
    e.accumulate()
    e.summarize()
    return e


def by_class(e):
    """AP and AP50 of each category in order of id, all sizes, 100 detections"""
    p = e.eval["precision"][:, :, :, 0, 2]
    mean = lambda v: float(np.mean(v)) if (v > -1).any() else -1.0
    return [[mean(p[:, :, k]), mean(p[0, :, k])] for k in range(p.shape[2])]


SIDES = [0, 1, 7, 15.5, 16, 31, 32, 32, 33, 48, 64, 95, 96, 96, 97, 150]


def box(r):
    w, h = r.choice(SIDES), r.choice(SIDES)
    if r.random() < 0.3:
        h = w
    return [r.choice([0, 0.25, 10, 20, 33, 40, 64, 80]), r.choice([0, 0.5, 10, 20, 30, 50, 70]), w, h]


def jitter(r, b):
    how = r.random()
    if how < 0.35:
        return list(b)
    if how < 0.6:  # exactly half, three quarters and so on of the area
        return [b[0], b[1], b[2] * r.choice([0.5, 0.55, 0.75, 0.9]), b[3]]
    return [b[0] + r.choice([-8, -3, 0, 0.5, 4]), b[1] + r.choice([-6, -1, 0, 2]),
            b[2] * r.choice([0.6, 1, 1, 1.3]), b[3] * r.choice([0.8, 1, 1.1])]


def case(r, n):
    images = r.sample(range(0, 50), r.randint(1, 5))
    categories = r.sample(range(0, 90), r.randint(1, 3))
    scores = [round(r.random(), 2) for _ in range(r.choice([1, 3, 40]))]
    objects, dets = [], []
    first = 0 if n % 12 == 0 else 1  # a file may well begin at 0
    for _ in range(0 if n % 17 == 0 else r.randint(1, 12)):
        b = box(r)
        area = b[2] * b[3]
        if r.random() < 0.3:
            area = r.choice([0, 10, 1023, 1024, 1024.5, 9216, 9217, 5e4])
        objects.append([first + len(objects), r.choice(images), r.choice(categories), *b, area,
                        int(r.random() < 0.15), int(r.random() < 0.1)])
    r.shuffle(objects)
    for _ in range(0 if n % 13 == 0 else r.randint(1, 18)):
        image, category, b = r.choice(images), r.choice(categories), box(r)
        if objects and r.random() < 0.75:
            o = r.choice(objects)
            image, category, b = o[1], o[2], jitter(r, o[3:7])
            if r.random() < 0.15:
                category = r.choice(categories)
        if r.random() < 0.02:
            b[2] = -b[2]
        dets.append([image, category, *b, r.choice(scores)])
    if n % 75 == 74:  # more than 100 and more than 10 of a category in one image
        image, category = images[0], categories[0]
        dets += [[image, category, *(jitter(r, r.choice(objects)[3:7]) if objects else box(r)), r.choice(scores)]
                 for _ in range(130)]
        r.shuffle(dets)
    return images, categories, objects, dets


def coco_cases():
    r = random.Random(20261124)
    out = []
    for n in range(260):
        images, categories, objects, dets = case(r, n)
        e = evaluate(coco(images, categories, objects), dets)
        out.append({"images": images, "categories": categories, "objects": objects, "dets": dets,
                    "stats": [float(v) for v in e.stats], "classes": by_class(e)})
    return out


class SplitMix:
    """SplitMix64, which synthetic_test.go has too, so that only the answers need to be stored."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & (1 << 64) - 1
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
        z = (z ^ z >> 27) * 0x94D049BB133111EB & (1 << 64) - 1
        return (z ^ z >> 31) % n


def synthetic(seed, images, categories, per_image, found):
    """The large set: the same draws in the same order as synthetic() of synthetic_test.go."""
    s = SplitMix(seed)
    objects, dets = [], []
    for image in range(1, images + 1):
        mine = []
        for _ in range(per_image):
            category = s.below(categories) + 1
            x, y = s.below(4000) / 8, s.below(3000) / 8
            w, h = (s.below(1600) + 8) / 8, (s.below(1600) + 8) / 8
            mine.append([len(objects) + len(mine) + 1, image, category, x, y, w, h, w * h * 0.75,
                         int(s.below(20) == 0), 0])
        objects += mine
        for _ in range(found):
            o = mine[s.below(per_image)]
            category, x, y, w, h = o[2:7]
            if s.below(4) == 0:
                category = s.below(categories) + 1
                x, y = s.below(4000) / 8, s.below(3000) / 8
            x, y = x + (s.below(161) - 80) / 8, y + (s.below(161) - 80) / 8
            w, h = w * (s.below(32) + 48) / 64, h * (s.below(32) + 48) / 64
            dets.append([image, category, x, y, w, h, s.below(10000) / 10000])
    return objects, dets


def synthetic_case():
    objects, dets = synthetic(7, 400, 20, 8, 60)
    e = evaluate(coco(range(1, 401), range(1, 21), objects), dets)
    return {"seed": 7, "images": 400, "categories": 20, "per_image": 8, "found": 60,
            "stats": [float(v) for v in e.stats], "classes": by_class(e),
            "iou_thresholds": [float(v) for v in e.params.iouThrs], "recall_levels": [float(v) for v in e.params.recThrs]}


def tide_cases():
    """Cases on which tidecv and COCO agree about what is being measured: scores all different (tidecv puts
    equal ones in an order of its own), no crowds (tidecv lists ignored detections among the errors), an
    object of every category (tidecv averages over those without), and under 100 detections an image."""
    from tidecv import TIDE, Data
    r = random.Random(2008)
    out = []
    while len(out) < 60:
        images, categories, objects, dets = case(r, 1)
        objects = [[*o[:5], max(o[5], 7), max(o[6], 7), 100, 0, 0] for o in objects]
        dets += [[o[1], r.choice(categories), *jitter(r, o[3:7]), 0] for o in objects if r.random() < 0.5]
        dets += [[o[1], r.choice([o[2], *categories]), o[3] + o[5] * r.choice([0.4, 0.6, 0.8]), *o[4:7], 0]
                 for o in objects if r.random() < 0.7]
        scores = r.sample(range(1, 1000), len(dets))
        dets = [[d[0], d[1], d[2], d[3], abs(d[4]), d[5], s / 1000] for d, s in zip(dets, scores)]
        if {o[2] for o in objects} != set(categories):
            continue
        truth, found = Data("truth"), Data("found")
        for i in images:
            truth.add_image(i, str(i))
            found.add_image(i, str(i))
        for o in objects:
            truth.add_ground_truth(o[1], o[2], box=o[3:7])
        for d in dets:
            found.add_detection(d[0], d[1], d[6], box=d[2:6])
        run = TIDE(pos_threshold=0.5, background_threshold=0.1).evaluate(truth, found, mode=TIDE.BOX)
        main = {k.short_name: float(v) / 100 for k, v in run.fix_main_errors().items()}
        special = {k.short_name: float(v) / 100 for k, v in run.fix_special_errors().items()}
        counts = {k.short_name: v for k, v in run.count_errors().items()}
        out.append({"images": images, "categories": categories, "objects": objects, "dets": dets,
                    "ap50": float(run.ap) / 100, "dap": main | special, "counts": counts})
    return out


def masks():
    """A results file of masks alone, compressed and not, with what loadRes and COCOeval make of it for boxes."""
    from pycocotools import mask
    r = random.Random(14)
    images, categories = [1, 2, 3], [1, 5]
    objects = [[0, r.choice(images), r.choice(categories), r.randint(0, 60), r.randint(0, 40), r.choice([7, 20, 40, 110]),
                r.choice([9, 31, 90, 100]), 0, 0, 0] for _ in range(18)]
    for o in objects:
        o[7] = o[5] * o[6] * 0.8
    rows = []
    for o in objects * 2:
        x, y, w, h = (max(0, v + r.choice([-4, -1, 0, 1, 3])) for v in o[3:7])
        if r.random() < 0.2:
            w = 0
        picture = np.zeros((160, 200), np.uint8, order="F")
        for i in range(h):  # a wedge, whose area is not its box's
            picture[y + i, x:x + max(min(w, 1), w * (i + 1) // max(h, 1))] = 1
        if r.random() < 0.3:  # from edge to edge of a column
            picture[:, x:x + w // 3] = 1
        rle = mask.encode(picture)
        counts = rle["counts"].decode()
        row = {"image_id": o[1], "category_id": o[2], "score": round(r.random(), 3),
               "segmentation": {"size": rle["size"], "counts": counts}}
        rows.append((row, [float(v) for v in mask.toBbox(rle)], float(mask.area(rle)), runs(picture)))
    truth = coco(images, categories, objects)
    found = truth.loadRes([json.loads(json.dumps(r[0])) for r in rows])
    e = COCOeval(truth, found, "bbox")
    e.evaluate()
    e.accumulate()
    e.summarize()
    out = []
    for n, (row, box, area, plain) in enumerate(rows):
        if n % 3 == 0:
            row["segmentation"]["counts"] = plain
        out.append({"row": row, "box": box, "area": area})
    return {"images": images, "categories": categories, "objects": objects, "rows": out,
            "stats": [float(v) for v in e.stats], "classes": by_class(e)}


def runs(picture):
    """The run lengths of a mask, uncompressed."""
    out, last, n = [], 0, 0
    for v in picture.flatten(order="F"):
        if v != last:
            out.append(n)
            last, n = v, 0
        n += 1
    return out + [n]


def write(name, value):
    text = json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        text = "[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n]"
    (OUT / name).write_text(text + "\n")
    print(name, len(text) // 1024, "KiB")


def bench():
    objects, dets = synthetic(1, 5000, 80, 7, 100)
    truth = coco(range(1, 5001), range(1, 81), objects)
    rows = [{"image_id": d[0], "category_id": d[1], "bbox": d[2:6], "score": d[6]} for d in dets]
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        e = COCOeval(truth, truth.loadRes(rows), "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    print(f"pycocotools: {time.perf_counter() - start:.2f} s for {len(dets)} detections (no JSON reading)")
    print(json.dumps(dict(zip(NAMES, e.stats))))


def check(annotations, results):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(annotations)
        e = COCOeval(truth, truth.loadRes(results), "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    print(json.dumps(dict(zip(NAMES, e.stats))))


if __name__ == "__main__":
    args = argparse.ArgumentParser()
    args.add_argument("--bench", action="store_true")
    args.add_argument("--check", nargs=2, metavar=("ANNOTATIONS", "RESULTS"))
    args = args.parse_args()
    if args.bench:
        bench()
    elif args.check:
        check(*args.check)
    else:
        with contextlib.redirect_stdout(io.StringIO()):
            cases = coco_cases(), synthetic_case(), tide_cases(), masks()
        for name, value in zip(("coco.json", "synthetic.json", "tide.json", "masks.json"), cases):
            write(name, value)
