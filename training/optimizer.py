"""Muon (Jordan et al. 2024) for the convolutions of a trunk that begins at random, AdamW for everything else.

Muon's step is the momentum with all singular values set to about one, by a few Newton-Schulz iterations; here each group of
a grouped convolution is a matrix of its own.
"""
import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(m, steps=5):
    """[..., r, c] -> the same with singular values near one."""
    a, b, c = COEFFICIENTS
    turned = m.shape[-2] > m.shape[-1]
    x = m.mT if turned else m
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return x.mT if turned else x


class Muon(torch.optim.Optimizer):
    """For convolution weights [O, I / groups, k, k]; a parameter group's `groups` says how many matrices a weight is."""

    def __init__(self, groups, lr, momentum=0.95):
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": 0.0, "groups": 1})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                kept = self.state[p].setdefault("momentum", torch.zeros_like(p))
                kept.lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(kept, group["momentum"])
                m = ahead.reshape(group["groups"], len(p) // group["groups"], -1)
                step = orthogonal(m) * max(1, m.shape[1] / m.shape[2]) ** 0.5
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step.reshape(p.shape), alpha=group["lr"])
