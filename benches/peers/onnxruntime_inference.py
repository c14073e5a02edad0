"""MobileNetV2 in ONNX Runtime: inference."""

import sys

import numpy
import onnxruntime

from common import rate, report

path = sys.argv[1]
threads, size, batch, seconds = (int(argument) for argument in sys.argv[2:6])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
pictures = numpy.random.default_rng(0).standard_normal((batch, 3, size, size), numpy.float32)
report({"inference": rate(lambda: session.run(None, {"pictures": pictures}), batch, seconds)})
