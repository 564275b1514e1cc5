"""Latency of the default detector by width, layer by layer, as `riffle bench --layers` measures it on a CPU: what netadapt.py
reckons with instead of multiply-adds.

    python -m training.latency write FOLDER            # networks of random weights, every width lowered alike
    python -m training.latency measure FOLDER TABLE --riffle bin/riffle

A level k of STEPS means k/STEPS of the architecture's own width. Two series are measured: trunk and neck lowered together
under a whole second stage, and the second stage lowered alone. A layer belongs to one part (a unit, the neck with the
towers, the head), and only its own part's width changes its cost; roi.thin, which sees both neck and head, counts to the head.
"""
import argparse
import json
import os
import re
import shlex
import subprocess
import time
from collections import defaultdict
from dataclasses import replace

from . import recipes

STEPS, LEAST = 16, 4                       # levels a width has, and the lowest
UNITS = tuple(f"stage{s}.{u}" for s, n in ((2, 4), (3, 8), (4, 4)) for u in range(n))
PARTS = (*UNITS, "neck", "head")
OWN = {**{u: {"2": 88, "3": 176, "4": 352}[u[5]] for u in UNITS}, "neck": 128}   # of shufflenet_v2_x1.5
THIN, HIDDEN = 64, 256


def recipe(levels, name="shrunk"):
    """Levels by part -> the recipe of that network."""
    def width(own, level):
        return -(-own * level // STEPS)
    return replace(recipes.DEFAULT, name=name, title="The default detector of riffle, shrunk", trunk="ShuffleNet v2 1.5x (narrowed inside its units)",
                   branches=tuple(width(OWN[u], levels[u]) for u in UNITS),
                   neck=width(OWN["neck"], levels["neck"]), thin=width(THIN, levels["head"]), hidden=width(HIDDEN, levels["head"]))


def part(layer):
    """The part whose width changes a layer's cost, None for what stays; layer: a name that `riffle bench --layers` prints."""
    unit = re.match(r"backbone\.(stage\d\.\d)\.branch2", layer)
    if unit:
        return unit[1]
    if layer.startswith(("neck.", "rpn.")) or not layer:   # resizing has no name of its own
        return "neck"
    return "head" if layer.startswith("roi.") or layer == "RoIAlign" else None


class Table:
    """A measured table: milliseconds by part and level."""

    def __init__(self, path):
        with open(path) as f:
            self.about = json.load(f)
        self.parts, self.fixed = {p: defaultdict(float) for p in PARTS}, 0.0
        for layer, by_level in self.about["layers"].items():
            at = part(layer)
            if at is None:
                self.fixed += by_level[str(STEPS)]
                continue
            for level, ms in by_level.items():
                self.parts[at][int(level)] += ms

    def of(self, at, level):
        """Levels that were not measured lie on the line between their neighbours."""
        known = self.parts[at]
        low, high = max(k for k in known if k <= level), min(k for k in known if k >= level)
        return known[low] if low == high else known[low] + (known[high] - known[low]) * (level - low) / (high - low)

    def total(self, levels):
        """Milliseconds of a picture, decoding and sampling it left out."""
        return self.fixed + sum(self.of(p, levels[p]) for p in PARTS)


def series():
    """File -> levels."""
    out = {"whole": dict.fromkeys(PARTS, STEPS)}
    for k in range(LEAST, STEPS):
        out[f"first-{k}"] = {p: STEPS if p == "head" else k for p in PARTS}
    for k in range(LEAST, STEPS, 2):
        out[f"head-{k}"] = {p: k if p == "head" else STEPS for p in PARTS}
    return out


def write(folder):
    import torch
    from . import detector, export
    os.makedirs(folder, exist_ok=True)
    for name, levels in series().items():
        torch.manual_seed(0)
        r = recipe(levels, name)
        export.write(os.path.join(folder, name + ".safetensors"), r, detector.Detector(r).state_dict(), {}, detector.ALPHA)


def measure(folder, out, riffle, runs):
    layers, about = defaultdict(dict), None
    for name, levels in series().items():
        command = [*shlex.split(riffle), "bench", "--arch", os.path.join(folder, name + ".safetensors"), "--layers", "--json", "--runs", str(runs)]
        said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        about = about or {"cpu": said["cpu"], "size": said["size"], "threads": said["threads"], "runs": runs}
        times = defaultdict(float)
        for row in said["layers"]:
            if row["name"] != "preprocess":
                times[row["name"]] += row["median_ms"]
        for layer, ms in times.items():
            at = part(layer)
            level = levels[at] if at else STEPS
            if name == "whole" or (at == "head") == name.startswith("head") and at:
                layers[layer][level] = round(ms, 4)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    about.update(date=time.strftime("%Y-%m-%d", time.gmtime()), commit=commit, command="python -m training.latency", steps=STEPS, layers=layers)
    with open(out, "w") as f:
        text = json.dumps(about, indent=1)
        f.write(re.sub(r"\n   ?(\s*\"\d+\")", r" \1", text).replace("\n  }", "}") + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = p.add_subparsers(dest="what", required=True)
    sub.add_parser("write").add_argument("folder")
    m = sub.add_parser("measure")
    m.add_argument("folder")
    m.add_argument("table")
    m.add_argument("--riffle", default="bin/riffle")
    m.add_argument("--runs", type=int, default=25)
    a = p.parse_args()
    if a.what == "write":
        write(a.folder)
    else:
        measure(a.folder, a.table, a.riffle, a.runs)


if __name__ == "__main__":
    main()
