"""What channel shuffle is worth, as in table 3 of the ShuffleNet paper: one small classifier trained with and without it.

    OMP_NUM_THREADS=1 python -m training.shuffle --shared ../shared --groups 3 8

The papers' task, ImageNet, does not train on two cores. This one does: name the object in a box cut out of a photo (80
classes, 96 x 96 pixels). Boxes come from the training photos' labels, the classes drawn evenly; accuracy is the mean over
the classes on boxes that people drew into photos held out of training. Same seed, order and views for all; results go to
training/shuffle.json.
"""
import argparse
import json
import math
import os
import random

import cv2
import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import nn

from . import data, preprocess
from .classes import INDEX
from .shufflenetv1 import ShuffleNetV1

SIDE, BATCH, RATE, DECAY = 96, 64, 2e-3, 0.02
MARGIN, LEAST, SURE = 0.15, 20, 0.5   # of a box cut around it; its shortest side in pixels; its label's lowest score
WIDTHS = {3: (240, 480, 960), 8: (384, 768, 1536)}  # 1x, table 1
OUT = "training/shuffle.json"


class Classifier(nn.Module):
    def __init__(self, groups, shuffled):
        super().__init__()
        self.trunk = ShuffleNetV1(24, WIDTHS[groups], groups, True, shuffled)
        self.fc = nn.Linear(WIDTHS[groups][2], 80)

    def forward(self, x):
        return self.fc(self.trunk(x)[2].mean((2, 3)))


def cut(rgb, box, jitter, rng):
    """The box with its margin, moved a little for training, as [3, SIDE, SIDE]."""
    h, w = rgb.shape[:2]
    bw, bh = box[2] - box[0], box[3] - box[1]
    m = [MARGIN + jitter * rng.uniform(-0.15, 0.15) for _ in range(4)]
    x1, y1 = max(0, int(box[0] - m[0] * bw)), max(0, int(box[1] - m[1] * bh))
    x2, y2 = min(w, math.ceil(box[2] + m[2] * bw)), min(h, math.ceil(box[3] + m[3] * bh))
    x = cv2.resize(rgb[y1:y2, x1:x2].astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    if jitter and rng.random() < 0.5:
        x = x[:, ::-1]
    return np.ascontiguousarray(((x - preprocess.MEAN) / preprocess.STD).transpose(2, 0, 1))


def training_boxes(store):
    """Class -> [(photo, box)]."""
    out = {}
    for p in store.train:
        for box, score, c in zip(p.boxes, p.scores, p.classes):
            if score >= SURE and min(box[2] - box[0], box[3] - box[1]) >= LEAST:
                out.setdefault(int(c), []).append((p, box))
    return out


def test_boxes(store):
    """[(photo, box, class)]: what people drew into the held-out COCO photos."""
    photos = {store.ids[p.name]: p for p in store.dev if p.known == "full"}
    out = []
    for a in store.truth["annotations"]:
        x, y, w, h = a["bbox"]
        if a["image_id"] in photos and not a.get("iscrowd") and min(w, h) >= LEAST:
            out.append((photos[a["image_id"]], (x, y, x + w, y + h), INDEX[a["category_id"]]))
    return out


def accuracy(net, store, boxes):
    """Mean over the classes of the share named right."""
    net.eval()
    right, seen = np.zeros(80), np.zeros(80)
    rng = random.Random(0)
    with torch.no_grad():
        for i in range(0, len(boxes), 2 * BATCH):
            part = boxes[i:i + 2 * BATCH]
            x = torch.from_numpy(np.stack([cut(store.rgb(p), b, 0, rng) for p, b, _ in part]))
            for said, (_, _, c) in zip(net(x.contiguous(memory_format=torch.channels_last)).argmax(1).tolist(), part):
                seen[c] += 1
                right[c] += said == c
    known = seen > 0
    return float((right[known] / seen[known]).mean()), int(seen.sum())


def train(shuffled, groups, args, queue):
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    store = data.Photos(args.shared, args.cache)
    torch.manual_seed(args.seed)
    net = Classifier(groups, shuffled).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    by_class = training_boxes(store)
    rng, classes, steps = random.Random(args.seed), sorted(by_class), args.passes // BATCH
    for step in range(steps):
        for g in optimiser.param_groups:
            g["lr"] = RATE * min(1, (step + 1) / 50) * (0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2)
        wanted = [rng.choice(classes) for _ in range(BATCH)]
        made = [cut(store.rgb(p), b, 1, rng) for p, b in (rng.choice(by_class[c]) for c in wanted)]
        x = torch.from_numpy(np.stack(made)).contiguous(memory_format=torch.channels_last)
        loss = F.cross_entropy(net(x), torch.tensor(wanted), label_smoothing=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 50 == 0:
            print(f"g = {groups}, shuffle {shuffled}: step {step} of {steps}, loss {float(loss.detach()):.3f}", flush=True)
    score, count = accuracy(net, store, test_boxes(store))
    queue.put({"groups": groups, "shuffle": shuffled, "accuracy": round(score, 4), "boxes": count,
               "passes": args.passes, "seed": args.seed})


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs")
    p.add_argument("--groups", type=int, nargs="*", choices=WIDTHS, default=list(WIDTHS))
    p.add_argument("--passes", type=int, default=32000, help="boxes seen in all")
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    a.cache = os.path.join(a.runs, "cache")
    found = []
    if os.path.exists(OUT):
        with open(OUT) as f:
            found = json.load(f)
    ctx = mp.get_context("spawn")
    for groups in a.groups:
        queue = ctx.Queue()
        both = [ctx.Process(target=train, args=(s, groups, a, queue)) for s in (True, False)]
        for w in both:
            w.start()
        rows = sorted((queue.get() for _ in both), key=lambda r: not r["shuffle"])
        for w in both:
            w.join()
        found = [r for r in found if r["groups"] != groups] + rows
        with open(OUT, "w") as f:
            json.dump(found, f, indent=1)
            f.write("\n")
        print(rows, flush=True)


if __name__ == "__main__":
    main()
