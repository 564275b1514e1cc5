"""Fewer channels for a trained detector without gradients: which ones go, and what the layers behind them make of the rest.

A Space is a set of channels that live and die together: the rows of the convolutions that make them, the filters of a
depthwise one they pass, the columns of those that read them. An element is judged by what its readers lose if their
remaining columns are refitted by least squares, the saliency of optimal brain surgeon (Hassibi and Stork 1993) with the
inputs' second moments in the place of the Hessian; then all readers are refitted at once.
"""
from collections import defaultdict
from dataclasses import dataclass, field

import torch

from . import model, roi
from .detector import Detector

ROUNDS = 4          # elements go in so many portions, refitting in between
RIDGE = 1e-4        # of the mean second moment, added to the diagonal
POSITIONS = 64      # of a map that count, per photo
REFIT_IN_ROUNDS = 1000  # inputs above which a reader is judged once


@dataclass
class Space:
    """Elements [n]; for each module the [n, m] rows or columns that belong to them."""
    size: int                                # elements of it
    part: str                                # of latency.PARTS
    rows: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)


def _plain(n, offset=0):
    return torch.arange(n)[:, None] + offset


def _pairs(n, offset=0):
    """Ghost modules: element e is channel e, and e + n made from it."""
    return torch.arange(n)[:, None] + torch.tensor([0, n]) + offset


def spaces(net):
    """All spaces of a Detector on ShuffleNet v2."""
    out = []

    def width(name):
        return net.get_submodule(name).weight.shape[0]

    for s, repeats in enumerate(model.REPEATS, 2):
        for u in range(repeats):
            b = f"backbone.stage{s}.{u}.branch2"
            n = width(b + ".0")
            out.append(Space(n, f"stage{s}.{u}", {b + ".0": _plain(n), b + ".3": _plain(n)}, {b + ".5": _plain(n)}))
    out += _neck(width("neck.reduce.0"))
    thin, hidden, cells = width("roi.thin"), width("roi.fc1"), roi.SIZE ** 2
    blocks = torch.arange(thin * cells).view(thin, cells)
    out.append(Space(thin, "head", {"roi.thin": _plain(thin)}, {"roi.fc1": blocks}))
    out.append(Space(hidden, "head", {"roi.fc1": _plain(hidden)}, {"roi.fc2": _plain(hidden)}))
    out.append(Space(hidden, "head", {"roi.fc2": _plain(hidden)}, {"roi.cls": _plain(hidden), "roi.reg": _plain(hidden)}))
    return out


def _neck(c):
    """The spaces of neck and towers, c channels each: whatever is added up or read by the shared roi.thin is one space."""
    def read(space, reader, index):
        """A bottleneck's or separable's reading of a space."""
        if reader.split(".")[1] in ("top_down", "bottom_up"):
            space.columns[reader + ".ghost1.primary"] = index
            space.rows[reader + ".shortcut.0"] = index
            space.columns[reader + ".shortcut.1"] = index
        else:
            space.rows[reader + ".0"] = index
            space.columns[reader + ".1"] = index

    def made(space, ghost):
        """A bottleneck's result, in pairs."""
        half = _plain(c // 2)
        space.rows.update({ghost + ".ghost2.primary": half, ghost + ".ghost2.cheap": half, ghost + ".shortcut.1": _pairs(c // 2)})

    down, up = ["neck.top_down.0", "neck.top_down.1"], ["neck.bottom_up.0", "neck.bottom_up.1"]
    c3, c4, c5, d0, d1 = (Space(c, "neck", {name: _plain(c)}) for name in (
        "neck.reduce.0", "neck.reduce.1", "neck.reduce.2", "neck.downsample.0.1", "neck.downsample.1.1"))
    read(c5, down[0], _plain(c))
    read(c5, up[1], _plain(c, c))
    read(c5, "neck.extra_in", _plain(c))
    read(c4, down[0], _plain(c, c))
    read(c3, down[1], _plain(c, c))
    read(d0, up[0], _plain(c))
    read(d1, up[1], _plain(c))
    t4 = Space(c // 2, "neck")
    made(t4, down[0])
    read(t4, down[1], _pairs(c // 2))
    read(t4, up[0], _pairs(c // 2, c))
    pyramid = Space(c // 2, "neck")
    for ghost in (down[1], *up):
        made(pyramid, ghost)
    for name in ("neck.extra_in.1", "neck.extra_out.1"):
        pyramid.rows[name] = _pairs(c // 2)
    for reader in ("neck.downsample.0", "neck.downsample.1", "neck.extra_out", *(f"rpn.stem.{k}.0" for k in range(4))):
        read(pyramid, reader, _pairs(c // 2))
    pyramid.columns["roi.thin"] = _pairs(c // 2)
    inner = []
    for ghost in (*down, *up):
        half = _plain(c // 2)
        inner.append(Space(c // 2, "neck", {ghost + ".ghost1.primary": half, ghost + ".ghost1.cheap": half},
                           {ghost + ".ghost2.primary": _pairs(c // 2)}))
    for k in range(4):
        mid = Space(c, "neck", {f"rpn.stem.{k}.0.1": _plain(c)})
        read(mid, f"rpn.stem.{k}.1", _plain(c))
        last = Space(c, "neck", {f"rpn.stem.{k}.1.1": _plain(c)}, {f"rpn.pred.{k}": _plain(c)})
        inner += [mid, last]
    return [c3, c4, c5, d0, d1, t4, pyramid, *inner]


@torch.no_grad()
def moments(net, batches, seed=0):
    """Second moments of the inputs, a 1 appended, of everything that reads a space: name -> [K + 1, K + 1]. batches: of inputs [N, 3, H, W]."""
    names = {n for s in spaces(net) for n in s.columns}
    sums, hooks = defaultdict(float), []
    dice = torch.Generator().manual_seed(seed)

    def hook(name):
        def add(module, inputs, _):
            x = inputs[0]
            if x.dim() == 4:
                x = x.permute(0, 2, 3, 1).flatten(1, 2)
                x = x[:, torch.randint(x.shape[1], (POSITIONS,), generator=dice)].flatten(0, 1)
            x = torch.cat((x, torch.ones(len(x), 1)), 1)
            sums[name] = sums[name] + x.T @ x / len(x)
        return add

    for name in names:
        hooks.append(net.get_submodule(name).register_forward_hook(hook(name)))
    for x in batches:
        height, width = x.shape[2:]
        pyramid, dense, at = net.first(x)
        net.second(pyramid, net.propose(dense, at, width, height), width, height)
    for h in hooks:
        h.remove()
    for g in sums.values():
        g.diagonal().add_(RIDGE * g.diagonal().mean())
    return dict(sums)


def _matrix(module):
    """A 1x1 convolution's or linear layer's weights with its bias as the last column, [O, K + 1]."""
    return torch.cat((module.weight.flatten(1), module.bias[:, None]), 1).double()


def _refit(w, g, kept):
    """Least squares: w [O, K + 1] on inputs of moments g -> weights on the kept columns alone."""
    g = g.double()
    return torch.linalg.solve(g[kept][:, kept], (w @ g[:, kept]).T).T


def _saliency(w, g, index):
    """What w's output loses, as a share of its power about the mean, by each element's columns [n, m] if the rest is refitted."""
    g = g.double()
    inverse = torch.linalg.inv(g)
    centred = g[:-1, :-1] - torch.outer(g[:-1, -1], g[-1, :-1]) / g[-1, -1]
    power = ((w[:, :-1] @ centred) * w[:, :-1]).sum()
    blocks = inverse[index[:, :, None], index[:, None, :]]            # [n, m, m]
    columns = w[:, index].permute(1, 2, 0)                             # [n, m, O]
    return (columns * torch.linalg.solve(blocks, columns)).sum((1, 2)) / power


def choose(net, space, keep, gram):
    """The elements of a space to keep, sorted."""
    kept = torch.arange(space.size)
    readers = [(_matrix(net.get_submodule(n)), gram[n], index) for n, index in space.columns.items()]
    once = any(len(g) > REFIT_IN_ROUNDS for _, g, _ in readers)
    portions = 1 if once else ROUNDS
    for left in range(portions, 0, -1):
        go = (len(kept) - keep + left - 1) // left
        if go <= 0:
            continue
        cost = torch.zeros(len(kept), dtype=torch.double)
        for w, g, index in readers:
            gone = torch.ones(space.size, dtype=torch.bool)
            gone[kept] = False
            stay = torch.ones(len(g), dtype=torch.bool)
            stay[index[gone].flatten()] = False
            stay = stay.nonzero()[:, 0]
            place = torch.full((len(g),), -1)
            place[stay] = torch.arange(len(stay))
            now = w if len(stay) == len(g) else _refit(w, g, stay)
            cost += _saliency(now, g[stay][:, stay], place[index[kept]])
        kept = kept[cost.argsort(descending=True)[:len(kept) - go]].sort()[0]
    return kept


@torch.no_grad()
def shrink(net, recipe, gram):
    """A Detector of a recipe with smaller widths, its weights those of net, its readers refitted on moments(net, ...)."""
    small = Detector(recipe).eval().requires_grad_(False)
    wanted = [s.size for s in spaces(small)]
    rows, columns = defaultdict(set), defaultdict(set)
    for space, keep in zip(spaces(net), wanted):
        if keep == space.size:
            continue
        gone = torch.ones(space.size, dtype=torch.bool)
        gone[choose(net, space, keep, gram)] = False
        for to, of in ((rows, space.rows), (columns, space.columns)):
            for name, index in of.items():
                to[name].update(index[gone].flatten().tolist())
    state = net.state_dict()
    for name in {*rows, *columns}:
        module = net.get_submodule(name)
        weight, bias = module.weight, module.bias
        if columns[name]:
            k = weight[0].numel()
            stay = torch.tensor([i for i in range(k + 1) if i not in columns[name]])
            fitted = _refit(_matrix(module), gram[name], stay)
            weight = fitted[:, :-1].float().reshape(len(weight), -1, *weight.shape[2:])
            bias = fitted[:, -1].float()
        stay = torch.tensor([i for i in range(len(weight)) if i not in rows[name]])
        state[name + ".weight"], state[name + ".bias"] = weight[stay], bias[stay]
    small.load_state_dict(state)
    return small.to(memory_format=torch.channels_last)
