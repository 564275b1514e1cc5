"""Graph -> a list of XNNPACK operators for xnnpack.c: one line an operator, memory settled, weights in a file beside it.

XNNPACK keeps channels last, so half of the channels is a pointer and a stride, and what is only concatenated is written to
its place at once. Only what ShuffleNets need is written. A half that passes a unit untouched is copied; the shuffle is XNNPACK's own operator. Memory is either reused
as soon as its last reader is done, as XNNPACK's own runtime does, or every map has its own, as operators called by hand often
have: the first keeps more in the caches.
"""
from dataclasses import dataclass

import numpy as np

LINE = 16  # floats


class Unwritten(Exception):
    """A network has operations that xnnpack.c does not know."""


@dataclass(frozen=True)
class _Place:
    """Where a value is: a buffer, the first channel in it and the buffer's channels (the stride of a pixel)."""
    buffer: str
    first: int
    stride: int


class _Writer:
    def __init__(self, g):
        self.g, self.steps, self.floats, self.weights = g, [], {}, []
        self.weight_count, self.places = 0, {}
        uses = g.uses()
        inside = {}  # value -> its place in a concat
        for op in g.ops:
            if op.kind == "concat":
                first = 0
                for v in op.ins:
                    if uses[v.name] == 1:
                        inside[v.name] = _Place(op.outs[0].name, first, op.outs[0].c)
                    first += v.c
        self.new(g.input)
        for op in g.ops:
            if op.kind == "halves":
                at = self.places[op.ins[0].name]
                half = op.outs[0].c
                self.places[op.outs[0].name] = at
                self.places[op.outs[1].name] = _Place(at.buffer, at.first + half, at.stride)
                continue
            v = op.outs[0]
            if v.name in inside:
                self.places[v.name] = inside[v.name]
                self.floats[inside[v.name].buffer] = v.h * v.w * inside[v.name].stride
            else:
                self.new(v)
            getattr(self, "_" + op.kind)(op)

    def new(self, v):
        self.places[v.name] = _Place(v.name, 0, v.c)
        self.floats[v.name] = v.c * v.h * v.w

    def step(self, kind, reads, write, *numbers):
        """reads: values; write: a place. Numbers follow in the line."""
        self.steps.append((kind, [self.places[v.name] for v in reads], write, numbers))

    def put(self, array):
        at = self.weight_count
        flat = np.ascontiguousarray(array, np.float32).ravel()
        self.weights.append(flat)
        self.weight_count += flat.size
        return at

    def conv(self, x, write, weight, bias, stride, groups, relu):
        out, _, k = weight.shape[:3]
        w = self.put(weight.transpose(0, 2, 3, 1))  # XNNPACK: output, row, column, input
        self.step("conv", [x], write, x.h, x.w, x.c, out, k, stride, groups, relu, w, self.put(bias))

    def _conv(self, op):
        if op.attr["act"] not in (None, "relu"):
            raise Unwritten("xnnpack: only ReLU is written")
        self.conv(op.ins[0], self.places[op.outs[0].name], op.weight, op.bias, op.attr["stride"], op.attr["groups"],
                  int(op.attr["act"] == "relu"))

    def _avgpool(self, op):  # XNNPACK's own does not count the padding
        c = op.ins[0].c
        ninth = np.full((c, 1, 3, 3), 1 / 9, np.float32)
        self.conv(op.ins[0], self.places[op.outs[0].name], ninth, np.zeros(c), 2, c, 0)

    def _maxpool(self, op):
        x = op.ins[0]
        self.step("maxpool", [x], self.places[op.outs[0].name], x.h, x.w, x.c)

    def _concat(self, op):
        whole, first = self.places[op.outs[0].name], 0
        for v in op.ins:
            write = _Place(whole.buffer, whole.first + first, whole.stride)
            if self.places[v.name] != write:
                self.step("copy", [v], write, v.h * v.w, v.c)
            first += v.c

    def _shuffle(self, op):
        v = op.outs[0]
        self.step("shuffle", op.ins, self.places[v.name], v.h * v.w, op.attr["groups"], v.c)

    def _add(self, op):
        v = op.outs[0]
        self.step("add", op.ins, self.places[v.name], v.c * v.h * v.w, int(op.attr["act"] == "relu"))

    def _mean(self, op):
        x = op.ins[0]
        self.step("mean", [x], self.places[op.outs[0].name], x.h * x.w, x.c)

    def _linear(self, op):
        out, c = op.weight.shape
        self.step("linear", op.ins, self.places[op.outs[0].name], c, out, self.put(op.weight), self.put(op.bias))

    def arena(self):
        """-> offset of each buffer and the floats of all: first fit among buffers that live at the same time."""
        first, last = {self.g.input.name: -1}, {}
        for i, (_, reads, write, _) in enumerate(self.steps):
            first.setdefault(write.buffer, i)
            for at in [*reads, write]:
                last[at.buffer] = i
        last[self.g.input.name] = last[self.places[self.g.outputs[0].name].buffer] = len(self.steps)
        offsets = {}
        for name in sorted(first, key=first.get):
            size = (self.floats[name] + 2 * LINE - 1) // LINE * LINE  # a line to read beyond the end
            others = sorted((offsets[o], offsets[o] + self.floats[o]) for o in offsets
                            if first[o] <= last[name] and first[name] <= last[o])
            at = 0
            for lo, hi in others:
                if at + size <= lo:
                    break
                at = max(at, (hi + 2 * LINE - 1) // LINE * LINE)
            offsets[name] = at
        return offsets, max(offsets[o] + self.floats[o] for o in offsets) + 2 * LINE

    def apart(self):
        """arena() without any reuse."""
        offsets, at = {}, 0
        for name in self.floats:
            offsets[name] = at
            at += (self.floats[name] + 2 * LINE - 1) // LINE * LINE
        return offsets, at

    def save_weights(self, binary):
        np.concatenate(self.weights).tofile(binary)

    def save_plan(self, plan, memory):
        offsets, floats = memory
        x, y = self.g.input, self.g.outputs[0]
        lines = [f"{floats} {self.weight_count} {offsets[x.name]} {self.floats[x.name]} "
                 f"{offsets[self.places[y.name].buffer]} {y.c * y.h * y.w}"]
        for kind, reads, write, numbers in self.steps:
            ends = [*reads, write]
            lines.append(" ".join([kind, *(f"{offsets[p.buffer] + p.first} {p.stride}" for p in ends), *map(str, numbers)]))
        with open(plan, "w", encoding="ascii") as f:
            f.write("\n".join([*lines, ""]))


def write(g, plan, apart, binary):
    """plan: with memory reused; apart: with memory of its own for every map; binary: the weights of both."""
    w = _Writer(g)
    w.save_weights(binary)
    w.save_plan(plan, w.arena())
    w.save_plan(apart, w.apart())
