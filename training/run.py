"""Trains a detector of riffle, resumes a broken run, measures, exports weights and model card: one command.

    OMP_NUM_THREADS=1 python -m training.run --shared ../shared
"""
import argparse
import os
import sys
import tempfile

import torch.multiprocessing as mp

from . import finish, recipes
from .train import Phase, work


def options():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--shared", default="../shared", help="folder with data/ and teacher/")
    p.add_argument("--recipe", choices=[r.name for r in recipes.RECIPES.values() if r.begin], default=recipes.DEFAULT.name)
    p.add_argument("--runs", default="training/runs", help="checkpoints, logs and decoded photos (not in git)")
    p.add_argument("--processes", type=int, default=2, help="of one thread each")
    p.add_argument("--head-minutes", type=float, default=22, help="CPU of a process for the second stage alone, first stage frozen")
    p.add_argument("--all-minutes", type=float, default=80, help="all tensors")
    p.add_argument("--last-minutes", type=float, default=20, help="second stage alone again, on the trained first stage")
    p.add_argument("--trunk-rate", type=float, default=8e-4, help="rate of the first stage, share of each tensor's size")
    p.add_argument("--look-every", type=float, default=10, help="minutes between measurements")
    p.add_argument("--save-every", type=float, default=3, help="minutes between checkpoints")
    p.add_argument("--nice", type=int, default=15)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--status", help="file that gets a line after every measurement")
    a = p.parse_args()
    a.cache, a.name = os.path.join(a.runs, "cache"), a.recipe
    a.all_runs, a.runs, a.recipe = a.runs, os.path.join(a.runs, a.name), recipes.RECIPES[a.name]
    return a


def phases(a):
    return [Phase("head", a.head_minutes, batch=16, rate=7e-4),
            Phase("all", a.all_minutes, batch=8, rate=5e-4, trunk=a.trunk_rate, average=0.96),
            Phase("last", a.last_minutes, batch=16, rate=5e-4, average=0.97)]


def train(a):
    os.makedirs(a.runs, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=a.runs) as folder:
        a.meeting = os.path.join(folder, "meeting")
        mp.spawn(work, (a.processes, a, phases(a)), a.processes)


def main():
    a = options()
    train(a)
    return finish.main(["--shared", a.shared, "--runs", a.all_runs, "--recipe", a.name])


if __name__ == "__main__":
    sys.exit(main())
