"""Random views of a training photo: crop, zoom out, flip, sharpen; then the network's own preprocessing."""
import cv2
import numpy as np

from . import preprocess

CROP, KEPT = 0.25, 0.7            # chance of a crop, smallest share of a side it keeps
OUT, FARTHEST = 0.35, 1.5         # chance of zooming out, largest canvas against the photo
SHARPEN, STRONGEST = 0.5, 0.8     # stored photos are softer than those the network meets
GREY = (124, 116, 104)


def _crop(rgb, boxes, keep, rng):
    h, w = rgb.shape[:2]
    cw, ch = int(w * rng.uniform(KEPT, 1)), int(h * rng.uniform(KEPT, 1))
    x, y = rng.randint(0, w - cw), rng.randint(0, h - ch)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    inside = (boxes - np.array([x, y, x, y], np.float32)).clip(0, np.array([cw, ch, cw, ch], np.float32))
    keep &= (inside[:, 2:] - inside[:, :2]).prod(1) > 0.5 * area
    return rgb[y:y + ch, x:x + cw], inside


def _zoom_out(rgb, boxes, rng):
    h, w = rgb.shape[:2]
    k = rng.uniform(1.05, FARTHEST)
    canvas = np.full((int(h * k), int(w * k), 3), GREY, np.uint8)
    x, y = rng.randint(0, canvas.shape[1] - w), rng.randint(0, canvas.shape[0] - h)
    canvas[y:y + h, x:x + w] = rgb
    return canvas, boxes + np.array([x, y, x, y], np.float32)


def _sharpen(x, amount):
    """Unsharp mask on the network's own grid."""
    return (x + amount * (x - cv2.GaussianBlur(x, (0, 0), 1.0))).clip(0, 255)


def view(rgb, photo, size, rng):
    """-> input [3, size, size], boxes [n, 4] in network pixels, scores [n], classes [n], cut."""
    boxes, keep = photo.boxes.copy(), np.ones(len(photo.boxes), bool)
    chance = rng.random()
    if chance < CROP:
        rgb, boxes = _crop(rgb, boxes, keep, rng)
    elif chance < CROP + OUT:
        rgb, boxes = _zoom_out(rgb, boxes, rng)
    h, w = rgb.shape[:2]
    if rng.random() < 0.5:
        rgb = np.ascontiguousarray(rgb[:, ::-1])
        boxes = np.stack((w - boxes[:, 2], boxes[:, 1], w - boxes[:, 0], boxes[:, 3]), 1)
    x = preprocess.stretch(rgb, size, size)
    if rng.random() < SHARPEN:
        x = _sharpen(x, rng.uniform(0, STRONGEST))
    x = np.ascontiguousarray(((x - preprocess.MEAN) / preprocess.STD).transpose(2, 0, 1))
    boxes = boxes * np.array([size / w, size / h] * 2, np.float32)
    return x, boxes[keep].astype(np.float32), photo.scores[keep], photo.classes[keep], photo.cut
