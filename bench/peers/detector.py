"""The default detector, both stages, as one ONNX graph: tensor in, boxes out.

The dense part is a Graph like the classifiers; what stands behind it (proposals, RoIAlign, head, suppression) uses ONNX's own
TopK, NonMaxSuppression and RoiAlign. Wherever ONNX leaves a choice the cheaper one is taken: classes are reduced and bins
gathered in the planes' own layout, so that no map is transposed.
"""
import json
import math

import numpy as np

from graph import Graph
from networks import features
from write_onnx import Writer

STRIDES = (8, 16, 32, 64)
BINS = 8
SLOPE = 0.1
FINEST = 80         # pixels, where the header names none; regions below are pooled from P3, each further level doubles it
SCORE, BEST = 0.01, 100
LOG_LIMIT = math.log(1000 / 16)
GONE = -1e30           # below every logit


def header(tensors):
    return json.loads(tensors.meta["riffle"])


def _pointwise(g, tensors, x, name, act=SLOPE):
    return g.conv(x, tensors.conv(name), act=act)


def _separable(g, tensors, x, name, stride=1):
    return _pointwise(g, tensors, g.conv(x, tensors.conv(name + ".0"), stride, SLOPE), name + ".1")


def _ghost(g, tensors, x, name, act):
    a = _pointwise(g, tensors, x, name + ".primary", act)
    return g.concat(a, g.conv(a, tensors.conv(name + ".cheap"), act=act))


def _bottleneck(g, tensors, x, name):
    y = _ghost(g, tensors, _ghost(g, tensors, x, name + ".ghost1", SLOPE), name + ".ghost2", None)
    short = g.conv(x, tensors.conv(name + ".shortcut.0"))
    return g.add(y, _pointwise(g, tensors, short, name + ".shortcut.1", None))


def dense(tensors, size):
    """-> graph, class and bin logits a level, features a level."""
    g = Graph(3, size)
    maps = features(g, tensors, g.input, SLOPE, "backbone.")
    c3, c4, c5 = (_pointwise(g, tensors, x, f"neck.reduce.{i}") for i, x in enumerate(maps))
    t4 = _bottleneck(g, tensors, g.concat(g.resize(c5, c4), c4), "neck.top_down.0")
    p3 = _bottleneck(g, tensors, g.concat(g.resize(t4, c3), c3), "neck.top_down.1")
    p4 = _bottleneck(g, tensors, g.concat(_separable(g, tensors, p3, "neck.downsample.0", 2), t4), "neck.bottom_up.0")
    p5 = _bottleneck(g, tensors, g.concat(_separable(g, tensors, p4, "neck.downsample.1", 2), c5), "neck.bottom_up.1")
    p6 = g.add(_separable(g, tensors, c5, "neck.extra_in", 2), _separable(g, tensors, p5, "neck.extra_out", 2))
    answers, thin = [], []
    for k, p in enumerate((p3, p4, p5, p6)):
        x = _separable(g, tensors, _separable(g, tensors, p, f"rpn.stem.{k}.0"), f"rpn.stem.{k}.1")
        answers.append(_pointwise(g, tensors, x, f"rpn.pred.{k}", None))
        thin.append(_pointwise(g, tensors, p, "roi.thin", None))
    g.outputs = answers + thin
    return g, answers, thin


class _Boxes:
    """Everything behind the dense part. A method per step; operators' names are ONNX's."""

    def __init__(self, tensors, size):
        self.t, self.h, self.size = tensors, header(tensors), size
        self.classes = len(self.h["classes"])
        self.w = Writer()

    def op(self, kind, *ins, outs=1, **attr):
        """Operands are names of values, or arrays and numbers, which become constants (float32 unless int64)."""
        names = []
        for x in ins:
            if not isinstance(x, str):
                x = np.asarray(x)
                x = self.w.const(x, np.int64 if x.dtype.kind == "i" else np.float32)
            names.append(x)
        return self.w.op(kind, names, outs, **attr)

    def columns(self, x, *which):
        """Rows `which` of x [4, n] -> [1, n] each."""
        return [self.op("Gather", x, np.array([i]), axis=0) for i in which]

    def points(self, answers):
        """Pixel that each point lies on and its stride, [3, A]."""
        rows = []
        for v, s in zip(answers, STRIDES):
            y, x = np.mgrid[:v.h, :v.w]
            rows.append(np.stack([x.ravel() * s, y.ravel() * s, np.full(v.h * v.w, s)]))
        return np.concatenate(rows, 1).astype(np.float32)

    def proposals(self, answers):
        """-> boxes [n, 4], objectness logits [n], class logits [80, n]; n is at most the header's number of proposals.

        The best pairs of a point and a class are suppressed class by class; of the points that are left, each once, the best
        are taken. A pair is among the best only if its point is among as many best points, so the others are never read.
        """
        roi = self.h["roi"]
        flat, best = [], []
        for v in answers:
            rows = self.op("Reshape", v.name, np.array([v.c, v.h * v.w]))
            classes = self.op("Slice", rows, np.array([0]), np.array([self.classes]), np.array([0]))
            best.append(self.op("ReduceMax", classes, np.array([0]), keepdims=0))
            flat.append(rows)
        k = min(roi["pre_nms"], sum(v.h * v.w for v in answers))
        score, at = self.op("TopK", self.op("Concat", *best, axis=0), np.array([k]), outs=2)
        rows = self.op("Gather", self.op("Concat", *flat, axis=1), at, axis=1)
        boxes = self.decode(rows, self.op("Gather", self.points(answers), at, axis=1))
        rows = self.op("Slice", rows, np.array([0]), np.array([self.classes]), np.array([0]))
        keep = self.survivors(boxes, rows, k)
        return [self.op("Gather", x, keep, axis=axis) for x, axis in ((boxes, 0), (score, 0), (rows, 1))]

    def survivors(self, boxes, rows, k):
        """Of k points with boxes [k, 4] and class logits [80, k] those that stay, best first."""
        roi, pairs = self.h["roi"], self.h["roi"]["pre_nms"]
        limit, _ = self.op("TopK", self.op("Reshape", rows, np.array([-1])), np.array([pairs + 1]), outs=2)
        limit = self.op("Slice", limit, np.array([pairs]), np.array([pairs + 1]))  # scores must be above it
        left = self.op("NonMaxSuppression", self.op("Unsqueeze", boxes, np.array([0])), self.op("Unsqueeze", rows, np.array([0])),
                       np.array([k]), np.array([roi["nms"]]), limit)
        where = self.op("Slice", left, np.array([1]), np.array([3]), np.array([1]))
        point = self.op("Reshape", self.op("Slice", left, np.array([2]), np.array([3]), np.array([1])), np.array([-1]))
        best = self.op("ScatterElements", np.full(k, GONE, np.float32), point, self.op("GatherND", rows, where), axis=0,
                       reduction="max")
        count = self.op("ReduceSum", self.op("Cast", self.op("Greater", best, np.float32(GONE)), to=7), np.array([0]))
        _, keep = self.op("TopK", best, self.op("Min", count, np.array([roi["proposals"]])), outs=2)
        return keep

    def decode(self, rows, points):
        """Answers [112, n] at points [3, n] -> boxes [n, 4]: expectation of the bins times the stride, clipped."""
        bins = self.op("Slice", rows, np.array([self.classes]), np.array([self.classes + 4 * BINS]), np.array([0]))
        p = self.op("Softmax", self.op("Reshape", bins, np.array([4, BINS, -1])), axis=1)
        d = self.op("ReduceSum", self.op("Mul", p, np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1)), np.array([1]),
                    keepdims=0)
        x, y, stride = self.columns(points, 0, 1, 2)
        left, top, right, bottom = self.columns(self.op("Mul", d, stride), 0, 1, 2, 3)
        return self.join([self.op("Sub", x, left), self.op("Sub", y, top), self.op("Add", x, right), self.op("Add", y, bottom)])

    def join(self, sides):
        """Four [1, n] -> boxes [n, 4] within the picture."""
        boxes = self.op("Transpose", self.op("Concat", *sides, axis=0), perm=[1, 0])
        return self.op("Clip", boxes, np.float32(0), np.float32(self.size))

    def sides(self, boxes):
        """-> x1, y1, width, height as [1, n], not bounded."""
        x1, y1, x2, y2 = self.columns(self.op("Transpose", boxes, perm=[1, 0]), 0, 1, 2, 3)
        return x1, y1, self.op("Sub", x2, x1), self.op("Sub", y2, y1)

    def pool(self, thin, boxes):
        """Pools every box from its level -> features [n, 64 * 49] and the boxes' order, level by level."""
        roi = self.h["roi"]
        _, _, w, h = self.sides(boxes)
        area = self.op("Mul", self.op("Max", w, np.float32(1)), self.op("Max", h, np.float32(1)))
        side = self.op("Reshape", self.op("Sqrt", area), np.array([-1]))
        order, pooled, finest = [], [], roi.get("finest", FINEST)
        for k, (v, stride) in enumerate(zip(thin, STRIDES)):
            mine = None
            if k > 0:
                mine = self.op("GreaterOrEqual", side, np.float32(finest * 2 ** (k - 1)))
            if k < len(STRIDES) - 1:
                below = self.op("Less", side, np.float32(finest * 2 ** k))
                mine = below if mine is None else self.op("And", mine, below)
            at = self.op("Reshape", self.op("NonZero", mine), np.array([-1]))
            regions = self.op("Add", self.op("Gather", boxes, at, axis=0), np.float32(stride / 2))
            picture = self.op("Mul", at, np.array([0]))
            pooled.append(self.op("RoiAlign", v.name, regions, picture, mode="avg", output_height=roi["size"],
                                  output_width=roi["size"], sampling_ratio=roi["sampling"], spatial_scale=1 / stride,
                                  coordinate_transformation_mode="half_pixel"))
            order.append(at)
        flat = self.op("Flatten", self.op("Concat", *pooled, axis=0), axis=1)
        return flat, self.op("Concat", *order, axis=0)

    def linear(self, x, name):
        return self.op("Gemm", x, self.t[name + ".weight"], self.t[name + ".bias"], transB=1)

    def head(self, pooled, boxes, objectness, prior):
        """-> class logits [n, 80] and deltas [n, 4]."""
        _, _, w, h = self.sides(boxes)
        w, h = self.op("Max", w, np.float32(1)), self.op("Max", h, np.float32(1))
        p = self.op("Clip", self.op("Sigmoid", objectness), np.float32(0.001), np.float32(0.999))
        odds = self.op("Div", p, self.op("Sub", np.float32(1), p))
        rows = [self.op("Div", self.op("Log", x), np.float32(d)) for x, d in (
            (self.op("Div", w, np.float32(self.size)), 2), (self.op("Div", h, np.float32(self.size)), 2),
            (self.op("Div", w, h), 2), (self.op("Unsqueeze", odds, np.array([0])), 4))]
        geometry = self.op("Transpose", self.op("Concat", *rows, axis=0), perm=[1, 0])
        scaled = self.op("Div", self.op("Clip", prior, np.float32(-8), np.float32(4)), np.float32(4))
        x = self.op("Relu", self.linear(pooled, "roi.fc1"))
        x = self.op("Relu", self.linear(self.op("Concat", x, geometry, scaled, axis=1), "roi.fc2"))
        logits = self.op("Add", self.linear(x, "roi.cls"), self.op("Mul", prior, self.t["roi.prior_scale"]))
        return logits, self.linear(x, "roi.reg")

    def refine(self, boxes, deltas):
        """torchvision's BoxCoder with weights 10, 10, 5, 5; clipped."""
        x1, y1, w, h = self.sides(boxes)
        d = self.op("Transpose", self.op("Div", deltas, np.array([10, 10, 5, 5], np.float32)), perm=[1, 0])
        dx, dy, dw, dh = self.columns(d, 0, 1, 2, 3)
        low, high = [], []
        for start, side, shift, grow in ((x1, w, dx, dw), (y1, h, dy, dh)):
            centre = self.op("Add", start, self.op("Mul", side, self.op("Add", shift, np.float32(0.5))))
            half = self.op("Mul", self.op("Mul", side, np.float32(0.5)),
                           self.op("Exp", self.op("Min", grow, np.float32(LOG_LIMIT))))
            low.append(self.op("Sub", centre, half))
            high.append(self.op("Add", centre, half))
        return self.join(low + high)

    def detections(self, boxes, logits, prior):
        """-> [m, 6], best first: box, score, number of the class; m <= 100."""
        alpha = self.h["roi"]["second_stage_weight"]
        first, second = self.op("Sigmoid", prior), self.op("Sigmoid", logits)
        if alpha == 0.5:
            score = self.op("Sqrt", self.op("Mul", first, second))
        else:
            score = self.op("Mul", self.op("Pow", first, np.float32(1 - alpha)), self.op("Pow", second, np.float32(alpha)))
        by_class = self.op("Transpose", score, perm=[1, 0])
        keep = self.op("NonMaxSuppression", self.op("Unsqueeze", boxes, np.array([0])),
                       self.op("Unsqueeze", by_class, np.array([0])), np.array([self.h["roi"]["proposals"]]),
                       np.array([self.h["nms"]]), np.array([SCORE]))
        where = self.op("Slice", keep, np.array([1]), np.array([3]), np.array([1]))
        value = self.op("GatherND", by_class, where)
        count = self.op("Min", np.array([BEST]), self.op("Shape", value))
        value, best = self.op("TopK", value, count, outs=2)
        where = self.op("Gather", where, best, axis=0)
        category, row = self.op("Split", where, np.array([1, 1]), outs=2, axis=1)
        box = self.op("Gather", boxes, self.op("Reshape", row, np.array([-1])), axis=0)
        return self.op("Concat", box, self.op("Unsqueeze", value, np.array([1])), self.op("Cast", category, to=1),
                       outs=["detections"], axis=1)


def write(tensors, size, path):
    g, answers, thin = dense(tensors, size)
    b = _Boxes(tensors, size)
    b.w.graph(g)
    boxes, objectness, prior = b.proposals(answers)
    pooled, order = b.pool(thin, boxes)
    boxes, objectness = (b.op("Gather", x, order, axis=0) for x in (boxes, objectness))
    prior = b.op("Transpose", b.op("Gather", prior, order, axis=1), perm=[1, 0])
    logits, deltas = b.head(pooled, boxes, objectness, prior)
    b.detections(b.refine(boxes, deltas), logits, prior)
    b.w.save(path, [(g.input.name, [1, 3, size, size])], [("detections", [None, 6])])
