import torch

from training import losses, model


def labels(*rows):
    boxes = torch.tensor([r[:4] for r in rows], dtype=torch.float32).reshape(-1, 4)
    scores = torch.tensor([r[4] for r in rows], dtype=torch.float32)
    return boxes, scores, torch.tensor([r[5] for r in rows], dtype=torch.long), 0.12


def test_best_box_gets_the_score_and_its_rival_less():
    label = labels((10, 10, 110, 110, 0.8, 7))
    refined = torch.tensor([[10., 10, 110, 110], [10, 10, 110, 90], [200, 200, 260, 260]])
    target = losses.second_targets(refined, torch.full((3, 80), 0.01), *label)
    assert torch.isclose(target[0, 7], torch.tensor(0.8))
    # the ramp alone would give IoU 0.8 -> 0.64; being second on the object costs most of that
    assert target[1, 7] < 0.1 and target[1, 7] > 0
    assert torch.allclose(target[2], torch.full((80,), 0.0085)) and torch.isclose(target[0, 6], torch.tensor(0.0085))


def test_unlabelled_prior_fades_but_keeps_its_order_below_the_label_cut():
    prior = torch.tensor([[0.02, 0.08, 0.9]]).repeat(1, 27)[:, :80]
    target = losses.second_targets(torch.tensor([[0., 0, 9, 9]]), prior, *labels())
    assert torch.allclose(target[0, :3], torch.tensor([0.017, 0.068, 0.102]))


def test_quality_focal_is_least_at_the_target():
    target = torch.tensor([[0.3]])
    value = [float(losses.quality_focal(torch.logit(torch.tensor([[p]])), target)) for p in (0.1, 0.3, 0.6)]
    assert value[1] == 0 and value[0] > 0 and value[2] > 0


def test_box_targets_only_for_proposals_near_a_label():
    proposals = torch.tensor([[12., 10, 108, 110], [200, 200, 260, 260]])
    to, weight = losses.box_targets(proposals, torch.full((2, 80), 0.2), *labels((10, 10, 110, 110, 0.8, 7)))
    assert to[0].tolist() == [10, 10, 110, 110] and weight[0] > 0 and weight[1] == 0


def dense_case():
    g = torch.Generator().manual_seed(0)
    dense = torch.randn(1, 30, 112, generator=g) - 3
    at = torch.cat((torch.rand(30, 2, generator=g) * 200, torch.full((30, 1), 16.0)), 1)
    boxes = model.decode(dense[..., 80:], at, 352, 352)
    return dense, boxes


def test_first_loss_is_zero_at_the_teacher_when_labels_agree():
    dense, boxes = dense_case()
    dense[..., :80] = -6.0
    cls, dist, box = losses.first_loss(dense, boxes, dense, boxes, [labels()])
    assert abs(float(cls)) < 1e-3 and abs(float(dist)) < 1e-4 and float(box) == 0


def test_labels_move_all_points_of_an_object_by_one_step():
    dense, boxes = dense_case()
    dense[..., :80] = -6.0
    boxes[0, :3] = torch.tensor([[10., 10, 60, 60], [12, 10, 60, 60], [10, 14, 60, 62]])
    boxes[0, 3:] = torch.tensor([200., 200, 300, 300])
    dense[0, :3, 5] = torch.tensor([-1.0, -2.0, -1.5])
    wanted, to, weight = losses.dense_targets(dense[0], boxes[0], *labels((10, 10, 60, 60, 0.5, 5)))
    step = wanted[:3, 5] - dense[0, :3, 5]
    assert torch.allclose(step, step[0].expand(3)) and step[0] > 0.3
    assert (weight[:3] > 0).all() and (to[:3] == torch.tensor([10., 10, 60, 60])).all()
    assert torch.equal(wanted[3:], dense[0, 3:, :80])
