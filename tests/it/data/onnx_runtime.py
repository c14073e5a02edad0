"""Checks an exported model with onnx and runs it in ONNX Runtime.

    python onnx_runtime.py MODEL.onnx PREDICTIONS.csv

PREDICTIONS.csv is what `alpaca-run predict --csv` printed. Ends with 1 where a probability differs
by more than 1e-4, or a number by more than 1e-4 of the range of all of them and the rounding of single
precision.
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
worst, n, limit = 0.0, 0, 1e-4
with open(table, newline="") as file:
    rows = list(csv.DictReader(file))
is_number = "estimate" in rows[0]
if is_number:
    numbers = [float(row["estimate"]) for row in rows]
    limit = 1e-4 * (max(numbers) - min(numbers)) + 1e-6 * max(map(abs, numbers))
for row in rows:
    pixels = np.asarray(Image.open(row["path"]).convert("RGB"))[None]
    output = "number" if is_number else "probabilities"
    (found,) = session.run([output], {"images": np.repeat(pixels, 2, axis=0)})
    names = [key for key in row if key == "estimate" or key.startswith("probability/")]
    expected = np.array([float(row[name]) for name in names])
    assert found.shape == (2, len(names)), found.shape
    worst = max(worst, float(np.abs(found - expected).max()))
    n += 1
print(f"{n} pictures, largest difference {worst:.1e}")
sys.exit(0 if n > 0 and worst <= limit else 1)
