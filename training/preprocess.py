"""Photo -> network input, the same arithmetic as the Go program.

The photo is stretched to the network's square (aspect not kept) in float32, never rounded in between:
1. An axis that shrinks by 2 or more is first averaged in runs of floor(scale) pixels; the last run takes what is left.
2. Bilinear sampling with half-pixel centres (OpenCV's INTER_LINEAR): output pixel X looks at source position
   (X + 0.5) * scale - 0.5, for averaged runs of f pixels at ((X + 0.5) * scale) / f - 0.5, clamped to the border.
3. (value - MEAN) / STD by channel, RGB.
"""
import cv2
import numpy as np

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
STD = np.array([58.395, 57.12, 57.375], np.float32)


def _average(x, factor, axis):
    starts = np.arange(0, x.shape[axis], factor)
    counts = np.minimum(factor, x.shape[axis] - starts).astype(np.float32)
    shape = [1, 1, 1]
    shape[axis] = -1
    return np.add.reduceat(x, starts, axis) / counts.reshape(shape)


def _taps(size, out, factor):
    at = (np.arange(out) + 0.5) * (size / out) / factor - 0.5
    last = -(-size // factor) - 1
    low = np.floor(at)
    part = (at - low).astype(np.float32)
    low = low.astype(int)
    return low.clip(0, last), (low + 1).clip(0, last), part


def _bilinear(x, height, width, fy, fx, source):
    y0, y1, py = _taps(source[0], height, fy)
    x0, x1, px = _taps(source[1], width, fx)
    rows = x[:, x0] + (x[:, x1] - x[:, x0]) * px[None, :, None]
    return rows[y0] + (rows[y1] - rows[y0]) * py[:, None, None]


def stretch(rgb, height, width):
    """uint8 or float [h, w, 3] -> float32 [height, width, 3], values 0..255."""
    source = rgb.shape[:2]
    fy, fx = (max(1, s // o) for s, o in zip(source, (height, width)))
    x = rgb.astype(np.float32)
    if fy == fx == 1:
        return cv2.resize(x, (width, height), interpolation=cv2.INTER_LINEAR)
    if fy > 1:
        x = _average(x, fy, 0)
    if fx > 1:
        x = _average(x, fx, 1)
    return _bilinear(x, height, width, fy, fx, source)


def tensor(rgb, height, width):
    """uint8 RGB photo [h, w, 3] -> float32 [3, height, width], ready for the network."""
    x = (stretch(rgb, height, width) - MEAN) / STD
    return np.ascontiguousarray(x.transpose(2, 0, 1))


def read(path):
    """Photo file -> uint8 RGB [h, w, 3]; EXIF orientation is applied."""
    bgr = cv2.imread(path)
    if bgr is None:
        raise ValueError(f"{path}: not a readable photo")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
