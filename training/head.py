"""Trains the second stage of a detector whose first stage is finished, on cached features: one command.

    OMP_NUM_THREADS=1 python -m training.head --weights models/riffle-v2-1.5x.safetensors --minutes 40

The first stage is frozen, so what it says of a view never changes: proposals, their scores and the features pooled for them
are computed once and kept on disk (0.8 MB a view). Pooling and the 1x1 convolution before it are both linear and may be
swapped; so only the head itself is left, and a core sees about a hundred views a second. What is trained is the score that
counts, that of both stages together.
"""
import argparse
import copy
import json
import math
import os
import random
import time
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.ops import box_iou

from . import augment, checkpoint, data, detector, evaluate, losses, model, recipes, roi

BATCH, LABELS = 32, 64            # views a step; most labels of a view
RATE, BOX_RATE, DECAY, AVERAGE = 1e-3, 0.3, 0.05, 0.998
WARMUP, LOW, CLIP = 100, 0.01, 50.0
BOX_WEIGHT = 1.0
POSITIONS = roi.SIZE * roi.SIZE


class Cache:
    """Views with all that the frozen first stage says of them, as arrays on disk."""

    def __init__(self, folder, views, recipe, channels):
        self.folder, r = folder, recipe.proposals
        self.shapes = {"pooled": ((views, r, POSITIONS, channels), np.int16), "boxes": ((views, r, 4), np.float32), "prior": ((views, r, model.CLASSES), np.float16),
                       "count": ((views,), np.int16), "labels": ((views, LABELS, 6), np.float32), "cut": ((views,), np.float32)}
        self.arrays = {}

    def _path(self, name):
        return os.path.join(self.folder, name + ".npy")

    def complete(self):
        return os.path.exists(os.path.join(self.folder, "made.json"))

    def open(self, mode):
        os.makedirs(self.folder, exist_ok=True)
        for name, (shape, kind) in self.shapes.items():
            self.arrays[name] = np.lib.format.open_memmap(self._path(name), mode, kind, shape if mode == "w+" else None)
        return self

    def finish(self, **about):
        for a in self.arrays.values():
            a.flush()
        with open(os.path.join(self.folder, "made.json"), "w") as f:
            json.dump(about, f)

    def put(self, k, pooled, boxes, prior):
        n, a = len(boxes), self.arrays
        a["pooled"][k, :n] = pooled.flatten(2).transpose(1, 2).bfloat16().contiguous().view(torch.int16).numpy()
        a["boxes"][k, :n], a["prior"][k, :n], a["count"][k] = boxes, prior, n

    def label(self, k, label_boxes, scores, classes, cut):
        a, best = self.arrays, np.argsort(-scores)[:LABELS]
        a["cut"][k] = cut
        a["labels"][k] = 0
        a["labels"][k, :len(best)] = np.column_stack((label_boxes[best], scores[best], classes[best]))

    def take(self, rows):
        """-> pooled [B, R, 49, C] bfloat16, boxes, prior logits, mask of real proposals [B, R], labels [B, L, 6], cut [B]."""
        a, rows = self.arrays, np.sort(rows)
        pooled = torch.from_numpy(a["pooled"][rows]).view(torch.bfloat16)
        boxes, prior, labels, cut = (torch.from_numpy(a[n][rows]).float() for n in ("boxes", "prior", "labels", "cut"))
        real = torch.arange(boxes.shape[1])[None] < torch.from_numpy(a["count"][rows].astype(np.int64))[:, None]
        return pooled, boxes, prior, real, labels, cut


def certain(label, known):
    """A view's labels with teachers' scores turned into the chance that such a box is right (206 photos of COCO, IoU 0.5: 0.06
    at score 0.1, 0.35 at 0.3, 0.82 at 0.5, 0.93 at 0.6)."""
    if known == "full":
        return label
    boxes, scores, classes, cut = label
    return boxes, 1 / (1 + np.exp(-10.6 * (scores - 0.358))), classes, 1 / (1 + math.exp(-10.6 * (cut - 0.358)))


def view(store, photos, k, size, seed):
    """View k: the same whenever it is asked for, so that labels can be renewed and features kept."""
    return augment.view(store.rgb(photos[k]), photos[k], size, random.Random(seed * 1000003 + k))


@torch.no_grad()
def fill(cache, net, store, photos, seed):
    """A view of each photo of the list, in its order, through the first stage."""
    size, at = net.recipe.size, 0
    while at < len(photos):
        made = [view(store, photos, k, size, seed) for k in range(at, min(at + 16, len(photos)))]
        x = torch.from_numpy(np.stack([v[0] for v in made])).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            pyramid, dense, points = net.first(x)
        proposals = net.propose(dense.float(), points, size, size)
        for i, (boxes, prior, _) in enumerate(proposals):
            pooled = roi.pool([p[i:i + 1].float().contiguous() for p in pyramid], boxes, torch.zeros(len(boxes)), net.recipe.finest or roi.FINEST)
            cache.put(at + i, pooled, boxes, prior)
        at += len(made)


def targets(refined, prior, labels, cut):
    """As losses.second_targets for a batch: refined [B, R, 4], prior probabilities [B, R, 80], labels [B, L, 6] -> [B, R, 80]."""
    boxes, scores, classes = labels[..., :4], labels[..., 4], labels[..., 5].long()
    iou = torch.stack([box_iou(a, b) for a, b in zip(refined, boxes)]).nan_to_num(0) * (scores > 0)[:, None]
    lead = iou.amax(1, keepdim=True) - iou
    low, high = losses.RAMP
    value = ((iou - low) / (high - low)).clamp(0, 1) * (-lead / losses.RIVAL).exp() * scores[:, None]
    column = classes[:, None].expand_as(value)
    target = torch.zeros_like(prior).scatter_reduce_(2, column, value, "amax")
    near = torch.zeros_like(prior).scatter_reduce_(2, column, (iou > 0.5).to(prior.dtype), "amax")
    base = losses.FADE * torch.minimum(prior, cut[:, None, None])
    return torch.where(near > 0, target, torch.maximum(base, target))


class Head:
    """The second stage of a network, computed on pooled features of the pyramid itself."""

    def __init__(self, layers, size):
        self.roi, self.size = layers, size

    def __call__(self, pooled, boxes, prior):
        """pooled [n, 49, C], boxes [n, 4], prior logits [n, 80] -> class logits, deltas."""
        layers = self.roi
        with torch.autocast("cpu", torch.bfloat16):
            thin = F.linear(pooled, layers.thin.weight.flatten(1), layers.thin.bias)
            w = layers.fc1.weight.view(-1, thin.shape[-1], POSITIONS).transpose(1, 2).flatten(1)
            h = F.linear(thin.flatten(1), w, layers.fc1.bias).relu()
        geo = roi.geometry(boxes, prior.amax(1).sigmoid(), self.size, self.size)
        h = layers.fc2(torch.cat((h.float(), geo, prior.clamp(-8, 4) / 4), 1)).relu()
        return layers.cls(h) + layers.prior_scale * prior, layers.reg(h)


class Trainer:
    def __init__(self, args):
        self.args = args
        self.net = checkpoint.load_any(args.weights)
        if args.finest:
            self.net.recipe = replace(self.net.recipe, finest=args.finest)
        self.store = data.Photos(args.shared, args.cache, args.labels)
        self.recipe = self.net.recipe
        self.cache = self._views()
        torch.manual_seed(args.seed)
        fresh = roi.RoIHead(self.net.neck.reduce[0].out_channels, self.net.roi.thin.out_channels, self.net.roi.fc1.out_features)
        if not args.fresh:
            fresh.load_state_dict(self.net.roi.state_dict())
        self.head = fresh.train().requires_grad_(True)
        self.average = copy.deepcopy(self.head).requires_grad_(False)
        self.model = Head(self.head, self.recipe.size)
        groups = [{"params": [p], "base": args.rate * (BOX_RATE if n.startswith("reg") else 1), "weight_decay": DECAY if p.dim() > 1 else 0.0}
                  for n, p in self.head.named_parameters()]
        self.optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.99))
        self.done, self.step = 0.0, 0
        self.last = os.path.join(args.runs, "last.pt")
        if os.path.exists(self.last):
            s = checkpoint.load(self.last)
            self.head.load_state_dict(s["head"])
            self.average.load_state_dict(s["head_average"])
            self.optimizer.load_state_dict(s["optimizer"])
            self.done, self.step = s["done"], s["step"]
        self.dev = self._dev()

    def _views(self):
        """Photos that people labelled fully come most often, then those like COCO's."""
        rng, a = random.Random(self.args.seed), self.args
        train = self.store.train
        people, like = [p for p in train if p.known == "full"], [p for p in train if p.name.startswith(data.COCO_LIKE)]
        photos = train + 2 * like + 3 * people
        rng.shuffle(photos)
        photos = photos[:a.views]
        cache = Cache(os.path.join(a.runs, "views"), len(photos), self.recipe, self.net.neck.reduce[0].out_channels)
        if not cache.complete():
            began = time.time()
            fill(cache.open("w+"), self.net, self.store, photos, a.seed)
            cache.finish(views=len(photos), seconds=round(time.time() - began))
        cache.open("r+")
        for k, p in enumerate(photos):
            cache.label(k, *certain(view(self.store, photos, k, self.recipe.size, a.seed)[1:5], p.known))
        return cache

    @torch.no_grad()
    def _dev(self):
        """[(image id, width, height, pyramid, proposal)] of the fully labelled development photos."""
        known, out, size = evaluate.DevSet(self.store), [], self.recipe.size
        photos = list(known.photos(full=True))
        for k in range(0, len(photos), 16):
            part = photos[k:k + 16]
            x = torch.from_numpy(np.stack([evaluate.preprocess.tensor(rgb, size, size) for _, rgb in part]))
            pyramid, dense, at = self.net.first(x.contiguous(memory_format=torch.channels_last))
            for i, (p, (key, rgb)) in enumerate(zip(self.net.propose(dense, at, size, size), part)):
                out.append((key, rgb.shape[1], rgb.shape[0], [f[i:i + 1].half() for f in pyramid], p, dense[i].half(), at))
        return known, out

    def _log(self, **row):
        row = {"time": time.strftime("%H:%M:%S", time.gmtime()), "phase": "cached", "minute": round(self.done, 2), "step": self.step, **row}
        with open(os.path.join(self.args.runs, "log.jsonl"), "a") as f:
            f.write(json.dumps(row) + "\n")

    def _save(self):
        state = self.net.state_dict()
        state.update({"roi." + n: v for n, v in self.average.state_dict().items()})
        checkpoint.save(self.last, {"recipe": recipes.to_saved(self.recipe), "average": state, "head": self.head.state_dict(), "head_average": self.average.state_dict(),
                                    "optimizer": self.optimizer.state_dict(), "done": self.done, "step": self.step})

    def _losses(self, rows):
        pooled, boxes, prior, real, labels, cut = self.cache.take(rows)
        logits, deltas = (t.new_zeros(*real.shape, t.shape[-1]).masked_scatter(real[..., None], t) for t in self.model(pooled[real], boxes[real], prior[real]))
        refined = roi.apply_deltas(boxes.flatten(0, 1), deltas.flatten(0, 1)).view_as(boxes)
        with torch.no_grad():
            probability = prior.sigmoid()
            target = targets(refined, probability, labels, cut)
            kinds = [losses.box_targets(b, p, *(v.split((4, 1, 1), -1)[0], v[:, 4], v[:, 5].long()), None) for b, p, v in
                     ((b, p, l[l[:, 4] > 0]) for b, p, l in zip(boxes, probability, labels))]
            where, weight = torch.stack([k[0] for k in kinds]), torch.stack([k[1] for k in kinds]) * real
        score = logits
        if self.args.alpha < 1:  # of both stages: what is trained is the fused score
            log = self.args.alpha * F.logsigmoid(logits) + (1 - self.args.alpha) * F.logsigmoid(prior)
            score = log - torch.log(-torch.expm1(log.clamp(max=-1e-5)))
        cls = losses.quality_focal(score[real], target[real]) / len(rows)
        box = losses.box_loss(refined[real], boxes[real], where[real], weight[real]) / len(rows)
        return cls, box

    def run(self):
        clock, before, rng = time.process_time(), self.done, np.random.default_rng(self.args.seed + self.step)
        sums, count, told, saved, looked = np.zeros(2), 0, time.time(), self.done, self.done
        if not self.step:
            self._log(views=len(self.cache.arrays["count"]), train=len(self.store.train), dev=len(self.store.dev),
                      people=sum(p.known == "full" for p in self.store.train))
            self._log(dev=self.look())
        clock = time.process_time()
        order = np.zeros(0, int)
        while self.done < self.args.minutes:
            if len(order) < BATCH:
                order = np.concatenate((order, rng.permutation(len(self.cache.arrays["count"]))))
            rows, order = order[:BATCH], order[BATCH:]
            factor = min(1, (self.step + 1) / WARMUP) * (LOW + (1 - LOW) * (1 + math.cos(math.pi * self.done / self.args.minutes)) / 2)
            for g in self.optimizer.param_groups:
                g["lr"] = g["base"] * factor
            cls, box = self._losses(rows)
            self.optimizer.zero_grad(set_to_none=True)
            (cls + BOX_WEIGHT * box).backward()
            torch.nn.utils.clip_grad_norm_(self.head.parameters(), CLIP)
            self.optimizer.step()
            self.step += 1
            with torch.no_grad():
                d = min(AVERAGE, (1 + self.step) / (10 + self.step))
                torch._foreach_lerp_(list(self.average.parameters()), list(self.head.parameters()), 1 - d)
            sums, count = sums + (float(cls.detach()), float(box.detach())), count + 1
            self.done = before + (time.process_time() - clock) / 60
            if time.time() - told > self.args.tell:
                self._log(photos=count * BATCH, rate=round(count * BATCH / (time.time() - told), 1), roi_cls=round(sums[0] / count, 4), roi_box=round(sums[1] / count, 4))
                sums, count, told = np.zeros(2), 0, time.time()
            if self.done - saved > self.args.save_every:
                self._save()
                saved = self.done
            if self.args.look_every and self.done - looked > self.args.look_every:
                pause = time.process_time()
                self._log(dev=self.look())
                clock += time.process_time() - pause
                looked = self.done
        self._save()
        self._log(dev=self.look())

    @torch.no_grad()
    def look(self):
        """AP on the fully labelled development photos: first stage alone, and both at some weights and shares of the box movement."""
        (known, photos), size = self.dev, self.recipe.size
        rules = {"first": None, **{(a, s): None for a in self.args.alphas for s in self.args.shares}}
        rows = {k: [] for k in rules}
        self.net.roi.load_state_dict(self.average.state_dict())
        for key, width, height, pyramid, proposal, dense, at in photos:
            boxes, prior, _ = proposal
            logits, deltas = self.net.second([p.float() for p in pyramid], [proposal], size, size)
            for k in rules:
                if k == "first":
                    found = detector.first_only({"dense": dense.float(), "points": at}, size, size)
                else:
                    found = detector.whole({"prior": prior, "head": logits, "refined": roi.apply_deltas(boxes, k[1] * deltas)}, size, size, k[0])
                rows[k].append(evaluate.to_results(key, found, width, height, size))
        out = {}
        for k, r in rows.items():
            f = evaluate.figures(known.truth, np.concatenate(r), known.full)
            out[k if k == "first" else f"{k[0]:g}/{k[1]:g}"] = [round(100 * f[n], 2) for n in ("AP", "AP50", "AP75")]
        return out


def options(arguments=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--weights", required=True, help="exported file or checkpoint with the first stage (and the second stage to go on from)")
    p.add_argument("--name", help="recipe and folder of the run; default: the file's name")
    p.add_argument("--minutes", type=float, default=40, help="CPU, beside the making of the cache")
    p.add_argument("--views", type=int, default=10000, help="kept on disk, 0.8 MB each")
    p.add_argument("--labels", help="boxes of a stronger teacher, as pseudo.json has them, used where they exist")
    p.add_argument("--fresh", action="store_true", help="begin with a new second stage that changes nothing")
    p.add_argument("--finest", type=int, default=0, help="side of a region in pixels below which it is pooled from P3 (with --fresh)")
    p.add_argument("--rate", type=float, default=RATE)
    p.add_argument("--alpha", type=float, default=1.0, help="weight of the second stage in the score that is trained")
    p.add_argument("--alphas", type=float, nargs="+", default=[0.5, 1.0])
    p.add_argument("--shares", type=float, nargs="+", default=[0.0, 1.0])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs")
    p.add_argument("--save-every", type=float, default=3)
    p.add_argument("--look-every", type=float, default=8)
    p.add_argument("--tell", type=float, default=30)
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args(arguments)
    a.name = a.name or os.path.basename(a.weights).rsplit(".", 1)[0]
    a.cache, a.runs = os.path.join(a.runs, "cache"), os.path.join(a.runs, a.name + "-head")
    return a


def main():
    a = options()
    torch.set_num_threads(1)
    os.makedirs(a.runs, exist_ok=True)
    Trainer(a).run()


if __name__ == "__main__":
    main()
