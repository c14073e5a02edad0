#!/usr/bin/env python3
"""What the settings for uneven classes do to the recall of each class (docs/uneven-classes.md).

    benches/uneven_classes.py target/release/alpaca-run

Trains pipelines/finetune.yaml on 30 drawn images of alpacas and 270 of everything else, over five
seeds (42, 1 to 4), and measures each model on 150 other images of each class. Prints means, with the
lowest and the highest recall of the small class.
"""

import csv
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS = [42, 1, 2, 3, 4]
SMALL, LARGE = "alpaca", "not alpaca"
FOCAL = "loss={ focal: { gamma: 2.0 } }"
BY_RECALL = "best_by=val/balanced_accuracy"
CHOICES = [
    [],
    [BY_RECALL],
    [BY_RECALL, "class_weights=balanced"],
    [BY_RECALL, "class_weights=effective"],
    [BY_RECALL, "sampling=balanced"],
    [BY_RECALL, FOCAL],
    [BY_RECALL, FOCAL, "class_weights=balanced"],
]


def draw(program, directory):
    """Draws the images to train on and to test on."""
    first, second, test = (directory / name for name in ["first", "second", "test"])
    for folder, seed in [(first, 1), (second, 2), (test, 3)]:
        sample = directory / f"sample_{seed}"
        subprocess.run([program, "init", "--sample", sample, "--seed", str(seed)], check=True)
        (sample / "images").rename(folder)
    train = directory / "train"
    sources = {SMALL: [(first, 30)], LARGE: [(first, 150), (second, 120)]}
    for name, folders in sources.items():
        (train / name).mkdir(parents=True)
        for folder, n in folders:
            for file in sorted((folder / name).iterdir())[:n]:
                shutil.copy(file, train / name / f"{folder.name}_{file.name}")
    return train, test


def measure(program, directory, images, settings, seed):
    """Recall of both classes on the test images, and the mean probability of the small class on the
    validation images."""
    train, test = images
    name = "run"
    shutil.rmtree(directory / name, ignore_errors=True)
    command = [program, ROOT / "pipelines/finetune.yaml", "--quiet", "--runs-dir", directory]
    command += ["--cache-dir", directory / "cache"]
    choices = [f"stages.{stage}.{s}" for stage in ["transfer", "finetune"] for s in settings]
    for setting in [f"dataset.directory={train}", f"seed={seed}", f"name={name}", *choices]:
        command += ["-S", setting]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    command = [program, "evaluate", directory / name, "--data", test, "--json"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    recall = {one["name"]: one["recall"] for one in found["classes"]}
    with open(directory / name / "predictions.csv") as file:
        rows = list(csv.DictReader(file))
    column = next(key for key in rows[0] if key.endswith(SMALL) and not key.endswith(LARGE))
    return recall[SMALL], recall[LARGE], statistics.mean(float(row[column]) for row in rows)


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        images = draw(program, directory)
        for settings in CHOICES:
            found = [measure(program, directory, images, settings, seed) for seed in SEEDS]
            small, large, probability = zip(*found)
            balanced = [(a + b) / 2 for a, b in zip(small, large)]
            mean = statistics.mean
            print(
                f"| {', '.join(f'`{s}`' for s in settings) or 'none'} "
                f"| {mean(small):.3f} ({min(small):.3f} to {max(small):.3f}) | {mean(large):.3f} "
                f"| {mean(balanced):.3f} | {mean(probability):.3f} |",
                flush=True,
            )


main()
