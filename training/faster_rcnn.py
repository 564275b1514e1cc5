"""The papers' own detector: a classic Faster R-CNN on ShuffleNet, trained on COCO labels, exported and compared with Go.

    python -m training.faster_rcnn train --annotations INSTANCES --images DIR --out RUN --arch shufflenet_v1_x1.0_g3 --minutes 60
    python -m training.faster_rcnn export RUN/last.pt model.safetensors
    python -m training.faster_rcnn compare RUN/last.pt RIFFLE PHOTO

A region proposal network over anchors that knows no classes, RoIAlign and a head of two fully connected layers on a feature
pyramid over C3 to C5 (Ren et al. 2015, arXiv:1506.01497; Lin et al. 2016, arXiv:1612.03144); its losses are torchvision's, which
are the paper's. The trunk is that of shufflenetv1.py or model.py and may begin as a trained model's (--begin FILE). Cut off,
`train` goes on from RUN/last.pt.
"""
import argparse
import dataclasses
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision import ops
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead

from . import classes, model, preprocess, shufflenetv1

MAPS = ("0", "1", "2")  # C3, C4, C5
RATIOS = (0.5, 1.0, 2.0)
SCORE, IOU, SIZE, SAMPLING = 0.05, 0.5, 7, 2
GRADIENT = 10.0  # norm to which gradients are clipped


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a network is built of; a checkpoint holds them."""
    arch: str = "shufflenet_v2_x1.5"  # key of model.ARCHS
    side: int = 320       # shorter side of photos, pixels; the longer one has at most twice as many
    fpn: int = 96         # width of the pyramid
    hidden: int = 256     # of the box head
    proposals: int = 150  # regions it looks at
    anchor: int = 32      # side of the finest level's anchors, pixels; doubles from level to level
    classes: tuple = tuple(zip(classes.IDS, classes.NAMES))  # (number in the annotations, name)


def trunk(arch):
    """ShuffleNet v1 has batch norms, which are folded for export; v2 here is folded from the start."""
    stem, widths, _ = model.ARCHS[arch]
    if arch.startswith("shufflenet_v1_"):
        return shufflenetv1.ShuffleNetV1(stem, widths, int(arch.rsplit("_g", 1)[1]), norm=True)
    return model.ShuffleNetV2(stem, widths)


class Backbone(nn.Module):
    """[N, 3, H, W] -> the pyramid's levels by name, fine to coarse, and "pool", for proposals only."""

    def __init__(self, arch, channels):
        super().__init__()
        self.body = trunk(arch)
        self.fpn = ops.FeaturePyramidNetwork(list(model.ARCHS[arch][1]), channels, ops.feature_pyramid_network.LastLevelMaxPool())
        self.out_channels = channels

    def forward(self, x):
        return self.fpn(OrderedDict(zip(MAPS, self.body(x))))


def build(s):
    levels = len(MAPS) + 1
    outputs = 1 + max(i for i, _ in s.classes)
    return FasterRCNN(
        Backbone(s.arch, s.fpn), min_size=s.side, max_size=2 * s.side,
        image_mean=(preprocess.MEAN / 255).tolist(), image_std=(preprocess.STD / 255).tolist(),
        rpn_anchor_generator=AnchorGenerator(tuple((s.anchor << k,) for k in range(levels)), (RATIOS,) * levels),
        rpn_pre_nms_top_n_test=2 * s.proposals, rpn_post_nms_top_n_test=s.proposals, rpn_score_thresh=0.0,
        box_roi_pool=ops.MultiScaleRoIAlign(list(MAPS), SIZE, SAMPLING),
        box_head=TwoMLPHead(s.fpn * SIZE * SIZE, s.hidden), box_predictor=FastRCNNPredictor(s.hidden, outputs),
        box_score_thresh=SCORE, box_nms_thresh=IOU)


def begin(net, path):
    """Gives the trunk the tensors "backbone.*" of a model's file; batch norms become what their bias says."""
    body, given = net.backbone.body, load_file(path)
    state = body.state_dict()
    with torch.no_grad():
        for name, value in given.items():
            if not name.startswith("backbone."):
                continue
            name = name[len("backbone."):]
            if name not in state and name.endswith(".bias"):
                at, index = name[:-len(".bias")].rsplit(".", 1)
                name = f"{at}.{int(index) + 1}.bias"
            if name not in state or state[name].shape != value.shape:
                raise SystemExit(f"{path}: the trunk has no {name} of shape {list(value.shape)}")
            state[name].copy_(value.float())
    body.load_state_dict(state)


class Labels(torch.utils.data.Dataset):
    """Photos with boxes of COCO annotations; crowds and boxes without area are left out, photos without boxes stay."""

    def __init__(self, annotations, folder, s, flip=True):
        with open(annotations) as f:
            data = json.load(f)
        known = {i for i, _ in s.classes}
        self.folder, self.flip, self.boxes = folder, flip, {}
        self.photos = data["images"]
        self.skipped = 0
        for a in data["annotations"]:
            x, y, w, h = a["bbox"]
            if a.get("iscrowd") or w < 1 or h < 1 or a["category_id"] not in known:
                self.skipped += 1
                continue
            self.boxes.setdefault(a["image_id"], []).append((x, y, x + w, y + h, a["category_id"]))

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, i):
        photo = self.photos[i]
        x = picture(os.path.join(self.folder, os.path.basename(photo["file_name"])))
        rows = torch.tensor(self.boxes.get(photo["id"], []), dtype=torch.float32).reshape(-1, 5)
        boxes, labels = rows[:, :4].clone(), rows[:, 4].long()
        if self.flip and random.random() < 0.5:
            x = x.flip(2)
            boxes[:, [0, 2]] = x.shape[2] - boxes[:, [2, 0]]
        return x, {"boxes": boxes, "labels": labels}


def picture(path):
    """-> [3, H, W], 0 to 1."""
    return torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1).float() / 255


def save(path, net, s, passes, optimizer):
    torch.save({"settings": dataclasses.asdict(s), "net": net.state_dict(), "passes": passes, "optimizer": optimizer.state_dict()}, path + ".part")
    os.replace(path + ".part", path)


def load(path):
    """-> network, settings, the whole checkpoint."""
    saved = torch.load(path, weights_only=True)
    s = Settings(**{**saved["settings"], "classes": tuple((i, n) for i, n in saved["settings"]["classes"])})
    net = build(s)
    net.load_state_dict(saved["net"])
    return net, s, saved


def train(s, annotations, folder, run, minutes, batch=4, rate=0.005, start=None, save_every=5.0, passes=None, warm_up=500):
    """Trains for minutes of this process's CPU, or so many passes of a photo, the first warm_up of them at lower rates; -> losses, one a step."""
    os.makedirs(run, exist_ok=True)
    last = os.path.join(run, "last.pt")
    done, saved = 0, None
    if os.path.exists(last):
        net, s, saved = load(last)
        done = saved["passes"]
    else:
        net = build(s)
        if start:
            begin(net, start)
    data = Labels(annotations, folder, s)
    if not len(data):
        raise SystemExit(f"{annotations}: no photos")
    print(f"{len(data)} photos, {data.skipped} boxes left out (crowds, unknown classes, no area), {done} passes done", flush=True)
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": 1e-4}, {"params": others}], lr=rate, momentum=0.9)
    if saved:
        optimizer.load_state_dict(saved["optimizer"])
    net.train()
    clock, kept, losses = time.process_time(), time.monotonic(), []
    with open(os.path.join(run, "log.jsonl"), "a") as log:
        while True:
            order = torch.randperm(len(data)).tolist()
            for k in range(0, len(order), batch):
                spent = (time.process_time() - clock) / 60
                share = done / passes if passes else spent / minutes
                if share >= 1:
                    save(last, net, s, done, optimizer)
                    return losses
                for g in optimizer.param_groups:  # warm-up, then a cosine
                    g["lr"] = rate * min(1.0, (done + batch) / warm_up) * (0.5 + 0.5 * math.cos(math.pi * share))
                photos, targets = zip(*(data[i] for i in order[k:k + batch]))
                parts = net(list(photos), list(targets))
                loss = sum(parts.values())
                if not torch.isfinite(loss):
                    raise SystemExit(f"the loss is {loss.item()} after {done} passes: a lower --rate may help")
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), GRADIENT)
                optimizer.step()
                done += len(photos)
                losses.append(loss.item())
                log.write(json.dumps({"passes": done, "minutes": round(spent, 2), "loss": round(loss.item(), 4),
                                      **{n: round(v.item(), 4) for n, v in parts.items()}}) + "\n")
                log.flush()
                if time.monotonic() - kept > 60 * save_every:
                    save(last, net, s, done, optimizer)
                    kept = time.monotonic()


def header(s, name, licence):
    return {
        "format": 1, "name": name, "arch": s.arch, "kind": "faster_rcnn", "input": [s.side, s.side],
        "mean": [float(f"{v:.6g}") for v in preprocess.MEAN], "std": [float(f"{v:.6g}") for v in preprocess.STD],
        "classes": [{"id": i, "name": n} for i, n in s.classes], "licence": licence, "nms": IOU,
        "faster_rcnn": {
            "outputs": 1 + max(i for i, _ in s.classes), "levels": len(MAPS), "fpn": s.fpn, "slope": model.SLOPE, "folded": True,
            "anchor_sizes": [[s.anchor << k] for k in range(len(MAPS) + 1)], "anchor_ratios": list(RATIOS),
            "rpn_pre_nms_top_n": 2 * s.proposals, "rpn_post_nms_top_n": s.proposals, "rpn_nms_thresh": 0.7, "rpn_score_thresh": 0,
            "size": SIZE, "sampling": SAMPLING, "hidden": s.hidden, "box_score_thresh": SCORE, "min_size": s.side, "max_size": 2 * s.side,
        },
    }


def export(net, s, path, name="faster-rcnn", licence="that of its training data", half=False):
    state = shufflenetv1.fold(net.state_dict(), "backbone.body.")
    state = {k: v.contiguous() for k, v in state.items() if v.is_floating_point()}
    if half:
        state = {k: v.half() if v.dim() > 1 else v for k, v in state.items()}
    for k, v in state.items():
        if not torch.isfinite(v).all():
            raise SystemExit(f"{k} is not finite")
    save_file(state, path, {"riffle": json.dumps(header(s, name, licence), separators=(",", ":"))})


@torch.no_grad()
def compare(net, s, riffle, photo):
    """-> detections, how many of them Go lacks, largest difference of boxes (pixels) and of scores of the others."""
    net.eval()
    with tempfile.TemporaryDirectory() as work:
        file, png = os.path.join(work, "model.safetensors"), os.path.join(work, "photo.png")
        export(net, s, file)
        Image.open(photo).convert("RGB").save(png)
        done = subprocess.run([riffle, "detect", png, "--model", file, "--json", "--threshold", str(SCORE)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr.strip())
        found, wanted = json.loads(done.stdout)["detections"], net([picture(png)])[0]
    lacking, box_off, score_off = 0, 0.0, 0.0
    for label, score, box in zip(wanted["labels"].tolist(), wanted["scores"].tolist(), wanted["boxes"].tolist()):
        near = [(max(abs(a - b) for a, b in zip(f["box"], box)), abs(f["score"] - score)) for f in found if f["category_id"] == label]
        near = [n for n in near if n[0] <= 0.5 and n[1] <= 1e-3]
        if not near:
            lacking += 1
            continue
        box_off, score_off = max(box_off, min(near)[0]), max(score_off, min(near)[1])
    return len(wanted["scores"]), lacking, box_off, score_off


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    do = p.add_subparsers(dest="do", required=True)
    t = do.add_parser("train")
    t.add_argument("--annotations", required=True, help="COCO's instances.json")
    t.add_argument("--images", required=True, help="folder of the photos")
    t.add_argument("--out", required=True, metavar="RUN", help="folder of checkpoints and log.jsonl")
    t.add_argument("--arch", default=Settings.arch, choices=sorted(model.ARCHS))
    t.add_argument("--side", type=int, default=Settings.side, help="shorter side of photos, a multiple of 32")
    t.add_argument("--fpn", type=int, default=Settings.fpn)
    t.add_argument("--hidden", type=int, default=Settings.hidden)
    t.add_argument("--proposals", type=int, default=Settings.proposals)
    t.add_argument("--begin", metavar="FILE", help="model whose trunk is begun with")
    t.add_argument("--minutes", type=float, default=60, help="of CPU")
    t.add_argument("--batch", type=int, default=4)
    t.add_argument("--rate", type=float, default=0.005)
    t.add_argument("--save-every", type=float, default=5, metavar="MINUTES")
    e = do.add_parser("export")
    e.add_argument("checkpoint")
    e.add_argument("out")
    e.add_argument("--name", default="faster-rcnn")
    e.add_argument("--licence", default="that of its training data")
    e.add_argument("--half", action="store_true", help="filters as float16")
    c = do.add_parser("compare")
    c.add_argument("checkpoint")
    c.add_argument("riffle", help="the program")
    c.add_argument("photo")
    a = p.parse_args()
    if a.do == "train":
        s = Settings(a.arch, a.side, a.fpn, a.hidden, a.proposals)
        losses = train(s, a.annotations, a.images, a.out, a.minutes, a.batch, a.rate, a.begin, a.save_every)
        print(f"{len(losses)} steps, loss {np.mean(losses[:20]):.3f} to {np.mean(losses[-20:]):.3f}" if losses else "nothing left to do")
        return
    net, s, _ = load(a.checkpoint)
    if a.do == "export":
        export(net, s, a.out, a.name, a.licence, a.half)
        return
    found, lacking, box_off, score_off = compare(net, s, a.riffle, a.photo)
    print(f"{found} detections, {lacking} lacking in Go; others differ by {box_off:.3f} pixels and {score_off:.1e} at most")
    sys.exit(1 if lacking or not found else 0)


if __name__ == "__main__":
    main()
