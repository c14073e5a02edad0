"""All runs of a directory."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Optional, Set, Tuple

from . import _frames, _pages, _settings
from ._frames import Frame
from ._paths import AnyPath, path_of
from ._run import Run
from ._settings import Described
from ._tables import Column, Kind


def runs(directory: AnyPath[str] = "runs") -> List[Run]:
    """List the runs in a directory, newest last. There are none if the directory does not exist.

    Raises RunError if it cannot be read.
    """
    return [Run(path_of(run["directory"])) for run in _settings.listed(Path(directory))]


def table(
    directory: AnyPath[str] = "runs", *, engine: str = "pandas", names: str = "exact"
) -> Frame:
    """A table of the runs in a directory, one row for each run, newest last.

    The columns are `run`, `status`, `time` (when it finished, or else started, in UTC), `seconds`,
    the `stage` and `epoch` with the best result, its metrics, and the pipeline values that are not
    the same in all runs. A run that has not finished has its last epoch, and no metrics. Pipeline
    values of different types are text.

    `engine` and `names` are those of `Run`. Raises RunError if the directory cannot be read.
    """
    found = _settings.listed(Path(directory))
    return _frames.frame([*_facts(found), *_metrics(found), *_values(found)], engine, names)


def _facts(found: List[Described]) -> List[Column]:
    best = [_best(run) for run in found]
    return [
        Column("run", Kind.TEXT, [run["directory"] for run in found]),
        Column("status", Kind.TEXT, [run["status"] for run in found]),
        Column("time", Kind.TIME, [_time(run["when"]) for run in found]),
        Column("seconds", Kind.NUMBER, [_seconds(run) for run in found]),
        Column("stage", Kind.TEXT, [place.get("stage") for place in best]),
        Column("epoch", Kind.INTEGER, [place.get("epoch") for place in best]),
    ]


def _best(run: Described) -> Dict[str, Any]:
    place = run["manifest"]["best"] if run["manifest"] else run["stopped_at"]
    return place or {}


def _seconds(run: Described) -> Optional[float]:
    return run["manifest"]["volatile"]["seconds"] if run["manifest"] else None


def _time(text: str) -> Optional[datetime]:
    if not text:
        return None
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def _metrics(found: List[Described]) -> List[Column]:
    measured = [_pages.best_metrics(run["manifest"]) for run in found]
    names = dict.fromkeys(name for metrics in measured for name in metrics)
    return [
        Column(name, Kind.NUMBER, [metrics.get(name) for metrics in measured]) for name in names
    ]


def _values(found: List[Described]) -> List[Column]:
    """The pipeline values that are not the same in all runs."""
    settings = [run["values"] for run in found]
    names = dict.fromkeys(name for values in settings for name in values)
    columns = []
    for name in names:
        values = [of_run.get(name) for of_run in settings]
        if len({json.dumps(of_run.get(name)) for of_run in settings if of_run}) > 1:
            columns.append(_column(name, values))
    return columns


def _column(name: str, values: List[Any]) -> Column:
    """A column of the narrowest type for all values."""
    types = {type(value) for value in values if value is not None}
    for kind, allowed in _TYPES:
        if types <= allowed:
            return Column(name, kind, values)
    texts = [
        value if value is None or isinstance(value, str) else json.dumps(value) for value in values
    ]
    return Column(name, Kind.TEXT, texts)


_TYPES: List[Tuple[Kind, Set[type]]] = [
    (Kind.TRUTH, {bool}),
    (Kind.INTEGER, {int}),
    (Kind.NUMBER, {int, float}),
]
