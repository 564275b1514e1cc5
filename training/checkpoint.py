"""Training state on disk, written whole or not at all, so that a run can be cut off at any moment."""
import os

import torch

from . import detector, recipes


def save(path, state):
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def load(path):
    return torch.load(path, map_location="cpu", weights_only=False)


def load_any(path):
    """A Detector, ready for inference, from a training checkpoint (its averaged weights) or an exported safetensors file."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file
        from . import export
        recipe = recipes.of_header(export.read_header(path))
        state = {k: v.float() for k, v in load_file(path).items()}
    else:
        saved = load(path)
        recipe, state = recipes.of_saved(saved["recipe"]), saved["average"]
    net = detector.Detector(recipe)
    net.load_state_dict(state)
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
