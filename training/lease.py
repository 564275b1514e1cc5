"""The distillation for a machine with a GPU that is lent for minutes and sees nothing but this repository and one file.

    python -m training.lease pack --shared ../shared --out training/runs/lease.bin        # here: photos, at most 60 MB
    python -m training.lease run training/runs/lease.bin --minutes 9 --out $OUT           # there
    python -m training.distill --begin FOLDER/compact.safetensors                         # here again

There everything stays in the GPU's memory: photos, views, both networks. It stops after the minutes given, decoding of the
photos included, and leaves a checkpoint of 4 MB, written every minute, and the log.
"""
import argparse
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch

from . import data, distill, pack

LIMIT = 60_000_000   # bytes of the file
MAGIC = b"riffle lease 1\n"


def write(path, pixels, rows, side, quality):
    """Photos as JPEGs of side x side, one after the other behind a line of JSON with their lengths; -> size of the file."""
    coded = []
    for r in rows:
        small = cv2.resize(pixels[r], (side, side), interpolation=cv2.INTER_AREA)
        done, jpeg = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise ValueError(f"photo {r} cannot be coded")
        coded.append(jpeg.tobytes())
    head = MAGIC + json.dumps({"side": side, "lengths": [len(c) for c in coded]}).encode() + b"\n"
    size = len(head) + sum(map(len, coded))
    if size > LIMIT:
        raise ValueError(f"{size} bytes with {len(coded)} photos: more than {LIMIT}; ask for a smaller --side or --quality")
    with open(path + ".part", "wb") as f:
        f.write(head)
        f.writelines(coded)
    os.replace(path + ".part", path)
    return size


def read(path, threads=8):
    """-> uint8 [photos, side, side, 3]."""
    with open(path, "rb") as f:
        if f.readline() != MAGIC:
            raise ValueError(f"{path}: not written by training.lease")
        head = json.loads(f.readline())
        coded = [f.read(n) for n in head["lengths"]]
    if any(len(c) != n for c, n in zip(coded, head["lengths"])):
        raise ValueError(f"{path}: ends early")
    out = np.empty((len(coded), head["side"], head["side"], 3), np.uint8)

    def decode(i):
        bgr = cv2.imdecode(np.frombuffer(coded[i], np.uint8), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError(f"{path}: photo {i} is not a JPEG")
        out[i] = bgr[:, :, ::-1]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(decode, range(len(coded))))
    return out


def run(a):
    began = time.time()
    pixels = torch.from_numpy(read(a.file)).to(a.device)
    folder, name = os.path.split(os.path.abspath(a.out))
    arguments = ["--recipe", a.recipe, "--runs", folder, "--name", name, "--device", a.device, "--batch", str(a.batch), "--reuse", "1",
                 "--minutes", str(a.minutes - (time.time() - began) / 60), "--save-every", "1", "--look-every", "0", "--tell", "10"]
    if a.begin:
        arguments += ["--begin", a.begin]
    os.makedirs(a.out, exist_ok=True)
    d = distill.Distiller(0, 1, distill.options(arguments), (pixels, range(len(pixels))))
    d.run()
    os.remove(os.path.join(a.out, "last.pt"))  # the optimizer's state is not worth bringing back
    print(f"{d.passes - d.begun} photo passes in {time.time() - began:.0f} s")


def main(arguments=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = p.add_subparsers(dest="command", required=True)
    c = commands.add_parser("pack", help="photos into one file")
    c.add_argument("--shared", default="../shared")
    c.add_argument("--runs", default="training/runs")
    c.add_argument("--out", default="training/runs/lease.bin")
    c.add_argument("--side", type=int, default=192)
    c.add_argument("--quality", type=int, default=75)
    c = commands.add_parser("run", help="trains for some minutes")
    c.add_argument("file")
    c.add_argument("--minutes", type=float, required=True, help="of the wall clock, in all")
    c.add_argument("--out", required=True, help="folder for compact.safetensors and log.jsonl")
    c.add_argument("--recipe", default="riffle-v1-1.0x-g3")
    c.add_argument("--begin", help="compact checkpoint to go on from")
    c.add_argument("--batch", type=int, default=128)
    c.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    a = p.parse_args(arguments)
    if a.command == "run":
        return run(a)
    cache = os.path.join(a.runs, "cache")
    store = data.Photos(a.shared, cache)
    train = {p.name for p in store.train}
    rows = [i for i, p in enumerate(store.all) if p.name in train]
    try:
        size = write(a.out, pack.squares(store, cache), rows, a.side, a.quality)
    except ValueError as e:
        print(f"lease: {e}", file=sys.stderr)
        return 1
    print(f"{a.out}: {len(rows)} photos of {a.side} x {a.side}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
