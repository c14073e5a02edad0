#!/usr/bin/env python3
"""What each part of a recipe is worth on few photographs (docs/best.md).

    benches/ingredients.py target/release/alpaca-run PHOTOS [NAME...]

Trains each recipe over eight seeds (42, 1 to 7), which also draw the split, and prints means and
standard deviations of the accuracy and the log loss on the validation images, and seconds per run.
With names, only those recipes. Nothing is taken from earlier runs.
"""

import csv
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS = [42, 1, 2, 3, 4, 5, 6, 7]

PHOTOS = ROOT / "pipelines" / "photos.yaml"
BEST = ROOT / "pipelines" / "best.yaml"

FLIP = "[{random_flip: horizontal}]"
CROP = "[{random_flip: horizontal}, {random_resized_crop: {scale: [0.5, 1]}}]"


def fine_tuning(rate, more=""):
    """A stage that fine-tunes the last three blocks after the head."""
    return (
        "stages.finetune={train: {from: head, unfreeze_last: 3, epochs: 6, schedule: {cosine: {}}, "
        f"optimizer: {{adam: {{learning_rate: {rate}}}}}, augmentation: {FLIP}{more}}}}}"
    )


# Name, pipeline, settings, options of `evaluate`. The last stage of each is measured.
RECIPES = [
    ("head trained for 50 epochs, 224 pixels", PHOTOS, ["--until", "head"], []),
    ("the same, then fine-tuned (photos.yaml)", PHOTOS, [], []),
    ("head fitted, 224 pixels (probe.yaml)", BEST, ["-S", "dataset.image_size=224"], []),
    ("head fitted, 288 pixels", BEST, ["-S", "dataset.image_size=288"], []),
    ("head fitted, 384 pixels (best.yaml)", BEST, [], []),
    ("head fitted, 448 pixels", BEST, ["-S", "dataset.image_size=448"], []),
    ("stretched", BEST, ["-S", "dataset.resize.fit=stretch"], []),
    (
        "fitted to 2 mirrored versions",
        BEST,
        ["-S", f"stages.head.fit.augmentation={FLIP}", "-S", "stages.head.fit.augmentation_views=2"],
        [],
    ),
    (
        "fitted to 4 cropped versions",
        BEST,
        ["-S", f"stages.head.fit.augmentation={CROP}", "-S", "stages.head.fit.augmentation_views=4"],
        [],
    ),
    ("mirror images averaged", BEST, [], ["--tta", "flip"]),
    ("temperature", BEST, ["-S", "stages.calibrated={fit: {from: head, temperature: {}}}"], []),
    ("fine-tuned", BEST, ["-S", fine_tuning("1e-5")], []),
    (
        "fine-tuned, layer_decay 0.8, soup",
        BEST,
        ["-S", fine_tuning("3e-5", ", layer_decay: 0.8, soup: {epochs: 3}")],
        [],
    ),
    ("fine-tuned, mix_up", BEST, ["-S", fine_tuning("1e-5", ", mixing: {mix_up: {}}")], []),
]


def measure(program, photographs, pipeline, settings, views, seed):
    """Accuracy and log loss of the last stage of a run, and its seconds."""
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        command = [program, pipeline, "--quiet", "--runs-dir", directory / "runs"]
        command += ["--cache-dir", directory / "cache", "-S", f"seed={seed}", *settings]
        command += ["-S", f"dataset.directory={pathlib.Path(photographs).resolve()}"]
        start = time.monotonic()
        said = subprocess.run(command, capture_output=True, text=True)
        seconds = time.monotonic() - start
        if said.returncode:
            sys.exit(said.stderr)
        (run,) = (directory / "runs").iterdir()
        if views:
            evaluate = [program, "evaluate", run, "--json", *views, "--cache-dir", directory / "cache"]
            said = subprocess.run(evaluate, capture_output=True, text=True)
            if said.returncode:
                sys.exit(said.stderr)
            found = json.loads(said.stdout)
            return found["accuracy"], found["log_loss"], seconds
        with open(run / "metrics.csv") as file:
            rows = list(csv.DictReader(file))
        # The best epoch of the last stage, by its loss; that of a soup is in the manifest.
        stage = json.loads((run / "manifest.json").read_text())["stages"][-1]
        assert stage["name"] == rows[-1]["stage"]
        best = stage["best"]["validation"]
        return best["accuracy"], best["loss"], seconds


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, photographs, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    print("| recipe | accuracy | log loss | seconds |\n| --- | --- | --- | --- |")
    for name, pipeline, settings, views in RECIPES:
        if names and not any(part in name for part in names):
            continue
        found = [measure(program, photographs, pipeline, settings, views, seed) for seed in SEEDS]
        cells = [
            f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"
            for values, digits in zip(list(zip(*found))[:2], (3, 3))
        ]
        seconds = statistics.median(seconds for *_, seconds in found)
        print(f"| {name} | {' | '.join(cells)} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
