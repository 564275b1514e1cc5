"""Faster training on a CPU: depthwise convolutions, batch norms and activations by kernels.cpp, in bfloat16.

`install(net)` changes how a Detector computes, not what: parameters and their names stay. It needs a C++ compiler (CXX, or
c++ on the PATH) and bfloat16 autocast; without one it says so and leaves the network as it is.
"""
import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from torch import nn

from . import model, shufflenetv1

SOURCE = os.path.join(os.path.dirname(__file__), "kernels.cpp")
FLAGS = ["-O3", "-march=native", "-ffast-math", "-fno-finite-math-only", "-std=c++17", "-shared", "-fPIC"]
_lib = None


def library(folder=None):
    """The compiled kernels; made once per source and machine in `folder` (the user's cache by default). OSError without a compiler."""
    global _lib
    if _lib is None:
        with open(SOURCE, "rb") as f:
            key = hashlib.sha256(f.read() + " ".join(FLAGS).encode()).hexdigest()[:16]
        folder = folder or os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "riffle-training")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"kernels-{key}.so")
        if not os.path.exists(path):
            with tempfile.TemporaryDirectory(dir=folder) as at:
                made = os.path.join(at, "kernels.so")
                done = subprocess.run([os.environ.get("CXX", "c++"), *FLAGS, SOURCE, "-o", made], capture_output=True, text=True)
                if done.returncode:
                    raise OSError(f"the compiler refuses {SOURCE}: {done.stderr.strip().splitlines()[-1]}")
                os.replace(made, path)
        _lib = ctypes.CDLL(path)
    return _lib


def _at(t):
    return ctypes.c_void_p(0 if t is None else t.data_ptr())


def _nhwc(t):
    return t.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def _like(t):
    return torch.empty_like(t, memory_format=torch.channels_last)


class Depthwise(torch.autograd.Function):
    """Depthwise convolution of bfloat16 x [N, C, H, W] by float32 weights [C, 1, k, k]; forward is PyTorch's own."""

    @staticmethod
    def forward(ctx, x, weight, bias, stride):
        x, k = _nhwc(x), weight.shape[-1]
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.bias = stride, bias is not None
        half = None if bias is None else bias.bfloat16()
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(x, weight.bfloat16(), half, stride, k // 2, groups=len(weight))

    @staticmethod
    def backward(ctx, gy):
        x, weight = ctx.saved_tensors
        gy, w = _nhwc(gy), weight.contiguous()
        gx = _like(x) if ctx.needs_input_grad[0] else None
        gw, gb = torch.empty_like(w), w.new_empty(len(w)) if ctx.bias else None
        n, c, h, wd = x.shape
        if library().depthwise_backward(_at(x), _at(gy), _at(w), _at(gx), _at(gw), _at(gb), n, h, wd, *gy.shape[2:], c, w.shape[-1], ctx.stride):
            raise ValueError(f"no kernel for a depthwise convolution of {w.shape[-1]} with stride {ctx.stride}")
        return gx, gw.view_as(weight), gb, None


class Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, slope):
        x = _nhwc(x)
        y = _like(x)
        library().leaky_forward(_at(x), _at(y), ctypes.c_long(x.numel()), ctypes.c_float(slope))
        ctx.save_for_backward(y)
        ctx.slope = slope
        return y

    @staticmethod
    def backward(ctx, gy):
        y, gy = ctx.saved_tensors[0], _nhwc(gy)
        gx = _like(y)
        library().leaky_backward(_at(gy), _at(y), _at(gx), ctypes.c_long(y.numel()), ctypes.c_float(ctx.slope))
        return gx, None


class Norm(torch.autograd.Function):
    """Training batch norm with what follows it: leaky(norm(z) + rest); rest may be None, slope 1 is no activation."""

    @staticmethod
    def forward(ctx, z, gamma, beta, rest, slope, norm):
        z, rest = _nhwc(z), None if rest is None else _nhwc(rest)
        n, c, h, w = z.shape
        y, rows = _like(z), n * h * w
        mean, inv, var = torch.empty(3, c).unbind(0)
        library().norm_forward(_at(z), _at(rest), _at(y), ctypes.c_long(rows), c, _at(gamma), _at(beta), ctypes.c_float(norm.eps),
                               ctypes.c_float(slope), _at(mean), _at(inv), _at(var))
        with torch.no_grad():
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(var * (rows / max(rows - 1, 1)), norm.momentum)
            norm.num_batches_tracked += 1
        ctx.save_for_backward(z, y, gamma, mean, inv)
        ctx.slope, ctx.rest = slope, rest is not None
        return y

    @staticmethod
    def backward(ctx, gy):
        z, y, gamma, mean, inv = ctx.saved_tensors
        gy, gz = _nhwc(gy), _like(z)
        grest = _like(z) if ctx.rest else None
        ggamma, gbeta = torch.empty_like(gamma), torch.empty_like(gamma)
        n, c, h, w = z.shape
        library().norm_backward(_at(gy), _at(y), _at(z), _at(gz), _at(grest), ctypes.c_long(n * h * w), c, _at(gamma), _at(mean), _at(inv),
                                ctypes.c_float(ctx.slope), _at(ggamma), _at(gbeta))
        return gz, ggamma, gbeta, grest, None, None


def _depthwise(conv):
    return lambda x: Depthwise.apply(x, conv.weight, conv.bias, conv.stride[0])


def _unit(unit):
    """Forward of a ShuffleNet v1 unit with its norms, activations and sum in as few sweeps as there are convolutions."""
    squeeze, norm1, depth, norm2, widen, norm3 = (unit.branch[i] for i in (0, 1, 4, 5, 6, 7))

    def forward(x):
        y = Norm.apply(squeeze(x), norm1.weight, norm1.bias, None, shufflenetv1.SLOPE, norm1)
        if unit.shuffled:
            y = shufflenetv1.shuffle(y, unit.groups)
        y = widen(Norm.apply(depth(y), norm2.weight, norm2.bias, None, 1.0, norm2))
        rest = x if unit.stride == 1 else None
        y = Norm.apply(y, norm3.weight, norm3.bias, rest, shufflenetv1.SLOPE, norm3)
        return y if unit.stride == 1 else torch.cat((F.avg_pool2d(x, 3, 2, 1).to(y.dtype), y), 1)
    return forward


def install(net):
    """Makes a Detector in training mode compute by the kernels; True where that could be done."""
    try:
        library()
    except OSError as e:
        print(f"training without compiled kernels, at about half the speed: {e}", file=sys.stderr)
        return False
    model.leaky = lambda x: Leaky.apply(x, model.SLOPE) if x.requires_grad else F.leaky_relu(x, model.SLOPE)
    for m in net.modules():
        if isinstance(m, nn.Conv2d) and m.groups == m.in_channels == m.out_channels:
            m.forward = _depthwise(m)
        if isinstance(m, shufflenetv1.Unit) and isinstance(m.branch[1], nn.BatchNorm2d):
            m.forward = _unit(m)
    stem = net.backbone.conv1
    if isinstance(stem[1], nn.BatchNorm2d):
        conv, norm = stem[0], stem[1]
        stem.forward = lambda x: Norm.apply(conv(x), norm.weight, norm.bias, None, shufflenetv1.SLOPE, norm)
    return True
