"""Measures what input size, proposals and the second stage are worth, and writes docs/ablation.md: make ablation

AP comes from `riffle eval` on ../shared/data/val, times from `riffle bench` (from the planes of the input to boxes, one
thread), all settings in turn, round after round, so that what else the machine does hits all alike. The rows on channel shuffle
and distillation are those of training/shuffle.json and training/ablation.json (python -m training.shuffle and training.ablation make them).

    python3 bench/ablation/ablation.py --steps ap      # minutes, any machine
    python3 bench/ablation/ablation.py --steps time    # half a minute, quiet machine
    python3 bench/ablation/ablation.py --steps table
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess

MODEL, SMALL = "riffle-v2-1.5x", "riffle-v2-1.0x-256"
SIZES = (224, 256, 288, 320, 352, 384, 416, 448, 480, 512)
PROPOSALS = (20, 50, 64, 100, 300)
OWN_SIZE, OWN_PROPOSALS = 352, 64
ROUNDS, RUNS = 3, 8
RESULTS = "bench/ablation/results.json"
PAGE = "docs/ablation.md"


def settings():
    out = {f"size {s}": ["--size", str(s)] for s in SIZES}
    out.update({f"proposals {n}": ["--proposals", str(n)] for n in PROPOSALS})
    return out


def load():
    if os.path.exists(RESULTS):
        with open(RESULTS) as f:
            return json.load(f)
    return {"ap": {}, "ms": {}}


def save(found):
    with open(RESULTS, "w") as f:
        json.dump(found, f, indent=1, sort_keys=True)
        f.write("\n")


def riffle(*args):
    return json.loads(subprocess.run(["bin/riffle", *args, "--json"], check=True, capture_output=True, text=True).stdout)


def commit():
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def measure_ap(found, shared):
    data = os.path.join(shared, "data", "val")
    common = ["eval", "--images", os.path.join(data, "images"), "--annotations", os.path.join(data, "instances.json")]
    for name, flags in {**settings(), "first stage": ["--first-stage-only"]}.items():
        found["ap"][name] = riffle(*common, "--model", MODEL, *flags)
        print(name, round(100 * found["ap"][name]["AP"], 2), flush=True)
    found["ap_commit"] = commit()


def measure_time(found):
    times = {}
    for _ in range(ROUNDS):
        for name, flags in settings().items():
            r = riffle("bench", "--arch", MODEL, "--runs", str(RUNS), *flags)
            times.setdefault(name, []).append(r)
    for name, rounds in times.items():
        found["ms"][name] = {"ms": statistics.median(r["median_ms"] for r in rounds), "macs": rounds[0]["macs"]}
    found["machine"], found["ms_commit"] = rounds[0]["cpu"], commit()
    found["date"] = datetime.date.today().isoformat()


def row(found, name, label, own):
    ap, t = found["ap"][name], found["ms"][name]
    mark = "**" if own else ""
    cells = [label, f"{t['macs'] / 1e6:.0f} M", f"{t['ms']:.1f}"] + [f"{100 * ap[k]:.2f}" for k in ("AP", "AP50", "AP75", "APs", "APm", "APl")]
    return "| " + " | ".join(mark + c + mark for c in cells) + " |"


HEAD = "| {} | MACs | ms | AP | AP50 | AP75 | APs | APm | APl |\n|---|---|---|---|---|---|---|---|---|"


def shuffle_table():
    with open("training/shuffle.json") as f:
        rows = json.load(f)
    lines = [
        "## Channel shuffle", "",
        "`python -m training.shuffle`: ShuffleNet v1 1x from random weights learns to name the object in a box cut out of a",
        f"photo, 80 classes, {rows[0]['passes']:,} boxes seen, seed {rows[0]['seed']}, everything but the shuffle alike. Accuracy: mean over classes on",
        f"{rows[0]['boxes']:,} boxes that people drew into photos held out of training.", "",
        "| groups | with channel shuffle | without |", "|---|---|---|",
    ]
    for groups in sorted({r["groups"] for r in rows}):
        score = {r["shuffle"]: r["accuracy"] for r in rows if r["groups"] == groups}
        lines.append(f"| {groups} | {100 * score[True]:.1f} % | {100 * score[False]:.1f} % |")
    lines += ["", "One seed each, and short runs: a point or two is noise. The gain at g = 8 that the paper reports does not show here."]
    return lines + [""]


def distillation_table():
    with open("training/ablation.json") as f:
        trained = json.load(f)
    r = trained["whole"]
    lines = [
        "## Distillation", "",
        f"`python -m training.ablation`: a detector on ShuffleNet v1 1x, g = 3, {r['passes']:,} photo passes at {r['size']} pixels,"
        f" seed {r['seed']}, everything", "else alike. First stage, AP. Both runs are so short that neither has learnt much yet, and the difference is noise:", "a measurement that says nothing for or against distillation.", "",
        "| learns from | development photos | val |", "|---|---|---|",
    ]
    for name, label in (("whole", "riffle-v2-1.5x (features and dense answers) and labels"), ("labels-only", "labels alone")):
        lines.append(f"| {label} | {trained[name]['dev']['first']:.2f} | {trained[name]['val']['first']:.2f} |")
    return lines


def table(found):
    ap = found["ap"]
    first, both = ap["first stage"]["AP"], ap[f"size {OWN_SIZE}"]["AP"]
    lines = [
        "# What the parts are worth", "",
        "Written by `make ablation` (bench/ablation/ablation.py); the last two tables' rows by commands named there.",
        "AP on the 300 COCO val2017 photos of ../shared/data/val (92 % hold a person, so figures are not those of the full",
        "val2017; differences of half a point are noise). Times: one thread, input planes to boxes, median of"
        f" {ROUNDS} rounds of {RUNS} runs in turn.", f"{found['machine']}, {found['date']},"
        f" AP at commit {found['ap_commit']}, times at commit {found['ms_commit']}.", "",
        "## Input size", "",
        f"`riffle eval --size N` and `riffle bench --arch {MODEL} --size N`; the same weights, trained at {OWN_SIZE}.", "",
        HEAD.format("pixels"), *(row(found, f"size {s}", str(s), s == OWN_SIZE) for s in SIZES), "",
        "## Proposals", "",
        f"`--proposals N`: regions that the second stage pools; at {OWN_SIZE} pixels.", "",
        HEAD.format("at most"), *(row(found, f"proposals {n}", str(n), n == OWN_PROPOSALS) for n in PROPOSALS), "",
        f"The first stage alone (`--first-stage-only`): AP {100 * first:.2f}; with the second: {100 * both:.2f}.", "",
    ]
    lines += shuffle_table() + distillation_table()
    with open(PAGE, "w") as f:
        f.write("\n".join(lines) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--steps", nargs="*", choices=("ap", "time", "table"), default=["ap", "time", "table"])
    a = p.parse_args()
    found = load()
    if "ap" in a.steps:
        measure_ap(found, a.shared)
    if "time" in a.steps:
        measure_time(found)
    save(found)
    if "table" in a.steps:
        table(found)


if __name__ == "__main__":
    main()
