"""NanoDet-Plus-m and m-1.5x (Apache-2.0, ncnn files) as the state of our first stage: where training starts."""
import os

import torch

from . import ncnn
from .detector import Detector
from .model import REPEATS

FILES = {"NanoDet-Plus-m": "nanodet-plus-m_416", "NanoDet-Plus-m-1.5x": "nanodet-plus-m-1.5x_416_int8"}


def _bottleneck(at):
    return [f"neck.{at}.{part}" for part in (
        "ghost1.primary", "ghost1.cheap", "ghost2.primary", "ghost2.cheap", "shortcut.0", "shortcut.1")]


def _separable(at):
    return [f"{at}.0", f"{at}.1"]


def file_order(sorted_by_depth):
    """Our names of the convolutions, in the order of an ncnn file: that of execution, branch by branch, or, as ncnn's
    optimiser leaves it, by depth in the graph."""
    names, first = ["backbone.conv1.0"], ("branch1.0", "branch1.2", "branch2.0", "branch2.3", "branch2.5")
    if sorted_by_depth:
        first = ("branch1.0", "branch2.0", "branch2.3", "branch1.2", "branch2.5")
    for stage, repeats in enumerate(REPEATS, 2):
        names += [f"backbone.stage{stage}.0.{b}" for b in first]
        for unit in range(1, repeats):
            names += [f"backbone.stage{stage}.{unit}.branch2.{i}" for i in (0, 3, 5)]
    if sorted_by_depth:
        names += ["neck.reduce.2", "neck.reduce.1", *_bottleneck("top_down.0"), "neck.reduce.0", *_bottleneck("top_down.1")]
    else:
        names += [f"neck.reduce.{i}" for i in range(3)] + _bottleneck("top_down.0") + _bottleneck("top_down.1")
    for i in range(2):
        names += [*_separable(f"neck.downsample.{i}"), *_bottleneck(f"bottom_up.{i}")]
    names += [*_separable("neck.extra_in"), *_separable("neck.extra_out")]
    if not sorted_by_depth:
        for level in range(4):
            names += [*_separable(f"rpn.stem.{level}.0"), *_separable(f"rpn.stem.{level}.1"), f"rpn.pred.{level}"]
        return names
    for level in range(4):
        names += _separable(f"rpn.stem.{level}.0")
    for level in (3, 2, 1, 0):
        names += [*_separable(f"rpn.stem.{level}.1"), f"rpn.pred.{level}"]
    return names


def state(shared, name):
    """First-stage state dict (names as in Detector) from the teacher's files under shared/teacher/weights.

    The teacher was fed BGR; the stem's input channels are turned round, so ours is fed RGB.
    """
    at = os.path.join(shared, "teacher", "weights", FILES[name])
    convs, names = ncnn.read(at + ".param", at + ".bin"), file_order(name == "NanoDet-Plus-m-1.5x")
    if len(convs) != len(names):
        raise ValueError(f"{at}: {len(convs)} convolutions, expected {len(names)}")
    out = {}
    for name, conv in zip(names, convs):
        weight = torch.from_numpy(conv.weight.copy())
        out[name + ".weight"] = weight.flip(1) if name == "backbone.conv1.0" else weight
        out[name + ".bias"] = torch.from_numpy(conv.bias.copy())
    return out


def load(detector, shared, name):
    """Copies the teacher into the first stage of a Detector; the second stage keeps its initialisation."""
    missing, unexpected = detector.load_state_dict(state(shared, name), strict=False)
    wrong = [n for n in missing if not n.startswith("roi.")] + list(unexpected)
    if wrong:
        raise ValueError(f"teacher does not fit: {wrong[0]}")
    return detector


def start(shared, recipe, seed=0):
    """The Detector training begins from: the teacher's first stage, a second stage initialised from the seed."""
    torch.manual_seed(seed)
    return load(Detector(recipe), shared, recipe.begin)
