"""Training state on disk, written whole or not at all, so that a run can be cut off at any moment."""
import os

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from . import detector, recipes


def save(path, state):
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def load(path):
    return torch.load(path, map_location="cpu", weights_only=False)


def save_compact(path, net, recipe, passes):
    """The first stage with its batch norms in float16: small enough for the repository, enough to go on from."""
    state = {n: v.cpu() for n, v in net.state_dict().items() if not n.startswith("roi.") and v.is_floating_point()}
    save_file({n: v.half().contiguous() for n, v in state.items()}, path + ".part", {"recipe": recipe, "passes": str(passes)})
    os.replace(path + ".part", path)


def load_compact(path, net):
    """Into a Detector with batch norms; -> photo passes it has seen."""
    with safe_open(path, "pt") as f:
        about, state = f.metadata(), {n: f.get_tensor(n).float() for n in f.keys()}
    wanted = {n for n, v in net.state_dict().items() if not n.startswith("roi.") and v.is_floating_point()}
    if set(state) != wanted:
        raise ValueError(f"{path}: not a first stage of {net.recipe.name}: {sorted(set(state) ^ wanted)[0]}")
    net.load_state_dict(state, strict=False)
    return int(about["passes"])


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
