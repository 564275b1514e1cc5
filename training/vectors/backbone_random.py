"""Random tensors that Go and Python make alike, so that none need be stored.

A tensor's elements come from splitmix64 started at FNV-1a(name): element i is
mix(fnv1a(name) + (i+1) * GAMMA), of which the upper 24 bits make u in [0, 1),
exact in float32. backbone/random_test.go is the same in Go; every operation
after u is one float64 or float32 operation in both, so results are bit-equal.
"""

import math

import numpy as np

GAMMA = 0x9E3779B97F4A7C15
U64 = (1 << 64) - 1


def fnv1a(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 & U64
    return h


def uniform(name, count):
    """count numbers in [0, 1) as float64."""
    i = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + i * np.uint64(GAMMA)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24


def tensor(name, shape):
    """One tensor of a network, by its name and shape.

    The variances keep activations of all networks between about 0.1 and 20,
    so that a bound of 1e-4 means something: He's 2 / fan-in for dense
    convolutions and fully connected layers, less for depthwise ones, which no
    ReLU follows, and small factors where a ShuffleNet v1 unit adds its branch.
    """
    u = uniform(name, int(np.prod(shape)))
    if len(shape) > 1:
        depthwise = len(shape) == 4 and shape[1] == 1
        x = (2 * u - 1) * math.sqrt((2.1 if depthwise else 6.0) / int(np.prod(shape[1:])))
    elif name.endswith(".branch.7.weight"):
        x = (u + 0.5) * 0.3
    elif name.endswith((".running_var", ".weight")):
        x = u + 0.5
    else:  # biases and running means
        x = (u - 0.5) * 0.5
    return x.astype(np.float32).reshape(shape)


def image(height, width):
    """An image of 16-pixel tiles with noise on them, of variance about 1."""
    rows, cols = -(-height // 16), -(-width // 16)
    tiles = (2 * uniform("image.tiles", 3 * rows * cols) - 1).astype(np.float32).reshape(3, rows, cols)
    noise = (2 * uniform("image.noise", 3 * height * width) - 1).astype(np.float32).reshape(3, height, width)
    return tiles.repeat(16, 1).repeat(16, 2)[:, :height, :width] * np.float32(1.5) + noise


SAMPLES, CHUNKS = 96, 32


def digest(x):
    """What is stored of an output: SAMPLES elements spread over it, then the
    mean of each of CHUNKS equal runs of it, which no element escapes."""
    x = x.reshape(-1)
    samples = x[np.arange(SAMPLES) * len(x) // SAMPLES]
    bounds = np.arange(CHUNKS + 1) * len(x) // CHUNKS
    means = [x[a:b].mean(dtype=np.float64) for a, b in zip(bounds, bounds[1:])]
    return np.concatenate([samples, np.array(means, np.float32)])
