"""Writes models/checkpoint/testdata: one small state_dict in every form in which torch.save puts it, and files that must be refused.

Run: python training/vectors/checkpoint_files.py (torch, safetensors)
"""
import argparse
import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

OUT = Path(__file__).resolve().parents[2] / "models" / "checkpoint" / "testdata"


def state() -> OrderedDict:
    torch.manual_seed(7)
    flat = torch.arange(24, dtype=torch.float32) / 8
    d = OrderedDict()
    d["conv.weight"] = torch.randn(4, 3, 3, 3)
    d["conv.last"] = torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    d["turned"] = torch.randn(3, 5).t()
    d["part"] = flat[4:16].view(3, 4)  # of a shared storage, from its middle
    d["whole"] = flat
    d["half"] = torch.randn(7).half()
    d["brain"] = torch.randn(7).bfloat16()
    d["double"] = torch.randn(5, dtype=torch.float64)
    d["bytes"] = torch.tensor([0, 1, 255], dtype=torch.uint8)
    d["signed"] = torch.tensor([-128, 127], dtype=torch.int8)
    d["short"] = torch.tensor([-300, 300], dtype=torch.int16)
    d["int"] = torch.tensor([[-70000], [70000]], dtype=torch.int32)
    d["bn.num_batches_tracked"] = torch.tensor(1234567)
    d["flag"] = torch.tensor([True, False])
    d["empty"] = torch.zeros(0, 3)
    return d


class Evil:
    def __reduce__(self):
        return os.system, ("echo pickle was run > pickle-was-run",)


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    d = state()
    want = {k: {"shape": list(v.shape), "data": [float(x) for x in v.flatten().tolist()]} for k, v in d.items()}
    (OUT / "state.json").write_text(json.dumps(want))
    torch.save(d, OUT / "zip.pth")
    torch.save(d, OUT / "zip_protocol5.pth", pickle_protocol=5)
    torch.save(d, OUT / "stream.pth", _use_new_zipfile_serialization=False)
    save_file({k: v.contiguous().clone() for k, v in d.items() if v.dtype not in (torch.int16, torch.bool)}, OUT / "plain.safetensors")

    # As training scripts leave it: under a key, beside settings and an optimiser, with the prefix of DataParallel.
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    net(torch.randn(1, 2, 4, 4)).sum().backward()
    sgd.step()
    training = {"epoch": 3, "args": argparse.Namespace(lr=0.1, name="a", size=torch.Size([2, 3])), "optimizer": sgd.state_dict(),
                "best": float("-inf"), "model": {"module." + k: v for k, v in net.state_dict().items()}}
    torch.save(training, OUT / "training.pth")
    torch.save(training, OUT / "training_stream.pth", _use_new_zipfile_serialization=False)
    torch.save(OrderedDict((k, torch.nn.Parameter(v)) for k, v in net.state_dict().items() if v.is_floating_point()), OUT / "parameters.pth")
    # Tensors beside the state_dict, as the tutorials save them; names as Lightning and AveragedModel write them.
    beside = {"state_dict": {"model." + k: v for k, v in net.state_dict().items()}, "best_acc1": torch.tensor(71.5),
              "loss": torch.tensor([0.5]), "rng": torch.arange(40, dtype=torch.uint8)}
    torch.save(beside, OUT / "beside.pth")
    torch.save(beside, OUT / "beside_stream.pth", _use_new_zipfile_serialization=False)
    torch.save(torch.optim.swa_utils.AveragedModel(torch.nn.DataParallel(net)).state_dict(), OUT / "averaged.pth")

    # Refused.
    torch.save({"weight": torch.zeros(2), "run": Evil()}, OUT.parents[2] / "testdata" / "evil.pth")
    torch.save({"weight": torch.zeros(2), "run": Evil()}, OUT / "evil_stream.pth", _use_new_zipfile_serialization=False)
    torch.save(net, OUT / "module.pth")
    torch.save(3, OUT / "number.pth")
    torch.save({"expanded": torch.zeros(1).expand(1 << 20)}, OUT / "expanded.pth")
    torch.save({"sparse": torch.eye(3).to_sparse()}, OUT / "sparse.pth")
    torch.jit.script(net).save(OUT / "script.pt")
    (OUT / "other.pkl").write_bytes(pickle.dumps({"weight": [1.0]}, protocol=2))


if __name__ == "__main__":
    main()
