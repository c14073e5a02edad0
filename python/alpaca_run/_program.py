"""Finds and calls the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Iterator, List, Sequence, Union

from ._errors import RunError

Argument = Union[str, bytes]

VARIABLE = "ALPACA_RUN_PROGRAM"
_NAME = "alpaca-run.exe" if os.name == "nt" else "alpaca-run"
# Windows allows 32,767 characters in a command. Other systems allow more than a mebibyte, of which
# the environment takes a part.
_MOST_CHARACTERS = 24_000
_MOST_BYTES = 512 * 1024


def find() -> str:
    """The path of the program.

    It is the one that ALPACA_RUN_PROGRAM names, else the one of this package, else that on PATH.
    """
    named = os.environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise RunError(f"{VARIABLE} is `{named}`, which is not a program")
        return os.path.abspath(found)
    for directory in _script_directories():
        found = shutil.which(os.path.join(directory, _NAME))
        if found is not None:
            return os.path.abspath(found)
    found = shutil.which(_NAME)
    if found is None:
        raise RunError(
            f"the program `{_NAME}` is not next to `{sys.executable}` and not on PATH\n"
            f"hint: install it with `pip install alpaca-run`, or set {VARIABLE} to its path"
        )
    return os.path.abspath(found)


def call(*arguments: Argument) -> str:
    """Run the program to its end, and return the text that it prints.

    Raises RunError if its exit code is not 0.
    """
    command = [find(), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    output = done.stdout.decode("utf-8")
    if done.returncode != 0:
        message = _sentence(done.stderr.decode("utf-8", "replace")) or output.strip()
        code = done.returncode
        raise RunError(message or f"alpaca-run ended with code {code}", code)
    return output


def batches(arguments: Sequence[Argument]) -> Iterator[List[Argument]]:
    """The arguments in groups that fit into one command each."""
    batch: List[Argument] = []
    room = _room()
    taken = 0
    for argument in arguments:
        size = _size(argument)
        if batch and taken + size > room:
            yield batch
            batch, taken = [], 0
        batch.append(argument)
        taken += size
    if batch:
        yield batch


def _room() -> int:
    if os.name == "nt":
        return _MOST_CHARACTERS
    most = os.sysconf("SC_ARG_MAX")
    return min(most // 4, _MOST_BYTES) if most > 0 else _MOST_BYTES // 4


def _size(argument: Argument) -> int:
    if os.name == "nt":
        return len(subprocess.list2cmdline([os.fsdecode(argument)])) + 1
    # Its bytes, the one at its end, and a pointer to it.
    return len(os.fsencode(argument)) + 1 + 8


def _script_directories() -> Iterator[str]:
    """Where installers put the program of this package: into an environment, for one user, or
    below the directory of `pip install --target`."""
    yield sysconfig.get_path("scripts")
    yield os.path.dirname(sys.executable)
    yield sysconfig.get_path("scripts", _user_scheme())
    yield str(Path(__file__).resolve().parents[1] / "bin")


def _user_scheme() -> str:
    if sys.version_info >= (3, 10):
        return sysconfig.get_preferred_scheme("user")
    return "nt_user" if os.name == "nt" else "posix_user"


def _sentence(printed: str) -> str:
    """The message of the program without its frame."""
    lines = [line.rstrip() for line in printed.splitlines() if line.strip() not in ("", "|")]
    text = "\n".join(lines)
    return text[len("error: ") :] if text.startswith("error: ") else text
