"""A network as a list of operations that every writer (ONNX, ncnn, XNNPACK) goes through."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Value:
    """What an operation makes: a name, channels, height and width."""
    name: str
    c: int
    h: int
    w: int


@dataclass
class Op:
    kind: str
    ins: list
    outs: list
    weight: object = None
    bias: object = None
    attr: dict = field(default_factory=dict)


class Graph:
    """Appends operations; every method returns the value it makes. Batch is one, padding is kernel // 2."""

    def __init__(self, channels, size):
        self.ops, self.outputs = [], []
        self.input = Value("input", channels, size, size)

    def _add(self, kind, ins, shapes, **rest):
        outs = [Value(f"v{len(self.ops)}_{i}", *shape) for i, shape in enumerate(shapes)]
        op = Op(kind, ins, outs, rest.pop("weight", None), rest.pop("bias", None), rest)
        self.ops.append(op)
        return outs[0] if len(outs) == 1 else outs

    def conv(self, x, params, stride=1, act=None):
        """params: weight [O, I/g, k, k] and bias [O]; act None, "relu", "hswish" or the slope of a leaky one."""
        weight, bias = params
        out, per_group, k = weight.shape[:3]
        shape = (out, (x.h - 1) // stride + 1, (x.w - 1) // stride + 1)
        return self._add("conv", [x], [shape], weight=weight, bias=bias, kernel=k, stride=stride,
                         groups=x.c // per_group, act=act)

    def pool(self, x, kind):
        """kind "max" or "avg": 3x3 windows at stride 2; an average counts the padding as zeros."""
        return self._add(kind + "pool", [x], [(x.c, (x.h - 1) // 2 + 1, (x.w - 1) // 2 + 1)])

    def halves(self, x):
        return self._add("halves", [x], [(x.c // 2, x.h, x.w)] * 2)

    def concat(self, *xs):
        return self._add("concat", list(xs), [(sum(x.c for x in xs), xs[0].h, xs[0].w)])

    def shuffle(self, x, groups):
        return self._add("shuffle", [x], [(x.c, x.h, x.w)], groups=groups)

    def add(self, x, y, act=None):
        return self._add("add", [x, y], [(x.c, x.h, x.w)], act=act)

    def resize(self, x, like):
        """Bilinear, half-pixel centres."""
        return self._add("resize", [x], [(x.c, like.h, like.w)])

    def mean(self, x):
        return self._add("mean", [x], [(x.c, 1, 1)])

    def linear(self, x, weight, bias, act=None):
        """act as of conv, or "hsigmoid"."""
        return self._add("linear", [x], [(len(bias), 1, 1)], weight=weight, bias=bias, act=act)

    def scale(self, x, s):
        """Every channel of x times its value in s, one pixel."""
        return self._add("scale", [x, s], [(x.c, x.h, x.w)])

    def uses(self):
        """-> how many operations and outputs read each value, by name."""
        n = {v.name: 1 for v in self.outputs}
        for op in self.ops:
            for v in op.ins:
                n[v.name] = n.get(v.name, 0) + 1
        return n
