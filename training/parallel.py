"""What the synchronous processes of a training run share."""
import torch
import torch.distributed as dist


def share_gradients(parameters, world):
    """Averages the gradients of all processes, in place."""
    flat = torch.cat([p.grad.flatten() for p in parameters])
    dist.all_reduce(flat)
    flat /= world
    at = 0
    for p in parameters:
        p.grad.copy_(flat[at:at + p.numel()].view_as(p))
        at += p.numel()
