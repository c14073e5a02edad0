#!/usr/bin/env python3
"""Efficiency of training over MPI: two ranks of one thread each against one process of one thread.

    cargo build --release --features mpi
    benches/ranks.py --images DIR

Runs alternate. The time is that of all epochs, validation included, without reading images and weights
for the first time. The efficiency is the time of one process, divided by the number of ranks times the
time of these ranks. Digests of the weights show that both computed the same.

Cores share memory and caches, so as many processes that have nothing to do with each other are slower
at once than one alone. Their efficiency is the most that ranks can reach on the machine.
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


def start(program, folder, name, ranks, core=None):
    """Starts a training; returns its process and the directory of its runs."""
    runs = os.path.join(folder, f"{name}-{ranks}-{core}")
    command = [program, "run", os.path.join(folder, "bench.yaml"), "--runs-dir", runs]
    command += ["--threads", "1", "--no-cache", "--quiet"]
    # A single rank is bound to one core, too: its loader has threads of its own.
    if core is None:
        command = ["mpirun", "--bind-to", "core", "-np", str(ranks)] + command
    else:
        command = ["taskset", "-c", str(core)] + command
    environment = {
        **os.environ,
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes), runs


def ended(process, runs):
    """The seconds of all epochs of a training and a digest of its weights."""
    _, said = process.communicate()
    if process.returncode != 0:
        sys.exit(said)
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
        most = []
        for attempt in range(arguments.rounds):
            with tempfile.TemporaryDirectory() as folder:
                text = PIPELINE.format(
                    images=os.path.abspath(arguments.images), size=arguments.size,
                    width=arguments.width, trained=trained, epochs=arguments.epochs)
                with open(os.path.join(folder, "bench.yaml"), "w") as file:
                    file.write(text)
                place = (arguments.program, folder, str(attempt))
                for ranks in times:
                    seconds, digest = ended(*start(*place, ranks))
                    times[ranks].append(seconds)
                    digests.add(digest)
                unrelated = [start(*place, 1, core) for core in range(arguments.ranks)]
                seconds = [ended(*one)[0] for one in unrelated]
                most.append(times[1][-1] / statistics.mean(seconds))
            one, several = times[1][-1], times[arguments.ranks][-1]
            efficiencies.append(one / several / arguments.ranks)
        middle = {ranks: statistics.median(all_) for ranks, all_ in times.items()}
        print(
            f"{case}: 1 rank {middle[1]:.2f} s, {arguments.ranks} ranks {middle[arguments.ranks]:.2f} s, "
            f"efficiency {statistics.median(efficiencies):.3f} "
            f"({min(efficiencies):.3f} to {max(efficiencies):.3f}); "
            f"unrelated processes {statistics.median(most):.3f} ({min(most):.3f} to {max(most):.3f}); "
            f"{len(digests)} digest{'s' if len(digests) > 1 else ''} of weights",
            flush=True,
        )


if __name__ == "__main__":
    main()
