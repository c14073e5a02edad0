"""Runs exported models in other runtimes, and compares them with ONNX Runtime.

    runtimes.py WHOLE.onnx SIZED.onnx BARE.onnx RECIPE.json IMAGE...

WHOLE takes images of any size, SIZED of one size, BARE numbers that RECIPE describes. A runtime
that cannot be imported is named as skipped. Fails if one disagrees. docs/models.md has the same
table for photographs.
"""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from PIL import Image

whole, sized, bare, recipe, *images = sys.argv[1:]
recipe = json.loads(Path(recipe).read_text())
pixels = [numpy.asarray(Image.open(image).convert("RGB"))[None] for image in images]
# Noise of other sizes: rows and columns whose weights need all their bits.
random = numpy.random.default_rng(0)
sizes = [(1, 1), (3, 1200), (1200, 3), (299, 448), (431, 640), (611, 353)]
noise = [random.integers(0, 256, (1, *size, 3), dtype="uint8") for size in sizes]


def onnx_runtime(model):
    """What ONNX Runtime computes with a model, given by its file or its bytes."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def numbers(image):
    """What the recipe makes of an image."""
    size = recipe["size"]
    resized = Image.fromarray(image[0]).resize(
        (size["width"], size["height"]), Image.Resampling.BILINEAR)
    scaled = numpy.asarray(resized, "float32") * recipe["scale"] + recipe["shift"]
    return scaled.astype("float32").transpose(2, 0, 1)[None]


def compare(what, ours, theirs, inputs, most):
    """Prints the largest difference of a probability, which may be `most`."""
    pairs = [(ours(values), theirs(values)) for values in inputs]
    off = max(float(numpy.abs(a - b.reshape(a.shape)).max()) for a, b in pairs)
    changed = sum(int((a.argmax() if a.size > 1 else a > 0.5) != (b.argmax() if b.size > 1 else b > 0.5))
                  for a, b in pairs)
    print(f"{what}: {off:.1e}, {changed} of {len(pairs)} labels change")
    if not off <= most:
        sys.exit(f"{what} is off by {off:.1e}, more than {most:.0e}")


def opencv():
    import cv2

    if int(cv2.__version__.split(".")[0]) < 5:
        raise ImportError(f"its version is {cv2.__version__}, and 5 is needed")

    def network(file):
        net = cv2.dnn.readNetFromONNX(file)

        def run(values):
            net.setInput(values)
            return net.forward()
        return run

    compare("OpenCV, normalised", onnx_runtime(bare), network(bare), map(numbers, pixels), 1e-5)
    shape = onnx.load(sized).graph.input[0].type.tensor_type.shape.dim
    height, width = shape[1].dim_value, shape[2].dim_value
    of_size = [random.integers(0, 256, (1, height, width, 3), dtype="uint8") for _ in range(8)]
    compare("OpenCV, one size", onnx_runtime(sized), network(sized), of_size, 1e-5)


def openvino():
    import openvino as ov

    core = ov.Core()
    compiled = core.compile_model(whole, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    compare("OpenVINO, f32", onnx_runtime(whole), lambda image: compiled(image)[0],
            pixels + noise, 1e-5)


def int8():
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            name = onnx.load(bare).graph.input[0].name
            self.rest = iter([{name: numbers(image)} for image in pixels])

        def get_next(self):
            return next(self.rest, None)

    quantized = str(Path(bare).with_suffix(".int8.onnx"))
    quantize_static(bare, quantized, Reader(), quant_format=QuantFormat.QDQ, per_channel=True)
    compare("int8, per channel", onnx_runtime(bare), onnx_runtime(quantized),
            map(numbers, pixels), 0.3)


WEB = """
const ort = require("onnxruntime-web");
ort.env.wasm.numThreads = 1;
const [file, name] = process.argv.slice(1);
const images = JSON.parse(require("fs").readFileSync(0, "utf8"));
ort.InferenceSession.create(file, { executionProviders: ["wasm"] }).then(async (session) => {
  const answers = [];
  for (const { dims, pixels } of images) {
    const image = new ort.Tensor("uint8", Buffer.from(pixels, "base64"), dims);
    answers.push(Array.from((await session.run({ [name]: image }))[session.outputNames[0]].data));
  }
  console.log(JSON.stringify(answers));
});
"""


def web():
    """NODE_PATH names the directory of node's modules."""
    node = shutil.which("node")
    if not node or subprocess.run([node, "-e", 'require.resolve("onnxruntime-web")'],
                                  stderr=subprocess.DEVNULL).returncode:
        raise ImportError("no node that finds onnxruntime-web")
    images = [{"dims": image.shape, "pixels": base64.b64encode(image.tobytes()).decode()}
              for image in pixels + noise]
    name = onnx.load(whole).graph.input[0].name
    said = subprocess.run([node, "-e", WEB, whole, name], input=json.dumps(images),
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    answers = iter(json.loads(said.splitlines()[-1]))
    compare("ONNX Runtime Web", onnx_runtime(whole),
            lambda _: numpy.asarray(next(answers), "float32"), pixels + noise, 1e-5)


checks = {"OpenCV": opencv, "OpenVINO": openvino, "int8": int8, "ONNX Runtime Web": web}
for name, check in checks.items():
    try:
        check()
    except ImportError as error:
        print(f"skipped: {name}: {error}")
