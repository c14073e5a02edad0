"""How runs look in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Dict, List, Optional

from ._errors import RunError

if TYPE_CHECKING:
    from ._run import Run

Manifest = Dict[str, Any]


def best_metrics(manifest: Optional[Manifest]) -> Dict[str, float]:
    """The metrics of the best epoch of a finished run, with the names of metrics.csv."""
    if not manifest or not manifest.get("best"):
        return {}
    stages = {stage["name"]: stage for stage in manifest["stages"]}
    return _metrics(stages[manifest["best"]["stage"]])


def line(run: "Run") -> str:
    """A run in one line."""
    metrics = best_metrics(_manifest(run))
    shown = [f"{name} {value:.4f}" for name, value in metrics.items() if name.startswith("val/")]
    return f"<Run {run.name}: {', '.join([_status(run), *shown])}>"


def html(run: "Run") -> str:
    """A table of the stages with the metrics of their best epochs."""
    manifest = _manifest(run)
    caption = f"<b>{escape(run.name)}</b>: {escape(_status(run))}"
    if manifest is None:
        return f"<p>{caption}</p>"
    stages = [(stage, _metrics(stage)) for stage in manifest["stages"]]
    names = dict.fromkeys(name for _, metrics in stages for name in metrics)
    heads = ["stage", "best epoch", *names]
    rows = [_row("th", heads)]
    for stage, metrics in stages:
        cells = [stage["name"], str(stage["best"]["epoch"])]
        cells += [f"{metrics[name]:.4f}" if name in metrics else "" for name in names]
        rows.append(_row("td", cells))
    return f"<table><caption>{caption}</caption>{''.join(rows)}</table>"


def _row(tag: str, cells: List[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _manifest(run: "Run") -> Optional[Manifest]:
    try:
        return run.manifest
    except RunError:
        return None


def _status(run: "Run") -> str:
    try:
        return run.status
    except RunError:
        return "unknown"


def _metrics(stage: Dict[str, Any]) -> Dict[str, float]:
    """Metrics of the validation set first."""
    best = stage["best"]
    further = {
        k: v for k, v in best.items() if k not in ("train", "validation", "epoch", "learning_rate")
    }
    validation = {**best["validation"], **further}
    found = {f"val/{name}": value for name, value in validation.items()}
    found.update({f"train/{name}": value for name, value in best["train"].items()})
    return {name: value for name, value in found.items() if isinstance(value, (int, float))}
