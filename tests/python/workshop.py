"""A directory with images and a pipeline, and the program that runs it."""

import importlib.util
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

PROGRAM = os.environ.get("ALPACA_RUN_PROGRAM")
CLASSES = ["red", "green", "blue and green"]
PIPELINE = """
version: 1
name: small
dataset: { directory: images, image_size: 32, split: { validation: 0.25, by: stratified } }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  transfer: { train: { freeze: all, epochs: 3 } }
  finetune: { train: { unfreeze_from: 138, epochs: 2, optimizer: { adam: { learning_rate: 0.0001 } } } }
"""


def needs(*modules):
    """Skips a test without the program or one of the modules."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if PROGRAM is None:
        return unittest.skip("needs the program: set ALPACA_RUN_PROGRAM to its path")
    return unittest.skipIf(missing, f"needs {missing}: `pip install {' '.join(missing)}`")


def png(color, rng):
    """A PNG file of 32 by 32 pixels with some noise."""
    rows = b""
    for _ in range(32):
        pixels = (
            min(255, max(0, part + rng.randrange(-20, 20))) for _ in range(32) for part in color
        )
        rows += b"\0" + bytes(pixels)

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


class Workshop:
    """A temporary directory with images of a few classes, and a pipeline of two stages."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp())
        rng = random.Random(1)
        for number, name in enumerate(CLASSES):
            (self.path / "images" / name).mkdir(parents=True)
            for image in range(12):
                content = png((number * 36, 255 - number * 36, number * 71), rng)
                (self.path / "images" / name / f"{image:03}.png").write_bytes(content)
        (self.path / "small.yaml").write_text(PIPELINE)

    def close(self):
        shutil.rmtree(self.path)

    def program(self, *words, code=0):
        """Runs the program in the directory, and returns what it printed."""
        words = [PROGRAM, *map(os.fspath, words)]
        environment = {**os.environ, "ALPACA_CACHE": str(self.path / "cache")}
        done = subprocess.run(words, cwd=self.path, env=environment, capture_output=True, text=True)
        if done.returncode != code:
            raise AssertionError(f"{words}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr
