#!/usr/bin/env python3
"""Whether a small network learns more with a teacher (docs/distillation.md).

    benches/distillation.py target/release/alpaca-run PHOTOS WEIGHTS all|few [SEED...]

Trains pipelines/best.yaml as the teacher, a fitted head on a small network, and the small network
fine-tuned after it, without and with the teacher. WEIGHTS are those of the small network: `imagenet`,
which must have been fetched, or a file. `all` has labels for four fifths of the
photographs and validates on the rest. `few` has labels for 20 of each class, validates on 50 of each
class, and has the rest without labels. Seeds (42, 1 to 7) draw the images and everything else.

Prints the accuracy and the log loss on the validation images after the last epoch, so that nothing is
chosen by them, as means and standard deviations over the seeds, and the differences from fine-tuning
without a teacher in pairs of one seed, with their standard errors.
"""

import csv
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS = [42, 1, 2, 3, 4, 5, 6, 7]
N_LABELED, N_VALIDATION = 20, 50

STUDENT = """\
version: 1
dataset:
  {dataset}
  image_size: 160
  resize: {{ fit: crop, antialias: false }}
model: {{ base: mobilenet_v2, width: 0.35, weights: {weights} }}
stages:
  head:
    fit: {{ logistic: {{ l2: auto }} }}
  small:
    train:
      from: head
      freeze: none
      epochs: 20
      optimizer: {{ adam: {{ learning_rate: 3e-4 }} }}
      schedule: {{ cosine: {{}} }}
      augmentation:
        - random_flip: horizontal
        - random_resized_crop: {{ scale: [0.5, 1] }}
"""

PLAIN = "fine-tuned, no teacher"

# Name, settings of the teacher, other settings; `{more}` are the unlabeled images.
ARMS = {
    "all": [
        (PLAIN, None, []),
        ("`share: 0.5`", "share: 0.5", []),
        ("`share: 1`", "share: 1", []),
        ("`share: 0.5, temperature: 4`", "share: 0.5, temperature: 4", []),
    ],
    "few": [
        (PLAIN, None, []),
        # As many steps as with the unlabeled images.
        (PLAIN + ", as many steps", None, ["stages.small.epochs=90"]),
        ("`share: 0.5`, as many steps", "share: 0.5", ["stages.small.epochs=90"]),
        ("`share: 0.5`, unlabeled images", "share: 0.5", ["dataset.unlabeled={more}"]),
    ],
}


def run(program, pipeline, directory, name, settings):
    """Runs a pipeline, and returns the rows of its metrics."""
    command = [program, pipeline, "--quiet", "--runs-dir", directory / "runs"]
    command += ["--cache-dir", directory / "cache", "-S", f"name={name}"]
    for setting in settings:
        command += ["-S", setting]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode:
        sys.exit(said.stderr)
    with open(directory / "runs" / name / "metrics.csv") as file:
        return list(csv.DictReader(file))


def divide(photos, directory, seed):
    """Links a few images of each class for training and validation, and the rest without classes."""
    (directory / "more").mkdir()
    for folder in sorted(path for path in photos.iterdir() if path.is_dir()):
        files = sorted(folder.iterdir())
        random.Random(f"{seed} {folder.name}").shuffle(files)
        parts = {
            "train": files[:N_LABELED],
            "validation": files[N_LABELED : N_LABELED + N_VALIDATION],
        }
        for part, images in parts.items():
            (directory / part / folder.name).mkdir(parents=True)
            for image in images:
                (directory / part / folder.name / image.name).symlink_to(image)
        for image in files[N_LABELED + N_VALIDATION :]:
            (directory / "more" / f"{folder.name}-{image.name}").symlink_to(image)


def measured(row):
    return float(row["val/accuracy"]), float(row["val/loss"])


def of_seed(program, photos, weights, kind, seed):
    """Accuracy and log loss of each model by its name."""
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        if kind == "few":
            divide(photos, directory, seed)
            places = {part: f"{directory}/{part}" for part in ["train", "validation"]}
            split = ""
        else:
            places = {"directory": str(photos)}
            split = "\n  split: { validation: 0.2, by: stratified }"
        dataset = "\n  ".join(f"{key}: {place}" for key, place in places.items())
        (directory / "student.yaml").write_text(STUDENT.format(dataset=dataset + split, weights=weights))
        best = [f"seed={seed}"] + [f"dataset.{key}={place}" for key, place in places.items()]
        rows = run(program, ROOT / "pipelines" / "best.yaml", directory, "teacher", best)
        found["the teacher (`best.yaml`)"] = measured(rows[-1])
        for at, (name, teacher, more) in enumerate(ARMS[kind]):
            settings = [f"seed={seed}", *(text.format(more=directory / "more") for text in more)]
            if teacher:
                model = f"stages.small.teacher={{model: {directory}/runs/teacher, {teacher}}}"
                settings.append(model)
            rows = run(program, directory / "student.yaml", directory, f"student{at}", settings)
            found["fitted head"] = measured(rows[0])
            found[name] = measured(rows[-1])
    return found


def cell(values):
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


def difference(values, others):
    pairs = [a - b for a, b in zip(values, others)]
    error = statistics.stdev(pairs) / len(pairs) ** 0.5
    return f"{statistics.mean(pairs):+.3f} ± {error:.3f}"


def main():
    if len(sys.argv) < 5 or sys.argv[4] not in ARMS:
        sys.exit(__doc__)
    program, photos, weights, kind = sys.argv[1:5]
    photos = pathlib.Path(photos).resolve()
    found = []
    for seed in [int(seed) for seed in sys.argv[5:]] or SEEDS:
        found.append(of_seed(program, photos, weights, kind, seed))
        print(seed, found[-1], file=sys.stderr, flush=True)
    print("| model | accuracy | log loss | accuracy, difference | log loss, difference |")
    print("| --- | --- | --- | --- | --- |")
    for name in found[0]:
        of = lambda arm, at: [of_seed[arm][at] for of_seed in found]
        cells = [cell(of(name, at)) for at in (0, 1)]
        more = ["", ""]
        if name != PLAIN:
            more = [difference(of(name, at), of(PLAIN, at)) for at in (0, 1)]
        print(f"| {name} | {' | '.join(cells + more)} |")


if __name__ == "__main__":
    main()
