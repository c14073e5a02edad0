#!/usr/bin/env python3
"""Peak memory of a run on 5,000 and on 50,000 images, which the script generates.

    benches/memory.py [--width 0.35] [--threads N] [--images FEW MANY] [--program FILE]

A run caches at most 256 MiB of pixels and 32 MiB of features in memory; the rest is on disk. Both
datasets are larger, so their peaks should be within 10 % of each other. Needs a release build.
"""

import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / "target" / "release" / "alpaca-run"

PIPELINE = """
version: 1
name: memory
dataset: {{ directory: pictures, image_size: 160, batch_size: 32 }}
augmentation: [random_flip: horizontal]
model: {{ base: mobilenet_v2, width: {width}, weights: none }}
stages:
  transfer:
    train: {{ freeze: all, epochs: 1, optimizer: {{ adam: {{ learning_rate: 1e-3 }} }} }}
"""


def bitmap(noise):
    """A BMP image of 16x16 pixels."""
    header = b"BM" + struct.pack("<IHHI", 54 + 768, 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, 16, 16, 1, 24, 0, 768, 0, 0, 0, 0)
    return header + noise.randbytes(768)


def peak(program, n, width, threads):
    """Peak MiB and seconds of a run on `n` images."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        noise = random.Random(n)
        for name in ["a", "b"]:
            folder = place / "pictures" / name
            folder.mkdir(parents=True)
            for number in range(n // 2):
                (folder / f"{number:06}.bmp").write_bytes(bitmap(noise))
        pipeline = place / "memory.yaml"
        pipeline.write_text(PIPELINE.format(width=width))
        return run(program, pipeline, place, threads)


def run(program, pipeline, place, threads):
    """Runs a pipeline into `runs` of a directory. Returns its peak MiB."""
    command = [program, "run", pipeline, "--quiet", "--runs-dir", place / "runs"]
    command += ["--cache-dir", place / "cache", "--threads", str(threads)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{pipeline} exited with {process.returncode}")
    return usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", default="0.35")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--images", type=int, nargs=2, default=[5_000, 50_000])
    parser.add_argument("--program", type=Path, default=OURS)
    arguments = parser.parse_args()
    options = arguments.width, arguments.threads
    few, many = (peak(arguments.program, n, *options) for n in arguments.images)
    first, second = (f"{n:,} images" for n in arguments.images)
    print(f"{first}: {few:.0f} MiB; {second}: {many:.0f} MiB; ratio {many / few:.3f}")


if __name__ == "__main__":
    main()
