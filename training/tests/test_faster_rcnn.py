import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image

from training import export, faster_rcnn

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def tiny(arch):
    return faster_rcnn.Settings(arch, side=96, fpn=16, hidden=32, proposals=30, classes=((1, "square"), (2, "bar")))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Six photos with a bright square and a dark bar each."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    images, boxes = [], []
    for i in range(6):
        pixels = rng.integers(90, 150, (96 + 16 * (i % 3), 128, 3), dtype=np.uint8)
        for category, (w, h), shade in ((1, (36, 36), 250), (2, (60, 16), 10)):
            x, y = int(rng.integers(0, 128 - w)), int(rng.integers(0, 96 - h))
            pixels[y:y + h, x:x + w] = shade
            boxes.append({"id": len(boxes) + 1, "image_id": i, "category_id": category, "bbox": [x, y, w, h], "iscrowd": 0})
        Image.fromarray(pixels).save(folder / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png"})
    boxes.append({"id": 99, "image_id": 0, "category_id": 7, "bbox": [0, 0, 9, 9], "iscrowd": 0})
    (folder / "instances.json").write_text(json.dumps({"images": images, "annotations": boxes}))
    return folder


@pytest.fixture(scope="module")
def riffle(tmp_path_factory):
    if not shutil.which("go"):
        pytest.skip("Go is not installed")
    program = str(tmp_path_factory.mktemp("bin") / "riffle")
    subprocess.run(["go", "build", "-o", program, "./cmd/riffle"], cwd=ROOT, check=True)
    return program


@pytest.mark.parametrize("arch", ["shufflenet_v2_x1.0", "shufflenet_v1_x1.0_g3"])
def test_a_short_run_learns_resumes_and_is_what_go_runs(arch, labelled, riffle, tmp_path):
    torch.manual_seed(0)
    s, run, labels = tiny(arch), str(tmp_path / "run"), str(labelled / "instances.json")
    losses = faster_rcnn.train(s, labels, str(labelled), run, 0, batch=3, rate=0.02, passes=60, warm_up=6)
    assert len(losses) == 20 and np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert len(faster_rcnn.train(s, labels, str(labelled), run, 0, batch=3, rate=0.02, passes=66, warm_up=6)) == 2  # goes on
    assert [json.loads(line)["passes"] for line in open(os.path.join(run, "log.jsonl"))][-1] == 66

    net, again, _ = faster_rcnn.load(os.path.join(run, "last.pt"))
    assert again == s
    with torch.no_grad():
        net.roi_heads.box_predictor.cls_score.bias[0] -= 4  # so few steps leave every class unlikely
    found, lacking, box_off, score_off = faster_rcnn.compare(net, s, riffle, str(labelled / "1.png"))
    assert found >= 5 and lacking == 0 and box_off < 0.1 and score_off < 1e-3
    out = str(tmp_path / "model.safetensors")
    faster_rcnn.export(net, s, out, name="shapes", half=True)
    head = export.read_header(out)
    assert head["kind"] == "faster_rcnn" and head["arch"] == arch and head["classes"][1] == {"id": 2, "name": "bar"}
    shown = subprocess.run([riffle, "detect", str(labelled / "1.png"), "--model", out, "--threshold", "0.05"], capture_output=True, text=True, check=True)
    assert "square" in shown.stdout or "bar" in shown.stdout


def test_the_trunk_begins_as_a_trained_models(tmp_path):
    net = faster_rcnn.build(tiny("shufflenet_v2_x1.5"))
    faster_rcnn.begin(net, os.path.join(ROOT, "models", "riffle-v2-1.5x.safetensors"))
    from safetensors.torch import load_file
    given = load_file(os.path.join(ROOT, "models", "riffle-v2-1.5x.safetensors"))
    assert torch.equal(net.backbone.body.stage3[2].branch2[0].weight, given["backbone.stage3.2.branch2.0.weight"].float())
    v1 = faster_rcnn.build(tiny("shufflenet_v1_x1.0_g3"))
    faster_rcnn.begin(v1, os.path.join(ROOT, "models", "zoo", "riffle-v1-1.0x-g3.safetensors"))
    with pytest.raises(SystemExit, match="the trunk has no"):
        faster_rcnn.begin(v1, os.path.join(ROOT, "models", "riffle-v2-1.5x.safetensors"))


def test_labels_flip_with_their_photo(labelled):
    data = faster_rcnn.Labels(str(labelled / "instances.json"), str(labelled), tiny("shufflenet_v2_x1.0"))
    assert data.skipped == 1
    for _ in range(8):
        x, target = data[0]
        (x1, y1, x2, y2), = target["boxes"][target["labels"] == 1].int().tolist()
        assert (x[:, y1:y2, x1:x2] > 0.9).float().mean() > 0.7  # the bar may lie over the square
