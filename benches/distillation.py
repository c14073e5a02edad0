#!/usr/bin/env python3
"""Whether a small network learns more with a teacher (docs/distillation.md).

    benches/distillation.py target/release/alpaca-run PHOTOS [SEED...]

For each seed (42, 1 to 7), which also draws the split: trains pipelines/best.yaml as the teacher, a
fitted head on the small network, and the small network fine-tuned after it, without and with the
teacher. Prints the accuracy and the log loss on the validation images after the last epoch, so that
nothing is chosen by them, as means and standard deviations, and the differences from fine-tuning
without a teacher in pairs of one seed, with their standard errors.
"""

import csv
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEEDS = [42, 1, 2, 3, 4, 5, 6, 7]

STUDENT = """\
version: 1
dataset:
  directory: {photos}
  image_size: 160
  resize: {{ fit: crop, antialias: false }}
  split: {{ validation: 0.2, by: stratified }}
model: {{ base: mobilenet_v2, width: 0.35, weights: builtin }}
stages:
  head:
    fit: {{ logistic: {{ l2: auto }} }}
  small:
    train:
      from: head
      freeze: none
      epochs: 30
      optimizer: {{ adam: {{ learning_rate: 1e-3 }} }}
      schedule: {{ cosine: {{}} }}
      augmentation:
        - random_flip: horizontal
        - random_resized_crop: {{ scale: [0.5, 1] }}
"""

# Name, and the teacher of the stage, if it has one.
PLAIN = "fine-tuned, no teacher"
ARMS = [
    (PLAIN, None),
    ("share 0.5, temperature 1", "share: 0.5"),
    ("share 1, temperature 1", "share: 1"),
    ("share 0.5, temperature 4", "share: 0.5, temperature: 4"),
    ("share 1, temperature 4", "share: 1, temperature: 4"),
]


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


def measured(row):
    return float(row["val/accuracy"]), float(row["val/loss"])


def of_seed(program, photos, seed):
    """Accuracy and log loss of each model by its name."""
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        (directory / "student.yaml").write_text(STUDENT.format(photos=photos))
        settings = [f"seed={seed}"]
        best = [*settings, f"dataset.directory={photos}"]
        rows = run(program, ROOT / "pipelines" / "best.yaml", directory, "teacher", best)
        found["teacher (best.yaml)"] = measured(rows[-1])
        for at, (name, more) in enumerate(ARMS):
            more = more and [f"stages.small.teacher={{model: {directory}/runs/teacher, {more}}}"]
            student = directory / "student.yaml"
            rows = run(program, student, directory, f"student{at}", settings + (more or []))
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
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, photos = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    seeds = [int(seed) for seed in sys.argv[3:]] or SEEDS
    found = []
    for seed in seeds:
        found.append(of_seed(program, photos, seed))
        print(seed, found[-1], file=sys.stderr, flush=True)
    print("| model | accuracy | log loss | accuracy less plain | log loss less plain |")
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
