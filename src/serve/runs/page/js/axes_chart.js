// The chart of the parallel axes, in SVG: a line for each run, and brushes on the axes.

import { link } from "./address.js";
import { html, svg } from "./dom.js";
import { number, short } from "./format.js";
import { linear } from "./scale.js";

const HEIGHT = 380;
const TOP = 52;
const BOTTOM = HEIGHT - 16;
const LEAST_STEP = 130;
/** Names and values of the first axis are on its left. */
const LEFT = 112;
const RIGHT = 64;
const N_SHADES = 9;
const NAME_LENGTH = 20;
/** A drag of fewer pixels is a click, which removes a limit. */
const LEAST_DRAG = 4;

/** The ends of all axes. */
export const ENDS = [BOTTOM, TOP];

/** The shade of a run, from 0 (worst) to 8 (best); null for a run without the metric. */
function shades(runs, column) {
  const values = runs.map(column.value).filter((value) => typeof value === "number");
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const place = linear(column.isLowerBetter ? [high, low] : [low, high], [0, N_SHADES - 1]);
  return (run) =>
    typeof column.value(run) === "number" ? Math.round(high > low ? place(column.value(run)) : N_SHADES - 1) : null;
}

/**
 * Draws axes into `box`, which scrolls. `axes` are scales, `limit(axis, ends)` is called for a drag on an axis, with
 * null for a click. Returns `mark(isWithin)`, which tells the lines of runs within the limits from the others.
 */
export function drawAxes(box, { axes, runs, color, limits, limit, point }) {
  const width = Math.max(box.clientWidth, LEFT + RIGHT + LEAST_STEP * (axes.length - 1));
  const x = linear([0, Math.max(1, axes.length - 1)], [LEFT, width - RIGHT]);
  const shade = shades(runs, color);
  const lines = new Map();
  const group = svg("g", {});
  const sorted = [...runs].sort((a, b) => (shade(a) ?? -1) - (shade(b) ?? -1));
  for (const run of sorted) {
    const line = runLine(run, axes, x, shade(run), color, point);
    lines.set(run.id, line);
    group.append(line);
  }
  const brushes = new Map();
  const drawn = axes.map((axis, i) => axisGroup(axis, x(i), brushes, limit));
  const canvas = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, class: "axes" }, group, drawn);
  box.replaceChildren(canvas);

  return {
    mark(isWithin) {
      for (const run of runs) lines.get(run.id).classList.toggle("out", !isWithin(run));
      for (const axis of axes) placeBrush(brushes.get(axis), axis, limits.get(axis.column.name));
    },
    point(id) {
      for (const line of group.querySelectorAll(".pointed")) line.classList.remove("pointed");
      const line = lines.get(id);
      line?.classList.add("pointed");
    },
  };
}

// A line is a link, for pointers; the table below the chart is the way by keyboard. Between axes where the run has no value, it is interrupted.
function runLine(run, axes, x, shade, color, point) {
  let path = "";
  let isDrawing = false;
  axes.forEach((axis, i) => {
    const y = axis.place(run);
    if (y !== null) path += `${isDrawing ? "L" : "M"}${x(i).toFixed(1)},${y.toFixed(1)}`;
    isDrawing = y !== null;
  });
  const about = `${run.id}: ${color.name} ${number(color.value(run)) || "not measured"}`;
  const hit = svg("path", { class: "hit", d: path });
  const line = svg("path", { class: shade === null ? "strand unmeasured" : `strand shade-${shade}`, d: path });
  const made = svg(
    "a",
    { href: link("run", { id: run.id }), "aria-label": about, class: "run-line", tabindex: "-1" },
    line,
    hit,
  );
  made.addEventListener("pointerenter", () => point(run));
  made.addEventListener("pointerleave", () => point(null));
  return made;
}

function axisGroup(axis, at, brushes, limit) {
  const { column, ticks } = axis;
  const marks = ticks.flatMap(([y, text, whole]) => [
    svg("line", { class: "tick", x1: at - 4, x2: at, y1: y, y2: y }),
    svg(
      "text",
      { class: "halo end", x: at - 7, y: y + 4 },
      text,
      whole && whole !== text ? svg("title", {}, whole) : null,
    ),
  ]);
  const brush = svg("rect", { class: "brush", x: at - 8, width: 16, y: TOP, height: 0 });
  brushes.set(axis, brush);
  const area = svg("rect", { class: "drag", x: at - 12, width: 24, y: TOP - 6, height: BOTTOM - TOP + 12 });
  area.addEventListener("pointerdown", (event) => drag(event, area, brush, (ends) => limit(axis, ends)));
  const direction =
    column.kind === "metric"
      ? column.isLowerBetter
        ? "lower is better"
        : "higher is better"
      : axis.isLog
        ? "logarithmic"
        : "";
  return svg(
    "g",
    {},
    svg("line", { class: "axis", x1: at, x2: at, y1: TOP, y2: BOTTOM }),
    marks,
    svg(
      "text",
      { class: "middle name", x: at, y: 14 },
      short(column.short, NAME_LENGTH),
      svg("title", {}, column.name),
    ),
    svg("text", { class: "middle faint", x: at, y: 30 }, direction),
    brush,
    area,
  );
}

function drag(event, area, brush, done) {
  const top = area.ownerSVGElement.getBoundingClientRect().top;
  const place = (one) => Math.min(Math.max(one.clientY - top, TOP), BOTTOM);
  const start = place(event);
  let now = start;
  const follow = (one) => {
    now = place(one);
    brush.setAttribute("y", Math.min(start, now));
    brush.setAttribute("height", Math.abs(now - start));
  };
  const finish = () => {
    area.removeEventListener("pointermove", follow);
    done(Math.abs(now - start) < LEAST_DRAG ? null : [Math.max(start, now), Math.min(start, now)]);
  };
  event.preventDefault();
  area.setPointerCapture(event.pointerId);
  area.addEventListener("pointermove", follow);
  area.addEventListener("lostpointercapture", finish, { once: true });
}

function placeBrush(brush, axis, limit) {
  let [low, high] = [BOTTOM, BOTTOM];
  if (limit?.names) {
    const places = axis.names?.filter((name) => limit.names.includes(name)).map(axis.placeOf) ?? [];
    if (places.length) [low, high] = [Math.max(...places) + 8, Math.min(...places) - 8];
  } else if (limit) {
    low = limit.low === null ? BOTTOM : axis.placeOf(limit.low);
    high = limit.high === null ? TOP : axis.placeOf(limit.high);
  }
  const top = Math.min(Math.max(high, TOP), BOTTOM);
  brush.setAttribute("y", top);
  brush.setAttribute("height", Math.max(0, Math.min(low, BOTTOM) - top));
}

/** The legend of the colors, from the worst to the best value of the metric. */
export function colorLegend(runs, column) {
  const values = runs.map(column.value).filter((value) => typeof value === "number");
  const ends = [Math.min(...values), Math.max(...values)];
  const [worst, best] = column.isLowerBetter ? ends.reverse() : ends;
  const boxes = Array.from({ length: N_SHADES }, (_, i) => html("i", { class: `shade-${i}` }));
  const text = values.length
    ? [
        html("span", {}, `${column.name} ${number(worst)}`),
        html("span", { class: "ramp" }, boxes),
        html("span", {}, number(best)),
      ]
    : [];
  return html("p", { class: "ramp-legend faint" }, text);
}
