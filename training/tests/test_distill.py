import json
import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training import check_trained, checkpoint, distill, model, pack, recipes, replay


def photo(name, side=64):
    boxes = np.array([[8., 8, 40, 40], [30, 20, 60, 60]], np.float32) * side / 64
    return SimpleNamespace(name=name, known="none", width=side, height=side, boxes=boxes, scores=np.array([.9, .6], np.float32),
                           classes=np.array([0, 2]), cut=0.12)


def test_labels_move_with_the_view():
    """A dark box on a bright photo: where the view is dark is where the box says."""
    pixels = np.full((6, 64, 64, 3), 200, np.uint8)
    pixels[:, 16:40, 8:32] = 10
    p = photo("a")
    p.boxes, p.scores, p.classes = np.array([[8., 16, 32, 40]], np.float32), np.ones(1, np.float32), np.array([5])
    x, frames = pack.view(torch.from_numpy(pixels), 96, 0.85, torch.Generator().manual_seed(3))
    assert x.shape == (6, 3, 96, 96) and len({bool(f[4]) for f in frames}) == 2
    for view, frame in zip(x, frames):
        boxes, scores, classes, cut = pack.labels(p, frame, 96)
        dark = (view[0] < 0).nonzero()
        y1, x1, y2, x2 = *dark.amin(0).tolist(), *(dark.amax(0) + 1).tolist()
        assert len(boxes) == 1 and classes.tolist() == [5]
        assert np.abs(boxes[0].numpy() - np.array([x1, y1, x2, y2])).max() <= 2


def test_batches_show_every_photo_once_before_any_again():
    pixels = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    views = pack.batches(pixels, [1, 3, 5, 7], 32, 2, 1.0, seed=1)
    seen = [sorted(next(views)[0] + next(views)[0]) for _ in range(3)]
    assert seen == [[1, 3, 5, 7]] * 3


def test_replay_gives_back_what_it_kept(tmp_path):
    count = iter(range(1000))

    def make():
        k = next(count)
        return torch.full((2, 3, 4, 4), float(k)).bfloat16().contiguous(memory_format=torch.channels_last), torch.full((2, 5, 7), float(k)).bfloat16()

    r = replay.Replay(str(tmp_path), make, 3, seed=0, kept=4)
    got = [r.next() for _ in range(60)]
    assert sum(fresh for _, fresh in got) == r.made < 25
    newest = -1
    for (x, y), fresh in got:
        assert x.shape == (2, 3, 4, 4) and x.is_contiguous(memory_format=torch.channels_last) and y.shape == (2, 5, 7)
        assert x.unique() == y.unique()
        newest = max(newest, float(y[0, 0, 0]))
        assert fresh == (float(y[0, 0, 0]) == newest) or newest - 4 < float(y[0, 0, 0])


class Store:
    """Photos of noise in the place of ../shared's."""

    def __init__(self, shared, cache):
        self.train = [photo(f"{i}.jpg") for i in range(20)]
        self.all = self.dev = self.train

    def rgb(self, p):
        return np.random.default_rng(int(p.name[:-4])).integers(0, 255, (p.height, p.width, 3), dtype=np.uint8)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(distill.data, "Photos", Store)
    monkeypatch.setattr(distill.Distiller, "look", lambda self: None)
    monkeypatch.setattr(distill.fast.model, "leaky", model.leaky)
    os.makedirs(tmp_path / "cache")

    def go(*arguments):
        a = distill.options(["--size", "64", "--runs", str(tmp_path), "--tell", "0", "--batch", "2", *arguments])
        os.makedirs(a.runs, exist_ok=True)
        d = distill.Distiller(0, 1, a)
        d.run()
        with open(os.path.join(a.runs, "log.jsonl")) as f:
            return d, [json.loads(line) for line in f]
    return go


def test_a_run_goes_through_its_phases_and_is_resumed_where_it_was(run, tmp_path):
    d, log = run("--passes", "20", "--name", "a")
    assert [r["begins"] for r in log if "begins" in r] == [p.name for p in distill.PHASES]
    first = [r for r in log if "c3" in r]
    assert "cls" not in first[0] and "all3" in first[0] and "cls" in first[-1] and "all3" not in first[-1] and d.passes == 20
    d, log = run("--passes", "40", "--name", "a")
    assert d.passes == 40 and d.step == 20 and sum("c3" in r for r in log) <= 20
    compact = str(tmp_path / "a" / "compact.safetensors")
    assert os.path.getsize(compact) < 4 << 20
    d, log = run("--begin", compact, "--passes", "8", "--name", "b")
    assert [r["begins"] for r in log if "begins" in r][0] == "all" and d.passes == 48


def test_what_is_the_teachers_stands_still_until_its_phase(run, monkeypatch):
    monkeypatch.setattr(distill, "PHASES", distill.PHASES[:1])
    d, _ = run("--passes", "8", "--name", "c")
    teacher = checkpoint.load_any("models/riffle-v2-1.5x.safetensors").state_dict()
    for name, value in d.net.state_dict().items():
        if name in teacher and not name.startswith(("backbone.", "neck.reduce.")):
            assert torch.equal(value, teacher[name]), name


def test_labels_alone_train_everything(run):
    d, log = run("--labels-only", "--passes", "8", "--name", "d")
    fresh = distill.student(d.net.recipe, None, 0).state_dict()
    still = [n for n, p in d.net.named_parameters() if torch.equal(p, fresh[n]) and not n.startswith("roi.")]
    assert still == [] and any({"label_cls", "label_box"} <= set(r) for r in log)


def test_a_compact_checkpoint_of_another_network_is_refused(tmp_path):
    net = distill.student(recipes.RECIPES["riffle-v1-1.0x-g3"], None, 0)
    checkpoint.save_compact(str(tmp_path / "c"), net, net.recipe.name, 5)
    other = distill.Detector(recipes.DEFAULT)
    with pytest.raises(ValueError, match="not a first stage of riffle-v2-1.5x"):
        checkpoint.load_compact(str(tmp_path / "c"), other)


def test_what_a_distilled_network_began_as_is_what_its_training_begins_with():
    recipe = recipes.RECIPES["riffle-v1-1.0x-g3"]
    began, teacher = check_trained.began_as(recipe, None, 0), checkpoint.load_any("models/riffle-v2-1.5x.safetensors").state_dict()
    assert set(began) == set(distill.Detector(recipe).state_dict())
    for name, value in began.items():
        if not name.startswith(("backbone.", "neck.reduce.")):
            assert torch.equal(value, teacher[name]), name
    assert not began["backbone.stage2.1.branch.6.weight"].any()
