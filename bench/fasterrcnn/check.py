"""Does riffle find what torchvision finds? `check.py RIFFLE --photos FILE...`: every box and score of each photo, and with
`--coco INSTANCES --folder DIR` also AP by `riffle eval` and by pycocotools.

JPEGs are decoded once, by Pillow, and given to both as PNGs.
"""
import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile

import torch
from PIL import Image

import networks

BOX, SCORE, AP = 0.5, 1e-3, 0.1  # pixels, probability, points


def riffle(program, *args):
    done = subprocess.run([program, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"riffle {' '.join(args[:2])}: {done.stderr.strip()}")
    return done.stdout


def imported(program, net, arch, work, *more):
    pth, model = os.path.join(work, "net.pth"), os.path.join(work, "net.safetensors")
    torch.save(net.state_dict(), pth)
    print(riffle(program, "models", "import", pth, "--arch", arch, "--out", model, *more).splitlines()[0])
    return model


def unmatched(found, wanted):
    """Of torchvision's detections those that riffle lacks; the largest differences of the others."""
    used, lost, box_off, score_off = set(), 0, 0.0, 0.0
    for label, score, box in zip(wanted["labels"].tolist(), wanted["scores"].tolist(), wanted["boxes"].tolist()):
        best = None
        for k, f in enumerate(found):
            if k in used or f["category_id"] != label or abs(f["score"] - score) > SCORE:
                continue
            off = max(abs(a - b) for a, b in zip(f["box"], box))
            if off <= BOX and (best is None or off < best[0]):
                best = off, abs(f["score"] - score), k
        if best is None:
            lost += 1
            continue
        used.add(best[2])
        box_off, score_off = max(box_off, best[0]), max(score_off, best[1])
    return lost, box_off, score_off


def photos(program, arch, paths, work):
    net = networks.random(arch, networks.picture(paths[0]))
    names = ",".join(f"class {i}" for i in range(1, 91))  # of all outputs, also COCO's that have no name
    model = imported(program, net, arch, work, "--classes", names)
    pngs = []
    for i, path in enumerate(paths):
        pngs.append(os.path.join(work, f"{i}.png"))
        Image.open(path).convert("RGB").save(pngs[-1])
    lines = riffle(program, "detect", *pngs, "--model", model, "--json", "--threshold", "0.05").splitlines()
    lost = 0
    for path, png, line in zip(paths, pngs, lines):
        net.roi_heads.box_roi_pool.scales = None  # else those of the first photo stay
        x, found = networks.picture(png), json.loads(line)["detections"]
        wanted = net([x])[0]
        n, box_off, score_off = unmatched(found, wanted)
        lost += n
        print(f"{os.path.basename(path)}, {x.shape[2]}x{x.shape[1]}: {len(found)} found, torchvision {len(wanted['scores'])}, "
              f"{n} lacking; others differ by {box_off:.3f} pixels and {score_off:.1e} at most")
    return lost == 0


def accuracy(program, arch, instances, folder, count, work):
    """AP of detections that torchvision makes is measured against those of another seed: people's labels mean nothing here."""
    with open(instances) as f:
        truth = json.load(f)
    truth["images"] = truth["images"][:count]
    kept = {i["id"] for i in truth["images"]}
    pngs = os.path.join(work, "pngs")
    os.makedirs(pngs, exist_ok=True)
    for i in truth["images"]:
        name = os.path.splitext(os.path.basename(i["file_name"]))[0] + ".png"
        Image.open(os.path.join(folder, i["file_name"])).convert("RGB").save(os.path.join(pngs, name))
        i["file_name"] = name
    ids = [c["id"] for c in truth["categories"]]
    # COCO's outputs without a name take no place among riffle's 100.
    net = networks.random(arch, networks.picture(os.path.join(pngs, truth["images"][0]["file_name"])), box_detections_per_img=1000)
    # The network's own answers, moved a little, are the truth: so its AP is neither 0 nor 100.
    torch.manual_seed(1)
    answers, labels = [], []
    for i in truth["images"]:
        net.roi_heads.box_roi_pool.scales = None
        d = net([networks.picture(os.path.join(pngs, i["file_name"]))])[0]
        named = [f for f in zip(d["labels"].tolist(), d["scores"].tolist(), d["boxes"].tolist()) if f[0] in ids]
        for k, (label, score, box) in enumerate(named[:100]):
            x1, y1, x2, y2 = box
            answers.append({"image_id": i["id"], "category_id": label, "score": score, "bbox": [x1, y1, x2 - x1, y2 - y1]})
            if k % 2 == 0:
                w, h = x2 - x1, y2 - y1
                dx, dy = (torch.rand(2) * 0.4 - 0.2).tolist()
                labels.append({"id": len(labels) + 1, "image_id": i["id"], "category_id": label, "iscrowd": 0, "area": w * h,
                               "bbox": [x1 + dx * w, y1 + dy * h, w, h]})
    truth["annotations"] = labels
    path = os.path.join(work, "truth.json")
    with open(path, "w") as f:
        json.dump(truth, f)
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(path)
        e = COCOeval(coco, coco.loadRes(answers), "bbox")
        e.evaluate(), e.accumulate(), e.summarize()
    model = imported(program, net, arch, work)
    mine = json.loads(riffle(program, "eval", "--annotations", path, "--images", pngs, "--model", model, "--json"))
    ours, theirs = 100 * mine["AP"], 100 * e.stats[0]
    print(f"{len(kept)} photos, {len(labels)} objects: AP {ours:.2f} by riffle eval, {theirs:.2f} by torchvision and pycocotools")
    return abs(ours - theirs) <= AP


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("riffle")
    parser.add_argument("--arch", default=networks.ARCHITECTURES[0], choices=networks.ARCHITECTURES)
    parser.add_argument("--photos", nargs="+", default=[], metavar="FILE")
    parser.add_argument("--coco", metavar="INSTANCES")
    parser.add_argument("--folder", metavar="DIR", default=".")
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    good = True
    with tempfile.TemporaryDirectory() as work:
        if args.photos:
            good = photos(args.riffle, args.arch, args.photos, work)
        if args.coco:
            good = accuracy(args.riffle, args.arch, args.coco, args.folder, args.count, work) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
