"""JPEG files of many kinds and libjpeg-turbo's samples of them at full and reduced size, for photo/internal/jpeg.

Run from the repository's root: python training/vectors/jpeg.py. It writes photo/internal/jpeg/testdata/NAME.jpg and, beside each,
NAME.json: for every reduction the luma plane and, where libjpeg's chroma needs no resampling, both chroma planes, base64
of their bytes. The pictures are drawn here from a fixed seed. OpenCV encodes them, or cjpeg of libjpeg-turbo-progs where
sampling factors are unusual; Pillow's libjpeg-turbo decodes them in its draft mode, without conversion to RGB. Files called
damaged_* are broken on purpose; libjpeg shows what is left of them.
"""
import base64
import io
import json
import pathlib
import random
import subprocess
import zlib

import cv2
import numpy as np
from PIL import Image, ImageFile

ImageFile.LOAD_TRUNCATED_IMAGES = True

OUT = pathlib.Path("photo/internal/jpeg/testdata")
S = {"444": 0x111111, "422": 0x211111, "420": 0x221111, "440": 0x121111, "411": 0x411111}


def picture(height, width):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width]
    base = np.stack([90 + 60 * np.sin(x / 9 + y / 23), 120 + 50 * np.cos(y / 7), 128 + 70 * np.sin((x + y) / 17)], -1)
    base += ((x // 13 + y // 9) % 2)[..., None] * 30
    return np.clip(base + rng.normal(0, 6, base.shape), 25, 230).astype(np.uint8)  # few samples that clamping changes


def encode(image, quality=85, sampling="420", progressive=False, restart=0, optimise=False):
    ok, data = cv2.imencode(".jpg", image, [
        cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), cv2.IMWRITE_JPEG_RST_INTERVAL, restart,
        cv2.IMWRITE_JPEG_OPTIMIZE, int(optimise), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, S[sampling]])
    assert ok
    return data.tobytes()


def planes(data, shift, sampling):
    im = Image.open(io.BytesIO(data))
    w, h = im.size
    grey = im.mode == "L"
    n = 1 << shift
    if n > 1 or not grey:
        im.draft("L" if grey else "YCbCr", (w // n, h // n))
    assert im.size == (-(-w // n), -(-h // n)), (im.size, w, h, n)
    x = np.asarray(im)
    if grey:
        return [x]
    if sampling == FACTORS["luma_below"]:  # luma is resampled there
        return [x[..., 1], x[..., 2]]
    return [x[..., 0]] if sampling not in ("444",) and not (sampling == "420" and shift) else [x[..., i] for i in range(3)]


CASES = {
    "444": dict(sampling="444"), "422": dict(sampling="422"), "420": {}, "440": dict(sampling="440"),
    "grey": {}, "low": dict(quality=30), "restart": dict(restart=2), "optimised": dict(optimise=True, quality=95),
    "progressive": dict(progressive=True), "progressive_444": dict(progressive=True, sampling="444", quality=92),
    "progressive_restart": dict(progressive=True, restart=1), "progressive_grey": dict(progressive=True),
}
FACTORS = {"411": "4x1,1x1,1x1", "3x1": "3x1,1x1,1x1", "1x3": "1x3,1x1,1x1", "1x4": "1x4,1x1,1x1", "unlike": "2x2,1x1,1x2", "luma_below": "1x1,2x2,2x2"}



def cjpeg(image, factors):
    rgb = image[..., ::-1]
    ppm = b"P6 %d %d 255\n" % (rgb.shape[1], rgb.shape[0]) + rgb.tobytes()
    return subprocess.run(["cjpeg", "-quality", "85", "-sample", factors], input=ppm, stdout=subprocess.PIPE, check=True).stdout


def segments(data):
    """(marker, start, end) of all up to the first scan's data."""
    i = 2
    while True:
        n = 2 + int.from_bytes(data[i + 2:i + 4], "big")
        yield data[i + 1], i, i + n
        i += n
        if data[i - n + 1] == 0xDA:
            return


def damaged():
    small = picture(61, 83)
    base = {"420": encode(small), "444": encode(small, sampling="444"), "restart": encode(small, restart=2), "progressive": encode(small, progressive=True)}
    plain = base["420"]
    yield "no_tables", b"\xff\xd8" + b"".join(plain[a:b] for m, a, b in segments(plain) if m != 0xC4) + plain[list(segments(plain))[-1][2]:], "420"
    yield "no_end", plain[:-2], "420"
    yield "zeros_behind", plain[:-2] + bytes(500), "420"
    yield "cut", plain[:len(plain) * 3 // 4], "420"
    yield "progressive_cut", base["progressive"][:len(base["progressive"]) * 3 // 4], "420"
    r = base["restart"]
    at = [i for i in range(len(r) - 1) if r[i] == 0xFF and 0xD0 <= r[i + 1] <= 0xD7]
    m = at[len(at) // 2]
    yield "restart_missing", r[:m] + r[m + 2:], "420"
    yield "restart_lost_part", r[:m - 30] + r[at[len(at) // 2 + 1]:], "420"
    for shift in (1, 4, 7):
        wrong = bytearray(r)
        wrong[m + 1] = 0xD0 + (wrong[m + 1] - 0xD0 + shift) % 8
        yield f"restart_wrong_{shift}", bytes(wrong), "420"
    rng = random.Random(5)
    for name, data in base.items():
        start = list(segments(data))[-1][2]
        for k in range(4):
            while True:
                b = bytearray(data)
                b[rng.randrange(start, len(b) - 2)] = rng.randrange(255)
                if planes(bytes(b), 0, "420")[0].any():  # else libjpeg gave up: a scan's header
                    break
            yield f"byte_{name}_{k}", bytes(b), "444" if name == "444" else "420"


def write(name, data, sampling):
    (OUT / f"{name}.jpg").write_bytes(data)
    w, h = Image.open(io.BytesIO(data)).size
    want = []
    for shift in range(4):
        want.append([base64.b64encode(zlib.compress(p.tobytes(), 9)).decode() for p in planes(data, shift, sampling)])
    (OUT / f"{name}.json").write_text(json.dumps({"size": [w, h], "first": int(sampling == FACTORS["luma_below"]), "planes": want}))


OUT.mkdir(parents=True, exist_ok=True)
for name, options in CASES.items():
    image = picture(77, 99)
    if "grey" in name:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    write(name, encode(image, **options), options.get("sampling", "420"))
for name, factors in FACTORS.items():
    write("sampling_" + name, cjpeg(picture(61, 83), factors), factors)  # luma alone
for name, data, sampling in damaged():
    write("damaged_" + name, data, sampling)
(OUT / "arithmetic.jpg").write_bytes(subprocess.run(
    ["cjpeg", "-arithmetic"], input=b"P6 32 32 255\n" + picture(32, 32).tobytes(), stdout=subprocess.PIPE, check=True).stdout)
