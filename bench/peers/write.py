"""All files that the peers read for one case: weights and input as dump wrote them, in each peer's own format."""
import os

import detector
import networks
import numpy as np
import write_ncnn
import write_onnx
import write_xnnpack
from tensors import Tensors


def all_formats(case, size, whole_detector):
    tensors = Tensors(os.path.join(os.path.dirname(case), "weights.safetensors"))
    model = os.path.join(case, "model.onnx")
    if whole_detector:
        detector.write(tensors, size, model)
        return
    g = networks.classifier(tensors, size)
    write_onnx.write(g, model)
    write_ncnn.write(g, os.path.join(case, "ncnn.param"), os.path.join(case, "ncnn.bin"))
    plans = [os.path.join(case, "xnnpack" + e) for e in (".plan", "-apart.plan", ".bin")]
    try:
        write_xnnpack.write(g, *plans)
    except write_xnnpack.Unwritten:
        for plan in plans:
            if os.path.exists(plan):
                os.remove(plan)
        return
    planes = np.fromfile(os.path.join(case, "input.bin"), "<f4").reshape(3, size, size)
    np.ascontiguousarray(planes.transpose(1, 2, 0)).tofile(os.path.join(case, "xnnpack.in.bin"))
