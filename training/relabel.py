"""Boxes of the strongest teacher (teach.py --preset best) for the training photos that people have not labelled fully.

    OMP_NUM_THREADS=1 python -m training.relabel --shared ../shared --out training/runs/best.json

Photos like COCO's first. About a second of CPU a photo; cut off, it goes on where it was. training.head --labels takes the
file as far as it goes.
"""
import argparse
import json
import os
import sys
import time

import cv2
import torch

from . import data

LEAST = 0.05        # scores kept
SAVE_EVERY = 50     # photos


def order(photos):
    """Photos like COCO's, then the others as they come."""
    return sorted((p for p in photos if p.known != "full"), key=lambda p: not p.name.startswith(data.COCO_LIKE))


def rows(found, ids):
    """A teacher's boxes, scores and classes -> rows as in pseudo.json."""
    return [[ids[int(c)], *(round(float(v), 2) for v in (b[0], b[1], b[2] - b[0], b[3] - b[1])), round(float(s), 4)]
            for b, s, c in zip(*found) if s >= LEAST]


def save(path, labels):
    with open(path + ".part", "w") as f:
        json.dump(labels, f)
    os.replace(path + ".part", path)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs")
    p.add_argument("--out", default="training/runs/best.json")
    a = p.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    sys.path.insert(0, os.path.join(a.shared, "teacher"))
    import draw
    import ensemble
    store, labels = data.Photos(a.shared, os.path.join(a.runs, "cache")), {}
    if os.path.exists(a.out):
        with open(a.out) as f:
            labels = json.load(f)
    teacher, began, todo = ensemble.Teacher("best"), time.time(), [p for p in order(store.train) if p.name not in labels]
    for n, photo in enumerate(todo, 1):
        labels[photo.name] = rows(teacher(cv2.cvtColor(store.rgb(photo), cv2.COLOR_RGB2BGR)), draw.CAT80)
        if n % SAVE_EVERY == 0 or n == len(todo):
            save(a.out, labels)
            print(f"{n} of {len(todo)} photos, {(time.time() - began) / n:.2f} s each", flush=True)


if __name__ == "__main__":
    main()
