"""A small two-stage detector of random weights and what PyTorch says it sees: the structure of training/, few channels.
A second one, "uneven", has another inner width in every unit, as netadapt.py makes them.

Run from the repository's root: python training/vectors/detector_two_stage.py
"""
import argparse
import json
import os
import sys
from dataclasses import replace

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, os.getcwd())
from training import detector, model, preprocess, recipes, roi  # noqa: E402

ARCH, NECK = "shufflenet_v2_x0.5", 16
HEIGHT, WIDTH = 352, 384
NAMES = ["cat", "dog", "bird", "cow", "sheep"]
IDS = [17, 18, 16, 21, 20]
DENSE_STEP = 19    # every so manieth point is kept: the file stays small
PROPOSALS, PRE_NMS, PROPOSAL_IOU, ALPHA = 30, 120, 0.4, 0.4
UNEVEN = (24, 17, 9, 12, 31, 48, 1, 20, 7, 16, 25, 40, 33, 50, 11, 18)


def small_net(seed, x, branches=()):
    """A detector of few channels whose weights are float16 numbers and whose answers spread out."""
    model.ARCHS[ARCH] = (24, (48, 96, 192), NECK)
    for module in (model, roi, detector):
        module.CLASSES = len(NAMES)
    roi.CHANNELS, roi.SIZE, roi.HIDDEN = 8, 5, 24
    roi.PRE_NMS, roi.PROPOSAL_IOU = PRE_NMS, PROPOSAL_IOU
    torch.manual_seed(seed)
    net = detector.Detector(replace(recipes.DEFAULT, arch=ARCH, proposals=PROPOSALS, branches=branches)).eval()
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() > 1:
                fan = p[0].numel()
                torch.nn.init.normal_(p, std=(2.0 / fan) ** 0.5)
            else:
                torch.nn.init.normal_(p, std=0.1)
        net.roi.prior_scale += 1
        calibrate(net, x)
        for p in net.parameters():
            p.copy_(p.half().float())
    return net


def calibrate(net, x):
    """Scales the last layers so that logits are neither all sure nor all alike."""
    pyramid = net.neck(net.backbone(x))
    for level, (stem, pred, p) in enumerate(zip(net.rpn.stem, net.rpn.pred, pyramid)):
        y = pred(stem(p))
        mean, std = y.mean((0, 2, 3)), y.std((0, 2, 3)) + 0.05
        want = torch.full_like(std, 1.6)
        want[:len(NAMES)] = 1.1
        pred.weight *= (want / std)[:, None, None, None]
        pred.bias.sub_(mean).mul_(want / std)
        pred.bias[:len(NAMES)] -= 3.2 - 0.5 * level
        if level == len(pyramid) - 1:   # boxes as large as the picture, for the coarsest level's features
            pred.bias[len(NAMES):].view(4, model.BINS)[:, 5:] += 3
    scale = [p.std() for p in (net.roi.thin(p) for p in pyramid)]
    net.roi.thin.weight /= scale[0]
    net.roi.thin.bias /= scale[0]
    net.roi.cls.weight *= 0.35
    net.roi.reg.weight *= 0.35


def photo(rng):
    """Soft blobs: something for the network to tell apart, and small."""
    y, x = np.mgrid[0:96, 0:150].astype(np.float32)
    img = np.zeros((96, 150, 3), np.float32) + 60
    for _ in range(14):
        cx, cy, r = rng.uniform(0, 150), rng.uniform(0, 96), rng.uniform(5, 40)
        img += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r ** 2)[:, :, None] * rng.uniform(-120, 160, 3)
    return img.clip(0, 255).astype(np.uint8)


@torch.no_grad()
def look(net, x):
    """What both stages say about one picture."""
    pyramid, dense, points = net.first(x)
    proposals, prior, objectness = chosen = roi.propose(dense, points, WIDTH, HEIGHT, 0, PROPOSALS)
    head, deltas = net.second(pyramid, [chosen], WIDTH, HEIGHT)
    pooled = roi.pool([net.roi.thin(p) for p in pyramid], proposals, torch.zeros(len(proposals), dtype=torch.long))
    return {"dense": dense[0], "points": points, "proposals": proposals, "prior": prior, "objectness": objectness,
            "pooled": pooled, "head": head, "deltas": deltas, "refined": roi.apply_deltas(proposals, deltas)}


def save(net, out, rgb, folder, model_file, vectors_file):
    vectors = {"image": torch.from_numpy(rgb), "dense": out["dense"][::DENSE_STEP], "proposals": out["proposals"],
               "objectness": out["objectness"], "pooled": out["pooled"], "head": out["head"], "deltas": out["deltas"]}
    whole = detector.whole(out, WIDTH, HEIGHT, ALPHA)
    for name, found in (("whole", whole), ("first", detector.first_only(out, WIDTH, HEIGHT))):
        boxes, scores, classes = found
        print(name, len(scores), "detections", scores[:5].tolist(), "classes", np.bincount(classes.numpy()).tolist())
        vectors.update({f"{name}.boxes": boxes, f"{name}.scores": scores, f"{name}.classes": classes.float()})
    levels = roi.level_of(out["proposals"])
    print("proposals", len(levels), "by level", np.bincount(levels.numpy()).tolist())
    save_file({k: v.detach().clone().contiguous() for k, v in vectors.items()}, os.path.join(folder, vectors_file + ".safetensors"))

    branches = {"branch_widths": list(net.recipe.branches)} if net.recipe.branches else {}
    header = {"format": 1, "name": "tiny", "arch": ARCH, "kind": "two_stage", "input": [HEIGHT, WIDTH],
              "mean": preprocess.MEAN.tolist(), "std": preprocess.STD.tolist(),
              "classes": [{"id": i, "name": n} for i, n in zip(IDS, NAMES)], "licence": "none: random numbers",
              **branches, "neck_channels": NECK,
              "roi": {"channels": roi.CHANNELS, "size": roi.SIZE, "sampling": roi.SAMPLING, "hidden": roi.HIDDEN,
                      "proposals": PROPOSALS, "pre_nms": PRE_NMS, "nms": PROPOSAL_IOU, "second_stage_weight": ALPHA},
              "nms": detector.IOU, "ap": {}}
    save_file({k: v.half().contiguous() for k, v in net.state_dict().items()},
              os.path.join(folder, model_file + ".safetensors"), {"riffle": json.dumps(header, separators=(",", ":"))})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="detector/testdata")
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    rgb = photo(np.random.default_rng(args.seed))
    x = torch.from_numpy(preprocess.tensor(rgb, HEIGHT, WIDTH))[None]
    for branches, model_file, vectors_file in ((), "../../testdata/tiny_detector", "two_stage"), (UNEVEN, "uneven_model", "uneven"):
        net = small_net(args.seed, x, branches)
        save(net, look(net, x), rgb, args.out, model_file, vectors_file)



if __name__ == "__main__":
    main()
