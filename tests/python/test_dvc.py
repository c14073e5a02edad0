"""Tests dvc.yaml of docs/dvc.md with DVC. They need the program, as test_alpaca_run.py does."""

import importlib.util
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from test_alpaca_run import CLASSES
from workshop import PROGRAM, png

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "dvc.md"
PIPELINE = """version: 1
dataset: { directory: images, image_size: 32, split: { validation: 0.25, by: stratified } }
model: { base: mobilenet_v2, width: 0.35, weights: builtin }
stages:
  transfer:
    train: { freeze: all, epochs: 2, optimizer: { adam: { learning_rate: 0.001 } } }
"""


def is_missing():
    has_dvc = importlib.util.find_spec("dvc") is not None
    return PROGRAM is None or not has_dvc or shutil.which("git") is None


@unittest.skipIf(is_missing(), "needs ALPACA_RUN_PROGRAM, git and DVC: `pip install dvc`")
class Dvc(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.repository = self.root / "repository"
        programs = self.root / "programs"
        for directory in (self.repository, programs):
            directory.mkdir()
        (programs / "alpaca-run").symlink_to(os.path.abspath(PROGRAM))
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
            "ALPACA_CACHE": str(self.root / "cache"),
            "DVC_NO_ANALYTICS": "1",
        }
        rng = random.Random(1)
        for name in CLASSES:
            (self.repository / "images" / name).mkdir(parents=True)
            for image in range(8):
                path = self.repository / "images" / name / f"{image}.png"
                path.write_bytes(png((CLASSES.index(name) * 36, 90, image), rng))
        (self.repository / "finetune.yaml").write_text(PIPELINE)
        (document,) = re.findall(r"```yaml\n(stages:.*?)```", DOCUMENT.read_text(), re.DOTALL)
        (self.repository / "dvc.yaml").write_text(document)
        self.git("init", "--quiet")
        self.git("config", "user.name", "test")
        self.git("config", "user.email", "test@example.org")
        self.dvc("init", "--quiet")
        self.dvc("add", "--quiet", "images")

    def call(self, *command):
        done = subprocess.run(
            command, cwd=self.repository, env=self.environment, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def git(self, *arguments):
        return self.call("git", *arguments)

    def dvc(self, *arguments):
        return self.call(sys.executable, "-m", "dvc", *arguments)

    def test_the_documented_stage(self):
        self.dvc("repro")
        metrics = json.loads(self.dvc("metrics", "show", "--json"))
        (values,) = metrics[""]["data"].values()
        self.assertEqual(values["data"]["n_images"], 14)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "first run")
        self.assertIn("didn't change", self.dvc("repro"))

        # A run that was cut short is replaced too: the output keeps its name.
        (self.repository / "dvc-runs" / "finetune" / "manifest.json").unlink()
        self.dvc("exp", "run", "-n", "longer", "-S", "finetune.yaml:stages.transfer.train.epochs=3")
        self.assertEqual(
            [p.name for p in (self.repository / "dvc-runs").glob("[!.]*")], ["finetune"]
        )
        self.call("alpaca-run", "verify", "dvc-runs/finetune")
        self.assertIn("longer", self.dvc("exp", "show", "--csv"))
        self.assertIn("log_loss", self.dvc("metrics", "diff"))
        self.assertIn("stages.transfer.train.epochs", self.dvc("params", "diff"))
        plots = json.loads(self.dvc("plots", "diff", "--json", "HEAD"))["data"]
        self.assertEqual(set(plots), {"loss", "accuracy", "confusion"})
        self.assertEqual(
            {r for plot in plots["loss"] for r in plot["revisions"]}, {"HEAD", "workspace"}
        )
        self.dvc("plots", "show")
        self.assertTrue((self.repository / "dvc_plots" / "index.html").is_file())


if __name__ == "__main__":
    unittest.main()
