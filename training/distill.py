"""Trains a detector whose trunk begins at random by distillation from riffle-v2-1.5x, for a fixed number of photo passes.

    python -m training.distill --recipe riffle-v1-1.0x-g3 --passes 24000
    python -m training.distill --recipe riffle-v1-1.0x-g3 --passes 6400 --name labels --labels-only

The student sees the same view as the teacher and learns (1) the features its neck is fed and those it makes, (2) the
teacher's answer at every dense point, (3) towards the end the second stage on labels. Neck and heads begin as the
teacher's. --labels-only leaves all of the teacher out: everything begins at random and learns from the photos' labels.
Given passes and seed, two runs differ only by the rounding of PyTorch's kernels.
"""
import argparse
import copy
import json
import math
import os
import random
import tempfile
import time
from dataclasses import replace

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from . import augment, checkpoint, data, evaluate, losses, model, parallel, recipes, roi, shufflenetv1
from .detector import Detector

BATCH = 16                   # photos a process and step
RATE, GROWN = 2e-3, 4e-4     # AdamW's rate for what begins at random, and for what begins as the teacher's
SHARE = 8e-4                 # of a grown tensor's root mean square, the most it moves in a step
WARMUP, LOW = 100, 0.01      # steps; share of the rate left at the end
DECAY, AVERAGE = 0.02, 0.995
SECOND_FROM = 0.7            # share of the passes after which the second stage learns too
WEIGHTS = {"features": 30.0, "cls": 1.0, "dist": 0.5, "box": 0.5, "roi_cls": 2.0, "roi_box": 0.5}


def views(store, size, rng, rank, world):
    """Endless batches of one process."""
    order = []
    while True:
        made = []
        while len(made) < BATCH:
            order = order or store.epoch(rng)[rank::world]
            p = order.pop()
            made.append(augment.view(store.rgb(p), p, size, rng))
        x = torch.from_numpy(np.stack([v[0] for v in made])).contiguous(memory_format=torch.channels_last)
        yield x, [(*(torch.from_numpy(np.ascontiguousarray(t)) for t in v[1:4]), v[4]) for v in made]


def answer(net, x, half=False):
    """-> what the neck is fed, the pyramid, dense predictions, points."""
    reduced = []
    hooks = [r.register_forward_hook(lambda m, i, o: reduced.append(o)) for r in net.neck.reduce]
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        pyramid, dense, at = net.first(x)
    for h in hooks:
        h.remove()
    return [r.float() for r in reduced], [p.float() for p in pyramid], dense.float(), at


def distance(mine, wanted):
    """Mean squared error of feature maps, each against the mean square of the teacher's."""
    return sum(((m - w) ** 2).mean() / (w ** 2).mean() for m, w in zip(mine, wanted)) / len(mine)


class Distiller:
    def __init__(self, rank, world, args):
        self.rank, self.world, self.args = rank, world, args
        self.store = data.Photos(args.shared, args.cache)
        self.teacher = checkpoint.load_any(args.teacher)
        torch.manual_seed(args.seed)
        recipe = replace(recipes.RECIPES[args.recipe], size=args.size)
        self.net = Detector(recipe, norm=True)
        self.random = {n for n, _ in self.net.named_parameters() if n.startswith(("backbone.", "neck.reduce."))}
        if args.labels_only:
            self.random = {n for n, _ in self.net.named_parameters()}
            for pred in self.net.rpn.pred:  # rare objects: all scores begin low (Lin et al. 2017, RetinaNet)
                torch.nn.init.constant_(pred.bias[:model.CLASSES], -4.6)
        else:
            same = {n: v for n, v in self.teacher.state_dict().items() if n not in self.random and n in self.net.state_dict()}
            self.net.load_state_dict(same, strict=False)
        self.net.to(memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.passes = 0
        groups = []
        for name, p in self.net.named_parameters():
            rate = RATE if name in self.random else min(GROWN, SHARE * max(float(p.detach().square().mean().sqrt()), 1e-3))
            groups.append({"params": [p], "base": rate, "weight_decay": DECAY if name in self.random and p.dim() > 1 else 0.0})
        self.optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))
        if os.path.exists(self._last()):
            s = checkpoint.load(self._last())
            self.net.load_state_dict(s["net"])
            self.average.load_state_dict(s["raw_average"])
            self.optimiser.load_state_dict(s["optimiser"])
            self.passes = s["passes"]

    def _last(self):
        return os.path.join(self.args.runs, "last.pt")

    def _save(self):
        if self.rank:
            return
        checkpoint.save(self._last(), {
            "recipe": self.args.recipe, "net": self.net.state_dict(), "raw_average": self.average.state_dict(),
            "average": shufflenetv1.fold(self.average.state_dict()), "optimiser": self.optimiser.state_dict(), "passes": self.passes})

    def _losses(self, x, labels, share):
        size = self.net.recipe.size
        reduced, pyramid, dense, at = answer(self.net, x)
        placed = model.decode(dense[..., model.CLASSES:], at, size, size)
        if self.args.labels_only:
            out = dict(zip(("cls", "box"), losses.label_loss(dense, placed, at, labels)))
        else:
            with torch.no_grad():
                their_reduced, their_pyramid, wanted, _ = answer(self.teacher, x, half=True)
                wanted_boxes = model.decode(wanted[..., model.CLASSES:], at, size, size)
            out = {"features": distance(reduced, their_reduced) + distance(pyramid, their_pyramid)}
            out["cls"], out["dist"], out["box"] = losses.first_loss(dense, placed, wanted, wanted_boxes, labels)
        if share >= SECOND_FROM:
            proposals = self.net.propose(dense.detach(), at, size, size)
            logits, deltas = self.net.second(pyramid, proposals, size, size)
            boxes, prior = torch.cat([p[0] for p in proposals]), torch.cat([p[1] for p in proposals])
            out["roi_cls"], out["roi_box"] = losses.second_loss(
                logits, roi.apply_deltas(boxes, deltas), boxes, prior, labels, [len(p[0]) for p in proposals])
        return out

    def run(self):
        rng = random.Random(self.args.seed + 1000003 * self.rank + self.passes)
        if not self.passes:
            self._log(train=len(self.store.train), dev=len(self.store.dev))
        sums, count, told, saved = {}, 0, time.time(), time.time()
        for x, labels in views(self.store, self.net.recipe.size, rng, self.rank, self.world):
            share, step = self.passes / self.args.passes, self.passes // (BATCH * self.world)
            if share >= 1:
                break
            factor = min(1, (step + 1) / WARMUP) * (LOW + (1 - LOW) * (1 + math.cos(math.pi * share)) / 2)
            for g in self.optimiser.param_groups:
                g["lr"] = g["base"] * factor
            out = self._losses(x, labels, share)
            self.optimiser.zero_grad(set_to_none=True)
            sum(WEIGHTS[k] * v for k, v in out.items()).backward()
            # what the losses of the moment leave out has no gradient
            parallel.share_gradients([p for p in self.net.parameters() if p.grad is not None], self.world)
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 50.0)
            self.optimiser.step()
            self.passes += BATCH * self.world
            with torch.no_grad():
                d = min(AVERAGE, (1 + step) / (10 + step))
                for a, p in zip(self.average.state_dict().values(), self.net.state_dict().values()):
                    a.lerp_(p, 1 - d) if a.is_floating_point() else a.copy_(p)
            for k, v in out.items():
                sums[k] = sums.get(k, 0.0) + float(v.detach())
            count += 1
            if time.time() - told > 30:
                self._log(photos=count * BATCH * self.world, **{k: round(v / count, 4) for k, v in sums.items()})
                sums, count, told = {}, 0, time.time()
            if time.time() - saved > 150:
                self._save()
                saved = time.time()
        self._save()

    def _log(self, **row):
        if self.rank:
            return
        row = {"time": time.strftime("%H:%M:%S", time.gmtime()), "phase": "distill", "passes": self.passes, **row}
        with open(os.path.join(self.args.runs, "log.jsonl"), "a") as f:
            f.write(json.dumps(row) + "\n")

    def look(self):
        """AP on the development set, and on val for the tables."""
        dist.barrier()  # the first process has written its averages: those of all, batch norms' included
        if self.rank:
            self.average.load_state_dict(checkpoint.load(self._last())["raw_average"])
        net = self.average
        for name, known in (("dev", evaluate.DevSet(self.store)), ("val", evaluate.ValSet(self.args.shared))):
            everyone = [None] * self.world
            dist.all_gather_object(everyone, evaluate.run(net, known.photos(self.rank, self.world), evaluate.rules((0.2,))))
            score = {k: round(100 * known.score(np.concatenate([e[k] for e in everyone])), 2) for k in everyone[0]}
            self._log(**{name: score})
            if self.rank == 0:
                print(self.args.name, self.passes, name, score, flush=True)


def work(rank, world, args):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + os.path.abspath(args.meeting), rank=rank, world_size=world)
    d = Distiller(rank, world, args)
    d.run()
    d.look()
    dist.destroy_process_group()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--recipe", choices=[r.name for r in recipes.RECIPES.values() if not r.begin], default="riffle-v1-1.0x-g3")
    p.add_argument("--passes", type=int, default=24000, help="photos seen in all")
    p.add_argument("--teacher", default="models/riffle-v2-1.5x.safetensors")
    p.add_argument("--size", type=int, help="side of the input; default: the recipe's")
    p.add_argument("--labels-only", action="store_true", help="no teacher (for the ablation)")
    p.add_argument("--name", help="folder of the run below --runs; default: the recipe's name")
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs")
    p.add_argument("--processes", type=int, default=2, help="of one thread each")
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    a.name, a.size = a.name or a.recipe, a.size or recipes.RECIPES[a.recipe].size
    a.cache, a.runs = os.path.join(a.runs, "cache"), os.path.join(a.runs, a.name)
    os.makedirs(a.runs, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=a.runs) as folder:
        a.meeting = os.path.join(folder, "meeting")
        mp.spawn(work, (a.processes, a), a.processes)


if __name__ == "__main__":
    main()
