"""Whether all programs compute the same."""
import os

import numpy as np
from tensors import Tensors


def compare(case, about, programs, whole_detector):
    """-> largest difference of every peer from riffle, relative to the largest value (boxes: to the picture's side)."""
    out = {p: np.fromfile(os.path.join(case, f"out.{p}.bin"), "<f4") for p in programs}
    mine = out.pop("riffle")
    if whole_detector:
        ids = category_ids(case)
        return {p: boxes(mine.reshape(-1, 6), named(o.reshape(-1, 6), ids), about["size"]) for p, o in out.items()}
    return {p: float(np.abs(o - mine).max() / np.abs(mine).max()) if o.shape == mine.shape else float("inf")
            for p, o in out.items()}


def category_ids(case):
    import detector
    tensors = Tensors(os.path.join(os.path.dirname(case), "weights.safetensors"))
    return [c["id"] for c in detector.header(tensors)["classes"]]


def named(rows, ids):
    """Numbers of classes -> categories."""
    rows = rows.copy()
    rows[:, 5] = [ids[int(c)] for c in rows[:, 5]]
    return rows


def boxes(mine, theirs, side):
    """Every detection of mine is looked for in theirs among those of its class; infinite where the counts differ."""
    if len(mine) != len(theirs) or not len(mine):
        return float("inf")
    scale, worst, free = np.array([side] * 4 + [1.0]), 0.0, list(range(len(theirs)))
    for m in mine:
        same = [i for i in free if theirs[i, 5] == m[5]]
        if not same:
            return float("inf")
        apart = [float(np.abs((theirs[i, :5] - m[:5]) / scale).max()) for i in same]
        best = int(np.argmin(apart))
        worst = max(worst, apart[best])
        free.remove(same[best])
    return worst
