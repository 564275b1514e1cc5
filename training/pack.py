"""Photos as one array of squares, decoded once, and random views of a whole batch at a time."""
import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

from . import preprocess

SIDE = 320
SHAPE, GAIN = 0.2, 0.25   # spread of a crop's log aspect, and of a channel's brightness


def squares(store, cache, side=SIDE):
    """uint8 [photos, side, side, 3], memory-mapped, in the order of store.all; made on the first call."""
    path, names = os.path.join(cache, f"squares{side}.npy"), os.path.join(cache, f"squares{side}.json")
    if not os.path.exists(names):
        made = np.lib.format.open_memmap(path, "w+", np.uint8, (len(store.all), side, side, 3))
        for i, p in enumerate(store.all):
            made[i] = preprocess.stretch(store.rgb(p), side, side).round().clip(0, 255)
        made.flush()
        with open(names, "w") as f:
            json.dump([p.name for p in store.all], f)
    with open(names) as f:
        if json.load(f) != [p.name for p in store.all]:
            raise ValueError(f"{path}: made from other photos; delete it and {names}")
    return np.load(path, mmap_mode="r")


def view(photos, size, smallest, generator):
    """uint8 [N, S, S, 3] -> network input [N, 3, size, size] in channels_last, frames [N, 5]: crops of `smallest` to all of a
    side, flips, brightness by channel. A frame is x, y, w, h of the crop as shares of the photo, and whether it is flipped.
    Everything happens on the device where the photos are."""
    n, device = len(photos), photos.device

    def uniform(low, high, *shape):
        return torch.empty(n, *shape).uniform_(low, high, generator=generator)

    share, shape = uniform(smallest, 1), uniform(-SHAPE, SHAPE).exp()
    w, h = (share * shape).clamp(max=1), (share / shape).clamp(max=1)
    x, y = (1 - w) * uniform(-1, 1), (1 - h) * uniform(-1, 1)
    flip = 1 - 2 * (uniform(0, 1) < 0.5).float()
    zero = torch.zeros(n)
    theta = torch.stack((torch.stack((w * flip, zero, x), 1), torch.stack((zero, h, y), 1)), 1).to(device)
    gain = uniform(1 - GAIN, 1 + GAIN, 3, 1, 1).to(device)
    grid = F.affine_grid(theta, (n, 3, size, size), align_corners=False)
    out = F.grid_sample(photos.permute(0, 3, 1, 2).float().contiguous(), grid, "bilinear", "border", align_corners=False)
    mean, std = (torch.tensor(v, device=device).view(3, 1, 1) for v in (preprocess.MEAN, preprocess.STD))
    frames = torch.stack(((1 - w + x) / 2, (1 - h + y) / 2, w, h, (flip < 0).float()), 1)
    return (((out * gain).clamp(0, 255) - mean) / std).contiguous(memory_format=torch.channels_last), frames


def labels(photo, frame, size):
    """A photo's labels seen through a frame of view(): boxes [n, 4] in network pixels, scores [n], classes [n], cut. A box of
    which less than half is left is left out."""
    x, y, w, h, flipped = frame.tolist()
    boxes = torch.from_numpy(photo.boxes) / torch.tensor([photo.width, photo.height] * 2)
    boxes = (boxes - torch.tensor([x, y, x, y])) / torch.tensor([w, h, w, h])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    boxes = boxes.clamp(0, 1)
    if flipped:
        boxes = torch.stack((1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]), 1)
    keep = (boxes[:, 2:] - boxes[:, :2]).prod(1) > 0.5 * area
    return boxes[keep] * size, torch.from_numpy(photo.scores)[keep], torch.from_numpy(photo.classes)[keep], photo.cut


def batches(pixels, rows, size, batch, smallest, seed, device="cpu"):
    """Endless (rows, views, frames) of the photos `rows` of an array [photos, S, S, 3], each photo once before any comes again."""
    generator, order = torch.Generator().manual_seed(seed), torch.empty(0, dtype=torch.long)
    rows = torch.as_tensor(rows)
    while True:
        while len(order) < batch:
            order = torch.cat((order, rows[torch.randperm(len(rows), generator=generator)]))
        now, order = order[:batch].sort().values, order[batch:]
        taken = pixels[now.to(device)] if torch.is_tensor(pixels) else torch.from_numpy(pixels[now.numpy()]).to(device)
        yield now.tolist(), *view(taken, size, smallest, generator)


def side_for(size, share):
    """Input side of a phase: that share of the recipe's, a multiple of 32."""
    return max(32, math.floor(size * share / 32 + 0.5) * 32)
