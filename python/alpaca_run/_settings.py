"""What the program knows about runs: status and pipeline values."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List

from . import _program

Described = Dict[str, Any]


def described(path: "os.PathLike[str]") -> Described:
    """A run as `alpaca-run runs show --json` prints it."""
    described: Described = json.loads(_program.call("runs", "show", "--json", os.fspath(path)))
    return described


def listed(directory: "os.PathLike[str]") -> List[Described]:
    """The runs in a directory as `alpaca-run runs --json` prints them, newest last."""
    command = ["runs", "--json", "--runs-dir", os.fspath(directory)]
    listed: List[Described] = json.loads(_program.call(*command))
    return listed


def of_run(path: "os.PathLike[str]") -> Dict[str, Any]:
    """The values of the resolved pipeline by their dotted paths."""
    return dict(described(path)["values"])
