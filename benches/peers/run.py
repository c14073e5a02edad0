#!/usr/bin/env python3
"""Measures alpaca-run against its peers on this machine, in turn, and prints ratios.

    benches/peers/run.py                        # everything, on the drawn images
    benches/peers/run.py --pictures DIR         # on a directory with one subdirectory per class
    benches/peers/run.py --only steps --rounds 9
    benches/peers/run.py --only-ours            # without installing or running the peers

Needs Rust, python3 with venv, and network access the first time: it installs the peers into
target/peers, in the versions of requirements.txt. Every value is measured in a fresh process. The
programs take turns, so that a slowdown of the machine affects all of them, and ratios are computed
within a round.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PLACE = ROOT / "target" / "peers"
OURS = ROOT / "target" / "release" / "alpaca-run"
SIZE, BATCH = 160, 32


def install():
    """Installs the peers as published by their projects."""
    python = PLACE / "venv" / "bin" / "python"
    installed = PLACE / "installed.txt"
    wanted = (HERE / "requirements.txt").read_text()
    if not installed.exists() or installed.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", PLACE / "venv"], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        installed.write_text(wanted)
    tract = HERE / "tract"
    command = ["cargo", "build", "--release", "--locked", "--target-dir", PLACE / "tract"]
    subprocess.run(command, cwd=tract, check=True)
    return python


def run(command, **options):
    """Runs a command: the JSON it prints last, its seconds, and its peak memory in MiB."""
    command = [str(word) for word in command]
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, text=True, **options)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} exited with {process.returncode}:\n{err.read()}")
        return out.read(), seconds, usage.ru_maxrss / 1024


def last_line(text):
    return json.loads(text.strip().splitlines()[-1])


class Figures:
    """Values by job and program, one per round; larger or smaller is better."""

    def __init__(self):
        self.jobs = {}

    def add(self, job, program, value, unit):
        programs, _ = self.jobs.setdefault(job, ({}, unit))
        programs.setdefault(program, []).append(value)

    def print(self):
        for job, (programs, unit) in self.jobs.items():
            ours = programs["alpaca-run"]
            print(f"\n{job}, {unit}")
            for program, values in programs.items():
                line = f"  {program:34} {statistics.median(values):9.4g}"
                line += f"  ({min(values):.4g} to {max(values):.4g})"
                if not program.startswith("alpaca-run"):
                    pairs = zip(ours, values)
                    is_rate = unit == "images/s"
                    ratios = [a / b if is_rate else b / a for a, b in pairs]
                    word = "as much memory" if unit == "MiB" else "as fast"
                    line += f"  ours is {statistics.median(ratios):.2f} times {word}"
                    if unit == "MiB":
                        line = line.replace("ours is", "it takes")
                    line += f" ({min(ratios):.2f} to {max(ratios):.2f})"
                print(line)


def steps(program, python, threads, seconds, figures):
    """Inference, a fine-tuning step and a full training step of MobileNetV2 1.0, in single precision and
    in bfloat16."""
    numbers = [threads, SIZE, BATCH, seconds]
    onnx = PLACE / "mobilenet_v2.onnx"
    if python is not None and not onnx.exists():
        run([python, HERE / "make_onnx.py", onnx, SIZE])

    def ours(precision):
        command = [program, "bench", HERE / "speed.yaml", "--json", "--seconds", seconds]
        command += ["--threads", threads, "-S", f"model.precision={precision}"]
        parts = json.loads(run(command)[0])["parts"]
        rates = {(part["stage"], part["part"]): part["images_per_second"]["median"] for part in parts}
        return {
            "inference": rates["inference", "frozen part, forward"],
            "fine-tuning step": rates["finetune", "whole step"],
            "full training step": rates["full", "whole step"],
        }

    def script(name, *arguments):
        return last_line(run([python, HERE / name, *arguments])[0])

    programs = [("f32", "alpaca-run", lambda: ours("f32"))]
    if python is not None:
        tract = PLACE / "tract" / "release" / "tract-inference"
        programs += [
            ("f32", "ONNX Runtime", lambda: script("onnxruntime_inference.py", onnx, *numbers)),
            ("f32", "OpenVINO", lambda: script("openvino_inference.py", onnx, "f32", *numbers)),
            ("f32", "PyTorch, channels last", lambda: script("torch_steps.py", *numbers, "f32")),
            ("f32", "PyTorch, torch.compile", lambda: script("torch_steps.py", *numbers, "compile")),
            ("f32", "tract", lambda: last_line(run([tract, onnx, *numbers])[0])),
        ]
    programs.append(("bf16", "alpaca-run", lambda: ours("bf16")))
    if python is not None:
        programs += [
            ("bf16", "OpenVINO", lambda: script("openvino_inference.py", onnx, "bf16", *numbers)),
            ("bf16", "PyTorch, autocast", lambda: script("torch_steps.py", *numbers, "bf16")),
        ]
    for precision, name, measure in programs:
        for job, rate in measure().items():
            figures.add(f"{job}, MobileNetV2 1.0, {precision}", name, rate, "images/s")


def epochs(run_directory):
    """The median seconds of a stage's epochs, without the first."""
    seconds = {}
    with open(run_directory / "timings.csv", newline="") as file:
        for row in csv.DictReader(file):
            seconds.setdefault(row["stage"], []).append(float(row["seconds"]))
    return {stage: statistics.median(times[1:]) for stage, times in seconds.items()}


KERAS = {
    "decode": "Keras",
    "cache": "Keras, with .cache()",
    "jit": "Keras, with .cache() and jit_compile",
    "bf16": "Keras, with .cache() and mixed_bfloat16",
}


def recipe(program, python, threads, width, pictures, figures):
    """The whole pipeline: with a cold process and an empty cache, and again with a warm cache."""
    name = f"MobileNetV2 {width}"
    jobs = {
        "whole": f"whole pipeline, cold process, {name}",
        "transfer": f"transfer epoch, {name}",
        "finetune": f"fine-tuning epoch, {name}",
        "memory": f"peak memory of the pipeline, {name}",
    }

    def add(program, whole, epochs, memory):
        figures.add(jobs["whole"], program, whole, "s")
        for stage, seconds in epochs.items():
            figures.add(jobs[stage], program, seconds, "s")
        figures.add(jobs["memory"], program, memory, "MiB")

    for ours, precision in [("alpaca-run", "f32"), ("alpaca-run, bf16", "bf16")]:
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            command = [program, "run", ROOT / "pipelines" / "finetune.yaml", "--quiet"]
            command += ["-S", f"dataset.directory={pictures}", "-S", f"model.width={width}"]
            # As for the peers: the time is the same, and not every width has published weights.
            command += ["-S", "model.weights=none", "-S", f"model.precision={precision}"]
            command += ["--threads", threads, "--cache-dir", place / "cache", "--runs-dir", place]
            _, cold, memory = run(command)
            add(ours, cold, epochs(place / "finetune"), memory)
            # Without this, the stages would be reused from the first run.
            _, warm, _ = run([*command, "--force", "transfer", "--force", "finetune"])
            figures.add(jobs["whole"], f"{ours}, warm cache", warm, "s")
    for mode, peer in KERAS.items() if python is not None else []:
        with tempfile.TemporaryDirectory() as place:
            numbers = [threads, SIZE, BATCH, width, mode]
            script = [python, HERE / "keras_recipe.py", pictures, place, *numbers]
            text, seconds, memory = run(script)
        keras = last_line(text)
        stages = {"transfer": keras["transfer epoch"], "finetune": keras["fine-tuning epoch"]}
        add(peer, seconds, stages, memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, default=ROOT / "data" / "alpacas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="seconds for each part of a round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=["steps", "recipe"])
    parser.add_argument("--python", type=Path, help="an environment with the peers installed")
    parser.add_argument("--only-ours", action="store_true", help="leave the peers out")
    parser.add_argument("--program", type=Path, help="a built alpaca-run; built if missing")
    arguments = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    if arguments.program is None:
        build = ["cargo", "build", "--release", "--locked"]
        subprocess.run(build, cwd=ROOT, check=True)
    program = arguments.program or OURS
    python = None if arguments.only_ours else arguments.python or install()
    figures = Figures()
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
        if arguments.only != "recipe":
            steps(program, python, arguments.threads, arguments.seconds, figures)
        if arguments.only != "steps":
            for width in ["1.0", "0.35"]:
                pictures = arguments.pictures.resolve()
                recipe(program, python, arguments.threads, width, pictures, figures)
    print(f"{arguments.threads} threads, {arguments.rounds} rounds, medians (smallest to largest)")
    figures.print()


if __name__ == "__main__":
    main()
