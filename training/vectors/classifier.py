"""Makes the vectors of classifier/testdata and photo/testdata with torchvision and Pillow.

    python training/vectors/classifier.py

resize.safetensors: small pictures and what torchvision's ImageClassification
preset cuts out of them, as bytes. testdata/tiny_classifier.safetensors: a classifier of five
classes in riffle's format, torchvision's MobileNetV3 Small of a tenth of the
width, whose batch norms have seen data; testdata/tiny_photo.png and tiny_probabilities.safetensors:
what it says of a picture.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import mobilenetv3
from torchvision.transforms._presets import ImageClassification
from torchvision.transforms import functional

# width, height of the picture; shorter side of the resized one; width and height of the cut-out
CASES = [
    (61, 40, 16, (14, 14)), (40, 61, 16, (14, 14)), (33, 33, 33, (32, 32)), (20, 17, 32, (28, 28)), (90, 16, 16, (16, 16)),
    (57, 31, 17, (12, 9)), (31, 57, 17, (9, 12)), (5, 60, 8, (8, 8)), (60, 1, 8, (8, 8)), (1, 1, 8, (7, 7)), (24, 32, 12, (11, 11)),
]
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
TINY_SIZE, TINY_RESIZE = 64, 73
CLASSES = ["red", "orange", "yellow", "green", "blue"]


def picture(rng, width, height):
    """Edges, slopes and noise."""
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / max(1, width - 1), y * 255 / max(1, height - 1), 255 * ((x // 5 + y // 3) % 2)], 2)
    return np.clip(base + rng.normal(0, 40, base.shape), 0, 255).astype(np.uint8)


def resize(path):
    rng = np.random.default_rng(7)
    out = {}
    for i, (w, h, side, (cw, ch)) in enumerate(CASES):
        img = picture(rng, w, h)
        small = functional.resize(Image.fromarray(img), [side], functional.InterpolationMode.BILINEAR, antialias=True)
        cut = functional.center_crop(small, [ch, cw])
        if cw == ch:  # the preset cuts squares only
            preset = ImageClassification(crop_size=cw, resize_size=side, mean=(0, 0, 0), std=(1, 1, 1))
            np.testing.assert_allclose(preset(Image.fromarray(img)).numpy() * 255, np.asarray(cut).transpose(2, 0, 1), atol=1e-3)
        out[f"{i}.image"] = torch.from_numpy(img)
        out[f"{i}.want"] = torch.from_numpy(np.array(cut))
        out[f"{i}.sizes"] = torch.tensor([side, cw, ch], dtype=torch.int32)
    save_file(out, path)


def tiny(folder):
    torch.manual_seed(3)
    blocks, last = mobilenetv3._mobilenet_v3_conf("mobilenet_v3_small", width_mult=0.1)
    net = mobilenetv3.MobileNetV3(blocks, last, num_classes=len(CLASSES))
    with torch.no_grad():
        for _ in range(60):  # moves the running statistics off 0 and 1
            net(torch.randn(8, 3, TINY_SIZE, TINY_SIZE))
    net.eval()
    header = {
        "format": 1, "name": "tiny", "arch": "mobilenet_v3_small_x0.1", "kind": "classifier", "input": [TINY_SIZE] * 2,
        "resize": TINY_RESIZE, "mean": MEAN, "std": STD, "licence": "Apache-2.0",
        "classes": [{"id": i, "name": name} for i, name in enumerate(CLASSES)],
    }
    img = Image.fromarray(picture(np.random.default_rng(5), 131, 90))
    img.save(folder.parents[1] / "testdata" / "tiny_photo.png")
    preset = ImageClassification(crop_size=TINY_SIZE, resize_size=TINY_RESIZE,
                                 mean=[m / 255 for m in MEAN], std=[s / 255 for s in STD])
    with torch.inference_mode():
        net.classifier[3].weight.mul_(1.5 / net(preset(img)[None]).std())  # else all classes are alike
        p = net(preset(img)[None]).softmax(1)[0]
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    save_file(state, folder.parents[1] / "testdata" / "tiny_classifier.safetensors", {"riffle": json.dumps(header)})
    print(dict(zip(CLASSES, p.tolist())))
    save_file({"probabilities": p}, folder / "tiny_probabilities.safetensors")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("classifier/testdata"))
    p.add_argument("--pillow", type=pathlib.Path, default=pathlib.Path("photo/testdata"))
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    resize(args.pillow / "resize.safetensors")
    tiny(args.out)


if __name__ == "__main__":
    main()
