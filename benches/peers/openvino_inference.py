"""MobileNetV2 in OpenVINO: inference, in single precision and in bfloat16."""

import sys

import numpy
import openvino

from common import rate, report

path, precision = sys.argv[1:3]
threads, size, batch, seconds = (int(argument) for argument in sys.argv[3:7])
core = openvino.Core()
model = core.read_model(path)
pictures = numpy.random.default_rng(0).standard_normal((batch, 3, size, size), numpy.float32)


def measured(n_together):
    """The rate with batches of this size; smaller ones stay in the caches."""
    model.reshape([n_together, 3, size, size])
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    parts = [pictures[at : at + n_together] for at in range(0, batch, n_together)]
    return rate(lambda: [request.infer([part]) for part in parts], batch, seconds)


report({"inference": max(measured(n) for n in (8, batch))})
