import shutil

import pytest
import torch
import torch.nn.functional as F

from training import detector, fast, recipes

pytestmark = pytest.mark.skipif(not shutil.which("c++"), reason="needs a C++ compiler")


def apart(got, wanted):
    """Length of the difference as a share of the wanted one's."""
    return float((got.float() - wanted.float()).norm() / wanted.float().norm())


@pytest.mark.parametrize("shape,k,stride", [((2, 20, 9, 7), 5, 1), ((2, 37, 10, 11), 5, 2), ((3, 16, 8, 8), 3, 2), ((2, 60, 13, 9), 3, 1),
                                            ((1, 3, 7, 5), 5, 2), ((1, 33, 2, 1), 3, 1), ((1, 16, 1, 2), 5, 2)])
def test_depthwise_gradients_are_pytorchs(shape, k, stride):
    torch.manual_seed(0)
    x = torch.randn(shape).bfloat16().requires_grad_()
    w = torch.randn(shape[1], 1, k, k).bfloat16().float().requires_grad_()
    b = torch.randn(shape[1], requires_grad=True)
    y = fast.Depthwise.apply(x, w, b, stride)
    g = torch.randn(y.shape).bfloat16()
    y.backward(g)
    xs, ws, bs = (t.detach().float().clone().requires_grad_() for t in (x, w, b))
    wanted = F.conv2d(xs, ws, bs, stride, k // 2, groups=shape[1])
    wanted.backward(g.float())
    assert apart(y, wanted) < 0.004 and apart(x.grad, xs.grad) < 0.004
    assert apart(w.grad, ws.grad) < 1e-5 and apart(b.grad, bs.grad) < 1e-5


@pytest.mark.parametrize("with_rest,slope", [(False, 0.1), (True, 0.1), (False, 1.0)])
def test_norm_with_sum_and_activation_is_pytorchs(with_rest, slope):
    torch.manual_seed(1)
    z, rest = (torch.randn(3, 19, 6, 5).bfloat16().requires_grad_() for _ in range(2))
    norms = [torch.nn.BatchNorm2d(19) for _ in range(2)]
    torch.nn.init.normal_(norms[0].weight)
    torch.nn.init.normal_(norms[0].bias)
    norms[1].load_state_dict(norms[0].state_dict())
    y = fast.Norm.apply(z, norms[0].weight, norms[0].bias, rest if with_rest else None, slope, norms[0])
    g = torch.randn(y.shape).bfloat16()
    y.backward(g)
    zs, rs = (t.detach().float().requires_grad_() for t in (z, rest))
    wanted = F.leaky_relu(norms[1](zs) + (rs if with_rest else 0), slope)
    wanted.backward(g.float())
    assert apart(y, wanted) < 0.004 and apart(z.grad, zs.grad) < 0.004
    if with_rest:
        assert apart(rest.grad, rs.grad) < 0.004
    for name in ("weight", "bias"):
        assert apart(getattr(norms[0], name).grad, getattr(norms[1], name).grad) < 1e-5
    for name in ("running_mean", "running_var"):
        assert apart(getattr(norms[0], name), getattr(norms[1], name)) < 1e-5


def test_a_network_with_kernels_learns_as_without():
    recipe = recipes.RECIPES["riffle-v1-1.0x-g3"]
    torch.manual_seed(2)
    nets = [detector.Detector(recipe, norm=True).to(memory_format=torch.channels_last).train() for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    kept = fast.model.leaky
    x = torch.randn(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    nets[0].first(x)[1].square().mean().backward()
    try:
        assert fast.install(nets[1])
        with torch.autocast("cpu", torch.bfloat16):
            nets[1].first(x)[1].float().square().mean().backward()
    finally:
        fast.model.leaky = kept
    for (name, a), b in zip(nets[0].named_parameters(), nets[1].parameters()):
        if a.grad is not None and float(a.grad.norm()) > 1e-3:
            near = F.cosine_similarity(a.grad.flatten(), b.grad.float().flatten(), 0)
            assert near > 0.9, (name, float(near))
