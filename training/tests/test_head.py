import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training import checkpoint, detector, export, head, losses, relabel


def photo(name, known="none", side=96):
    return SimpleNamespace(name=name, known=known, width=side, height=side, boxes=np.array([[8., 8, 60, 60], [30, 20, 90, 90]], np.float32),
                           scores=np.array([.9, .6], np.float32), classes=np.array([0, 2]), cut=0.12)


class Store:
    def __init__(self, shared=None, cache=None, labels=None):
        self.train = [photo(f"{i}.jpg", "full" if i % 3 == 0 else "none") for i in range(12)]
        self.all = self.dev = self.train

    def rgb(self, p):
        return np.random.default_rng(int(p.name[:-4])).integers(0, 255, (p.height, p.width, 3), dtype=np.uint8)


def small_net():
    torch.manual_seed(0)
    from dataclasses import replace
    net = detector.Detector(replace(detector.recipes.DEFAULT, size=96, proposals=12))
    torch.nn.init.normal_(net.roi.cls.weight, std=0.02)
    torch.nn.init.normal_(net.roi.reg.weight, std=0.02)
    return net.eval().requires_grad_(False)


def test_the_head_on_cached_features_is_the_second_stage(tmp_path):
    """Pooling before the 1x1 convolution gives what the network gives."""
    net, store = small_net(), Store()
    cache = head.Cache(str(tmp_path / "c"), 4, net.recipe, 128).open("w+")
    head.fill(cache, net, store, store.train[:4], seed=5)
    pooled, boxes, prior, real, _, _ = cache.take(np.arange(4))
    mine, deltas = head.Head(net.roi, 96)(pooled[real], boxes[real], prior[real])
    x = torch.from_numpy(np.stack([head.view(store, store.train, k, 96, 5)[0] for k in range(4)])).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        pyramid, _, _ = net.first(x)
    counts = real.sum(1).tolist()
    proposals = [(b[:n], p[:n], p[:n].amax(1).sigmoid()) for b, p, n in zip(boxes, prior, counts)]
    wanted, moved = net.second([p.float() for p in pyramid], proposals, 96, 96)
    near = torch.nn.functional.cosine_similarity((mine - prior[real]).flatten(), (wanted - prior[real]).flatten(), 0)
    assert real.sum() > 20 and near > 0.99 and torch.nn.functional.cosine_similarity(deltas.flatten(), moved.flatten(), 0) > 0.99


def test_targets_of_a_batch_are_those_of_its_pictures():
    g = torch.Generator().manual_seed(1)
    def boxes(*n):
        a = torch.rand(*n, 2, generator=g) * 60
        return torch.cat((a, a + 5 + torch.rand(*n, 2, generator=g) * 40), -1)
    refined, prior = boxes(2, 9), torch.rand(2, 9, 80, generator=g)
    labels = torch.zeros(2, 5, 6)
    labels[0, :3], labels[1, :1] = torch.cat((boxes(3), torch.rand(3, 1, generator=g), torch.tensor([[4.], [7], [4]])), 1), torch.tensor([5., 5, 50, 50, 1, 0])
    refined[0, :3], refined[1, 0] = labels[0, :3, :4] + 1, torch.tensor([5., 5, 50, 48])
    cut = torch.tensor([0.12, 0.02])
    got = head.targets(refined, prior, labels, cut)
    for i, n in enumerate((3, 1)):
        wanted = losses.second_targets(refined[i], prior[i], labels[i, :n, :4], labels[i, :n, 4], labels[i, :n, 5].long(), float(cut[i]))
        assert torch.allclose(got[i], wanted, atol=1e-6)


def test_a_run_trains_the_second_stage_alone_and_is_resumed(tmp_path, monkeypatch):
    net, path = small_net(), str(tmp_path / "w.safetensors")
    export.write(path, net.recipe, net.state_dict(), {}, 0.4)
    monkeypatch.setattr(head.data, "Photos", Store)
    monkeypatch.setattr(head.Trainer, "_dev", lambda self: None)
    monkeypatch.setattr(head.Trainer, "look", lambda self: {})
    monkeypatch.setattr(head, "BATCH", 4)

    def run(minutes):
        a = head.options(["--weights", path, "--name", net.recipe.name, "--minutes", str(minutes), "--views", "12", "--runs", str(tmp_path), "--tell", "0"])
        os.makedirs(a.runs, exist_ok=True)
        t = head.Trainer(a)
        t.run()
        return t

    t = run(0.05)
    steps = t.step
    saved = checkpoint.load(t.last)
    for name, value in checkpoint.load_any(path).state_dict().items():
        if not name.startswith("roi."):
            assert torch.equal(saved["average"][name], value), name
        elif name != "roi.thin.bias":
            assert not torch.equal(saved["average"][name], value), name
    made = os.path.getmtime(os.path.join(t.args.runs, "views", "made.json"))
    t = run(0.08)
    assert t.step > steps and os.path.getmtime(os.path.join(t.args.runs, "views", "made.json")) == made
    with open(os.path.join(t.args.runs, "log.jsonl")) as f:
        assert any("roi_cls" in json.loads(line) for line in f)


def test_teachers_scores_become_chances_and_peoples_stay():
    label = (np.zeros((2, 4)), np.array([0.5, 0.1]), np.zeros(2, int), 0.12)
    assert head.certain(label, "full") is label
    _, scores, _, cut = head.certain(label, "none")
    assert scores.tolist() == pytest.approx([0.82, 0.06], abs=0.01) and cut == pytest.approx(0.07, abs=0.01)


def test_views_of_the_cache_are_the_same_each_time():
    store = Store()
    a, b = (head.view(store, store.train, 3, 96, 1) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(a, b)) and not np.array_equal(a[0], head.view(store, store.train, 3, 96, 2)[0])


def test_relabelling_begins_with_photos_like_cocos():
    photos = [photo("b.jpg"), photo("coco_a.jpg", "full"), photo("coco_c.jpg"), photo("a.jpg")]
    assert [p.name for p in relabel.order(photos)] == ["coco_c.jpg", "b.jpg", "a.jpg"]
    found = np.array([[1, 2, 11, 22], [0, 0, 5, 5]]), np.array([.5, .01]), np.array([1, 0])
    assert relabel.rows(found, [1, 2]) == [[2, 1, 2, 10, 20, .5]]
