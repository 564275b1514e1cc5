"""Weights as riffle stores them: safetensors, read with numpy alone."""
import json

import numpy as np

KINDS = {"F16": "<f2", "F32": "<f4"}
EPSILON = 1e-5  # of riffle's batch norms, and torch's


class Tensors:
    """A safetensors file: `tensors[name]` is a float32 array, `meta` the file's own strings."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        start = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:start])
        self.meta = header.pop("__metadata__", {})
        self._arrays = {}
        for name, entry in header.items():
            lo, hi = entry["data_offsets"]
            raw = np.frombuffer(data, KINDS[entry["dtype"]], offset=start + lo, count=-1 if lo == hi else
                                (hi - lo) // np.dtype(KINDS[entry["dtype"]]).itemsize)
            self._arrays[name] = raw.reshape(entry["shape"]).astype(np.float32)

    def __contains__(self, name):
        return name in self._arrays

    def __getitem__(self, name):
        return self._arrays[name]

    def conv(self, name, norm=None, epsilon=EPSILON):
        """-> weight [O, I/g, k, k] and bias [O] of a convolution, the batch norm after it folded in."""
        weight = self[name + ".weight"].astype(np.float64)
        bias = self[name + ".bias"].astype(np.float64) if name + ".bias" in self else np.zeros(len(weight))
        if norm is not None and norm + ".running_var" in self:
            scale = self[norm + ".weight"] / np.sqrt(self[norm + ".running_var"].astype(np.float64) + epsilon)
            weight = weight * scale[:, None, None, None]
            bias = (bias - self[norm + ".running_mean"]) * scale + self[norm + ".bias"]
        return weight.astype(np.float32), bias.astype(np.float32)
