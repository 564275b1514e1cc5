"""The training loop: two synchronous processes of one thread each, resumable at any moment. The schedule is in minutes of
CPU of a process, so that a busy machine makes a run longer, not shorter.

Phase "head" trains the second stage on the teacher's frozen first stage. Phase "all" trains every tensor, the first stage
at a rate in proportion to each tensor's own size, because folded batch norms leave tensors of very different scale.
"""
import copy
import json
import math
import os
import random
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.distributed as dist

from . import augment, checkpoint, data, evaluate, losses, model, parallel, recipes, roi, teacher

ALPHAS = (0.0, 0.4, 0.7)   # second stage weights that are watched


@dataclass
class Phase:
    name: str
    minutes: float
    batch: int              # photos a process and step
    rate: float             # AdamW rate of the second stage
    trunk: float = 0.0      # rate of the first stage, as a share of each tensor's root mean square; 0 = frozen
    average: float = 0.995  # decay of the moving average of the weights
    low: float = 0.02       # share of the rate that is left at the end of the cosine


WARMUP = 5                  # steps
DECAY = 0.02                # weight decay of the second stage's matrices
BIAS_RATE = 2.0             # of a tensor's rate in the first stage: gradients of biases are mostly noise, they move slowly
LAG = (0.0014, 0.02, 20.0)  # relative change below which a tensor lags, what it is sped up towards, largest factor
CLIP = (50.0, 2000.0)       # largest gradient norm of the second and of the first stage
BOX_RATE = 0.2              # of the second stage's rate, for the layer that moves boxes: a step of it moves every box
WEIGHTS = {"roi_cls": 4.0, "roi_box": 1.0, "cls": 1.0, "dist": 0.5, "box": 0.5}


class Trainer:
    def __init__(self, rank, world, args):
        self.rank, self.world, self.args = rank, world, args
        self.store = data.Photos(args.shared, args.cache)
        self.dev = evaluate.DevSet(self.store)
        self.net, self.teacher = self._networks()
        self.net.to(memory_format=torch.channels_last)
        self.teacher.eval().requires_grad_(False)
        torch.manual_seed(args.seed + 1 + rank)
        self.began = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.done, self.best, self.names = 0.0, -1.0, [n for n, _ in self.net.named_parameters()]
        self.finished, self.optimiser_state, self.steps = [], None, 0
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.last = os.path.join(args.runs, "last.pt")
        if os.path.exists(self.last):
            self._resume(checkpoint.load(self.last))

    def _networks(self):
        """-> what is trained, and whose answers its first stage is held to: what it begins as, if nothing better is known."""
        net = teacher.start(self.args.shared, self.args.recipe, self.args.seed)
        return net, copy.deepcopy(net)

    # ---- state on disk

    def _resume(self, s):
        self.net.load_state_dict(s["net"])
        self.average.load_state_dict(s["average"])
        self.done, self.best, self.finished = s["done"], s["best"], s["finished"]
        self.optimiser_state, self.steps = s["optimiser"], s["steps"]

    def _save(self, optimiser=None):
        if self.rank == 0:
            checkpoint.save(self.last, {
                "recipe": recipes.to_saved(self.args.recipe), "net": self.net.state_dict(), "average": self.average.state_dict(), "done": self.done, "best": self.best,
                "finished": self.finished, "optimiser": optimiser and optimiser.state_dict(), "steps": self.steps})

    def _log(self, **row):
        if self.rank == 0:
            row = {"time": time.strftime("%H:%M:%S", time.gmtime()), **row}
            with open(os.path.join(self.args.runs, "log.jsonl"), "a") as f:
                f.write(json.dumps(row) + "\n")

    # ---- one step

    def _batch(self, phase, rng):
        views = []
        while len(views) < phase.batch:
            if not self.order:
                self.order = self.store.epoch(rng)[self.rank::self.world]
            p = self.order.pop()
            views.append(augment.view(self.store.rgb(p), p, self.args.recipe.size, rng))
        x = torch.from_numpy(np.stack([v[0] for v in views])).contiguous(memory_format=torch.channels_last)
        return x, [(*(torch.from_numpy(np.ascontiguousarray(t)) for t in v[1:4]), v[4]) for v in views]

    def _first(self, net, x, frozen):
        if not frozen:
            return net.first(x)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            pyramid, dense, at = net.first(x)
        return [p.float() for p in pyramid], dense.float(), at

    def _losses(self, phase, x, labels):
        size = self.args.recipe.size
        pyramid, dense, at = self._first(self.net, x, not phase.trunk)
        proposals = self.net.propose(dense.detach(), at, size, size)
        logits, deltas = self.net.second(pyramid, proposals, size, size)
        boxes, prior = torch.cat([p[0] for p in proposals]), torch.cat([p[1] for p in proposals])
        refined = roi.apply_deltas(boxes, deltas)
        out = {}
        out["roi_cls"], out["roi_box"] = losses.second_loss(
            logits, refined, boxes, prior, labels, [len(p[0]) for p in proposals])
        if phase.trunk:
            _, wanted, _ = self._first(self.teacher, x, True)
            placed = model.decode(dense[..., model.CLASSES:], at, size, size)
            with torch.no_grad():
                wanted_boxes = model.decode(wanted[..., model.CLASSES:], at, size, size)
            out["cls"], out["dist"], out["box"] = losses.first_loss(dense, placed, wanted, wanted_boxes, labels)
        return out

    def _optimiser(self, phase):
        groups = []
        for name, p in self.net.named_parameters():
            if name.startswith("roi."):
                p.requires_grad_(True)
                rate = phase.rate * (BOX_RATE if name.startswith("roi.reg") else 1)
                groups.append({"params": [p], "base": rate, "weight_decay": DECAY if p.dim() > 1 else 0.0})
            else:
                p.requires_grad_(phase.trunk > 0)
                if phase.trunk:
                    size = float(self.began.get_parameter(name).square().mean().sqrt())
                    rate = phase.trunk * size * (BIAS_RATE if p.dim() == 1 else 1) * self._laggard(name, p)
                    groups.append({"params": [p], "base": rate, "weight_decay": 0.0})
        optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.99))
        if self.optimiser_state:
            optimiser.load_state_dict(self.optimiser_state)
            for now, g in zip(groups, optimiser.param_groups):
                g["base"] = now["base"]  # the rates asked for now, not those of the interrupted run
            self.optimiser_state = None
        return optimiser

    def _laggard(self, name, p):
        """A resumed run gives tensors that have hardly moved so far a higher rate."""
        was = self.began.get_parameter(name)
        moved = float((p.detach() - was).norm() / was.norm())
        return LAG[1] / max(moved, LAG[1] / LAG[2]) if self.done and moved < LAG[0] else 1.0

    # ---- phases

    def run(self, phase):
        if phase.name in self.finished:
            return
        self.order = []
        rng = random.Random(self.args.seed + 1000 * self.rank + self.steps)
        if not phase.trunk and not self.done:
            self._settle()
        optimiser = self._optimiser(phase)
        parameters = [p for g in optimiser.param_groups for p in g["params"]]
        second = list(self.net.roi.parameters())
        first = [p for p in parameters if all(p is not q for q in second)]
        begun, before = time.process_time(), self.done
        saved = looked = logged = before
        sums, count, step = {}, 0, 0
        while True:
            clock = torch.tensor([before + (time.process_time() - begun) / 60])
            dist.broadcast(clock, 0)  # all processes follow the first one's CPU clock
            self.done = float(clock)
            if self.done >= phase.minutes:
                break
            share = self.done / phase.minutes
            factor = (phase.low + (1 - phase.low) * (1 + math.cos(math.pi * share)) / 2) * min(1, (step + 1) / WARMUP)
            for g in optimiser.param_groups:
                g["lr"] = g["base"] * factor
            out = self._losses(phase, *self._batch(phase, rng))
            optimiser.zero_grad(set_to_none=True)
            sum(WEIGHTS[k] * v for k, v in out.items()).backward()
            parallel.share_gradients(parameters, self.world)
            for part, limit in zip((second, first), CLIP):
                torch.nn.utils.clip_grad_norm_(part, limit)
            optimiser.step()
            step, self.steps = step + 1, self.steps + 1
            self._follow(phase.average)
            for k, v in out.items():
                sums[k] = sums.get(k, 0.0) + float(v.detach())
            count += 1
            if self.done - logged > 0.5:
                self._log(phase=phase.name, minute=round(self.done, 2), step=self.steps, photos=count * phase.batch * self.world,
                          **{k: round(v / count, 4) for k, v in sums.items()})
                sums, count, logged = {}, 0, self.done
            if self.done - saved > self.args.save_every:
                self._save(optimiser)
                saved = self.done
            if self.done - looked > self.args.look_every:
                pause = time.process_time()
                self.look(phase)
                begun += time.process_time() - pause
                looked = self.done
        self.finished.append(phase.name)
        self.done = 0.0
        self._save()
        if phase.minutes >= self.args.look_every:
            self.look(phase)
            self._save()

    def _settle(self):
        """What is going to be frozen becomes its own average."""
        with torch.no_grad():
            for name, p in self.net.named_parameters():
                if not name.startswith("roi."):
                    p.copy_(self.average.get_parameter(name))

    def _follow(self, decay):
        d = min(decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for a, p in zip(self.average.parameters(), self.net.parameters()):
                a.lerp_(p, 1 - d)

    # ---- watching

    def look(self, phase):
        """AP of the averaged weights on the development set, which chooses what is kept."""
        row = {"phase": phase.name, "minute": round(self.done, 1), "step": self.steps}
        mine = evaluate.run(self.average, self.dev.photos(self.rank, self.world), evaluate.rules(ALPHAS))
        everyone = [None] * self.world
        dist.all_gather_object(everyone, mine)
        if self.rank == 0:
            row["dev"] = {k: round(100 * self.dev.score(np.concatenate([e[k] for e in everyone])), 2) for k in mine}
            self._log(**row)
            score = max(v for k, v in row["dev"].items() if k != "first")
            if score > self.best:
                self.best = score
                checkpoint.save(os.path.join(self.args.runs, "best.pt"), {"recipe": recipes.to_saved(self.args.recipe), "average": self.average.state_dict(), "row": row})
            if self.args.status:
                with open(self.args.status, "a") as f:
                    f.write(time.strftime("%H:%M ", time.gmtime()) + json.dumps(row) + "\n")


def work(rank, world, args, phases, kind=Trainer):
    torch.set_num_threads(1)
    os.setpriority(os.PRIO_PROCESS, 0, args.nice)
    dist.init_process_group("gloo", init_method="file://" + os.path.abspath(args.meeting), rank=rank, world_size=world)
    trainer = kind(rank, world, args)
    if rank == 0 and not trainer.finished and not trainer.done:
        trainer._log(phases=[asdict(p) for p in phases], train=len(trainer.store.train), dev=len(trainer.store.dev))
    for phase in phases:
        trainer.run(phase)
    dist.destroy_process_group()
