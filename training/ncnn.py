"""Reads the convolutions of an ncnn model (.param text, .bin weights) in file order; int8 weights are dequantised."""
import struct
from dataclasses import dataclass

import numpy as np

FLOAT16, INT8, FLOAT32 = 0x01306B47, 0x000D4B38, (0x00000000, 0x0002C056)


@dataclass
class Conv:
    name: str
    weight: np.ndarray  # [out, in / groups, k, k], float32
    bias: np.ndarray    # [out]


class _Stream:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, kind, count):
        size = np.dtype(kind).itemsize * count
        if self.at + size > len(self.data):
            raise ValueError("weights end early")
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += (size + 3) // 4 * 4  # blobs are padded to four bytes
        return values

    def blob(self, count):
        """-> values as float32, whether they were int8."""
        (tag,) = struct.unpack("<I", self.take("u1", 4).tobytes())
        if tag == FLOAT16:
            return self.take("<f2", count).astype(np.float32), False
        if tag == INT8:
            return self.take("i1", count).astype(np.float32), True
        if tag in FLOAT32:
            return self.take("<f4", count).astype(np.float32), False
        raise ValueError(f"unknown weight tag {tag:#x}")


def _options(words):
    out = {}
    for word in words:
        key, value = word.split("=")
        if int(key) > -23300:  # below are arrays (activation parameters), not needed here
            out[int(key)] = float(value)
    return out


def _conv(stream, kind, name, opt):
    out, k = int(opt[0]), int(opt[1])
    groups = int(opt.get(7, 1)) if kind == "ConvolutionDepthWise" else 1
    flat, quantised = stream.blob(int(opt[6]))
    bias = stream.take("<f4", out).copy() if opt.get(5) else np.zeros(out, np.float32)
    weight = flat.reshape(out, -1, k, k)
    mode = int(opt.get(8, 0))  # int8 scale term: 1 or 2, plus 100 where the output is requantised
    if mode:
        if kind == "Convolution":
            scales = stream.take("<f4", out)
        elif mode % 100 == 1:
            scales = np.repeat(stream.take("<f4", groups), out // groups)
        else:
            scales = np.repeat(stream.take("<f4", 1), out)
        stream.take("<f4", 2 if mode > 100 else 1)  # scales of activations, only used by int8 arithmetic
        if quantised:
            weight = weight / np.where(scales == 0, 1, scales)[:, None, None, None]
    return Conv(name, weight.astype(np.float32), bias)


def read(param, binary):
    """Paths of the two files -> list of Conv."""
    with open(param) as f:
        lines = f.read().splitlines()
    if not lines or lines[0].strip() != "7767517":
        raise ValueError(f"{param}: not an ncnn model")
    with open(binary, "rb") as f:
        stream = _Stream(f.read())
    convs = []
    for line in lines[2:]:
        words = line.split()
        if words and words[0] in ("Convolution", "ConvolutionDepthWise"):
            plugs = int(words[2]) + int(words[3])
            convs.append(_conv(stream, words[0], words[1], _options(words[4 + plugs:])))
    if stream.at != len(stream.data):
        raise ValueError(f"{binary}: {len(stream.data) - stream.at} bytes left over")
    return convs
