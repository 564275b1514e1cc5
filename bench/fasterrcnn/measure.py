"""Times riffle, PyTorch and ONNX Runtime in turns on the same photo and weights: `measure.py RIFFLE PHOTO [--threads N]`.

Tensor to boxes: of riffle's time decoding the photo is left out, preparing it is not; the others get the decoded photo as a
tensor and prepare it as torchvision does. ONNX Runtime runs the exported torchvision model.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import torch

import networks
from check import imported

STAGES = ("preprocess", "network", "proposals", "second_stage", "postprocess")


def riffle_turn(program, model, png, threads, runs, precision):
    out = subprocess.run([program, "bench", "--arch", model, "--photo", png, "--threads", str(threads), "--runs", str(runs), "--json",
                          "--precision", precision], check=True, capture_output=True, text=True).stdout
    return sum(json.loads(out)["photos"][0]["stages_ms"][s] for s in STAGES)


def turn(run, runs):
    run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def onnx_session(net, photo, work, threads):
    import onnxruntime
    path = os.path.join(work, "net.onnx")
    torch.onnx.export(net, ([photo],), path, opset_version=17, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: photo.numpy()}
    return lambda: session.run(None, feed)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("riffle")
    parser.add_argument("photo")
    parser.add_argument("--arch", default=networks.ARCHITECTURES[0], choices=networks.ARCHITECTURES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    photo = networks.picture(args.photo)
    net = networks.random(args.arch, photo)
    proposals = []
    hook = net.rpn.register_forward_hook(lambda m, i, o: proposals.append(len(o[0][0])))
    net([photo])
    hook.remove()
    with tempfile.TemporaryDirectory() as work:
        model = imported(args.riffle, net, args.arch, work)
        folder = os.path.join(work, "photos")
        os.makedirs(folder)
        shutil.copy(args.photo, folder)
        subprocess.run([args.riffle, "models", "calibrate", model, "--images", folder], check=True, capture_output=True)
        ways = {p: lambda p=p: riffle_turn(args.riffle, model, args.photo, args.threads, args.runs, p) for p in ("float32", "int8")}
        ways["PyTorch"] = lambda: turn(lambda: net([photo]), args.runs)
        try:
            session = onnx_session(net, photo, work, args.threads)
            ways["ONNX Runtime"] = lambda: turn(session, args.runs)
        except Exception as e:  # another version may not export it
            print("ONNX Runtime is left out:", str(e).splitlines()[0])
        times = {name: [] for name in ways}
        for _ in range(args.rounds):
            for name, way in ways.items():
                times[name].append(way())
    ms = {name: statistics.median(t) for name, t in times.items()}
    print(f"{args.arch}, {photo.shape[2]}x{photo.shape[1]}, {proposals[0]} proposals, {args.threads} thread(s), torch {torch.__version__}")
    for name, t in ms.items():
        if name in ("float32", "int8"):
            name = "riffle " + name
        print(f"  {name:16} {t:8.2f} ms   riffle float32 / this {ms['float32'] / t:.2f}")


if __name__ == "__main__":
    main()
