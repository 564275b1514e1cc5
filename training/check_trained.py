"""Fails where a shipped tensor is still the teacher's or its own initialisation: every tensor must have been trained here.

    python -m training.check_trained models/riffle-v2-1.5x.safetensors --shared ../shared

A reference tensor r is what training began as: the teacher's (dequantised), the seeded initialisation, or for a distilled network
riffle-v2-1.5x's; s is the shipped one.
- Rounding r to float16 changes each element by at most 2^-11 = 0.00049 of itself, and so the whole tensor by no more of its
  length (usually half of that). |s - r| / |r| must be at least MOVED = 1.1 x 2^-11, which no rounding reaches. Tensors of a
  converged net move by little when trained further: what is asked is that training moved them, not how far.
- Weight decay alone only shrinks r, so after the best fitting factor k the rest |s - k r| / |r| must be at least MOVED too.
- At least half of the elements must differ from r rounded to float16, so that a few trained elements cannot carry a copy.
- A tensor that began as zero must have a root mean square of at least ZERO_MOVED.
"""
import argparse
import sys

import torch

from . import checkpoint, distill, recipes, shufflenetv1, teacher

MOVED = 1.1 * 2 ** -11
ZERO_MOVED = 1e-4


def moved(shipped, reference):
    """-> relative change, relative change beside a mere factor, share of elements that changed."""
    s, r = shipped.double().flatten(), reference.double().flatten()
    length = r.norm()
    if length == 0:
        return float("inf"), float("inf"), float((s != 0).double().mean())
    factor = (s @ r) / (r @ r)
    differ = shipped.half() != reference.half()
    return float((s - r).norm() / length), float((s - factor * r).norm() / length), float(differ.double().mean())


def fault(shipped, reference):
    """What is wrong with a tensor, or None."""
    if not reference.any():
        rms = float(shipped.double().square().mean().sqrt())
        return None if rms >= ZERO_MOVED else f"began as zero and has a root mean square of only {rms:.1e}"
    change, beside, differ = moved(shipped, reference)
    if change < MOVED:
        return f"changed by {change:.1e}, no more than rounding could"
    if beside < MOVED:
        return f"is only scaled (rest {beside:.1e})"
    if differ < 0.5:
        return f"only {differ:.0%} of its elements changed"
    return None


def began_as(recipe, shared, seed):
    """State of a recipe's network before its training."""
    if recipe.begin:
        return teacher.start(shared, recipe, seed).state_dict()
    default = checkpoint.load_any(f"models/{recipes.DEFAULT.name}.safetensors")
    return shufflenetv1.fold(distill.student(recipe, default, seed).state_dict())


def main(arguments=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("weights")
    p.add_argument("--shared", default="../shared")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--quiet", action="store_true", help="only the faults and the summary")
    a = p.parse_args(arguments)
    net = checkpoint.load_any(a.weights)
    shipped, reference = net.state_dict(), began_as(net.recipe, a.shared, a.seed)
    faults, changes = [], {}
    for name, r in reference.items():
        change, beside, differ = moved(shipped[name], r)
        wrong = fault(shipped[name], r)
        if wrong:
            faults.append(f"{name}: {wrong}")
        changes.setdefault(name.split(".")[0], []).append(change)
        if not a.quiet:
            print(f"{name:48} {change:9.4f} {beside:9.4f} {differ:6.1%}")
    for part, values in changes.items():
        v = torch.tensor([x for x in values if x != float("inf")])
        print(f"{part}: {len(values)} tensors, relative change least {v.min():.4f}, median {v.median():.4f}, most {v.max():.4f}")
    for f in faults:
        print("untrained:", f, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
