"""Tests of what a run itself would not notice: bench/peers/.venv/bin/python bench/peers/test_peers.py"""
import unittest

import bench
import check
import measure
import numpy as np
import report
import write_ncnn
import write_xnnpack
from graph import Graph


def unit():
    """A ShuffleNet v2 unit of stride 1 behind a convolution."""
    rng = np.random.default_rng(1)

    def params(o, i, k=1):
        return rng.standard_normal((o, i, k, k)).astype(np.float32), np.zeros(o, np.float32)
    g = Graph(3, 8)
    x = g.conv(g.input, params(8, 3, 3), 2, "relu")
    left, right = g.halves(x)
    right = g.conv(g.conv(right, params(4, 4), act="relu"), params(4, 1, 3))
    x = g.shuffle(g.concat(left, right), 2)
    g.outputs = [g.linear(g.mean(x), np.ones((5, 8), np.float32), np.zeros(5, np.float32))]
    return g


class Memory(unittest.TestCase):
    def test_no_two_live_buffers_share_memory(self):
        w = write_xnnpack._Writer(unit())
        offsets, total = w.arena()
        last = {}
        for i, (_, reads, write, _) in enumerate(w.steps):
            for place in [*reads, write]:
                last[place.buffer] = i
        held = {w.g.input.name}
        for i, (_, reads, write, _) in enumerate(w.steps):
            held.add(write.buffer)
            spans = sorted((offsets[b], offsets[b] + w.floats[b]) for b in held)
            for (_, end), (start, _) in zip(spans, spans[1:]):
                self.assertLessEqual(end, start)
            self.assertLessEqual(spans[-1][1], total)
            held = {b for b in held if last[b] > i or b == w.g.input.name}

    def test_reuse_saves_memory(self):
        w = write_xnnpack._Writer(unit())
        self.assertLess(w.arena()[1], w.apart()[1])

    def test_only_the_passed_half_is_copied(self):
        kinds = [s[0] for s in write_xnnpack._Writer(unit()).steps]
        self.assertEqual(kinds, ["conv", "conv", "conv", "copy", "shuffle", "mean", "linear"])


def squeezed():
    """A convolution with h-swish and squeeze-and-excite behind it."""
    g = Graph(3, 8)
    x = g.conv(g.input, (np.ones((8, 3, 1, 1), np.float32), np.zeros(8, np.float32)), act="hswish")
    s = g.linear(g.mean(x), np.ones((8, 8), np.float32), np.zeros(8, np.float32), "hsigmoid")
    g.outputs = [g.linear(g.mean(g.scale(x, s)), np.ones((5, 8), np.float32), np.zeros(5, np.float32))]
    return g


class Squeeze(unittest.TestCase):
    def test_ncnn_multiplies_what_it_pooled(self):
        kinds = [line.split()[0] for line in write_ncnn._Writer(squeezed()).lines]
        self.assertEqual(kinds, ["Input", "Convolution", "Split", "Pooling", "InnerProduct", "HardSigmoid", "BinaryOp", "Pooling",
                                 "InnerProduct"])

    def test_xnnpack_is_left_out(self):
        with self.assertRaises(write_xnnpack.Unwritten):
            write_xnnpack._Writer(squeezed())


class Ncnn(unittest.TestCase):
    def test_a_blob_has_one_reader(self):
        g = Graph(4, 4)
        g.outputs = [g.add(g.input, g.add(g.input, g.input, "relu"), "relu")]
        w = write_ncnn._Writer(g)
        made, read = [], []
        for line in w.lines:
            words = line.split()
            ins, outs = int(words[2]), int(words[3])
            read += words[4:4 + ins]
            made += words[4 + ins:4 + ins + outs]
        self.assertEqual(len(read), len(set(read)))
        self.assertEqual(set(made) - set(read), {g.outputs[0].name})
        self.assertEqual(len(made), w.blobs)


class Statistics(unittest.TestCase):
    quiet = [(1.0 + i / 100, 0) for i in range(11)] + [(0.5, 1), (9.0, 1)]
    loud = [(1.0, 0)] * 3 + [(2.0, 1)] * 50

    def test_interrupted_samples_are_dropped(self):
        s = measure.summaries({"a": self.quiet})["a"]
        self.assertAlmostEqual(s["median"], 1.05)
        self.assertEqual((s["min"], s["kept"], s["used"], s["of"]), (1.0, 11, 11, 13))

    def test_all_count_for_all_where_few_of_one_are_clean(self):
        s = measure.summaries({"a": self.quiet, "b": self.loud})
        self.assertEqual((s["b"]["median"], s["b"]["kept"], s["b"]["used"]), (2.0, 3, 53))
        self.assertEqual((s["a"]["min"], s["a"]["used"]), (0.5, 13))

    def test_ratio_is_to_the_fastest(self):
        row = {"times": {n: {"median": v} for n, v in (("riffle", 3), ("xnnpack", 4), ("ncnn", 6))}}
        self.assertEqual(report.ratio(row), 0.75)
        self.assertEqual(report.ratio(row, without="xnnpack"), 0.5)


class Pieces(unittest.TestCase):
    @staticmethod
    def row(network, size, threads, commit="a"):
        return {"network": network, "size": size, "threads": threads, "commit": commit, "date": "2026-01-02"}

    def test_a_new_row_takes_the_place_of_the_old_one(self):
        old = [self.row("shufflenet_v2_x1.0", 224, 1), self.row("shufflenet_v2_x1.0", 224, 2)]
        new = [self.row("shufflenet_v2_x0.5", 224, 1, "b"), self.row("shufflenet_v2_x1.0", 224, 1, "b")]
        rows = bench.merged(old, new)
        self.assertEqual([(r["threads"], r["network"], r["commit"]) for r in rows],
                         [(1, "shufflenet_v2_x1.0", "b"), (1, "shufflenet_v2_x0.5", "b"), (2, "shufflenet_v2_x1.0", "a")])

    def test_the_page_names_every_commit(self):
        rows = [self.row("shufflenet_v2_x1.0", 224, 1), self.row("shufflenet_v2_x1.0", 224, 2, "b")]
        self.assertEqual(report.built(rows[:1]), ["2026-01-02", "commit a"])
        self.assertEqual(report.built(rows), ["2026-01-02", "commit a (shufflenet_v2_x1.0 @ 224 one thread)",
                                              "commit b (shufflenet_v2_x1.0 @ 224 two threads)"])

    def test_spans(self):
        self.assertEqual((report.span([3]), report.span([4, 2, 3])), ("3", "2 to 4"))


class Boxes(unittest.TestCase):
    ours = np.array([[0, 0, 10, 10, 0.9, 1], [5, 5, 20, 20, 0.8, 2]], np.float32)

    def test_order_does_not_matter(self):
        self.assertEqual(check.boxes(self.ours, self.ours[::-1], 100), 0)

    def test_a_moved_box_is_seen(self):
        moved = self.ours.copy()
        moved[1, 2] += 5
        self.assertAlmostEqual(check.boxes(self.ours, moved, 100), 0.05)

    def test_a_missing_box_and_another_class_are_seen(self):
        other = self.ours.copy()
        other[0, 5] = 2
        self.assertEqual(check.boxes(self.ours, self.ours[:1], 100), float("inf"))
        self.assertEqual(check.boxes(self.ours, other, 100), float("inf"))


if __name__ == "__main__":
    unittest.main()
