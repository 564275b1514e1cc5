"""From the last checkpoint to what is shipped: choose on the development set, export, measure on val, check, write the card.

    python -m training.finish --shared ../shared
"""
import argparse
import json
import os
import sys

import torch

from . import calibrate, card, check_trained, checkpoint, data, detector, evaluate, export, recipes, roi

ALPHAS = (0.1, 0.2, 0.35, 0.6, 1.0)
BOX_SHARES = (0.5, 1.0)


def moved(share, alpha):
    """Rule: boxes go only that share of the way the second stage wants."""
    def rule(out, width, height):
        refined = roi.apply_deltas(out["proposals"], share * out["deltas"])
        return detector.whole({**out, "refined": refined}, width, height, alpha)
    return rule


def choose(net, dev, alphas, shares):
    """-> box share, alpha, development AP (fraction) by rule."""
    chosen = {"first": detector.first_only}
    for share in shares:
        chosen.update({(share, a): moved(share, a) for a in alphas})
    score = {k: dev.score(rows) for k, rows in evaluate.run(net, dev.photos(), chosen).items()}
    share, alpha = max((k for k in score if k != "first"), key=score.get)
    return share, alpha, score


def main(arguments=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--recipe", choices=recipes.RECIPES, default=recipes.DEFAULT.name)
    p.add_argument("--runs", default="training/runs")
    p.add_argument("--checkpoint", help="default: last.pt, where the rates ended; best.pt is what scored best when looked at")
    p.add_argument("--out", help="default: models/NAME.safetensors")
    p.add_argument("--alphas", type=float, nargs="+", default=ALPHAS, help="weights of the second stage to choose from")
    p.add_argument("--shares", type=float, nargs="+", default=BOX_SHARES, help="of the box movement, to choose from")
    p.add_argument("--logs", nargs="+", help="log.jsonl of the runs that made the checkpoint, in order; default: those of --runs")
    a = p.parse_args(arguments)
    recipe, folder = recipes.RECIPES[a.recipe], os.path.join(a.runs, a.recipe)
    a.cache, a.checkpoint = os.path.join(a.runs, "cache"), a.checkpoint or os.path.join(folder, "last.pt")
    a.out = a.out or f"models/{recipe.name}.safetensors"
    torch.set_num_threads(1)
    dev = evaluate.DevSet(data.Photos(a.shared, a.cache))
    net = checkpoint.load_any(a.checkpoint)
    recipe = net.recipe
    share, alpha, score = choose(net, dev, a.alphas, a.shares)
    print(f"development AP: first stage {100 * score['first']:.2f}, both {100 * score[share, alpha]:.2f}"
          f" at weight {alpha:g} and box share {share:g}", flush=True)
    state = net.state_dict()
    for name in ("roi.reg.weight", "roi.reg.bias"):
        state[name] = state[name] * share  # deltas are linear in the last layer
    export.write(a.out, recipe, state, {}, alpha)
    val = evaluate.ValSet(a.shared)
    rows = evaluate.run(checkpoint.load_any(a.out), val.photos(), evaluate.rules([alpha]))
    measured = {k: evaluate.figures(val.truth, r) for k, r in rows.items()}
    first, whole = measured["first"], measured[f"a{alpha:g}"]
    print("val, first stage", json.dumps(first), "\nval, both stages", json.dumps(whole), flush=True)
    export.write(a.out, recipe, state, {"data": "300 photos of COCO val2017 (92 % with a person)", **{k: round(v, 4) for k, v in whole.items()}}, alpha)
    found = {"first": score["first"], "whole": score[share, alpha], "share": share}
    card.write(os.path.splitext(a.out)[0] + ".md", recipe, folder, a.logs or [os.path.join(folder, "log.jsonl"), os.path.join(folder + "-head", "log.jsonl")],
               found, first, whole, alpha)
    calibrate.main([a.out, "--shared", a.shared, "--runs", a.runs])
    return check_trained.main([a.out, "--shared", a.shared, "--quiet"])


if __name__ == "__main__":
    sys.exit(main())
