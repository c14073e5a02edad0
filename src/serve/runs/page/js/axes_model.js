// The axes of the parallel axes: their scales, and the limits that one sets on them.

import { columnsOf, order } from "./columns.js";
import { brief, text } from "./format.js";
import { linear, logarithmic, powerTicks, ticks, tickText } from "./scale.js";

/** The largest ratio of values on a linear axis. */
const MOST_RATIO = 100;
const CATEGORY_LENGTH = 16;

/** The axes that the runs allow: pipeline values that are not the same in all of them, and metrics. */
export function axesOf(runs, keys) {
  const columns = columnsOf(runs, keys).filter((column) => column.kind !== undefined);
  return columns.filter(
    (column) => column.kind === "metric" || new Set(runs.map((run) => text(column.value(run)))).size > 1,
  );
}

/** Gives an axis its scale from `bottom` to `top`: `place(run)`, `ticks` as `[place, text]`, `valueAt`, `isNumber`. */
export function scaleOf(column, runs, [bottom, top]) {
  const values = runs.map(column.value).filter((value) => value != null);
  if (column.isNumber && values.length) return numericScale(column, values, [bottom, top]);
  const names = [...new Set(values)].sort(order(1)).map(text);
  const unique = [...new Set(names)];
  const inner = linear([-0.5, unique.length - 0.5], [bottom, top]);
  return {
    column,
    isNumber: false,
    names: unique,
    ticks: unique.map((name, i) => [
      inner(i),
      name.length > CATEGORY_LENGTH ? `${name.slice(0, CATEGORY_LENGTH - 1)}…` : name,
      name,
    ]),
    place: (run) => (column.value(run) == null ? null : inner(unique.indexOf(text(column.value(run))))),
    namesBetween: (low, high) =>
      unique.filter((_, i) => inner(i) >= Math.min(low, high) && inner(i) <= Math.max(low, high)),
    placeOf: (name) => inner(unique.indexOf(name)),
  };
}

function numericScale(column, values, ends) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isLog = low > 0 && high / low > MOST_RATIO;
  const marks = isLog ? powerTicks(low, high) : ticks(low, high, 5);
  const span = isLog ? [low, high] : [marks[0], marks.at(-1)];
  const inner = (isLog ? logarithmic : linear)(span, ends);
  const show = (mark) => (isLog ? brief(mark) : tickText(mark, marks));
  return {
    column,
    isNumber: true,
    isLog,
    ticks: marks.map((mark) => [inner(mark), show(mark)]),
    place: (run) => (column.value(run) == null ? null : inner(column.value(run))),
    valueAt: (at) => inner.invert(at),
    placeOf: inner,
  };
}

/** The limits in an address: `limit=val/loss:0.1..0.5`, `only=optimizer=adam`. */
export function readLimits(parameters) {
  const limits = new Map();
  for (const one of parameters.getAll("limit")) {
    const [, name, low, high] = /^(.*):(.*?)\.\.(.*)$/s.exec(one) ?? [];
    if (name !== undefined)
      limits.set(name, { low: low === "" ? null : Number(low), high: high === "" ? null : Number(high) });
  }
  for (const one of parameters.getAll("only")) {
    const [, name, value] = /^(.*?)=(.*)$/s.exec(one) ?? [];
    if (name !== undefined) limits.set(name, { names: [...(limits.get(name)?.names ?? []), value] });
  }
  return limits;
}

/** The parameters of an address that have these limits. */
export function writeLimits(limits) {
  const written = { limit: [], only: [] };
  for (const [name, { low, high, names }] of limits) {
    if (names) written.only.push(...names.map((value) => `${name}=${value}`));
    else written.limit.push(`${name}:${low ?? ""}..${high ?? ""}`);
  }
  return written;
}

/** Whether a run is within all limits. A run without the value of a limited axis is not. */
export function isWithin(run, axes, limits) {
  return axes.every(({ column }) => {
    const limit = limits.get(column.name);
    if (!limit) return true;
    const value = column.value(run);
    if (value == null) return false;
    if (limit.names) return limit.names.includes(text(value));
    return (limit.low === null || value >= limit.low) && (limit.high === null || value <= limit.high);
  });
}
