"""Parity vectors of the trained detectors on self-drawn pictures -> detector/testdata/trained_*.

    python training/vectors/detector_trained.py [--weights models/riffle-v2-1.5x.safetensors ...]

Run it again whenever weights change. trained_scene.png and trained_tall.png are drawn here; trained_PICTURE_MODEL.json holds,
for each of a recipe's models, flat indices into and values of: the network's input [3, H, W], P3..P6 (each [128, h, w]), the dense class logits
and box distances by level ([80, h, w] and [4, h, w], distances in pixels: left, top, right, bottom), the proposals with
objectness, head logits and deltas, and all detections over a score of 0.05 in the picture's own pixels.
"""
import argparse
import glob
import json
import os
import sys

import numpy as np
import torch
from PIL import Image, ImageDraw

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from training import calibrate, checkpoint, detector, evaluate, export, model, preprocess  # noqa: E402
from training.classes import IDS, NAMES  # noqa: E402

SAMPLES = 24
SHOWN = 0.05


def scene(width, height):
    """A street corner: stop sign, traffic light, clock, ball, car-like box. Sizes follow the picture's width."""
    u = width / 100
    image = Image.new("RGB", (width, height), (142, 182, 222))
    d = ImageDraw.Draw(image)
    ground = int(height * 0.72)
    d.rectangle((0, ground, width, height), fill=(96, 96, 92))
    d.rectangle((0, int(height * 0.3), int(18 * u), ground), fill=(160, 120, 96))
    # stop sign on a post
    cx, cy, r = 35 * u, height * 0.32, 11 * u
    d.rectangle((cx - u, cy, cx + u, height * 0.85), fill=(120, 124, 128))
    for radius, colour in ((r, (240, 240, 240)), (r * 0.92, (190, 24, 32))):
        turns = np.pi / 8 + np.arange(8) * np.pi / 4
        d.polygon([(cx + radius * np.cos(t), cy + radius * np.sin(t)) for t in turns], fill=colour)
    for k, letter in enumerate(("S", "T", "O", "P")):
        d.text((cx - 7.4 * u + 4 * u * k, cy - 2.6 * u), letter, fill=(250, 250, 250), font_size=5.4 * u)
    # traffic light
    x, y = 62 * u, height * 0.12
    d.rectangle((x + 3 * u, y, x + 4.5 * u, height * 0.8), fill=(70, 70, 70))
    d.rectangle((x, y, x + 7.5 * u, y + 19 * u), fill=(28, 30, 28))
    for k, colour in enumerate(((220, 40, 36), (84, 74, 20), (20, 70, 30))):
        d.ellipse((x + 1.6 * u, y + (1.2 + 6 * k) * u, x + 5.9 * u, y + (5.5 + 6 * k) * u), fill=colour)
    # clock on the wall
    cx, cy, r = 9 * u, height * 0.45, 6 * u
    d.ellipse((cx - r, cy - r, cx + r, cy + r), fill=(248, 248, 240), outline=(20, 20, 20), width=max(1, int(0.8 * u)))
    d.line((cx, cy, cx, cy - 4.5 * u), fill=(10, 10, 10), width=max(1, int(0.6 * u)))
    d.line((cx, cy, cx + 3 * u, cy + u), fill=(10, 10, 10), width=max(1, int(0.8 * u)))
    for k in range(12):
        t = k * np.pi / 6
        d.line((cx + 5 * u * np.cos(t), cy + 5 * u * np.sin(t), cx + 5.6 * u * np.cos(t), cy + 5.6 * u * np.sin(t)), fill=(20, 20, 20))
    # ball on the ground
    cx, cy, r = 84 * u, height * 0.86, 5 * u
    d.ellipse((cx - r, cy - r, cx + r, cy + r), fill=(236, 120, 30), outline=(40, 24, 10), width=max(1, int(0.3 * u)))
    d.line((cx, cy - r, cx, cy + r), fill=(40, 24, 10))
    return image


def pick(values, rng):
    """A few entries of an array: where (flat, row-major) and what."""
    flat = np.asarray(values, np.float32).reshape(-1)
    at = np.sort(rng.choice(len(flat), min(SAMPLES, len(flat)), replace=False))
    return {"shape": list(np.shape(values)), "at": at.tolist(), "values": [float(f"{flat[i]:.7g}") for i in at]}


def rows(values):
    return [[float(f"{v:.7g}") for v in r] for r in np.asarray(values, np.float32).reshape(len(values), -1)]


def describe(net, picture, image, header):
    """Scores of detections are what the header's curve makes of the network's."""
    size, rng = net.recipe.size, np.random.default_rng(7)
    rgb = np.asarray(image)
    ((*_, out),) = evaluate.look(net, [(0, rgb)])
    vector = {"weights": net.recipe.name, "picture": picture, "width": image.width, "height": image.height,
              "input": pick(preprocess.tensor(rgb, size, size), rng)}
    at = 0
    for level, p in enumerate(out["pyramid"], 3):
        h, w = p.shape[1:]
        dense = out["dense"][at:at + h * w]
        bins = torch.arange(model.BINS).float()
        distance = dense[:, model.CLASSES:].unflatten(1, (4, model.BINS)).softmax(-1) @ bins * model.STRIDES[level - 3]
        vector[f"p{level}"] = pick(p.numpy(), rng)
        vector[f"classes{level}"] = pick(dense[:, :model.CLASSES].T.reshape(model.CLASSES, h, w).numpy(), rng)
        vector[f"distances{level}"] = pick(distance.T.reshape(4, h, w).numpy(), rng)
        at += h * w
    vector["proposals"] = {"boxes": rows(out["proposals"][:SAMPLES]), "objectness": rows(out["objectness"][:SAMPLES, None]),
                           "count": len(out["proposals"]), "deltas": rows(out["deltas"][:SAMPLES]),
                           "head": pick(out["head"].numpy(), rng)}
    boxes, scores, kinds = detector.whole(out, size, size, header["roi"]["second_stage_weight"])
    found = boxes, torch.from_numpy(calibrate.apply(header.get("score_curve", [[0, 0], [1, 1]]), scores.numpy())), kinds
    vector["detections"] = [
        {"category_id": int(r[6]), "label": NAMES[IDS.index(int(r[6]))], "score": float(f"{r[5]:.6g}"),
         "box": [float(f"{v:.6g}") for v in (r[1], r[2], r[1] + r[3], r[2] + r[4])]}
        for r in evaluate.to_results(0, found, image.width, image.height, size) if r[5] > SHOWN]
    return vector


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--weights", nargs="*", default=sorted(glob.glob("models/*.safetensors") + glob.glob("models/zoo/*.safetensors")))
    p.add_argument("--out", default="detector/testdata")
    a = p.parse_args()
    torch.set_num_threads(1)
    os.makedirs(a.out, exist_ok=True)
    for picture, size in (("scene", (500, 375)), ("tall", (720, 1100))):
        file = f"trained_{picture}.png"
        path = os.path.join(a.out, file)
        scene(*size).quantize(64, dither=Image.Dither.NONE).convert("RGB").save(path, optimize=True)
        with Image.open(path) as stored:
            image = stored.convert("RGB")
        for weights in a.weights:
            net, header = checkpoint.load_any(weights), export.read_header(weights)
            vector = describe(net, file, image, header)
            with open(os.path.join(a.out, f"trained_{picture}_{header['name']}.json"), "w") as f:
                json.dump(vector, f, separators=(",", ":"))
            print(picture, header["name"], [(d["label"], round(d["score"], 2)) for d in vector["detections"][:8]])


if __name__ == "__main__":
    main()
