"""Batches with the teacher's answers on disk, so that each answer is used several times: the teacher is a quarter of a step."""
import os
import random

import numpy as np
import torch

KEPT = 500  # batches; of the oldest, the place is taken


class Replay:
    """make() -> tuple of bfloat16 tensors, always of the same shapes. next() -> a batch and whether it is fresh, which
    it is once in `reuse` calls; the others are drawn from the last KEPT."""

    def __init__(self, folder, make, reuse, seed, kept=KEPT):
        self.folder, self.make, self.reuse, self.kept = folder, make, reuse, kept
        self.random, self.made, self.calls, self.files, self.shapes = random.Random(seed), 0, 0, None, None

    def _store(self, batch):
        if self.files is None:
            os.makedirs(self.folder, exist_ok=True)
            self.shapes = [t.shape for t in batch]
            self.files = [np.lib.format.open_memmap(os.path.join(self.folder, f"{i}.npy"), "w+", np.int16, (self.kept, t.numel()))
                          for i, t in enumerate(batch)]
        for f, t in zip(self.files, batch):
            last = t.permute(0, 2, 3, 1) if t.dim() == 4 else t
            f[self.made % self.kept] = last.contiguous().view(torch.int16).flatten().numpy()
        self.made += 1

    def _load(self, k):
        out = []
        for f, shape in zip(self.files, self.shapes):
            t = torch.from_numpy(f[k].copy()).view(torch.bfloat16)
            if len(shape) == 4:
                n, c, h, w = shape
                out.append(t.view(n, h, w, c).permute(0, 3, 1, 2))
            else:
                out.append(t.view(shape))
        return tuple(out)

    def next(self):
        self.calls += 1
        if self.reuse > 1 and self.made > 1 and self.calls % self.reuse:
            return self._load(self.random.randrange(min(self.made, self.kept))), False
        batch = self.make()
        if self.reuse > 1:
            self._store(batch)
        return batch, True
