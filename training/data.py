"""The training photos of ../shared/data/train: decoded once into one file, split into training and development set, labelled.

Labels are soft: each box carries a score, the chance that a person would have drawn it. They are the fused detections of
two teachers (pseudo.json); on photos with PASCAL VOC's labels those of its 20 classes are blended with the true boxes. Where
people have labelled all of COCO's classes, their boxes are the labels.
"""
import json
import os
from dataclasses import dataclass, field

import numpy as np
from torchvision.ops import box_iou
import torch

from . import preprocess
from .classes import INDEX, VOC

TRUE_WEIGHT = 0.4       # of a person's label against the teachers' (VOC's rules of what to draw differ a little from COCO's)
DEV_VOC = 350           # VOC photos held out beside the fully labelled ones
ABSENT = 0.02           # where people have drawn all boxes, what they have not drawn is at most this likely
CUT, MOST = 0.12, 30    # pseudo.json holds boxes from this score on, and at most so many a photo
BETTER_CUT = 0.06       # the stronger teacher's boxes are kept from here on
TWIN = 5.0              # mean absolute difference of 16x16 grey thumbnails below which two photos are taken for the same
COCO_LIKE = ("coco_", "osie__", "flickr8k__")


@dataclass
class Photo:
    name: str
    known: str                      # "full", "voc20" or "none": what people have labelled
    width: int
    height: int
    offset: int = 0                 # into the pixel file
    boxes: np.ndarray = field(default=None)    # [n, 4] x1 y1 x2 y2, stored pixels
    scores: np.ndarray = field(default=None)   # [n]
    classes: np.ndarray = field(default=None)  # [n] 0..79
    cut: float = CUT                # the teachers' boxes below this score are not known


def _xywh(rows):
    b = np.array(rows, np.float32).reshape(-1, 4)
    b[:, 2:] += b[:, :2]
    return b


def _blend(boxes, scores, classes, true_boxes, true_classes):
    """Teachers' labels of VOC's classes moved towards people's: confirmed ones rise, others sink, missed ones are added."""
    scores, boxes = scores.copy(), boxes.copy()
    voc = np.isin(classes, VOC)
    scores[voc] *= 1 - TRUE_WEIGHT
    added = []
    iou = box_iou(torch.from_numpy(boxes), torch.from_numpy(true_boxes)).numpy()
    used = np.zeros(len(boxes), bool)
    for j, c in enumerate(true_classes):
        fit = np.where((classes == c) & ~used, iou[:, j], 0) if len(boxes) else np.zeros(0)
        k = int(fit.argmax()) if len(fit) else -1
        if k >= 0 and fit[k] > 0.5:
            scores[k] += TRUE_WEIGHT
            boxes[k], used[k] = true_boxes[j], True
        else:
            added.append(j)
    boxes = np.concatenate((boxes, true_boxes[added]))
    classes = np.concatenate((classes, true_classes[added]))
    return boxes, np.concatenate((scores, np.full(len(added), TRUE_WEIGHT, np.float32))), classes


class Photos:
    """All photos with labels; `train` and `dev` are lists of them. Pixels come from a memory-mapped file under cache."""

    def __init__(self, shared, cache, stronger=None):
        """stronger: a file of boxes like pseudo.json's, without a limit to their number, used for the photos it names."""
        root = os.path.join(shared, "data", "train")
        with open(os.path.join(root, "instances.json")) as f:
            self.truth = json.load(f)
        with open(os.path.join(root, "pseudo.json")) as f:
            pseudo = json.load(f)["photos"]
        better = {}
        if stronger:
            with open(stronger) as f:
                better = json.load(f)
        os.makedirs(cache, exist_ok=True)
        self.pixels, places, thumbs = _decoded(root, cache, [i["file_name"] for i in self.truth["images"]])
        people = {}
        for a in self.truth["annotations"]:
            if not a.get("iscrowd"):
                people.setdefault(a["image_id"], []).append((a["bbox"], INDEX[a["category_id"]]))
        self.all, self.ids = [], {}
        for image in self.truth["images"]:
            name = image["file_name"]
            offset, height, width = places[name]
            rows = better.get(name, pseudo.get(name, []))
            p = Photo(name, image["labels"], width, height, offset, _xywh([r[1:5] for r in rows]),
                      np.array([r[5] for r in rows], np.float32), np.array([INDEX[r[0]] for r in rows], int))
            if name in better:
                p.cut = BETTER_CUT
            elif len(rows) >= MOST:
                p.cut = float(p.scores.min())
            if p.known == "voc20":
                true = people.get(image["id"], [])
                p.boxes, p.scores, p.classes = _blend(
                    p.boxes, p.scores, p.classes, _xywh([t[0] for t in true]), np.array([t[1] for t in true], int))
            elif p.known == "full":
                true = people.get(image["id"], [])
                p.boxes, p.classes = _xywh([t[0] for t in true]), np.array([t[1] for t in true], int)
                p.scores, p.cut = np.ones(len(true), np.float32), ABSENT
            self.ids[name] = image["id"]
            self.all.append(p)
        self._split(thumbs, {i["file_name"] for i in self.truth["images"] if i.get("split") == "dev"})

    def _split(self, thumbs, dev):
        voc = [p for p in self.all if p.known == "voc20"]
        held = {p.name for p in voc[:: max(1, len(voc) // DEV_VOC)]} | dev
        self.dev = [p for p in self.all if p.name in held]
        dev = np.stack([thumbs[p.name] for p in self.dev])
        self.train = [p for p in self.all if p.name not in held and np.abs(dev - thumbs[p.name]).mean(1).min() > TWIN]

    def rgb(self, photo):
        """uint8 [h, w, 3] view into the pixel file."""
        size = photo.width * photo.height * 3
        return self.pixels[photo.offset:photo.offset + size].reshape(photo.height, photo.width, 3)

    def epoch(self, rng):
        """Names of one pass in random order; photos like COCO's come twice."""
        order = list(self.train) + [p for p in self.train if p.name.startswith(COCO_LIKE)]
        rng.shuffle(order)
        return order


def _decoded(root, cache, names):
    index, pixels = os.path.join(cache, "photos.json"), os.path.join(cache, "photos.bin")
    thumb_file = os.path.join(cache, "thumbs.npy")
    if not os.path.exists(index):
        places, thumbs, at = {}, [], 0
        with open(pixels + ".part", "wb") as f:
            for name in names:
                rgb = preprocess.read(os.path.join(root, "images", name))
                places[name] = (at, *rgb.shape[:2])
                at += f.write(rgb.tobytes())
                grey = preprocess.stretch(rgb, 16, 16).mean(2)
                thumbs.append(grey.flatten())
        np.save(thumb_file, np.stack(thumbs).astype(np.float32))
        os.replace(pixels + ".part", pixels)
        with open(index, "w") as f:
            json.dump(places, f)
    with open(index) as f:
        places = json.load(f)
    if sorted(places) != sorted(names):
        raise ValueError(f"{index}: made from other photos; delete it")
    return np.memmap(pixels, np.uint8, "r"), places, dict(zip(places, np.load(thumb_file)))
