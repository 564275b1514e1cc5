"""Trains a detector whose trunk begins at random by distillation from riffle-v2-1.5x: one command, resumed when called again.

    OMP_NUM_THREADS=1 python -m training.distill --recipe riffle-v1-1.0x-g3 --minutes 600
    OMP_NUM_THREADS=1 python -m training.distill --begin training/checkpoints/riffle-v1-1.0x-g3.safetensors --minutes 600

The student sees the same view as the teacher and learns (1) what the teacher's neck is fed, at first also all of the teacher's
features through linear maps that are thrown away afterwards (hints; Romero et al. 2014, arXiv:1412.6550), (2) the teacher's
answer at every dense point. Everything behind the trunk begins as the teacher's and is frozen at first. --labels-only leaves all of
the teacher out, for comparison: everything begins at random and learns from the photos' labels. The views are small to begin
with and reach the recipe's size in the last part: most passes are cheap ones. Minutes are those of CPU of a process, so that
a busy machine makes a run longer, not shorter.
"""
import argparse
import copy
import json
import math
import os
import tempfile
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from . import checkpoint, data, evaluate, fast, losses, model, pack, parallel, recipes, replay, shufflenetv1
from .detector import Detector

BATCH = 16                    # photos of a step for which the phases' rates are meant; they grow with its root
WARMUP, CLIP = 100, 5.0
DECAY, AVERAGE = 0.02, 0.998
GROWN = 0.2                   # rate of what begins as the teacher's, as a share of the phase's
WEIGHTS = {**dict.fromkeys(("c3", "c4", "c5", "all3", "all4", "all5"), 1.0), "cls": 0.03, "bins": 0.015, "label_cls": 1.0, "label_box": 0.5}


@dataclass
class Phase:
    name: str
    share: float      # of the minutes
    size: float       # of the views, as a share of the recipe's side
    smallest: float   # crop, share of a side
    rate: float
    low: float        # share of the rate at its end
    dense: bool       # neck and towers learn too, from the teacher's dense answers


PHASES = (Phase("features", 0.4, 0.6, 0.5, 2.1e-3, 0.05, False),
          Phase("all", 0.3, 0.7, 0.5, 6e-4, 0.5, True),
          Phase("wider", 0.18, 0.8, 0.5, 3e-4, 0.5, True),
          Phase("large", 0.12, 1.0, 0.55, 1.5e-4, 0.02, True))


def unexplained(mine, wanted):
    """Mean squared error of a feature map as a share of the wanted one's variance."""
    spread = (wanted - wanted.mean((0, 2, 3), keepdim=True)).square().mean()
    return (mine.float() - wanted).square().mean() / spread


def dense_loss(mine, wanted):
    """[N, A, 112] each -> divergence of the class scores and of the box distributions, summed over a photo's points."""
    q, c = wanted[..., :model.CLASSES].sigmoid(), model.CLASSES
    floor = F.binary_cross_entropy(q, q, reduction="sum")
    cls = F.binary_cross_entropy_with_logits(mine[..., :c], q, reduction="sum") - floor
    log_m, log_w = (t[..., c:].unflatten(-1, (4, model.BINS)).log_softmax(-1) for t in (mine, wanted))
    bins = ((log_w.exp() * (log_w - log_m)).sum((-1, -2)) * q.amax(-1)).sum()
    return cls / len(mine), bins / len(mine)


def fed(net, x):
    """-> what the trunk gives, what the neck is fed of it."""
    features = net.backbone(x)
    return features, [r(c) for r, c in zip(net.neck.reduce, features)]


def student(recipe, teacher, seed):
    """The network at its beginning: random trunk, the last batch norm of each residual branch zero, the rest the teacher's, or
    without a teacher random too."""
    torch.manual_seed(seed)
    net = Detector(recipe, norm=True)
    if teacher is None:
        for pred in net.rpn.pred:  # rare objects: all scores begin low (Lin et al. 2017, RetinaNet)
            torch.nn.init.constant_(pred.bias[:model.CLASSES], -4.6)
        return net
    fresh = ("backbone.", "neck.reduce.")
    net.load_state_dict({n: v for n, v in teacher.state_dict().items() if n in net.state_dict() and not n.startswith(fresh)}, strict=False)
    for m in net.modules():
        if isinstance(m, shufflenetv1.Unit) and m.stride == 1:
            torch.nn.init.zeros_(m.branch[7].weight)
    for r in net.neck.reduce:
        torch.nn.init.normal_(r.weight, std=0.01)
        torch.nn.init.zeros_(r.bias)
    return net


class Distiller:
    """photos: (array or tensor [photos, S, S, 3], rows of it) in the place of the training photos; such a run measures nothing."""

    def __init__(self, rank, world, args, photos=None):
        self.rank, self.world, self.args, self.device, self.store = rank, world, args, args.device, None
        if photos:
            self.pixels, self.rows = photos
        else:
            self.store = data.Photos(args.shared, args.cache)
            train = {p.name for p in self.store.train}
            self.rows = [i for i, p in enumerate(self.store.all) if p.name in train][rank::world]
            self.pixels = pack.squares(self.store, args.cache)
        self.teacher = None if args.labels_only else checkpoint.load_any(args.teacher)
        self.net = student(replace(recipes.RECIPES[args.recipe], size=args.size), self.teacher, args.seed)
        if self.teacher:
            self.teacher.to(self.device, torch.bfloat16)
        self.passes, self.begun, self.done, self.step, state = 0, 0, 0.0, 0, None
        self.phases = [p for p in PHASES if not (args.begin and p.name == "features")]
        if os.path.exists(self._last()):
            state = checkpoint.load(self._last())
            self.net.load_state_dict(state["net"])
            self.passes, self.begun, self.done, self.step = (state[k] for k in ("passes", "begun", "done", "step"))
        elif args.begin:
            self.passes = self.begun = checkpoint.load_compact(args.begin, self.net)
        self.net.to(self.device, memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        if state:
            self.average.load_state_dict(state["raw_average"])
        if self.device == "cpu":
            fast.install(self.net)
        self.maps = self._maps() if self.teacher and not args.begin else None
        if state and self.maps:
            self.maps.load_state_dict(state["maps"])
        self.optimizer = self._optimizer()
        if state:
            self.optimizer.load_state_dict(state["optimizer"])

    def _maps(self):
        """From the student's features to the teacher's."""
        widths = [[r.in_channels for r in n.neck.reduce] for n in (self.net, self.teacher)]
        maps = torch.nn.ModuleList(torch.nn.Conv2d(i, o, 1) for i, o in zip(*widths))
        for m in maps:
            torch.nn.init.normal_(m.weight, std=0.01)
            torch.nn.init.zeros_(m.bias)
        return maps.to(self.device, memory_format=torch.channels_last)

    def _optimizer(self):
        groups = [{"params": [p], "weight_decay": 0.0, "factor": 1.0, "grown": False} for p in (self.maps.parameters() if self.maps else ())]
        for name, p in self.net.named_parameters():
            if name.startswith("roi."):
                p.requires_grad_(False)
                continue
            size = float(p.detach().square().mean().sqrt())  # large tensors move in proportion, else check_trained finds them where they were
            grown = self.teacher is not None and not name.startswith(("backbone.", "neck.reduce."))
            groups.append({"params": [p], "weight_decay": DECAY if p.dim() > 1 and not grown else 0.0, "factor": GROWN * max(1.0, size) if grown else 1.0, "grown": grown})
        return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))

    # ---- state on disk

    def _last(self):
        return os.path.join(self.args.runs, "last.pt")

    def _save(self):
        if self.rank == 0:
            checkpoint.save(self._last(), {
                "recipe": self.args.recipe, "net": self.net.state_dict(), "raw_average": self.average.state_dict(),
                "average": shufflenetv1.fold(self.average.state_dict()), "optimizer": self.optimizer.state_dict(),
                "maps": self.maps and self.maps.state_dict(),
                "passes": self.passes, "begun": self.begun, "done": self.done, "step": self.step})
            checkpoint.save_compact(os.path.join(self.args.runs, "compact.safetensors"), self.average, self.args.recipe, self.passes)

    def _log(self, **row):
        if self.rank == 0:
            row = {"time": time.strftime("%H:%M:%S", time.gmtime()), "phase": "distill", "passes": self.passes, "minute": round(self.done, 2), **row}
            with open(os.path.join(self.args.runs, "log.jsonl"), "a") as f:
                f.write(json.dumps(row) + "\n")

    # ---- one step

    @torch.no_grad()
    def _answered(self, views, dense):
        """A batch of views and what the teacher makes of it, in bfloat16."""
        x = next(views)[1].bfloat16()
        features, wanted = fed(self.teacher, x)
        return (x, *wanted, model.flatten(self.teacher.rpn(self.teacher.neck(features)))) if dense else (x, *wanted, *features)

    def _losses(self, phase, x, *wanted):
        with torch.autocast(x.device.type, torch.bfloat16):
            features, got = fed(self.net, x)
            if phase.dense:
                mine = model.flatten(self.net.rpn(self.net.neck(features)))
            else:
                got += [m(f) for m, f in zip(self.maps, features)]
        lost = {n: unexplained(g, w.float()) for n, g, w in zip(WEIGHTS, got, wanted)}
        if phase.dense:
            lost["cls"], lost["bins"] = dense_loss(mine.float(), wanted[-1].float())
        return lost

    def _label_losses(self, _, rows, x, frames):
        size = x.shape[-1]
        with torch.autocast(x.device.type, torch.bfloat16):
            _, dense, at = self.net.first(x)
        dense = dense.float()
        told = [pack.labels(self.store.all[r], f, size) for r, f in zip(rows, frames)]
        return dict(zip(("label_cls", "label_box"), losses.label_loss(dense, model.decode(dense[..., model.CLASSES:], at, size, size), at, told)))

    def _step(self, phase, share, batch):
        factor = min(1, (self.step - self.entered + 1) / WARMUP) * (phase.low + (1 - phase.low) * (1 + math.cos(math.pi * share)) / 2)
        for g in self.optimizer.param_groups:
            g["lr"] = phase.rate * (self.args.batch * self.world / BATCH) ** 0.5 * factor * g["factor"]
            if g["grown"]:
                g["params"][0].requires_grad_(phase.dense or self.teacher is None)
        lost = (self._losses if self.teacher else self._label_losses)(phase, *batch)
        total = sum(v * WEIGHTS[k] for k, v in lost.items())
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        learning = [p for g in self.optimizer.param_groups for p in g["params"] if p.grad is not None]
        if self.world > 1:
            parallel.share_gradients(learning, self.world)
        torch.nn.utils.clip_grad_norm_(learning, CLIP)
        self.optimizer.step()
        self.step += 1
        self.passes += self.args.batch * self.world
        with torch.no_grad():
            d = min(AVERAGE, (1 + self.step) / (10 + self.step))
            mine, theirs = ([v for v in n.state_dict().values() if v.is_floating_point()] for n in (self.average, self.net))
            torch._foreach_lerp_(mine, theirs, 1 - d)
        return {k: float(v.detach()) for k, v in lost.items()}

    # ---- the run

    def _where(self):
        """-> phase of this moment, share of it that is over; None at the end."""
        over, begins, total = self._over(), 0.0, sum(p.share for p in self.phases)
        if over < 1:
            for p in self.phases:
                ends = begins + p.share / total
                if over < ends or p is self.phases[-1]:
                    return p, (over - begins) / (ends - begins)
                begins = ends
        return None, 1.0

    def _clock(self):
        """CPU seconds of this process; on a GPU, which the process only feeds, those of the wall."""
        return time.process_time() if self.device == "cpu" else time.time()

    def _over(self):
        return (self.passes - self.begun) / self.args.passes if self.args.passes else self.done / self.args.minutes

    def run(self):
        clock, before, phase = self._clock(), self.done, None
        sums, count, photos, told = {}, 0, 0, time.time()
        saved = looked = self.done
        if not self.step and self.store:
            self._log(train=len(self.store.train), dev=len(self.store.dev))
        while True:
            now = torch.tensor([before + (self._clock() - clock) / 60], dtype=torch.float64)
            if self.world > 1:
                dist.broadcast(now, 0)  # all processes follow the first one's clock
            self.done = float(now)
            at, share = self._where()
            if at is None:
                break
            if at is not phase:
                phase, self.entered, sums, count = at, self.step, {}, 0
                size = pack.side_for(self.args.size, phase.size)
                views = pack.batches(self.pixels, self.rows, size, self.args.batch, phase.smallest, self.args.seed + self.rank + self.step, self.device)
                answers = replay.Replay(os.path.join(self.args.runs, f"answers{self.rank}"), lambda: self._answered(views, phase.dense),
                                        self.args.reuse, self.args.seed + self.step)
                self._log(begins=phase.name, size=size)
            batch, fresh = (next(views), True) if self.teacher is None else answers.next()
            lost = self._step(phase, share, batch)
            photos += self.args.batch * self.world
            if fresh:  # what has not been seen before tells whether it learns
                sums, count = {k: sums.get(k, 0.0) + v for k, v in lost.items()}, count + 1
            if time.time() - told > self.args.tell:
                self._log(photos=photos, rate=round(photos / (time.time() - told), 1), **{k: round(v / count, 4) for k, v in sums.items()})
                sums, count, photos, told = {}, 0, 0, time.time()
            if self.done - saved > self.args.save_every:
                self._save()
                saved = self.done
            if self.args.look_every and self.done - looked > self.args.look_every:
                self.look()
                looked = self.done
        self._save()
        self.look()

    def look(self):
        """AP of the averaged weights' first stage on the development photos with all of COCO's labels, at the recipe's size."""
        if not self.store:
            return
        everyone = [None] * self.world
        net = Detector(self.net.recipe)
        net.load_state_dict(shufflenetv1.fold({k: v.cpu() for k, v in self.average.state_dict().items()}))
        known, began = evaluate.DevSet(self.store), time.time()
        net.eval().to(memory_format=torch.channels_last)
        mine = evaluate.first_only(net, known.photos(self.rank, self.world, full=True))
        if self.world > 1:
            dist.all_gather_object(everyone, mine)
        else:
            everyone = [mine]
        if self.rank == 0:
            f = evaluate.figures(known.truth, np.concatenate(everyone), known.full)
            self._log(dev={k: round(100 * f[k], 2) for k in ("AP", "AP50", "APs", "APm", "APl", "AR100")}, seconds=round(time.time() - began))


def work(rank, world, args):
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method="file://" + os.path.abspath(args.meeting), rank=rank, world_size=world)
    Distiller(rank, world, args).run()
    if world > 1:
        dist.destroy_process_group()


def options(arguments=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--recipe", choices=[r.name for r in recipes.RECIPES.values() if not r.begin], default="riffle-v1-1.0x-g3")
    p.add_argument("--minutes", type=float, default=600, help="CPU of a process, in all")
    p.add_argument("--passes", type=int, default=0, help="photos to see, instead of --minutes")
    p.add_argument("--begin", help="compact checkpoint to go on from (the phase that trains the trunk alone is left out)")
    p.add_argument("--teacher", default="models/riffle-v2-1.5x.safetensors")
    p.add_argument("--labels-only", action="store_true", help="no teacher (for the ablation)")
    p.add_argument("--size", type=int, help="side of the input; default: the recipe's")
    p.add_argument("--name", help="folder of the run below --runs; default: the recipe's name")
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs")
    p.add_argument("--processes", type=int, default=1, help="of one thread each")
    p.add_argument("--reuse", type=int, default=3, help="times a view with its teacher's answer is used")
    p.add_argument("--batch", type=int, default=BATCH, help="photos a process and step")
    p.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    p.add_argument("--save-every", type=float, default=3, help="minutes between checkpoints")
    p.add_argument("--look-every", type=float, default=15, help="minutes between measurements on the development photos; 0 = only at the end")
    p.add_argument("--tell", type=float, default=60, help="seconds between lines of the log")
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args(arguments)
    a.name, a.size = a.name or a.recipe, a.size or recipes.RECIPES[a.recipe].size
    a.cache, a.runs = os.path.join(a.runs, "cache"), os.path.join(a.runs, a.name)
    return a


def main():
    a = options()
    os.makedirs(a.runs, exist_ok=True)
    if a.processes == 1:
        return work(0, 1, a)
    with tempfile.TemporaryDirectory(dir=a.runs) as folder:
        a.meeting = os.path.join(folder, "meeting")
        mp.spawn(work, (a.processes, a), a.processes)


if __name__ == "__main__":
    main()
