"""JPEG files of many kinds and libjpeg-turbo's samples of them at full and reduced size, for photo/internal/jpeg.

Run from the repository's root: python training/vectors/jpeg.py. It writes photo/internal/jpeg/testdata/NAME.jpg and, beside each,
NAME.json: for every reduction the luma plane and, where libjpeg's chroma needs no resampling, both chroma planes, base64
of their bytes. The pictures are drawn here from a fixed seed. OpenCV encodes them, Pillow's libjpeg-turbo decodes them in
its draft mode, without conversion to RGB.
"""
import base64
import io
import json
import pathlib
import zlib

import cv2
import numpy as np
from PIL import Image

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
    return [x[..., 0]] if sampling not in ("444",) and not (sampling == "420" and shift) else [x[..., i] for i in range(3)]


CASES = {
    "444": dict(sampling="444"), "422": dict(sampling="422"), "420": {}, "440": dict(sampling="440"),
    "grey": {}, "low": dict(quality=30), "restart": dict(restart=2), "optimised": dict(optimise=True, quality=95),
    "progressive": dict(progressive=True), "progressive_444": dict(progressive=True, sampling="444", quality=92),
    "progressive_restart": dict(progressive=True, restart=1), "progressive_grey": dict(progressive=True),
    "411": dict(sampling="411"),
}

OUT.mkdir(parents=True, exist_ok=True)
for name, options in CASES.items():
    image = picture(77, 99)
    if "grey" in name:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    data = encode(image, **options)
    (OUT / f"{name}.jpg").write_bytes(data)
    if name == "411":
        continue  # refused: no expected samples
    want = []
    for shift in range(4):
        want.append([base64.b64encode(zlib.compress(p.tobytes(), 9)).decode() for p in planes(data, shift, options.get("sampling", "420"))])
    (OUT / f"{name}.json").write_text(json.dumps({"size": [99, 77], "planes": want}))
