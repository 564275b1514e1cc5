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

VARIANTS = {"whole": [], "labels-only": ["--labels-only"]}
OUT = "training/ablation.json"


def scores(log):
    """The last development and val figures of a run."""
    with open(log) as f:
        rows = [json.loads(line) for line in f]
    return {k: next(r[k] for r in reversed(rows) if k in r) for k in ("dev", "val")}


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
                       **scores(os.path.join(a.runs, run, "log.jsonl"))}
        with open(OUT, "w") as f:
            json.dump(found, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
