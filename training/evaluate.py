"""COCO AP (pycocotools) of a checkpoint or an exported file, the first stage alone and the whole network.

    python -m training.evaluate models/riffle-v2-1.5x.safetensors --set val
"""
import argparse
import contextlib
import io
import itertools
import json
import os

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from . import detector, preprocess
from .classes import IDS, VOC

FIGURES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


BATCH = 16  # PyTorch's 1x1 convolutions of one thread are twice as fast from here on


def look(net, photos):
    """photos: iterable of (key, uint8 RGB) -> (key, width, height, what both stages say: Detector.predict)."""
    photos, size = iter(photos), net.recipe.size
    while batch := list(itertools.islice(photos, BATCH)):
        x = np.stack([preprocess.tensor(rgb, size, size) for _, rgb in batch])
        out = net.predict(torch.from_numpy(x).contiguous(memory_format=torch.channels_last))
        for (key, rgb), said in zip(batch, out):
            yield key, rgb.shape[1], rgb.shape[0], said


def rules(alphas):
    """Name -> function(out, width, height) -> detections."""
    out = {"first": detector.first_only}
    for a in alphas:
        out[f"a{a:g}"] = lambda o, w, h, a=a: detector.whole(o, w, h, a)
    return out


def to_results(image_id, found, width, height, size):
    """Detections in network pixels -> COCO result rows [image_id, x, y, w, h, score, category_id]."""
    boxes, scores, classes = (t.numpy() for t in found)
    boxes = boxes * np.array([width / size, height / size] * 2, np.float32)
    ids = np.array(IDS)[classes]
    return np.column_stack((np.full(len(ids), image_id), boxes[:, :2], boxes[:, 2:] - boxes[:, :2], scores, ids))


def run(net, photos, chosen):
    """photos: iterable of (image id, uint8 RGB), chosen: what rules() gives -> result rows by rule."""
    size = net.recipe.size
    rows = {name: [] for name in chosen}
    for image_id, width, height, out in look(net, photos):
        for name, rule in chosen.items():
            rows[name].append(to_results(image_id, rule(out, size, size), width, height, size))
    return {name: np.concatenate(r) if r else np.zeros((0, 7)) for name, r in rows.items()}


@torch.no_grad()
def first_only(net, photos):
    """As run() with the first stage's rule alone, without computing the second stage -> result rows."""
    photos, size, rows = iter(photos), net.recipe.size, [np.zeros((0, 7))]
    while batch := list(itertools.islice(photos, BATCH)):
        x = np.stack([preprocess.tensor(rgb, size, size) for _, rgb in batch])
        _, dense, at = net.first(torch.from_numpy(x).contiguous(memory_format=torch.channels_last))
        for (key, rgb), d in zip(batch, dense):
            found = detector.first_only({"dense": d, "points": at}, size, size)
            rows.append(to_results(key, found, rgb.shape[1], rgb.shape[0], size))
    return np.concatenate(rows)


def figures(truth, rows, image_ids=None, category_ids=None):
    """COCO's 12 metrics, fractions; truth is a COCO dict."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        e = COCOeval(coco, coco.loadRes(rows), "bbox")
        if image_ids is not None:
            e.params.imgIds = sorted(image_ids)
        if category_ids is not None:
            e.params.catIds = sorted(category_ids)
        e.evaluate()
        e.accumulate()
        e.summarize()
    return dict(zip(FIGURES, (float(v) for v in e.stats)))


class ValSet:
    """The 300 photos of ../shared/data/val: only for reporting."""

    def __init__(self, shared):
        root = os.path.join(shared, "data", "val")
        with open(os.path.join(root, "instances.json")) as f:
            self.truth = json.load(f)
        self.files = {i["id"]: os.path.join(root, "images", i["file_name"]) for i in self.truth["images"]}

    def photos(self, part=0, parts=1):
        for image_id in sorted(self.files)[part::parts]:
            yield image_id, preprocess.read(self.files[image_id])

    def score(self, rows):
        return figures(self.truth, rows)["AP"]


class DevSet:
    """Photos held out of training: the fully labelled COCO ones on 80 classes, VOC ones on VOC's 20."""

    def __init__(self, photos):
        self.store, self.truth = photos, photos.truth
        self.truth.setdefault("info", {})
        self.full = [photos.ids[p.name] for p in photos.dev if p.known == "full"]
        self.voc = [photos.ids[p.name] for p in photos.dev if p.known == "voc20"]

    def photos(self, part=0, parts=1, full=False):
        for p in [p for p in self.store.dev if p.known == "full" or not full][part::parts]:
            yield self.store.ids[p.name], np.array(self.store.rgb(p))

    def parts(self, rows):
        full = figures(self.truth, rows, self.full)["AP"]
        return full, figures(self.truth, rows, self.voc, [IDS[c] for c in VOC])["AP"]

    def score(self, rows):
        """Mean of both parts: what training is watched by."""
        return float(np.mean(self.parts(rows)))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("weights")
    p.add_argument("--shared", default="../shared")
    p.add_argument("--cache", default="training/runs/cache")
    p.add_argument("--set", choices=("val", "dev"), default="val")
    p.add_argument("--alphas", type=float, nargs="*", default=[detector.ALPHA])
    a = p.parse_args()
    from . import checkpoint, data
    torch.set_num_threads(1)
    net = checkpoint.load_any(a.weights)
    if a.set == "val":
        known = ValSet(a.shared)
    else:
        known = DevSet(data.Photos(a.shared, a.cache))
    for name, rows in run(net, known.photos(), rules(a.alphas)).items():
        if a.set == "val":
            print(name, " ".join(f"{k} {100 * v:.2f}" for k, v in figures(known.truth, rows).items()), flush=True)
        else:
            print(name, "full {:.2f} voc {:.2f}".format(*(100 * v for v in known.parts(rows))), flush=True)


if __name__ == "__main__":
    main()
