"""torchvision's Faster R-CNNs with random weights that find something.

A random network of this depth gives every place the same answer. Batch norms are given the statistics of a photo, and the heads'
outputs are centred and scaled, so that a few hundred proposals are above the threshold and detections differ. Channels that
hardly vary are not blown up: they would make rounding errors of the last digit visible.
"""
import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models import detection

ARCHITECTURES = ("fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_mobilenet_v3_large_fpn")


def picture(path):
    """-> [3, H, W], 0 to 1."""
    return torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1).float() / 255


def build(arch, **options):
    net = getattr(detection, arch)(weights=None, weights_backbone=None, **options).eval()
    return net.requires_grad_(False)


def _centre(net, layer, photo, scale, shift=0.0):
    """Gives every output of a layer over all its places the standard deviation `scale` and the mean `shift`."""
    seen = []
    hook = layer.register_forward_hook(lambda m, i, o: seen.append(o))
    net([photo])
    hook.remove()
    out = torch.cat([o.transpose(0, 1).reshape(o.shape[1], -1) if o.dim() == 4 else o.T for o in seen], 1)
    spread = out.std(1)
    gain = scale / spread.clamp_min(spread.mean().item() / 2)
    layer.bias.copy_((layer.bias - out.mean(1)) * gain + shift)
    layer.weight.mul_(gain.view(-1, *[1] * (layer.weight.dim() - 1)))


def random(arch, photo, seed=3, **options):
    """-> a network fitted to a photo."""
    torch.manual_seed(seed)
    net = build(arch, **options)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=(2.0 / p[0].numel()) ** 0.5)
            elif name.endswith("weight"):
                p.uniform_(0.7, 1.3)
            else:
                nn.init.normal_(p, std=0.1)
        norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
        for m in norms:
            m.train()
            m.momentum = 0.5
        for _ in range(4):
            net([photo])
        for m in norms:
            m.eval()
            m.running_var.clamp_min_(0.3 * m.running_var.mean().item())
        head, rpn = net.roi_heads, net.rpn.head
        _centre(net, rpn.conv[0][0], photo, 1.0)
        _centre(net, rpn.cls_logits, photo, 2.0, -1.0)
        _centre(net, rpn.bbox_pred, photo, 0.3)
        _centre(net, head.box_head.fc6, photo, 1.0)
        _centre(net, head.box_head.fc7, photo, 1.0)
        _centre(net, head.box_predictor.cls_score, photo, 2.0)
        head.box_predictor.cls_score.bias[0] += 2  # the background is the likeliest
        _centre(net, head.box_predictor.bbox_pred, photo, 1.0)
    return net
