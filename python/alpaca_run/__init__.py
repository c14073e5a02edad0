"""Runs of alpaca-run as tables for notebooks and scripts.

``Run("runs/finetune").metrics()`` is a pandas DataFrame; with ``engine="polars"`` it is a polars
one. Neither is needed to import this module, which uses only the standard library.
"""

from ._errors import RunError
from ._paths import path_of
from ._run import Run
from ._runs import runs, table

__all__ = ["Run", "RunError", "path_of", "runs", "table"]
