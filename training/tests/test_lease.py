import os

import numpy as np
import pytest

from training import distill, lease, model


def smooth(n, side):
    """Photos of a few waves, which JPEG keeps well."""
    y, x = np.mgrid[:side, :side] / side
    return np.stack([np.stack([127 + 100 * np.sin(4 * x * (c + 1) + i + 3 * y) for c in range(3)], -1) for i in range(n)]).astype(np.uint8)


def test_a_pack_brings_the_photos_and_a_cut_one_is_refused(tmp_path):
    path, pixels = str(tmp_path / "p"), smooth(5, 64)
    lease.write(path, pixels, [0, 3, 4], 32, 90)
    got = lease.read(path)
    assert got.shape == (3, 32, 32, 3)
    assert np.abs(got.astype(int) - pixels[[0, 3, 4], 1::2, 1::2]).mean() < 8
    with open(path, "rb") as f:
        whole = f.read()
    for bad, word in ((whole[:-20], "ends early"), (b"x" + whole, "not written by"), (whole[:-300] + b"\0" * 300, None)):
        with open(path, "wb") as f:
            f.write(bad)
        if word:
            with pytest.raises(ValueError, match=word):
                lease.read(path)


def test_a_pack_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "LIMIT", 1000)
    with pytest.raises(ValueError, match="smaller --side"):
        lease.write(str(tmp_path / "p"), smooth(5, 64), range(5), 64, 90)
    assert os.listdir(tmp_path) == []


def test_a_run_on_the_cpu_leaves_a_checkpoint_to_go_on_from(tmp_path, monkeypatch):
    monkeypatch.setattr(distill.fast.model, "leaky", model.leaky)
    path, out = str(tmp_path / "p"), str(tmp_path / "out")
    lease.write(path, smooth(6, 64), range(6), 64, 90)
    lease.main(["run", path, "--minutes", "0.05", "--out", out, "--batch", "2", "--device", "cpu"])
    assert sorted(os.listdir(out)) == ["compact.safetensors", "log.jsonl"]
    assert os.path.getsize(os.path.join(out, "compact.safetensors")) < 4 << 20
