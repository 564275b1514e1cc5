import numpy as np
import pytest
import torch

from training import calibrate, detector, export


def test_the_curve_finds_what_scores_are_worth_and_keeps_their_order():
    g = np.random.default_rng(0)
    scores = g.beta(1, 4, 40000)
    right = g.random(len(scores)) < scores ** 2
    assert calibrate.error(scores, right) > 0.1
    knots = calibrate.curve(scores, right)
    assert knots[0] == [0, 0] and knots[-1] == [1, 1] and len(knots) <= calibrate.KNOTS + 1
    assert (np.diff(np.array(knots), axis=0) > 0).all()
    assert calibrate.error(calibrate.apply(knots, scores), right) < 0.02
    assert calibrate.apply(knots, 0.6) == pytest.approx(0.36, abs=0.05)


def test_scores_that_are_always_or_never_right_give_a_curve_too():
    for right in (np.ones(50, bool), np.zeros(50, bool)):
        assert (np.diff(np.array(calibrate.curve(np.linspace(0.02, 0.99, 50), right)), axis=0) > 0).all()


def test_isotonic_pools_what_falls():
    at, share = calibrate.isotonic(np.array([.1, .2, .3, .4]), np.array([0, 1, 0, 1], bool))
    assert at.tolist() == pytest.approx([.1, .25, .4]) and share.tolist() == [0, .5, 1]


def test_matching_is_cocos():
    truth = {"annotations": [
        {"image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 10]}, {"image_id": 1, "category_id": 3, "bbox": [100, 0, 50, 50], "iscrowd": 1},
        {"image_id": 2, "category_id": 3, "bbox": [0, 0, 10, 10]}]}
    rows = np.array([[1, 0, 0, 10, 9, .9, 3], [1, 0, 0, 10, 10, .8, 3], [1, 110, 5, 10, 10, .7, 3], [1, 0, 0, 10, 10, .6, 4],
                     [2, 0, 0, 10, 10, .5, 3], [3, 0, 0, 10, 10, .95, 3]])
    scores, right = calibrate.matched(truth, rows, [1, 2], [3])
    assert scores.tolist() == [.9, .8, .5] and right.tolist() == [True, False, True]


def test_the_header_gets_the_curve_and_the_tensors_stay(tmp_path):
    torch.manual_seed(0)
    net, path = detector.Detector(), str(tmp_path / "w.safetensors")
    export.write(path, net.recipe, net.state_dict(), {}, 0.4)
    before = export.read_header(path)
    export.change_header(path, score_curve=[[0, 0], [1, 1]])
    assert export.read_header(path) == {**before, "score_curve": [[0, 0], [1, 1]]}
    from training import checkpoint
    assert torch.equal(checkpoint.load_any(path).roi.fc1.weight, net.roi.fc1.weight.half().float())


def test_the_best_threshold_is_that_of_the_best_f1():
    scores, right = np.array([.9, .8, .7, .6, .5]), np.array([1, 1, 0, 1, 0], bool)
    at, precision, recall, f1 = calibrate.best_threshold(scores, right, 4)
    assert (at, precision, recall) == (.6, .75, .75) and f1 == pytest.approx(.75)
