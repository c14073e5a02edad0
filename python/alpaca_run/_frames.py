"""Makes DataFrames of columns."""

from __future__ import annotations

import importlib
import re
import unicodedata
from typing import Any, List, Sequence

from ._errors import RunError
from ._tables import Column, Kind

# A pandas or polars DataFrame. Type checkers need neither library.
Frame = Any


def frame(columns: Sequence[Column], engine: str, names: str) -> Frame:
    """A DataFrame of columns, by `engine` ("pandas", "polars") and `names` ("exact", "plain")."""
    if names not in ("exact", "plain"):
        raise RunError(f"`names` is {names!r}, and must be 'exact' or 'plain'")
    if engine not in _MAKE:
        raise RunError(f"`engine` is {engine!r}, and must be 'pandas' or 'polars'")
    if names == "plain":
        plain = plain_names([column.name for column in columns])
        columns = [column._replace(name=name) for column, name in zip(columns, plain)]
    try:
        library = importlib.import_module(engine)
    except ImportError as error:
        hint = f"hint: `pip install {engine}`"
        raise RunError(
            f"`engine={engine!r}` needs {engine}, which is not installed\n{hint}"
        ) from error
    return _MAKE[engine](library, columns)


def plain_names(names: Sequence[str]) -> List[str]:
    """Names that SQL and Python accept without quotes, as in `val_accuracy` for `val/accuracy`.

    Every group of other characters becomes one underscore. Of names that become the same, without
    regard to case as in SQL, the first stays, and the next ones end with `_2`, `_3` ….
    """
    taken = set()
    plain = []
    for name in names:
        base = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name)).strip("_") or "column"
        base = f"_{base}" if base[0].isdigit() else base
        free, number = base, 1
        while free.casefold() in taken:
            number += 1
            free = f"{base}_{number}"
        taken.add(free.casefold())
        plain.append(free)
    return plain


def _pandas(pandas: Any, columns: Sequence[Column]) -> Frame:
    # The type for text that pandas itself would choose.
    text = "str" if int(pandas.__version__.split(".")[0]) >= 3 else "object"
    whole = {Kind.TEXT: text, Kind.INTEGER: "int64", Kind.NUMBER: "float64", Kind.TRUTH: "bool"}
    # These types have a value for "missing".
    holey = {Kind.INTEGER: "Int64", Kind.TRUTH: "boolean"}

    def series(column: Column) -> Any:
        _, kind, values = column
        if kind is Kind.TIME:
            return pandas.Series(pandas.to_datetime(values, utc=True))
        is_whole = kind not in holey or None not in values
        return pandas.Series(values, dtype=whole[kind] if is_whole else holey[kind])

    made = [series(column) for column in columns]
    table = pandas.concat(made, axis=1) if made else pandas.DataFrame()
    table.columns = [column.name for column in columns]
    return table


def _polars(polars: Any, columns: Sequence[Column]) -> Frame:
    types = {
        Kind.TEXT: polars.Utf8,
        Kind.INTEGER: polars.Int64,
        Kind.NUMBER: polars.Float64,
        Kind.TRUTH: polars.Boolean,
        Kind.TIME: polars.Datetime("us", "UTC"),
    }

    series = [polars.Series(name, values, dtype=types[kind]) for name, kind, values in columns]
    return polars.DataFrame(series)


_MAKE = {"pandas": _pandas, "polars": _polars}
