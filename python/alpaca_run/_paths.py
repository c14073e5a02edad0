"""Paths as the program writes them in tables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import AnyStr, Union

AnyPath = Union[AnyStr, "os.PathLike[AnyStr]"]

_ESCAPE = re.compile(rb"\\\\|\\x([0-9A-F]{2})")
_BYTE = re.compile(r"\\x[0-9A-F]{2}")


def path_of(text: str) -> Path:
    r"""Convert a path in a table to a path that can be opened.

    Names on Linux and macOS need not be text. Tables write such bytes as ``\xNN``, and then a
    backslash as ``\\``. All other names are unchanged, and so is every name on Windows.
    """
    if os.name != "posix" or not _BYTE.search(text):
        return Path(text)

    def original(escape: "re.Match[bytes]") -> bytes:
        digits = escape.group(1)
        return b"\\" if digits is None else bytes([int(digits, 16)])

    return Path(os.fsdecode(_ESCAPE.sub(original, text.encode())))


def shown(path: "os.PathLike[str]") -> str:
    """A path as text that can be printed, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
