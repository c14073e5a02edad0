#!/usr/bin/env python3
"""The same recipe with every network: accuracy, speed and memory (docs/networks.md).

    benches/every_network.py target/release/alpaca-run PHOTOS                    # speed and memory
    benches/every_network.py target/release/alpaca-run PHOTOS NETWORK[:WIDTH][=WEIGHTS]...

The recipe is pipelines/photos.yaml. With networks named, each is trained over eight seeds (42, 1 to 7)
on PHOTOS and on the drawn images of data/alpacas, with WEIGHTS: `builtin` (the default) or a file.
Prints accuracy on the validation images at the end of a run: mean, lowest and highest. Without, prints
images per second of prediction and of fine-tuning the last three blocks, and the most memory of a
run, of every network with random weights.
"""

import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PIPELINE = ROOT / "pipelines" / "photos.yaml"
SEEDS = [42, 1, 2, 3, 4, 5, 6, 7]


def run(program, directory, settings):
    """Runs the pipeline in `directory`. Returns the directory of the run, and its peak memory."""
    command = [program, PIPELINE, "--quiet", "--runs-dir", directory / "runs"]
    command += ["--cache-dir", directory / "cache"]
    for setting in settings:
        command += ["-S", setting]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(said.decode())
    return directory / "runs" / "photos", usage.ru_maxrss / 1024


def accuracies(program, photographs, model):
    """The validation accuracy of each seed."""
    found = []
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        for seed in SEEDS:
            settings = [f"dataset.directory={photographs}", f"seed={seed}", *model]
            result, _ = run(program, directory, [*settings, f"name=seed-{seed}"])
            with open(result.with_name(f"seed-{seed}") / "metrics.csv") as file:
                found.append(float(list(csv.DictReader(file))[-1]["val/accuracy"]))
    return found


def settings_of(word):
    """The settings of `NETWORK[:WIDTH][=WEIGHTS]`."""
    network, _, weights = word.partition("=")
    network, _, width = network.partition(":")
    settings = [f"model.base={network}"] + ([f"model.width={width}"] if width else [])
    if weights in ("", "builtin"):
        return [*settings, "model.weights=builtin"]
    return [*settings, f"model.weights={pathlib.Path(weights).resolve()}"]


def print_accuracies(program, photographs, words):
    print("| network | photographs | drawn images |\n| --- | --- | --- |")
    for word in words:
        cells = []
        for directory in (photographs, ROOT / "data" / "alpacas"):
            found = accuracies(program, directory, settings_of(word))
            cells.append(f"{statistics.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})")
        print(f"| {word} | {' | '.join(cells)} |", flush=True)


def images_per_second(program, photographs, network):
    """Of prediction, and of a step of fine-tuning."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "speed.yaml"
        dataset = f"{{ directory: {photographs}, image_size: 224, batch_size: 32 }}"
        rates = []
        for part, freeze in (("frozen part", "freeze: all"), ("whole step", "unfreeze_last: 3")):
            model = f"{{ base: {network}, weights: none }}"
            stage = f"{{ train: {{ {freeze}, epochs: 1 }} }}"
            file.write_text(f"version: 1\ndataset: {dataset}\nmodel: {model}\nstages: {{ one: {stage} }}\n")
            said = subprocess.run(
                [program, "bench", file, "--json"], capture_output=True, check=True
            ).stdout
            rates += [
                found["images_per_second"]["median"]
                for found in json.loads(said)["parts"]
                if found["part"].startswith(part)
            ][:1]
        return rates


def print_speeds(program, photographs):
    print("| network | predicts, images/s | fine-tunes, images/s | memory, MiB |")
    print("| --- | --- | --- | --- |")
    said = subprocess.run([program, "models", "--json"], capture_output=True, check=True).stdout
    names = dict.fromkeys(network["name"] for network in json.loads(said)["models"])
    for network in names:
        predicts, fine_tunes = images_per_second(program, photographs, network)
        with tempfile.TemporaryDirectory() as directory:
            settings = [f"dataset.directory={photographs}", f"model.base={network}"]
            settings += ["model.weights=none", "name=photos", "stages.head.epochs=1"]
            _, memory = run(program, pathlib.Path(directory), [*settings, "stages.finetune.epochs=1"])
        print(f"| {network} | {predicts:.0f} | {fine_tunes:.0f} | {memory:.0f} |", flush=True)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, photographs = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    if sys.argv[3:]:
        print_accuracies(program, photographs, sys.argv[3:])
    else:
        print_speeds(program, photographs)


if __name__ == "__main__":
    main()
