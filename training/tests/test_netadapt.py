import random

import pytest
import torch

from training import checkpoint, detector, export, latency, netadapt, prune

TABLE = "training/latency_tables/epyc-avx512.json"
LEVELS = {p: 10 + i % 5 for i, p in enumerate(latency.PARTS)}


@pytest.fixture(scope="module")
def dead():
    """A network in which exactly the channels that LEVELS has too many are silent."""
    torch.manual_seed(0)
    net = detector.Detector().eval().requires_grad_(False)
    for layer in (net.roi.cls, net.roi.reg):
        torch.nn.init.normal_(layer.weight, std=0.05)
    for m in net.modules():   # He's initialisation: the input reaches the outputs
        if isinstance(m, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(m.weight, a=0.1)
    small = detector.Detector(latency.recipe(LEVELS))
    rng = random.Random(1)
    killed = []
    for space, left in zip(prune.spaces(net), prune.spaces(small)):
        gone = rng.sample(range(space.size), space.size - left.size)
        for name, index in space.rows.items():
            m = net.get_submodule(name)
            m.weight[index[gone].flatten()] = 0
            m.bias[index[gone].flatten()] = 0
        killed.append(sorted(gone))
    return net, killed


def test_silent_channels_go_and_nothing_changes(dead):
    net, killed = dead
    x = torch.randn(24, 3, 160, 160, generator=torch.Generator().manual_seed(2))  # more cells than any layer has inputs
    gram = prune.moments(net, [x])
    small = prune.shrink(net, latency.recipe(LEVELS), gram)
    for space, gone in zip(prune.spaces(net), killed):
        if space.part.startswith("stage"):
            assert not set(prune.choose(net, space, space.size - len(gone), gram).tolist()) & set(gone), space.part
    (pyramid, dense, at), (_, same, _) = net.first(x), small.first(x)
    assert dense.std() > 1e-2 and float((dense - same).abs().max()) < 0.05 * float(dense.std())
    proposals = net.propose(dense, at, 160, 160)
    a, b = net.second(pyramid, proposals, 160, 160), small.second(small.first(x)[0], proposals, 160, 160)
    for wanted, got in zip(a, b):
        assert float((wanted - got).abs().max()) < 0.05 * float(wanted.std())


def test_spaces_name_every_width_that_a_recipe_gives():
    net, small = detector.Detector(), detector.Detector(latency.recipe(LEVELS))
    rows, columns = {}, {}
    for space, left in zip(prune.spaces(net), prune.spaces(small)):
        for count, of in ((rows, space.rows), (columns, space.columns)):
            for name, index in of.items():
                count[name] = count.get(name, 0) + (space.size - left.size) * index.shape[1]
    for name, m in net.named_modules():
        if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)):
            other = small.get_submodule(name)
            assert m.weight.shape[0] - other.weight.shape[0] == rows.get(name, 0), name
            assert m.weight.shape[1] - other.weight.shape[1] == columns.get(name, 0), name


def test_refitting_beats_dropping():
    g = torch.Generator().manual_seed(3)
    x = torch.randn(500, 8, generator=g) @ torch.randn(8, 8, generator=g)
    x = torch.cat((x, torch.ones(500, 1)), 1)
    w = torch.randn(4, 9, generator=g).double()
    moments, kept = x.T @ x / len(x), torch.tensor([0, 1, 2, 4, 6, 7, 8])
    wanted = x.double() @ w.T
    fitted = ((x[:, kept].double() @ prune._refit(w, moments, kept).T - wanted) ** 2).mean()
    dropped = ((x[:, kept].double() @ w[:, kept].T - wanted) ** 2).mean()
    assert fitted < 0.8 * dropped
    one = prune._saliency(w, moments, torch.arange(8)[:, None])[5]
    rest = torch.tensor([0, 1, 2, 3, 4, 6, 7, 8])
    lost = ((x[:, rest].double() @ prune._refit(w, moments, rest).T - wanted) ** 2).mean(0).sum()
    assert torch.allclose(one, lost / (wanted - wanted.mean(0)).square().mean(0).sum(), rtol=1e-3)


def test_a_proposal_saves_its_budget_in_its_own_group():
    table = latency.Table(TABLE)
    levels = dict.fromkeys(latency.PARTS, latency.STEPS)
    start = table.total(levels)
    for group, parts in netadapt.GROUPS.items():
        lowered = netadapt.propose(table, levels, group, 0.04 * start)
        assert {p for p in levels if lowered[p] != levels[p]} <= set(parts)
        saved = start - table.total(lowered)
        assert 0.04 * start <= saved < 0.08 * start, group
    assert set(sum(netadapt.GROUPS.values(), ())) == set(latency.PARTS)
    most = netadapt.propose(table, levels, "second stage", start)
    assert most["head"] == latency.LEAST


def test_a_shrunk_network_survives_its_file(tmp_path):
    torch.manual_seed(4)
    net = detector.Detector(latency.recipe(LEVELS, "small")).eval()
    path = str(tmp_path / "small.safetensors")
    export.write(path, net.recipe, net.state_dict(), {}, 0.5)
    back = checkpoint.load_any(path)
    assert back.recipe.branches == net.recipe.branches and back.recipe.neck == net.recipe.neck
    netadapt.save(str(tmp_path / "small.pt"), net)
    assert checkpoint.load_any(str(tmp_path / "small.pt")).recipe == net.recipe
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(back.first(x)[1], net.first(x)[1], atol=0.02)
