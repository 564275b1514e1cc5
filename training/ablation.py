"""Trains a detector with and without distillation, one like the other, and writes what they score to training/ablation.json.

    OMP_NUM_THREADS=1 python -m training.ablation --shared ../shared

ShuffleNet v1 1x, g = 3, the same short schedule, seed and views each: as training.distill does it, and from labels alone.
A short run: docs/ablation.md says what it shows.
"""
import argparse
import json
import os
import subprocess
import sys

from . import checkpoint, data, evaluate

VARIANTS = {"whole": [], "labels-only": ["--labels-only"]}
OUT = "training/ablation.json"


def scores(path, shared, cache):
    """AP of a run's first stage on the development photos (with all of COCO's labels) and on val, in percent."""
    net, dev, val = checkpoint.load_any(path), evaluate.DevSet(data.Photos(shared, cache)), evaluate.ValSet(shared)
    return {"dev": {"first": round(100 * evaluate.figures(dev.truth, evaluate.first_only(net, dev.photos(full=True)), dev.full)["AP"], 2)},
            "val": {"first": round(100 * val.score(evaluate.first_only(net, val.photos())), 2)}}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--runs", default="training/runs")
    p.add_argument("--passes", type=int, default=6400)
    p.add_argument("--size", type=int, default=160)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--only", choices=VARIANTS, nargs="*", default=list(VARIANTS))
    a = p.parse_args()
    found = {}
    if os.path.exists(OUT):
        with open(OUT) as f:
            found = json.load(f)
    for name in a.only:
        run = f"ablation-{name}"
        command = [sys.executable, "-m", "training.distill", "--shared", a.shared, "--runs", a.runs, "--name", run,
                   "--passes", str(a.passes), "--size", str(a.size), "--seed", str(a.seed), *VARIANTS[name]]
        subprocess.run(command, check=True)
        found[name] = {"passes": a.passes, "size": a.size, "seed": a.seed,
                       **scores(os.path.join(a.runs, run, "last.pt"), a.shared, os.path.join(a.runs, "cache"))}
        with open(OUT, "w") as f:
            json.dump(found, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
