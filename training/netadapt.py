"""NetAdapt (Yang et al. 2018, arXiv:1804.03230): shrinks riffle-v2-1.5x step by step to a share of its measured latency.

    OMP_NUM_THREADS=1 python -m training.netadapt --shared ../shared            # search, long fine-tune, export, card
    OMP_NUM_THREADS=1 python -m training.netadapt --only search --target 0.8

Every step has a latency budget. For each group of widths a proposal lowers that group alone until the table of latency.py
says the budget is saved; prune.py picks the channels and refits their readers. As in MobileNetV3 (arXiv:1905.02244, section
4.1) the proposal with the least loss of accuracy per millisecond wins: all are judged as refitted, the best two again after
a short fine-tune. The loss is the distance of the answers on held out photos to those of the untouched network. Cut off, the
search goes on from the last whole step, the long fine-tune from its last checkpoint.
"""
import argparse
import copy
import json
import os
import random
import tempfile
import time
from dataclasses import asdict

import numpy as np
import torch
import torch.multiprocessing as mp
from torch.nn import functional as F

from . import augment, card, checkpoint, data, evaluate, export, latency, losses, preprocess, prune, recipes, train

GROUPS = {"trunk": latency.UNITS, **{f"stage {s}": tuple(u for u in latency.UNITS if u[5] == s) for s in "234"},
          "neck and towers": ("neck",), "second stage": ("head",)}
FINALISTS = 2
NAME = "riffle-v2-1.5x-netadapt"


def propose(table, levels, group, budget):
    """Lowers the widths of a group evenly, the dearest first, until budget milliseconds are saved or nothing is left.

    Evenly, because what refitting cannot repair grows faster than the cut: levelling the costs instead took 5 AP in one step.
    """
    levels, goal = dict(levels), table.total(levels) - budget
    while table.total(levels) > goal:
        free = [p for p in GROUPS[group] if levels[p] > latency.LEAST]
        if not free:
            break
        levels[max(free, key=lambda p: (levels[p], table.of(p, levels[p])))] -= 1
    return levels


def distance(net, wanted, x):
    """How far net's answers on x are from `wanted`, the untouched network's: KL of every dense point and of the second stage, a photo."""
    dense, proposals, logits, deltas = wanted
    pyramid, mine, _ = net.first(x)
    nothing = [(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.long), 1 - 1e-6)] * len(x)
    cls, dist, _ = losses.first_loss(mine, None, dense, torch.zeros(len(x), dense.shape[1], 4), nothing)
    z, d = net.second(pyramid, proposals, x.shape[3], x.shape[2])
    q = logits.sigmoid()
    head = F.binary_cross_entropy_with_logits(z, q, reduction="sum") - F.binary_cross_entropy_with_logits(logits, q, reduction="sum")
    move = (F.smooth_l1_loss(d, deltas, reduction="none").sum(1) * q.amax(1)).sum()
    w = train.WEIGHTS
    return w["cls"] * cls + w["dist"] * dist + (w["roi_cls"] * head + w["roi_box"] * move) / len(x)


class Bench:
    """What a worker needs: photos, the untouched network and its answers on the held out ones."""

    def __init__(self, args):
        torch.set_num_threads(1)
        os.setpriority(os.PRIO_PROCESS, 0, args.nice)
        self.args, self.store = args, data.Photos(args.shared, args.cache)
        self.teacher = checkpoint.load_any(args.begin)
        size = self.teacher.recipe.size

        def batches(photos):
            photos = [preprocess.tensor(np.array(self.store.rgb(p)), size, size) for p in photos]
            return [self._tensor(photos[i:i + 16]) for i in range(0, len(photos), 16)]
        train, dev = self.store.train, self.store.dev
        self.seen = batches(train[::len(train) // args.fit_photos][:args.fit_photos])
        self.held = [(x, self.answer(x)) for x in batches(dev[1::len(dev) // args.judge_photos][:args.judge_photos])]
        self.dev = _part(args, copy.copy(self.store))
        self.moments = (None, None)

    @staticmethod
    def _tensor(views):
        return torch.from_numpy(np.stack(views)).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def answer(self, x):
        pyramid, dense, at = self.teacher.first(x)
        proposals = self.teacher.propose(dense, at, x.shape[3], x.shape[2])
        return (dense, proposals, *self.teacher.second(pyramid, proposals, x.shape[3], x.shape[2]))

    @torch.no_grad()
    def error(self, net):
        return float(sum(distance(net, wanted, x) * len(x) for x, wanted in self.held) / sum(len(x) for x, _ in self.held))

    def path(self, name):
        return os.path.join(self.args.runs, name + ".pt")

    def judge(self, step, group, levels):
        """Shrinks the current network as proposed -> error."""
        net = checkpoint.load_any(self.path("current"))
        if self.moments[0] != step:
            self.moments = step, prune.moments(net, self.seen)
        small = prune.shrink(net, latency.recipe(levels, NAME), self.moments[1])
        save(self.path(group), small)
        return self.error(small)

    def tune(self, step, group):
        """A short fine-tune of a proposal towards the untouched network's answers, kept if it helps -> error."""
        net = checkpoint.load_any(self.path(group))
        before = self.error(net)
        net.requires_grad_(True)
        groups = [{"params": [p], "base": self.args.rate * max(float(p.detach().square().mean().sqrt()), 1e-4) * (train.BIAS_RATE if p.dim() == 1 else 1)}
                  for p in net.parameters()]
        optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0)
        rng = random.Random(f"{step} {group}")
        order = self.store.epoch(rng)
        for n in range(self.args.tune_steps):
            for g in optimiser.param_groups:
                g["lr"] = g["base"] * (1 - n / self.args.tune_steps)
            photos = [order.pop() for _ in range(8)]
            x = self._tensor([augment.view(self.store.rgb(p), p, net.recipe.size, rng)[0] for p in photos])
            optimiser.zero_grad(set_to_none=True)
            distance(net, self.answer(x), x).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), train.CLIP[1])
            optimiser.step()
        net.requires_grad_(False)
        after = self.error(net)
        if after < before:
            save(self.path(group), net)
        return min(before, after)

    def detections(self, name, part):
        """Result rows of a part of the development photos."""
        net = self.teacher if name is None else checkpoint.load_any(self.path(name))
        return evaluate.run(net, self.dev.photos(part, self.args.processes), evaluate.rules((self.args.alpha,)))


def save(path, net):
    checkpoint.save(path, {"recipe": asdict(net.recipe), "average": net.state_dict()})


_bench = None


def _begin(args):
    global _bench
    _bench = Bench(args)


def _do(task):
    method, *rest = task
    return getattr(_bench, method)(*rest)


def search(args):
    """-> the log: one row a step, row 0 the untouched network. The shrunk network is current.pt."""
    table, path = latency.Table(args.table), os.path.join(args.runs, "search.json")
    rows = []
    if os.path.exists(path):
        with open(path) as f:
            rows = json.load(f)["steps"]
    with mp.get_context("spawn").Pool(args.processes, _begin, (args,)) as pool:
        def measure(name):
            parts = pool.map(_do, [("detections", name, r) for r in range(args.processes)], 1)
            return {k: round(100 * dev.score(np.concatenate([p[k] for p in parts])), 2) for k in parts[0]}

        dev = _part(args)
        if not rows:
            save(os.path.join(args.runs, "current.pt"), checkpoint.load_any(args.begin))
            levels = dict.fromkeys(latency.PARTS, latency.STEPS)
            rows.append({"step": 0, "levels": levels, "ms": round(table.total(levels), 3), "error": 0.0, "dev": measure(None)})
            write(path, args, rows)
            print(json.dumps(rows[0]), flush=True)
        start = rows[0]["ms"]
        while rows[-1]["ms"] > args.target * start + 1e-3:
            now, step = rows[-1], len(rows)
            budget = min(args.step * start, now["ms"] - args.target * start)
            proposals = {g: propose(table, now["levels"], g, budget) for g in GROUPS}
            proposals = {g: p for g, p in proposals.items() if now["ms"] - table.total(p) > budget / 2}

            def ratio(group, error):
                return (error - now["error"]) / (now["ms"] - table.total(proposals[group]))

            judged = dict(zip(proposals, pool.map(_do, [("judge", step, g, p) for g, p in proposals.items()], 1)))
            best = sorted(judged, key=lambda g: ratio(g, judged[g]))[:FINALISTS]
            tuned = dict(zip(best, pool.map(_do, [("tune", step, g) for g in best], 1)))
            winner = min(tuned, key=lambda g: ratio(g, tuned[g]))
            os.replace(os.path.join(args.runs, winner + ".pt"), os.path.join(args.runs, "current.pt"))
            ms = table.total(proposals[winner])
            rows.append({"step": step, "chosen": winner, "levels": proposals[winner], "ms": round(ms, 3), "error": round(tuned[winner], 3),
                         "proposals": {g: {"ms": round(table.total(p), 3), "error": round(judged[g], 3), "tuned": g in tuned and round(tuned[g], 3)}
                                       for g, p in proposals.items()}, "dev": measure("current")})
            write(path, args, rows)
            print(time.strftime("%H:%M:%S", time.gmtime()), json.dumps(rows[-1]), flush=True)
    return rows


def write(path, args, rows):
    with open(path + ".part", "w") as f:
        json.dump({"table": os.path.basename(args.table), "target": args.target, "step": args.step, "judge_photos": args.judge_photos,
                   "fit_photos": args.fit_photos, "tune_steps": args.tune_steps, "rate": args.rate, "steps": rows}, f, indent=1)
    os.replace(path + ".part", path)


class Tuner(train.Trainer):
    """train.py's loop on the shrunk network: every dense point is held to the untouched network's answer, labels move its scores."""

    def _networks(self):
        return checkpoint.load_any(os.path.join(self.args.runs, "current.pt")), checkpoint.load_any(self.args.begin)


def tune(args):
    phases = [train.Phase("all", args.all_minutes, batch=8, rate=3e-4, trunk=args.long_rate, average=0.96),
              train.Phase("last", args.last_minutes, batch=16, rate=3e-4, average=0.97)]
    with tempfile.TemporaryDirectory(dir=args.runs) as folder:
        args.meeting = os.path.join(folder, "meeting")
        mp.spawn(train.work, (args.processes, args, phases, Tuner), args.processes)


def _measure(args, photos, part, queue):
    torch.set_num_threads(1)
    os.setpriority(os.PRIO_PROCESS, 0, args.nice)
    known = _photos(args, photos)
    queue.put(evaluate.run(checkpoint.load_any(args.out), known.photos(part, args.processes), evaluate.rules((args.alpha,))))


def _photos(args, photos):
    return evaluate.ValSet(args.shared) if photos == "val" else _part(args)


def _part(args, store=None):
    """The part of the development photos that gives the AP of a step."""
    store = store or data.Photos(args.shared, args.cache)
    store.dev = store.dev[::args.dev_every]
    return evaluate.DevSet(store)


def measured(args, photos):
    """Result rows of the exported file by rule, on "val" or "dev"."""
    ctx = mp.get_context("spawn")
    queue = ctx.Queue()
    workers = [ctx.Process(target=_measure, args=(args, photos, r, queue)) for r in range(args.processes)]
    for w in workers:
        w.start()
    found = [queue.get() for _ in workers]
    for w in workers:
        w.join()
    return {k: np.concatenate([f[k] for f in found]) for k in found[0]}


def finish(args):
    """Exports the fine-tuned network, measures it on the part of the development photos and, once, on val, and writes its card."""
    saved = checkpoint.load(os.path.join(args.runs, "last.pt"))
    recipe, whole = recipes.of_saved(saved["recipe"]), f"a{args.alpha:g}"
    os.makedirs(os.path.dirname(args.out), exist_ok=True)
    export.write(args.out, recipe, saved["average"], {}, args.alpha)
    part = _part(args)
    dev = {k: part.score(rows) for k, rows in measured(args, "dev").items()}
    log_file = os.path.join(args.runs, "search.json")
    with open(log_file) as f:
        log = json.load(f)
    with open(log_file, "w") as f:
        json.dump({**log, "tuned": {"dev": {k: round(100 * v, 2) for k, v in dev.items()}}}, f, indent=1)
    print("dev", json.dumps(dev), flush=True)
    truth = _photos(args, "val").truth
    val = {k: evaluate.figures(truth, rows) for k, rows in measured(args, "val").items()}
    print("val", json.dumps(val), flush=True)
    export.write(args.out, recipe, saved["average"], {"data": "300 photos of COCO val2017 (92 % with a person)",
                                                      **{k: round(v, 4) for k, v in val[whole].items()}}, args.alpha)
    card.write(os.path.splitext(args.out)[0] + ".md", recipe, args.runs, [os.path.join(args.runs, "log.jsonl")], {"first": dev["first"], "whole": dev[whole]},
               val["first"], val[whole], args.alpha, args.processes)


def options(arguments=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--only", choices=("search", "tune", "finish"), help="one part; default: all three")
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs", help="checkpoints and log go to its folder netadapt, decoded photos to its folder cache")
    p.add_argument("--begin", default="models/riffle-v2-1.5x.safetensors", help="the trained network that is shrunk")
    p.add_argument("--table", default="training/latency_tables/epyc-avx512.json", help="made by python -m training.latency")
    p.add_argument("--target", type=float, default=0.7, help="share of the latency that is left")
    p.add_argument("--step", type=float, default=0.08, help="share of the first latency that a step saves")
    p.add_argument("--processes", type=int, default=2, help="of one thread each")
    p.add_argument("--fit-photos", type=int, default=64, help="training photos that channels are chosen and refitted on")
    p.add_argument("--judge-photos", type=int, default=48, help="development photos that proposals are judged on")
    p.add_argument("--dev-every", type=int, default=4, help="every so manieth development photo gives the AP of a step")
    p.add_argument("--tune-steps", type=int, default=12, help="of 8 photos, of a finalist")
    p.add_argument("--rate", type=float, default=4e-4, help="of the short fine-tune, share of each tensor's size")
    p.add_argument("--all-minutes", type=float, default=20, help="CPU of a process: every tensor, end to end")
    p.add_argument("--last-minutes", type=float, default=4, help="second stage alone")
    p.add_argument("--long-rate", type=float, default=8e-4, help="of the long fine-tune")
    p.add_argument("--alpha", type=float, default=0.2, help="weight of the second stage in the score")
    p.add_argument("--look-every", type=float, default=1000)
    p.add_argument("--save-every", type=float, default=1)
    p.add_argument("--nice", type=int, default=10)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", default=f"models/zoo/{NAME}.safetensors")
    a = p.parse_args(arguments)
    a.cache, a.runs, a.status = os.path.join(a.runs, "cache"), os.path.join(a.runs, "netadapt"), None
    os.makedirs(a.runs, exist_ok=True)
    return a


def main():
    a = options()
    if a.only in (None, "search"):
        search(a)
    current = os.path.join(a.runs, "current.pt")
    if a.only in (None, "tune"):
        a.recipe = checkpoint.load_any(current).recipe
        tune(a)
    if a.only in (None, "finish"):
        finish(a)


if __name__ == "__main__":
    main()
