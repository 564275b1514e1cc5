"""Graph -> ONNX, with the operators that an export from a training framework has."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 18


class Writer:
    """Collects nodes; `op` and `const` are for what stands behind a graph, like a detector's boxes."""

    def __init__(self):
        self.nodes, self.constants, self.names = [], [], {}

    def const(self, value, kind=None):
        """-> name of a constant; equal scalars and short lists are stored once."""
        array = np.asarray(value, kind)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size < 16 else None
        if key in self.names:
            return self.names[key]
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        if key:
            self.names[key] = name
        return name

    def op(self, kind, ins, outs=1, **attr):
        """-> name of the result, or a list of several."""
        names = [f"{kind.lower()}{len(self.nodes)}_{i}" for i in range(outs)] if isinstance(outs, int) else outs
        self.nodes.append(helper.make_node(kind, ins, names, **attr))
        return names[0] if len(names) == 1 else names

    def act(self, x, act, out):
        if act == "relu":
            self.op("Relu", [x], [out])
        elif act == "hswish":
            self.op("HardSwish", [x], [out])
        elif act == "hsigmoid":
            self.op("HardSigmoid", [x], [out], alpha=1 / 6, beta=0.5)
        else:
            self.op("LeakyRelu", [x], [out], alpha=act)

    def graph(self, g):
        for op in g.ops:
            getattr(self, "_" + op.kind)(op, [v.name for v in op.ins], [v.name for v in op.outs])

    def save(self, path, inputs, outputs):
        """inputs, outputs: (name, shape) pairs; an unknown length is None."""
        def info(pairs):
            return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in pairs]
        graph = helper.make_graph(self.nodes, "riffle", info(inputs), info(outputs), self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="riffle bench/peers")
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)

    def _conv(self, op, ins, outs):
        a, act = op.attr, op.attr["act"]
        made = outs if act is None else [outs[0] + "_linear"]
        self.op("Conv", [ins[0], self.const(op.weight), self.const(op.bias)], made, kernel_shape=[a["kernel"]] * 2,
                strides=[a["stride"]] * 2, pads=[a["kernel"] // 2] * 4, group=a["groups"])
        if act is not None:
            self.act(made[0], act, outs[0])

    def _maxpool(self, op, ins, outs):
        self.op("MaxPool", ins, outs, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)

    def _avgpool(self, op, ins, outs):
        self.op("AveragePool", ins, outs, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1)

    def _halves(self, op, ins, outs):
        self.op("Split", [ins[0], self.const([op.outs[0].c] * 2, np.int64)], outs, axis=1)

    def _concat(self, op, ins, outs):
        self.op("Concat", ins, outs, axis=1)

    def _shuffle(self, op, ins, outs):
        v, n = op.outs[0], op.attr["groups"]
        x = self.op("Reshape", [ins[0], self.const([1, n, v.c // n, v.h, v.w], np.int64)])
        x = self.op("Transpose", [x], perm=[0, 2, 1, 3, 4])
        self.op("Reshape", [x, self.const([1, v.c, v.h, v.w], np.int64)], outs)

    def _add(self, op, ins, outs):
        act = op.attr["act"]
        made = outs if act is None else [outs[0] + "_sum"]
        self.op("Add", ins, made)
        if act is not None:
            self.act(made[0], act, outs[0])

    def _resize(self, op, ins, outs):
        v = op.outs[0]
        self.op("Resize", [ins[0], "", "", self.const([1, v.c, v.h, v.w], np.int64)], outs, mode="linear",
                coordinate_transformation_mode="half_pixel")

    def _mean(self, op, ins, outs):
        self.op("GlobalAveragePool", ins, outs)

    def _linear(self, op, ins, outs):
        act = op.attr.get("act")
        made = outs if act is None else [outs[0] + "_linear"]
        x = self.op("Flatten", ins, axis=1)
        self.op("Gemm", [x, self.const(op.weight), self.const(op.bias)], made, transB=1)
        if act is not None:
            self.act(made[0], act, outs[0])

    def _scale(self, op, ins, outs):
        s = self.op("Reshape", [ins[1], self.const([1, op.outs[0].c, 1, 1], np.int64)])
        self.op("Mul", [ins[0], s], outs)


def write(g, path):
    w = Writer()
    w.graph(g)
    x, y = g.input, g.outputs[0]
    w.save(path, [(x.name, [1, x.c, x.h, x.w])], [(y.name, [1, y.c])])
