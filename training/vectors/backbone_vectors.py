"""Makes the parity vectors of backbone/testdata with PyTorch and torchvision.

    python training/vectors/backbone_vectors.py

parity.safetensors: digests (see backbone_random.py) of the outputs of many
networks with random weights at two input sizes, and the number of parameters
of each in its metadata; "+leaky" is the network with LeakyReLU(0.1).
mobilenetv3.safetensors: the same for MobileNetV3. tiny.safetensors: a
state_dict as torchvision saves it, of a ShuffleNet v2 narrow enough to be
stored, whose batch norms have seen data; tiny_outputs.safetensors: all it
computes for one image.
"""

import argparse
import pathlib

import numpy as np
import torch
import torchvision
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

import backbone_mobilenetv3
import backbone_random as rnd
from backbone_v1 import ShuffleNetV1, shufflenet_v1
from backbone_v2 import WIDTHS, ShuffleNetV2, shufflenet_v2

SIZES = [(224, 224), (193, 161)]
TINY_SIZE = (70, 96)


def networks():
    for groups in (1, 2, 3, 4, 8):
        yield f"shufflenet_v1_x1.0_g{groups}", shufflenet_v1(1.0, groups)
    for width, groups in (("0.25", 1), ("0.25", 4), ("0.5", 2), ("0.5", 8), ("1.5", 3), ("2.0", 4)):
        yield f"shufflenet_v1_x{width}_g{groups}", shufflenet_v1(float(width), groups)
    repeats = (4, 6, 4)
    yield "shufflenet_v1_x0.5_g3_arch2", ShuffleNetV1(3, 12, (132, 264, 528), repeats)
    yield "shufflenet_v1_x0.5_g8_arch2", ShuffleNetV1(8, 16, (192, 416, 832), repeats)
    yield "shufflenet_v1_x0.25_g8_arch2", ShuffleNetV1(8, 8, (96, 224, 448), repeats)
    for width in WIDTHS:
        yield f"shufflenet_v2_x{width}", shufflenet_v2(width)
    for width in WIDTHS:
        yield f"shufflenet_v2s_x{width}", shufflenet_v2(width, star=True)
    yield "shufflenet_v2_x1.5+leaky", leaky(shufflenet_v2("1.5"))


def leaky(net):
    for module in list(net.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ReLU):
                setattr(module, name, torch.nn.LeakyReLU(0.1))
    return net


def randomize(net):
    state = net.state_dict()
    for name, t in state.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.from_numpy(rnd.tensor(name, tuple(t.shape)))
    net.load_state_dict(state)


def parity(path, networks, full):
    tensors, params = {}, {}
    for name, net in networks:
        randomize(net.eval())
        params[name] = str(sum(p.numel() for p in net.parameters()))
        for height, width in SIZES:
            with torch.inference_mode():
                out = net(torch.from_numpy(rnd.image(height, width))[None])
            for key, x in out.items():
                x = x.numpy()
                print(f"{name} {height}x{width} {key}: max {abs(x).max():.3g} std {x.std():.3g}")
                tensors[f"{name}/{height}x{width}/{key}"] = x[0].copy() if full else rnd.digest(x)
    save_file(tensors, path, params)


def tiny(folder):
    torch.manual_seed(1)
    args = [2, 3, 2], [8, 16, 32, 48, 40]
    net = torchvision.models.ShuffleNetV2(*args, num_classes=10)
    with torch.no_grad():
        for _ in range(20):  # moves the running statistics off 0 and 1
            net(torch.randn(4, 3, 64, 64))
    save_torch(net.state_dict(), folder / "tiny.safetensors")
    seen = ShuffleNetV2(*args, num_classes=10).eval()
    seen.load_state_dict(net.state_dict())
    with torch.inference_mode():
        image = torch.from_numpy(rnd.image(*TINY_SIZE))[None]
        out = seen(image)
        np.testing.assert_array_equal(out["logits"], net.eval()(image))
    save_file({k: v.numpy()[0].copy() for k, v in out.items()}, folder / "tiny_outputs.safetensors")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("backbone/testdata"))
    p.add_argument("--full", type=pathlib.Path, help="write all elements of parity.safetensors to this file instead")
    args = p.parse_args()
    if args.full:
        parity(args.full, networks(), full=True)
        return
    args.out.mkdir(parents=True, exist_ok=True)
    parity(args.out / "parity.safetensors", networks(), full=False)
    parity(args.out / "mobilenetv3.safetensors", backbone_mobilenetv3.networks(), full=False)
    tiny(args.out)


if __name__ == "__main__":
    main()
