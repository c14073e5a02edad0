"""Reads the tables of runs. The name of a column decides its type; no value is guessed."""

from __future__ import annotations

import csv
import enum
import io
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

from ._errors import RunError
from ._paths import shown


class Kind(enum.Enum):
    """The type of a column."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TRUTH = "truth"
    TIME = "time"


class Column(NamedTuple):
    """A column of a table, with a value for each row. None is a missing value."""

    name: str
    kind: Kind
    values: List[Any]


class Shape(NamedTuple):
    """The types of the columns of a table: those with a known name, and all others."""

    known: Dict[str, Kind]
    others: Kind


_EPOCH = {"stage": Kind.TEXT, "epoch": Kind.INTEGER}
_IMAGE = dict.fromkeys(["path", "label", "labels", "class", "predicted"], Kind.TEXT)

METRICS = Shape(_EPOCH, Kind.NUMBER)
TIMINGS = Shape({**_EPOCH, "images": Kind.INTEGER}, Kind.NUMBER)
SPLITS = Shape({"target": Kind.NUMBER, "sample_weight": Kind.NUMBER}, Kind.TEXT)
PREDICTIONS = Shape({**_IMAGE, "correct": Kind.TRUTH}, Kind.NUMBER)
ANSWERS = Shape({**_IMAGE, "error": Kind.TEXT}, Kind.NUMBER)


def read(path: Path, shape: Shape) -> List[Column]:
    """Read a table. A last line that is still being written is left out."""
    try:
        written = path.read_bytes()
        text = written[: written.rfind(b"\n") + 1].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read `{shown(path)}`: {error}") from error
    return parse(text, shape, shown(path))


def parse(text: str, shape: Shape, source: str) -> List[Column]:
    """The columns of a table in CSV."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows:
        return []
    names = rows.pop(0)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise RunError(
                f"row {number} of `{source}` has {len(row)} cells, and the first has {len(names)}"
            )
    columns = []
    for index, name in enumerate(names):
        kind = shape.known.get(name, shape.others)
        read_cell = _READ[kind]
        try:
            values = [read_cell(row[index]) for row in rows]
        except ValueError as error:
            raise RunError(f"column `{name}` of `{source}`: {error}") from error
        columns.append(Column(name, kind, values))
    return columns


def _integer(cell: str) -> Any:
    return int(cell) if cell else None


def _number(cell: str) -> Any:
    return float(cell) if cell else None


def _truth(cell: str) -> Any:
    if cell not in ("true", "false", ""):
        raise ValueError(f"`{cell}` is neither `true` nor `false`")
    return cell == "true" if cell else None


_READ: Dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.TRUTH: _truth,
}
