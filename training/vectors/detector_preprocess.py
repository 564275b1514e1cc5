"""Vectors for detector.Preprocessor: OpenCV's float bilinear resize, after a box average where the picture shrinks.

Run from the repository's root: python training/vectors/detector_preprocess.py
"""
import argparse

import cv2
import numpy as np
from safetensors.numpy import save_file

# (source width, height) -> (network width, height)
CASES = [((13, 9), (8, 8)), ((5, 7), (16, 12)), ((40, 31), (16, 16)), ((64, 48), (16, 16)), ((37, 29), (8, 8)),
         ((100, 20), (9, 16)), ((1, 1), (6, 4)), ((300, 2), (7, 5))]


def box_average(x, axis, factor):
    """Means of `factor` neighbours along an axis; the last box may hold fewer."""
    if factor == 1:
        return x
    cuts = np.arange(0, x.shape[axis], factor)
    sums = np.add.reduceat(x, cuts, axis)
    counts = np.diff(np.append(cuts, x.shape[axis]))
    return sums / counts.reshape([-1 if a == axis else 1 for a in range(x.ndim)])


def taps(src, dst, factor):
    """Bilinear taps on boxes: first, second, weight of the second."""
    boxes = -(-src // factor)
    c = np.clip((np.arange(dst) + 0.5) * (src / dst / factor) - 0.5, 0, boxes - 1)
    lo = np.minimum(np.floor(c).astype(int), boxes - 1)
    return lo, np.minimum(lo + 1, boxes - 1), c - lo


def resample(img, width, height):
    """The definition, in float64."""
    x = img.astype(np.float64)
    for axis, dst in ((0, height), (1, width)):
        src = x.shape[axis]
        factor = max(1, src // dst)
        x = box_average(x, axis, factor)
        lo, hi, f = taps(src, dst, factor)
        f = f.reshape([-1 if a == axis else 1 for a in range(3)])
        x = np.take(x, lo, axis) * (1 - f) + np.take(x, hi, axis) * f
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="photo/testdata/preprocess.safetensors")
    args = parser.parse_args()
    rng = np.random.default_rng(3)
    out = {}
    for i, ((w, h), (nw, nh)) in enumerate(CASES):
        img = rng.integers(0, 256, (h, w, 3), np.uint8)
        want = resample(img, nw, nh)
        fx, fy = max(1, w // nw), max(1, h // nh)
        if w % fx == 0 and h % fy == 0:
            # Whole boxes: OpenCV can do all of it, and has the last word.
            small = cv2.resize(img.astype(np.float32), (w // fx, h // fy), interpolation=cv2.INTER_AREA) if fx * fy > 1 else img.astype(np.float32)
            theirs = cv2.resize(small, (nw, nh), interpolation=cv2.INTER_LINEAR)
            assert np.abs(theirs - want).max() < 1e-3, (i, np.abs(theirs - want).max())
            want = theirs
        out[f"{i}.image"] = img
        out[f"{i}.want"] = np.ascontiguousarray(want.transpose(2, 0, 1), np.float32)
    save_file(out, args.out)


if __name__ == "__main__":
    main()
