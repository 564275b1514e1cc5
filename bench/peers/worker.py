"""A peer that waits for its turn: `worker.py onnxruntime|ncnn CASE_DIR THREADS CORES`.

Writes what it computes to CASE_DIR/out.ENGINE.bin, prints who it is, then answers each line "run SECONDS" of its standard
input with the time of every inference and whether the scheduler took the processor away meanwhile (as run/main.go does).
"""
import gc
import json
import os
import resource
import sys
import time

import numpy as np

WARM_UP = 3


def onnxruntime(case, threads, cores, x):
    import onnxruntime as ort

    o = ort.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = threads, 1
    o.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    o.log_severity_level = 3
    if threads > 1:
        os.sched_setaffinity(0, {cores[1]})  # inherited by the session's thread
    session = ort.InferenceSession(os.path.join(case, "model.onnx"), o, providers=["CPUExecutionProvider"])
    if threads > 1:
        os.sched_setaffinity(0, {cores[0]})
    binding = session.io_binding()  # the cheapest way in: no copies, no dictionaries
    held = ort.OrtValue.ortvalue_from_numpy(x)
    binding.bind_ortvalue_input(session.get_inputs()[0].name, held)
    for output in session.get_outputs():
        binding.bind_output(output.name, "cpu")

    def infer():
        session.run_with_iobinding(binding)

    def result():
        return binding.copy_outputs_to_cpu()[0]
    return infer, result, ort.__version__


def ncnn(case, threads, cores, x):
    if threads > 1:  # read by libgomp when ncnn is imported
        os.environ.update(OMP_PROC_BIND="true", OMP_PLACES=",".join("{%d}" % c for c in cores[:threads]))
    import ncnn as lib

    net = lib.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
        if hasattr(net.opt, "use_" + name):
            setattr(net.opt, "use_" + name, False)  # float32 is what is compared
    if net.load_param(os.path.join(case, "ncnn.param")) or net.load_model(os.path.join(case, "ncnn.bin")):
        raise SystemExit("ncnn: the network was refused")
    planes = lib.Mat(x[0])
    first, last = net.input_names()[0], net.output_names()[0]
    answer = [None]

    def infer():
        extractor = net.create_extractor()
        extractor.input(first, planes)
        answer[0] = extractor.extract(last)[1]

    def result():
        return np.array(answer[0])
    return infer, result, lib.__version__


def turn(infer, seconds):
    for _ in range(WARM_UP):
        infer()
    ms, switched = [], []
    clock = time.perf_counter_ns
    end = clock() + int(seconds * 1e9)
    while clock() < end:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        start = clock()
        infer()
        ms.append((clock() - start) / 1e6)
        switched.append(int(resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw != before))
    return {"ms": ms, "switched": switched}


def main():
    engine, case, threads, cores = sys.argv[1], sys.argv[2], int(sys.argv[3]), [int(c) for c in sys.argv[4].split(",")]
    x = np.fromfile(os.path.join(case, "input.bin"), "<f4")
    side = round((x.size / 3) ** 0.5)
    make = {"onnxruntime": onnxruntime, "ncnn": ncnn}[engine]
    infer, result, version = make(case, threads, cores, np.ascontiguousarray(x.reshape(1, 3, side, side)))
    infer()
    np.asarray(result(), "<f4").tofile(os.path.join(case, f"out.{engine}.bin"))
    print(json.dumps({"engine": engine, "version": version}), flush=True)
    gc.disable()
    for line in sys.stdin:
        print(json.dumps(turn(infer, float(line.split()[1]))), flush=True)


if __name__ == "__main__":
    main()
