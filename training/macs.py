"""Multiply-accumulates and parameters, convolutions and linear layers: python -m training.macs"""
import torch
from torch import nn

from . import detector, recipes


def count(recipe=recipes.DEFAULT):
    """-> {"first": MACs, "second": MACs, "params": number}; the second stage for that many proposals."""
    net, size, proposals = detector.Detector(recipe).eval(), recipe.size, recipe.proposals
    total = {"first": 0, "second": 0}
    hooks = []
    for name, m in net.named_modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            key = "second" if name.startswith("roi.") else "first"

            def add(m, _, out, key=key):
                total[key] += out.numel() * m.weight[0].numel()
            hooks.append(m.register_forward_hook(add))
    with torch.no_grad():
        pyramid, _, _ = net.first(torch.zeros(1, 3, size, size))
        boxes = torch.rand(proposals, 4, generator=torch.Generator().manual_seed(0)) * size / 2
        boxes[:, 2:] += boxes[:, :2]
        net.second(pyramid, [(boxes, torch.zeros(proposals, 80), torch.full((proposals,), 0.5))], size, size)
    return {**total, "params": sum(p.numel() for p in net.parameters())}


if __name__ == "__main__":
    for recipe in recipes.RECIPES.values():
        c = count(recipe)
        print(recipe.name + ": first stage {:.1f} M, second stage {:.1f} M, whole {:.1f} M multiply-accumulates; {:.2f} M parameters".format(
            c["first"] / 1e6, c["second"] / 1e6, (c["first"] + c["second"]) / 1e6, c["params"] / 1e6))
