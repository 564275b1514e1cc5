import pytest
import torch

from training import detector, losses, macs, model, recipes, roi, shufflenetv1, teacher


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return detector.Detector().eval().requires_grad_(False)


def test_whole_network_stays_under_its_budget():
    c = macs.count()
    assert c["first"] == 1_064_360_992
    assert c["first"] + c["second"] < 1.2e9
    assert 3.3e6 < c["params"] < 3.5e6


def test_the_small_network_stays_under_its_budget():
    c = macs.count(recipes.RECIPES["riffle-v2-1.0x-256"])
    assert c["first"] + c["second"] < 0.35e9


def test_folded_batch_norms_give_the_same_features():
    recipe = recipes.RECIPES["riffle-v1-1.0x-g3"]
    torch.manual_seed(1)
    net = detector.Detector(recipe, norm=True)
    x = torch.randn(2, 3, 96, 96)
    net.first(x)  # moves the running means
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(m.weight, 0.5, 1.5)
            torch.nn.init.normal_(m.bias, std=0.2)
    net.eval()
    folded = detector.Detector(recipe).eval()
    folded.load_state_dict(shufflenetv1.fold(net.state_dict()))
    with torch.no_grad():
        wanted = net.backbone(x)
        assert [tuple(c.shape[1:]) for c in wanted] == [(240, 12, 12), (480, 6, 6), (960, 3, 3)]
        for a, b in zip(wanted, folded.backbone(x)):
            assert torch.allclose(a, b, atol=1e-4 * float(a.abs().max()))
        apart = shufflenetv1.ShuffleNetV1(24, (240, 480, 960), 3, norm=False, shuffled=False).eval()
        apart.load_state_dict(folded.backbone.state_dict())
        assert not torch.allclose(wanted[0], apart(x)[0], atol=0.01)


def test_labels_alone_name_the_points_near_an_objects_centre_on_its_level():
    at = model.points([(32, 32), (16, 16), (8, 8), (4, 4)])
    boxes = torch.tensor([[100., 100, 150, 150], [10, 10, 250, 240]])
    target, to, weight = losses.label_targets(at, boxes, torch.tensor([0.8, 0.6]), torch.tensor([3, 5]))
    small, large = target[:, 3] > 0, target[:, 5] > 0
    assert set(at[small, 2].tolist()) == {8.0} and set(at[large, 2].tolist()) == {32.0} and small.sum() == 9
    assert ((at[small, :2] - 125).abs() <= 12).all() and torch.equal(to[small][0], boxes[0])
    assert torch.allclose(weight[small], torch.tensor(0.8)) and not weight[~(small | large)].any()


def test_pyramid_and_dense_shapes(net):
    pyramid, dense, at = net.first(torch.zeros(2, 3, 352, 352))
    assert [tuple(p.shape[1:]) for p in pyramid] == [(128, n, n) for n in (44, 22, 11, 6)]
    assert dense.shape == (2, 44 ** 2 + 22 ** 2 + 11 ** 2 + 6 ** 2, 112)
    assert at[45].tolist() == [8, 8, 8] and at[-1].tolist() == [320, 320, 64]


def test_teacher_names_every_first_stage_tensor_once(net):
    ours = {n.rsplit(".", 1)[0] for n, _ in net.named_parameters() if not n.startswith("roi.")}
    for by_depth in (False, True):
        order = teacher.file_order(by_depth)
        assert len(order) == len(set(order)) and set(order) == ours


def test_channel_shuffle_interleaves_halves():
    x = torch.arange(6.).view(1, 6, 1, 1)
    assert model.channel_shuffle(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_decode_is_the_expected_distance_times_stride():
    bins = torch.full((1, 32), -50.0)
    for side, k in enumerate((1, 2, 3, 4)):
        bins[0, side * 8 + k] = 50.0
    at = torch.tensor([[40.0, 32.0, 8.0]])
    assert torch.allclose(model.decode(bins, at, 352, 352), torch.tensor([[32.0, 16.0, 64.0, 64.0]]))
    assert model.decode(bins, at, 60, 50)[0].tolist() == [32.0, 16.0, 60.0, 50.0]


def test_level_of_thresholds():
    side = torch.tensor([79.0, 80.0, 159.0, 160.0, 319.0, 320.0])
    boxes = torch.stack((torch.zeros(6), torch.zeros(6), side, side), 1)
    assert roi.level_of(boxes).tolist() == [0, 1, 1, 2, 2, 3]
    assert roi.level_of(boxes, 160).tolist() == [0, 0, 0, 1, 1, 2]


def test_deltas_are_torchvisions_box_coder():
    from torchvision.models.detection._utils import BoxCoder
    g = torch.Generator().manual_seed(3)
    boxes = torch.rand(20, 4, generator=g) * 100
    boxes[:, 2:] += boxes[:, :2] + 1
    deltas = torch.randn(20, 4, generator=g) * 8
    expected = BoxCoder(roi.DELTA_WEIGHTS).decode_single(deltas, boxes)
    assert torch.allclose(roi.apply_deltas(boxes, deltas), expected, atol=1e-3, rtol=1e-5)
    assert torch.allclose(roi.apply_deltas(boxes, torch.zeros(20, 4)), boxes, atol=1e-4)


def test_pool_reads_cell_i_at_pixel_i_times_stride():
    ramp = torch.arange(44.).view(1, 1, 1, 44).expand(1, 2, 44, 44).contiguous()
    boxes = torch.tensor([[80.0, 80.0, 136.0, 136.0]])  # 56 pixels: P3, seven cells of 8
    pooled = roi.pool([ramp] * 4, boxes, torch.zeros(1))
    assert torch.allclose(pooled[0, 0, 0], torch.arange(7.) + 10.5, atol=1e-5)


def test_untrained_second_stage_repeats_the_prior(net):
    x = torch.randn(2, 3, 352, 352, generator=torch.Generator().manual_seed(1))
    out, other = net.predict(x)
    assert torch.allclose(other["dense"], net.predict(x[1:])[0]["dense"], atol=1e-3)
    assert torch.allclose(out["head"], out["prior"]) and not out["deltas"].any()
    assert len(out["proposals"]) <= recipes.DEFAULT.proposals


def test_suppress_keeps_classes_apart_and_sorts():
    boxes = torch.tensor([[0., 0, 10, 10], [1, 0, 10, 10], [50, 50, 60, 60]])
    scores = torch.zeros(3, 80)
    scores[0, 3], scores[1, 3], scores[1, 5], scores[2, 3] = 0.5, 0.9, 0.3, 0.95
    b, s, c = detector.suppress(boxes, scores)
    assert c.tolist() == [3, 3, 5] and [round(v, 2) for v in s.tolist()] == [0.95, 0.9, 0.3]
    assert b[1].tolist() == [1, 0, 10, 10]


def test_fuse_limits():
    prior, head = torch.tensor([[2.0]]), torch.tensor([[-1.0]])
    assert torch.allclose(detector.fuse(prior, head, 0.0), prior.sigmoid())
    assert torch.allclose(detector.fuse(prior, head, 1.0), head.sigmoid())
