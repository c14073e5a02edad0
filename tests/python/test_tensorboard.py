"""Tests event files with TensorBoard itself. They need the program, as test_alpaca_run.py does."""

import csv
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.request

from workshop import PROGRAM, Workshop, needs


def scalars(directory):
    """The scalars of a directory: lists of step and value by their tags."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    found = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]}
    return found, {tag: events.Images(tag) for tag in tags["images"]}


@needs("tensorboard")
class TensorBoard(unittest.TestCase):
    def setUp(self):
        self.workshop = Workshop()
        self.addCleanup(self.workshop.close)
        self.path = self.workshop.path

    def check(self, run, board):
        """Compares event files with metrics.csv of a run."""
        with open(run / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        for part, start in [("train", "train/"), ("validation", "val/")]:
            found, _ = scalars(board / part)
            for column in rows[0]:
                if column.startswith(start):
                    expected = [(int(row["epoch"]), float(row[column])) for row in rows]
                    self.assertEqual([step for step, _ in found[column[len(start) :]]], [e for e, _ in expected])
                    for (_, value), (_, number) in zip(found[column[len(start) :]], expected):
                        self.assertAlmostEqual(value, number, places=5)
        rates = [value for _, value in scalars(board / "train")[0]["learning_rate"]]
        self.assertEqual(len(rates), len(rows))

    def test_exported_runs_have_the_epochs_of_their_tables(self):
        for seed in (1, 2):
            self.workshop.program("run", "small.yaml", "-q", "-S", f"seed={seed}")
        runs, board = self.path / "runs", self.path / "board"
        # Twice, which doubles nothing.
        for _ in range(2):
            self.workshop.program("runs", "export", "--tensorboard", "board")
        for name in ("small", "small-2"):
            self.check(runs / name, board / name)
        with open(runs / "small" / "predictions.csv", newline="") as file:
            wrong = [row for row in csv.DictReader(file) if row["correct"] == "false"]
        _, images = scalars(board / "small")
        self.assertEqual(len(images), min(24, len(wrong)))
        for tag, [image] in images.items():
            self.assertIn("true ", tag)
            self.assertTrue(image.encoded_image_string.startswith(b"\xff\xd8"))
            self.assertEqual((image.width, image.height), (320, 320))
        self.serve(board)

    def test_runs_of_folds_have_their_own_names(self):
        self.workshop.program("folds", "small.yaml", "--folds", "2", "-q", "-S", "log.tensorboard=live")
        self.workshop.program("runs", "export", "--tensorboard", "board")
        for board in ("live", "board"):
            found = sorted(path.name for path in (self.path / board / "small-folds").iterdir())
            self.assertEqual(found, ["fold-0", "fold-1"])

    def serve(self, board):
        """Asks a server of TensorBoard for the runs and their pipeline values."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(board)]
        server = subprocess.Popen(
            [*command, "--port", str(port), "--host", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

        def ask(path, body=None):
            address = f"http://127.0.0.1:{port}/data/plugin/{path}"
            body = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
            return json.load(urllib.request.urlopen(request))

        until = time.monotonic() + 90
        expected = {f"{run}/{part}" for run in ("small", "small-2") for part in ("train", "validation")}
        while True:
            try:
                if set(ask("scalars/tags")) == expected:
                    break
            except OSError:
                pass
            self.assertLess(time.monotonic(), until, "TensorBoard does not show the runs")
            time.sleep(0.2)
        values = ask("hparams/experiment", {"experimentName": ""})
        self.assertIn("seed", [value["name"] for value in values["hparamInfos"]])
        request = {
            "experimentName": "",
            "allowedStatuses": ["STATUS_SUCCESS"],
            "colParams": [{"metric": {"group": "validation", "tag": "accuracy"}}, {"hparam": "seed"}],
            "startIndex": 0,
            "sliceSize": 10,
        }
        groups = ask("hparams/session_groups", request)["sessionGroups"]
        self.assertEqual(sorted(group["hparams"]["seed"] for group in groups), [1, 2])

    def test_a_run_logs_while_it_trains_and_after_it_was_resumed(self):
        pipeline = self.path / "small.yaml"
        pipeline.write_text(pipeline.read_text() + "log: { tensorboard: board }\n")
        many = ["-S", "stages.transfer.epochs=200"]
        run = subprocess.Popen([PROGRAM, "run", "small.yaml", "-q", "--no-cache", *many], cwd=self.path)
        board = self.path / "board" / "small"
        until = time.monotonic() + 60
        while not (board / "train").is_dir() or len(scalars(board / "train")[0].get("loss", [])) < 3:
            self.assertLess(time.monotonic(), until, "nothing is logged")
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(), 130)
        self.workshop.program("resume", "runs/small", "-q", "--no-cache")
        self.check(self.path / "runs" / "small", board)

    def test_a_log_that_cannot_be_written_does_not_end_the_run(self):
        (self.path / "board").write_text("a file")
        said = self.workshop.program("run", "small.yaml", "-S", "log.tensorboard=board")
        self.assertIn("warning: the log for TensorBoard ends here: cannot", said)
        self.assertTrue((self.path / "runs" / "small" / "manifest.json").is_file())

    def test_results_do_not_depend_on_the_log(self):
        self.workshop.program("run", "small.yaml", "-q", "--no-cache")
        self.workshop.program("run", "small.yaml", "-q", "--no-cache", "-S", "log.tensorboard=board")
        [one, two] = [json.loads((self.path / "runs" / name / "manifest.json").read_text()) for name in ("small", "small-2")]
        self.assertEqual(one["files"], two["files"])
        self.assertTrue((self.path / "board" / "small-2" / "train").is_dir())
        shutil.rmtree(self.path / "images")
        # Without the images, the curves are there.
        self.workshop.program("runs", "export", "runs/small", "--tensorboard", "other")
        self.check(self.path / "runs" / "small", self.path / "other" / "small")
        self.assertEqual(scalars(pathlib.Path(self.path / "other" / "small"))[1], {})
        self.assertTrue(os.listdir(self.path / "other" / "small"))


if __name__ == "__main__":
    unittest.main()
