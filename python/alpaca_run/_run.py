"""One run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Union

from . import _frames, _pages, _program, _settings, _tables
from ._errors import RunError
from ._frames import Frame
from ._paths import AnyPath, shown
from ._tables import Column, Kind, Shape


class Run:
    """A run directory. Nothing is cached: each call reads what the run has written so far.

    Methods that return a table have two parameters in common. `engine` is "pandas" or "polars".
    `names` is "exact", for the names in the files such as `val/accuracy`, or "plain", for names
    that SQL and Python accept without quotes, such as `val_accuracy`. Of plain names that become
    the same, the second ends with `_2`.

    Paths and class names are always text. Empty cells of numbers are NaN in pandas and null in
    polars. Everything raises RunError.
    """

    def __init__(self, path: AnyPath[str]) -> None:
        """Open a run directory. Raises RunError if it is not one."""
        self.path = Path(os.path.abspath(path))
        if not self.path.is_dir():
            raise RunError(f"there is no directory `{shown(Path(path))}`")
        if not any((self.path / name).exists() for name in _SIGNS):
            raise RunError(f"`{shown(Path(path))}` is not a run directory")

    @property
    def name(self) -> str:
        """The name of the run directory."""
        return shown(Path(self.path.name))

    @property
    def status(self) -> str:
        """The status: "finished", "running", "cut short" or "broken"."""
        return str(_settings.described(self.path)["status"])

    @property
    def classes(self) -> List[str]:
        """The class names, in the order of the outputs."""
        return list(self._json("classes.json"))

    @property
    def summary(self) -> Dict[str, Any]:
        """The metrics on the validation set (metrics.json). Raises RunError before the run ends."""
        return dict(self._json("metrics.json"))

    @property
    def manifest(self) -> Dict[str, Any]:
        """The manifest: versions, dataset, stages, digests. Raises RunError before the run ends."""
        return dict(self._json("manifest.json"))

    @property
    def settings(self) -> Dict[str, Any]:
        """All values of the pipeline, such as {"stages.finetune.train.epochs": 5}.

        Values are numbers, text, booleans, None or lists of these.
        """
        return _settings.of_run(self.path)

    def metrics(self, *, engine: str = "pandas", names: str = "exact") -> Frame:
        """The metrics of each epoch so far, one row for each epoch.

        Losses of classes are in nats, accuracies between 0 and 1. The first epoch of a stage has
        the number after the last one of the stage before.
        """
        return self._table("metrics.csv", _tables.METRICS, engine, names)

    def timings(self, *, engine: str = "pandas", names: str = "exact") -> Frame:
        """The seconds that the parts of each epoch took, one row for each epoch so far."""
        return self._table("timings.csv", _tables.TIMINGS, engine, names)

    def splits(self, *, engine: str = "pandas", names: str = "exact") -> Frame:
        """The path, label, split and digest of each image, one row for each image."""
        return self._table("splits.csv", _tables.SPLITS, engine, names)

    def predictions(self, *, engine: str = "pandas", names: str = "exact") -> Frame:
        """The predictions for the validation set, one row for each image.

        Probabilities are between 0 and 1. Raises RunError before the run ends.
        """
        return self._table("predictions.csv", _tables.PREDICTIONS, engine, names)

    def out_of_fold(self, *, engine: str = "pandas", names: str = "exact") -> Frame:
        """The predictions for training images by heads that were not fitted to them.

        The columns are those of `predictions`. Raises RunError if no stage fits a head.
        """
        return self._table("out_of_fold.csv", _tables.PREDICTIONS, engine, names)

    def events(self) -> Iterator[Dict[str, Any]]:
        """Iterate over the events so far, as in {"time": …, "level": …, "event": {KIND: …}}.

        A line that is not complete is skipped: the last one of a run in progress, or one that a
        killed run left.
        """
        with self._open("events.jsonl") as lines:
            for line in lines:
                try:
                    event = json.loads(line.decode("utf-8"))
                except ValueError:
                    continue
                if line.endswith(b"\n") and isinstance(event, dict):
                    yield event

    def predict(
        self,
        paths: Union[AnyPath[Any], Iterable[AnyPath[Any]]],
        top: Optional[int] = None,
        *,
        options: Sequence[str] = (),
        engine: str = "pandas",
        names: str = "exact",
    ) -> Frame:
        """Classify images: files, directories or archives, as many as you like.

        The table has a row for each image and a column for each class, and is like the output of
        `alpaca-run predict --csv`. With `top`, it has a row for each of the `top` likeliest classes
        of each image instead: path, rank from 1, predicted, probability, error. The column `error`
        says why a file cannot be read as an image; it is missing for all others. `options` are
        further options, such as ["--test-time-augmentation", "flip"].

        Raises RunError if the run has no model, or if there are no images.
        """
        images = _images(paths)
        output = "--csv" if top is None else "--json"
        command = ["predict", "--quiet", "--skip-bad", output, *options]
        if top is not None:
            command += ["--top", str(top)]
        command += ["--", str(self.path)]
        printed = [_program.call(*command, *batch) for batch in _program.batches(images)]
        if top is None:
            tables = [_tables.parse(text, _tables.ANSWERS, "predict --csv") for text in printed]
            return _frames.frame(_answers(tables), engine, names)
        return _frames.frame(_likeliest("".join(printed)), engine, names)

    def verify(self) -> str:
        """Check all files of the run, and return the sentence that the program prints.

        Raises RunError with the list of the files if some are changed, missing or extra.
        """
        return _program.call("verify", str(self.path)).strip()

    def __repr__(self) -> str:
        return _pages.line(self)

    def _repr_html_(self) -> str:
        return _pages.html(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def _open(self, name: str) -> Any:
        try:
            return open(self.path / name, "rb")
        except FileNotFoundError as error:
            raise RunError(f"`{shown(self.path)}` has no {name}{_REASONS.get(name, '')}") from error
        except OSError as error:
            raise RunError(f"cannot read `{shown(self.path / name)}`: {error}") from error

    def _json(self, name: str) -> Any:
        with self._open(name) as file:
            try:
                return json.loads(file.read().decode("utf-8"))
            except ValueError as error:
                raise RunError(f"`{shown(self.path / name)}` is damaged: {error}") from error

    def _table(self, name: str, shape: Shape, engine: str, names: str) -> Frame:
        with self._open(name):
            columns = _tables.read(self.path / name, shape)
        return _frames.frame(columns, engine, names)


# Broken runs have only some of them.
_SIGNS = ["pipeline.resolved.yaml", "manifest.json", "checkpoint"]
_UNFINISHED = ", so it is not a finished run"
_REASONS = {
    "manifest.json": _UNFINISHED,
    "metrics.json": _UNFINISHED,
    "predictions.csv": _UNFINISHED,
    "out_of_fold.csv": ": none of its stages that finished fits a head",
}


def _images(paths: Any) -> List[Union[str, bytes]]:
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    # A lone `-` would be standard input.
    images = ["./-" if path in ("-", b"-") else os.fspath(path) for path in paths]
    if not images:
        raise RunError("no images to predict")
    return images


def _answers(tables: List[List[Column]]) -> List[Column]:
    """One table of those of all batches. An image without an answer has no predicted class."""
    joined = [
        Column(columns[0].name, columns[0].kind, [v for column in columns for v in column.values])
        for columns in zip(*tables)
    ]
    errors = [error or None for error in joined[-1].values]
    joined[-1] = joined[-1]._replace(values=errors)
    return [_unless(errors, column) if column.name == "predicted" else column for column in joined]


def _unless(errors: List[Optional[str]], column: Column) -> Column:
    values = [None if error else value for value, error in zip(column.values, errors)]
    return column._replace(values=values)


def _likeliest(lines: str) -> List[Column]:
    rows: List[Any] = []
    for line in lines.split("\n"):
        if not line:
            continue
        answer = json.loads(line)
        for rank, found in enumerate(answer.get("classes", []), start=1):
            rows.append((answer["path"], rank, found["name"], found["probability"], None))
        if "error" in answer:
            rows.append((answer["path"], None, None, None, answer["error"]))
    heads = [
        ("path", Kind.TEXT),
        ("rank", Kind.INTEGER),
        ("predicted", Kind.TEXT),
        ("probability", Kind.NUMBER),
        ("error", Kind.TEXT),
    ]
    return [Column(*head, [row[index] for row in rows]) for index, head in enumerate(heads)]
