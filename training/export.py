"""Weights -> safetensors: float16 tensors and one JSON header that tells the Go program all it needs.

    python -m training.export training/runs/riffle-v2-1.5x/best.pt models/riffle-v2-1.5x.safetensors
"""
import argparse
import json
import os

import torch
from safetensors.torch import save_file

from . import checkpoint, classes, detector, model, preprocess, recipes, roi


def licence(recipe):
    begun = f"initialised from {recipe.begin}, Apache-2.0" if recipe.begin else "neck and heads initialised from riffle-v2-1.5x, Apache-2.0"
    return f"Apache-2.0 ({begun}); see the model card for photos and labels"


def header(recipe, ap, alpha):
    shrunk = {"branch_widths": list(recipe.branches)} if recipe.branches else {}
    return {
        "format": 1, "name": recipe.name, "arch": recipe.arch, "kind": "two_stage",
        "input": [recipe.size, recipe.size],
        "mean": [float(f"{v:.6g}") for v in preprocess.MEAN], "std": [float(f"{v:.6g}") for v in preprocess.STD],
        "classes": [{"id": i, "name": n} for i, n in zip(classes.IDS, classes.NAMES)],
        "licence": licence(recipe), **shrunk, "neck_channels": recipe.neck or model.ARCHS[recipe.arch][2],
        "roi": {"channels": recipe.thin or roi.CHANNELS, "size": roi.SIZE, "sampling": roi.SAMPLING, "hidden": recipe.hidden or roi.HIDDEN,
                **({"finest": recipe.finest} if recipe.finest else {}), "proposals": recipe.proposals, "pre_nms": roi.PRE_NMS, "nms": roi.PROPOSAL_IOU, "second_stage_weight": alpha},
        "nms": detector.IOU, "ap": ap,
    }


def write(path, recipe, state, ap, alpha):
    """state: float32 state dict of a Detector; ap: measured figures for the header."""
    half = {}
    for name, value in state.items():
        half[name] = value.detach().to(torch.float16).contiguous()
        if not torch.isfinite(half[name]).all():
            raise ValueError(f"{name}: does not fit float16")
    save_file(half, path, {"riffle": json.dumps(header(recipe, ap, alpha), separators=(",", ":"))})


def change_header(path, **fields):
    """Sets fields of a file's header; the tensors stay as they are."""
    from safetensors.torch import load_file
    head = {**read_header(path), **fields}
    save_file(load_file(path), path + ".part", {"riffle": json.dumps(head, separators=(",", ":"))})
    os.replace(path + ".part", path)


def read_header(path):
    from safetensors import safe_open
    with safe_open(path, "pt") as f:
        return json.loads(f.metadata()["riffle"])


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("checkpoint")
    p.add_argument("out")
    p.add_argument("--alpha", type=float, default=detector.ALPHA)
    p.add_argument("--ap", type=float, help="AP (fraction) for the header, measured on --ap-data")
    p.add_argument("--ap-data", default="300 COCO val2017 photos")
    a = p.parse_args()
    ap = {"data": a.ap_data, "AP": a.ap} if a.ap is not None else {}
    s = checkpoint.load(a.checkpoint)
    write(a.out, recipes.RECIPES[s["recipe"]], s["average"], ap, a.alpha)


if __name__ == "__main__":
    main()
