#!/usr/bin/env python3
"""Seconds of a transfer epoch against images, width, image size, classes and threads.

    benches/scaling.py [--images N...] [--base N] [--program FILE]

One value changes at a time; the others are those of the base: 2,000 images of 2 classes, MobileNetV2 0.35,
160 pixels, all threads. The script generates the images. An epoch augments by flips, so that it computes
the frozen part of each image, and includes validation. Its time is that of the second epoch, when
pixels are cached; the first one also decodes them. Needs a release build.
"""

import argparse
import csv
import os
import random
import tempfile
from pathlib import Path

from memory import OURS, bitmap, run

PIPELINE = """
version: 1
name: scaling
dataset: {{ directory: images, image_size: {size}, batch_size: 32, duplicates: keep }}
augmentation: [random_flip: horizontal]
model: {{ base: mobilenet_v2, width: {width}, weights: none }}
stages:
  transfer:
    train: {{ freeze: all, epochs: 2, optimizer: {{ adam: {{ learning_rate: 1e-3 }} }} }}
"""


def generate(place, n, classes):
    noise = random.Random(n)
    for at in range(classes):
        folder = place / "images" / f"class_{at:04}"
        folder.mkdir(parents=True)
        for number in range(at, n, classes):
            (folder / f"{number:07}.bmp").write_bytes(bitmap(noise))


def measure(program, images, width, size, classes, threads):
    """Seconds of the second epoch, and peak MiB."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        generate(place, images, classes)
        pipeline = place / "scaling.yaml"
        pipeline.write_text(PIPELINE.format(size=size, width=width))
        memory = run(program, pipeline, place, threads)
        with open(place / "runs" / "scaling" / "timings.csv", newline="") as file:
            second = list(csv.DictReader(file))[1]
        return float(second["seconds"]), memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=int, default=2_000, help="images of the other rows")
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--widths", nargs="+", default=["0.35", "1.0", "1.4"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 160, 224])
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 100, 1_000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count()])
    parser.add_argument("--program", type=Path, default=OURS)
    arguments = parser.parse_args()
    base = {
        "images": arguments.base,
        "width": "0.35",
        "size": 160,
        "classes": 2,
        "threads": arguments.threads[-1],
    }
    rows = {
        "images": arguments.images,
        "width": arguments.widths,
        "size": arguments.sizes,
        "classes": arguments.classes,
        "threads": arguments.threads,
    }
    print("| changed | value | seconds of an epoch | images/s | peak MiB |\n| --- | --- | --- | --- | --- |")
    for name, values in rows.items():
        for value in values:
            settings = {**base, name: value}
            seconds, memory = measure(arguments.program, **settings)
            rate = settings["images"] / seconds
            print(f"| {name} | {value} | {seconds:.2f} | {rate:,.0f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
