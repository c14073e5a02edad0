"""Networks by name against ONNX Runtime (inference) and PyTorch (fine-tuning from the last blocks).

    pip install torch timm onnx onnxruntime
    python networks.py ALPACA_RUN DIRECTORY_OF_IMAGES [NETWORK...]

Programs run in turn, with two threads, batches of 32 images of 224 pixels and random weights. Prints
images per second, and the ratio of each pair of turns: median, lowest, highest.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime
import timm
import torch

THREADS = 2
BATCH = 32
TURNS = 4
SECONDS = 2.0
# Name here, name in timm, and the modules that `unfreeze_last` trains, with how many blocks.
NETWORKS = {
    "mobilenet_v1": ("mobilenetv1_100", 3, lambda m: [m.blocks[3][5], m.blocks[4]]),
    "mobilenet_v3_large": (
        "mobilenetv3_large_100",
        3,
        lambda m: [m.blocks[5][1:], m.blocks[6], m.conv_head],
    ),
    "mobilenet_v4_conv_small": (
        "mobilenetv4_conv_small",
        3,
        lambda m: [m.blocks[3][4:], m.blocks[4], m.conv_head, m.norm_head],
    ),
    "efficientnet_lite0": (
        "efficientnet_lite0",
        3,
        lambda m: [m.blocks[5][2:], m.blocks[6], m.conv_head, m.bn2],
    ),
    "efficientnet_b0": (
        "efficientnet_b0",
        3,
        lambda m: [m.blocks[5][2:], m.blocks[6], m.conv_head, m.bn2],
    ),
    "resnet18": ("resnet18", 2, lambda m: [m.layer4]),
    "resnet50": ("resnet50", 3, lambda m: [m.layer4]),
}
PIPELINE = """\
version: 1
dataset: {{ directory: {images}, image_size: 224, batch_size: {batch}, split: {{ validation: 0.2 }} }}
model: {{ base: {network}, weights: none }}
stages:
  finetune:
    train: {{ unfreeze_last: {blocks}, epochs: 1 }}
"""


def rate(step):
    step()
    start, n = time.monotonic(), 0
    while time.monotonic() - start < SECONDS:
        step()
        n += 1
    return BATCH * n / (time.monotonic() - start)


def inference(model, images, directory):
    path = str(directory / "network.onnx")
    torch.onnx.export(model.eval(), images, path, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name, values = session.get_inputs()[0].name, images.numpy()
    return lambda: session.run(None, {name: values})


def fine_tuning(model, images, trained):
    model = model.eval().to(memory_format=torch.channels_last)
    model.requires_grad_(False)
    for module in [*trained(model), model.get_classifier()]:
        module.requires_grad_(True)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-4)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.arange(BATCH).remainder(2).float()[:, None]

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(images), labels)
        loss.backward()
        optimizer.step()

    return step


def alpaca_run(program, pipeline):
    command = [program, "bench", pipeline, "--json", "--threads", str(THREADS), "--seconds", "1"]
    parts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["parts"]
    return {part["part"]: part["images_per_second"]["median"] for part in parts}


def models_rate(program, network):
    command = [program, "models", network, "--bench", "--json", "--threads", str(THREADS)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    widths = found["models"][0]["widths"]
    return next(w["images_per_second"] for w in widths if w["width"] in (None, 1.0))


def compare(what, turns):
    ours, theirs = zip(*turns)
    ratios = sorted(a / b for a, b in turns)
    print(
        f"  {what}: {statistics.median(ours):.0f} and {statistics.median(theirs):.0f} images/s, "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        flush=True,
    )


def main():
    program, images_directory, *names = sys.argv[1:]
    torch.set_num_threads(THREADS)
    images = torch.from_numpy(numpy.random.default_rng(1).random((BATCH, 3, 224, 224), numpy.float32))
    for network in names or NETWORKS:
        name, blocks, trained = NETWORKS[network]
        print(network, flush=True)
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            pipeline = directory / "pipeline.yaml"
            pipeline.write_text(
                PIPELINE.format(
                    images=pathlib.Path(images_directory).resolve(),
                    batch=BATCH,
                    network=network,
                    blocks=blocks,
                )
            )
            forward = inference(timm.create_model(name, num_classes=0), images, directory)
            turns = [(models_rate(program, network), rate(forward)) for _ in range(TURNS)]
            compare("inference, ONNX Runtime", turns)
            step = fine_tuning(timm.create_model(name, num_classes=1), images, trained)
            turns = [
                (alpaca_run(program, str(pipeline))["whole step"], rate(step)) for _ in range(TURNS)
            ]
            compare("fine-tuning step, PyTorch", turns)


main()
