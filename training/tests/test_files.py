import numpy as np
import pytest
import torch

from training import augment, check_trained, checkpoint, classes, detector, evaluate, export, ncnn, preprocess, recipes


def test_export_round_trip(tmp_path):
    torch.manual_seed(1)
    net = detector.Detector()
    path = str(tmp_path / "w.safetensors")
    export.write(path, net.recipe, net.state_dict(), {"data": "test", "AP": 0.25}, 0.4)
    head = export.read_header(path)
    assert head["arch"] == "shufflenet_v2_x1.5" and head["roi"]["second_stage_weight"] == 0.4 and head["ap"]["AP"] == 0.25
    assert len(head["classes"]) == 80 and head["classes"][79] == {"id": 90, "name": "toothbrush"}
    again = checkpoint.load_any(path).state_dict()
    for name, value in net.state_dict().items():
        assert torch.equal(again[name], value.half().float()), name


def test_export_refuses_what_float16_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="fc1"):
        export.write(str(tmp_path / "w"), recipes.DEFAULT, {"fc1": torch.tensor([1e6])}, {}, 0.5)


def test_check_trained_tells_copies_from_training():
    g = torch.Generator().manual_seed(0)
    r = torch.randn(64, 32, generator=g)
    assert "rounding" in check_trained.fault(r.half().float(), r)
    assert "scaled" in check_trained.fault((r * 0.98).half().float(), r)
    one = r.clone()
    one[0] += 1
    assert "elements" in check_trained.fault(one.half().float(), r)
    assert check_trained.fault((r + 0.01 * torch.randn(64, 32, generator=g)).half().float(), r) is None
    assert "zero" in check_trained.fault(torch.zeros(8), torch.zeros(8))
    assert check_trained.fault(torch.full((8,), 0.01), torch.zeros(8)) is None


def test_ncnn_reader_dequantises_and_refuses_a_cut_file(tmp_path):
    param, binary = tmp_path / "m.param", tmp_path / "m.bin"
    param.write_text("7767517\n2 2\nInput data 0 1 data\nConvolution c 1 1 data o 0=2 1=1 5=1 6=6 8=2 -23310=1,1.0e-01\n")
    q = np.array([2, -4, 6, 1, 0, -8], "i1")
    data = (np.array([0x000D4B38], "<u4").tobytes() + q.tobytes() + b"\0\0" + np.array([0.5, -1], "<f4").tobytes()
            + np.array([2, 4], "<f4").tobytes() + np.array([1], "<f4").tobytes())
    binary.write_bytes(data)
    (conv,) = ncnn.read(str(param), str(binary))
    assert conv.weight.reshape(2, 3).tolist() == [[1, -2, 3], [0.25, 0, -2]] and conv.bias.tolist() == [0.5, -1]
    binary.write_bytes(data[:-4])
    with pytest.raises(ValueError, match="end early"):
        ncnn.read(str(param), str(binary))


def test_both_sampling_paths_agree_and_shrinking_averages():
    rgb = np.random.default_rng(0).integers(0, 256, (41, 57, 3), np.uint8)
    x = rgb.astype(np.float32)
    ours = preprocess._bilinear(x, 30, 40, 1, 1, (41, 57))
    assert np.abs(ours - preprocess.stretch(rgb, 30, 40)).max() < 2e-3
    half = preprocess.stretch(rgb[:40, :56], 20, 28)
    assert np.allclose(half, x[:40, :56].reshape(20, 2, 28, 2, 3).mean((1, 3)), atol=1e-3)
    flat = preprocess.stretch(np.full((101, 77, 3), 99, np.uint8), 16, 16)
    assert np.allclose(flat, 99)


def test_views_keep_boxes_on_their_objects():
    import random
    from types import SimpleNamespace
    rgb = np.zeros((90, 120, 3), np.uint8)
    rgb[30:60, 40:80] = 255
    photo = SimpleNamespace(boxes=np.array([[40, 30, 80, 60]], np.float32), scores=np.ones(1, np.float32), classes=np.zeros(1, int), cut=0.12)
    rng = random.Random(0)
    for _ in range(30):
        x, boxes, *_ = augment.view(rgb, photo, 96, rng)
        if not len(boxes):
            continue
        bright = x[0] > 0.9 * x[0].max()
        ys, xs = np.nonzero(bright)
        assert np.abs(boxes[0] - np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])).max() < 2.5


def test_perfect_detections_score_one():
    truth = {"images": [{"id": 4, "width": 704, "height": 352}], "categories": [{"id": i, "name": n} for i, n in zip(classes.IDS, classes.NAMES)],
             "annotations": [{"id": 1, "image_id": 4, "category_id": 18, "bbox": [20, 30, 200, 100], "area": 20000, "iscrowd": 0}]}
    found = torch.tensor([[10., 30, 110, 130]]), torch.tensor([0.9]), torch.tensor([classes.INDEX[18]])
    rows = evaluate.to_results(4, found, 704, 352, 352)
    assert rows[0].tolist() == pytest.approx([4, 20, 30, 200, 100, 0.9, 18])
    assert evaluate.figures(truth, rows)["AP"] == pytest.approx(1)
