#!/usr/bin/env python3
"""Efficiency of training over MPI: two ranks of one thread each against one process of one thread.

    cargo build --release --features mpi
    benches/ranks.py --images DIR

Runs alternate. The time is that of all epochs, validation included, without reading images and weights
for the first time. The efficiency is the time of one process, divided by the number of ranks times the
time of these ranks. Digests of the weights show that both computed the same.
"""

import argparse
import csv
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile

PIPELINE = """version: 1
dataset: {{ directory: {images}, image_size: {size}, batch_size: 32 }}
model: {{ base: mobilenet_v2, width: {width}, weights: none }}
augmentation:
  - random_flip: horizontal
stages:
  all:
    train: {{ {trained}, epochs: {epochs} }}
"""

CASES = {
    "all layers": "freeze: none",
    "all layers, normalization by the batch": "freeze: none, batch_norm: { train: {} }",
    "the last blocks": "unfreeze_from: block_13_depthwise",
}


def run(program, folder, name, ranks):
    """Trains once; returns the seconds of all epochs and a digest of the weights."""
    runs = os.path.join(folder, f"{name}-{ranks}")
    command = [program, "run", os.path.join(folder, "bench.yaml"), "--runs-dir", runs]
    command += ["--threads", "1", "--no-cache", "--quiet"]
    # A single rank is bound to one core, too: its loader has threads of its own.
    command = ["mpirun", "--bind-to", "core", "-np", str(ranks)] + command
    environment = {
        **os.environ,
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    directory = os.path.join(runs, "bench")
    with open(os.path.join(directory, "timings.csv")) as file:
        rows = list(csv.DictReader(file))
    seconds = sum(float(row["seconds"]) for row in rows)
    weights = os.path.join(directory, "weights", "last.safetensors")
    with open(weights, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:8]
    return seconds, digest


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", required=True, help="a directory with one directory per class")
    parser.add_argument("--program", default="target/release/alpaca-run")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--width", default="1.0")
    arguments = parser.parse_args()
    for case, trained in CASES.items():
        efficiencies, digests, times = [], set(), {1: [], arguments.ranks: []}
        for attempt in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as folder:
                text = PIPELINE.format(
                    images=os.path.abspath(arguments.images), size=arguments.size,
                    width=arguments.width, trained=trained, epochs=arguments.epochs)
                with open(os.path.join(folder, "bench.yaml"), "w") as file:
                    file.write(text)
                for ranks in times:
                    seconds, digest = run(arguments.program, folder, str(attempt), ranks)
                    times[ranks].append(seconds)
                    digests.add(digest)
            one, several = times[1][-1], times[arguments.ranks][-1]
            efficiencies.append(one / several / arguments.ranks)
        middle = {ranks: statistics.median(all_) for ranks, all_ in times.items()}
        print(
            f"{case}: 1 rank {middle[1]:.2f} s, {arguments.ranks} ranks {middle[arguments.ranks]:.2f} s, "
            f"efficiency {statistics.median(efficiencies):.3f} "
            f"({min(efficiencies):.3f} to {max(efficiencies):.3f}); "
            f"{len(digests)} digest{'s' if len(digests) > 1 else ''} of weights",
            flush=True,
        )


if __name__ == "__main__":
    main()
