"""Checks an exported model with onnx and runs it in ONNX Runtime.

    python onnx_runtime.py MODEL.onnx PREDICTIONS.csv

PREDICTIONS.csv is what `alpaca-run predict --csv` printed. Ends with 1 where a probability differs
by more than 1e-4.
"""

import csv
import sys

import numpy as np
import onnx
import onnxruntime
from PIL import Image

model_file, table = sys.argv[1:]
onnx.checker.check_model(onnx.load(model_file), full_check=True)
session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
worst, n = 0.0, 0
with open(table, newline="") as file:
    for row in csv.DictReader(file):
        pixels = np.asarray(Image.open(row["path"]).convert("RGB"))[None]
        (found,) = session.run(["probabilities"], {"images": np.repeat(pixels, 2, axis=0)})
        expected = np.array([float(v) for k, v in row.items() if k.startswith("probability/")])
        worst = max(worst, float(np.abs(found - expected).max()))
        n += 1
print(f"{n} pictures, largest difference {worst:.1e}")
sys.exit(0 if n > 0 and worst <= 1e-4 else 1)
