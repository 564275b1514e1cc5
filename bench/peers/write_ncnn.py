"""Graph -> ncnn's .param and .bin.

The .param file lists layers with their blobs and numbered options; the .bin file has the weights in the same order, those of
convolutions and matrices behind a four-byte tag of their type (0: float32). A blob has one reader, so Split copies references.
"""
import struct

from graph import Value

MAGIC = 7767517


class _Writer:
    def __init__(self, g):
        self.uses, self.lines, self.blobs, self.weights = g.uses(), [], 0, bytearray()
        self.copies = {}
        x = g.input
        self.layer("Input", [], [x], {0: x.w, 1: x.h, 2: x.c})
        for op in g.ops:
            getattr(self, "_" + op.kind)(op)

    def layer(self, kind, ins, outs, options):
        """ins, outs: values. A value that is read more than once goes through a Split."""
        names = [self.copies[v.name].pop() if v.name in self.copies else v.name for v in ins]
        self.line(kind, names, [v.name for v in outs], options)
        for v in outs:
            n = self.uses.get(v.name, 0)
            if n > 1:
                copies = [f"{v.name}_{i}" for i in range(n)]
                self.line("Split", [v.name], copies, {})
                self.copies[v.name] = copies

    def line(self, kind, ins, outs, options):
        words = [kind, f"l{len(self.lines)}", str(len(ins)), str(len(outs)), *ins, *outs]
        self.lines.append(" ".join(words + [f"{k}={v}" for k, v in options.items()]))
        self.blobs += len(outs)

    def save(self, param, binary):
        with open(param, "w", encoding="ascii") as f:
            f.write("\n".join([str(MAGIC), f"{len(self.lines)} {self.blobs}", *self.lines, ""]))
        with open(binary, "wb") as f:
            f.write(self.weights)

    def put(self, op):
        self.weights += struct.pack("<I", 0) + op.weight.astype("<f4").tobytes() + op.bias.astype("<f4").tobytes()

    def _conv(self, op):
        a = op.attr
        options = {0: len(op.bias), 1: a["kernel"], 3: a["stride"], 4: a["kernel"] // 2, 5: 1, 6: op.weight.size}
        if a["groups"] > 1:
            options[7] = a["groups"]
        options |= self.act(a["act"])
        self.put(op)
        self.layer("ConvolutionDepthWise" if a["groups"] > 1 else "Convolution", op.ins, op.outs, options)

    @staticmethod
    def act(act):
        """-> options of a layer that activates its own result."""
        if act is None:
            return {}
        if act == "relu":
            return {9: 1}
        if act == "hswish":
            return {9: 6, -23310: f"2,{1 / 6:.8f},0.5"}
        raise ValueError(f"ncnn: {act} is not written")

    def _maxpool(self, op):
        self.layer("Pooling", op.ins, op.outs, {0: 0, 1: 3, 2: 2, 3: 1, 5: 1})

    def _avgpool(self, op):
        self.layer("Pooling", op.ins, op.outs, {0: 1, 1: 3, 2: 2, 3: 1, 5: 1, 6: 1})

    def _halves(self, op):
        self.layer("Slice", op.ins, op.outs, {-23300: f"2,{op.outs[0].c},-233"})

    def _concat(self, op):
        self.layer("Concat", op.ins, op.outs, {})

    def _shuffle(self, op):
        self.layer("ShuffleChannel", op.ins, op.outs, {0: op.attr["groups"]})

    def _add(self, op):
        v = op.outs[0]
        if op.attr["act"] is None:
            self.layer("Eltwise", op.ins, [v], {0: 1})
            return
        total = Value(v.name + "_sum", v.c, v.h, v.w)
        self.layer("Eltwise", op.ins, [total], {0: 1})
        self.layer("ReLU", [total], op.outs, {})

    def _mean(self, op):
        self.layer("Pooling", op.ins, op.outs, {0: 1, 4: 1})

    def _linear(self, op):
        self.put(op)
        v, act = op.outs[0], op.attr["act"]
        options = {0: len(op.bias), 1: 1, 2: op.weight.size}
        if act != "hsigmoid":
            self.layer("InnerProduct", op.ins, [v], options | self.act(act))
            return
        plain = Value(v.name + "_linear", v.c, v.h, v.w)
        self.layer("InnerProduct", op.ins, [plain], options)
        self.layer("HardSigmoid", [plain], [v], {0: f"{1 / 6:.8f}", 1: 0.5})

    def _scale(self, op):
        self.layer("BinaryOp", op.ins, op.outs, {0: 2})


def write(g, param, binary):
    _Writer(g).save(param, binary)
