// The columns of the table of runs: where their values come from, and which of them are shown.

import { brief, duration, isLowerBetter, number, progress, size, text, time } from "./format.js";

const STORED = "alpaca-run columns";
const MOST_KEYS = 6;

/** Columns that all runs have. */
const FIXED = [
  { id: "status", name: "Status", value: (run) => run.status, show: status },
  { id: "when", name: "When", value: (run) => run.when, show: (run) => time(run.when) },
  {
    id: "seconds",
    name: "Duration",
    isNumber: true,
    value: (run) => run.seconds,
    show: (run) => duration(run.seconds),
  },
  { id: "bytes", name: "Size", isNumber: true, value: (run) => run.bytes, show: (run) => size(run.bytes) },
  { id: "name", name: "Pipeline", value: (run) => run.name, show: (run) => run.name ?? "" },
  { id: "stages", name: "Stages", value: (run) => run.stages.join(", "), show: (run) => run.stages.join(", ") },
  {
    id: "best",
    name: "Best epoch",
    isNumber: true,
    value: (run) => run.best?.epoch,
    show: (run) => (run.best ? String(run.best.epoch) : ""),
  },
];

/** The column that is always shown first. */
export const NAME = { id: "id", name: "Run", value: (run) => run.id, show: (run) => run.id };

/** What happens to a run, such as "running: finetune, epoch 3 of 5". */
export function status(run) {
  const more = run.status === "broken" ? run.why : progress(run.now);
  return more ? `${run.status}: ${more}` : run.status;
}

/** All columns of these runs: the fixed ones, the metrics and the pipeline values. */
export function columnsOf(runs, keys) {
  const metrics = new Set(runs.flatMap((run) => Object.keys(run.best?.metrics ?? {})));
  const scores = [...metrics].sort((a, b) => rank(a) - rank(b)).map(metricColumn);
  return [...FIXED, ...scores, ...keys.map((key) => valueColumn(key, tail(key, keys), runs))];
}

/** The metrics that come first, in this order. */
const FIRST = ["val/accuracy", "val/subset_accuracy", "val/mae", "val/loss"];

function rank(metric) {
  return FIRST.includes(metric) ? FIRST.indexOf(metric) : FIRST.length;
}

// The end of a dotted path that no other path has: `learning_rate`, where there is one of them.
function tail(key, keys) {
  const parts = key.split(".");
  for (let n = 1; n < parts.length; n++) {
    const end = parts.slice(-n).join(".");
    if (keys.every((other) => other === key || !`.${other}`.endsWith(`.${end}`))) return end;
  }
  return key;
}

function metricColumn(metric) {
  const value = (run) => run.best?.metrics[metric];
  const show = (run) => number(value(run));
  return {
    id: `metric:${metric}`,
    name: metric,
    short: metric,
    kind: "metric",
    isNumber: true,
    isLowerBetter: isLowerBetter(metric),
    value,
    show,
  };
}

function valueColumn(key, short, runs) {
  const value = (run) => run.values[key];
  const isNumber = runs.every((run) => value(run) == null || typeof value(run) === "number");
  return { id: `value:${key}`, name: key, short, kind: "value", isNumber, value, show: (run) => brief(value(run)) };
}

/** The ids of the columns shown at first: status, start, duration, the score, the loss, and some values. */
export function usualColumns(columns) {
  const metrics = columns.filter((column) => FIRST.includes(column.name));
  const values = columns.filter((column) => column.kind === "value").slice(0, MOST_KEYS);
  const ids = [...metrics, ...values].map((column) => column.id);
  return ["status", "when", "seconds", ...ids];
}

/** The ids of the columns that were chosen on this computer, or null. */
export function storedColumns() {
  try {
    const ids = JSON.parse(localStorage.getItem(STORED));
    return Array.isArray(ids) ? ids : null;
  } catch {
    return null;
  }
}

/** Keeps the choice of columns; null forgets it. */
export function storeColumns(ids) {
  try {
    if (ids === null) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, JSON.stringify(ids));
  } catch {
    // A browser may forbid storage; the address has the columns all the same.
  }
}

const collator = new Intl.Collator("en", { numeric: true });

/** Compares two values of a column: numbers by size, others as text, missing ones last in both directions. */
export function order(direction) {
  return (a, b) => {
    if (a == null || b == null) return (a == null) - (b == null);
    const isNumber = typeof a === "number" && typeof b === "number";
    return direction * (isNumber ? a - b : collator.compare(text(a), text(b)));
  };
}
