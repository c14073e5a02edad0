// A chart of curves over epochs, in SVG. It is drawn anew for each change: at most two points for
// each pixel of the width are drawn, so that this takes little time for any number of epochs.

import { html, oncePerFrame, svg } from "./dom.js";
import { number, short } from "./format.js";
import { linear, logarithmic, powerTicks, ticks, tickText, wholeTicks } from "./scale.js";

const HEIGHT = 240;
const LEFT = 48;
const RIGHT = 18;
const BOTTOM = 24;
const LINE = 15;
const CHARACTER = 6.6;
/** Up to this many points, each of them has a dot. */
const MOST_DOTS = 60;

/**
 * A chart that fills the width of its box. `update` takes `{series, stages, best, last}`:
 * series are `{name, kind, points}`, `kind` being the CSS class of the color; stages are
 * `{name, first_epoch}`; best are epochs to mark on the series of the kind `val`.
 */
export function chart(title, signal) {
  const readout = html("p", { class: "readout faint" });
  const canvas = svg("svg", { role: "img", height: HEIGHT });
  const caption = html("figcaption", {}, title);
  const box = html("figure", { class: "chart" }, caption, readout, canvas);
  let data = { series: [], stages: [], best: [], last: 1 };
  let width = 0;
  let view = null;
  let pointed = null;

  const draw = oncePerFrame(() => {
    if (width === 0 || signal.aborted) return;
    view = scales(data, width);
    canvas.setAttribute("width", width);
    canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    canvas.setAttribute("aria-label", describe(caption.textContent, data));
    const pointer = svg("g", {});
    canvas.replaceChildren(...grid(view, width), ...stageLines(view), ...lines(data, view), pointer);
    point();
  });

  function point() {
    readout.replaceChildren(...legend(data, pointed));
    const at = pointed === null ? null : view?.x(pointed);
    const made =
      at === null ? [] : [svg("line", { class: "pointer", x1: at, x2: at, y1: view.top, y2: HEIGHT - BOTTOM })];
    canvas.lastChild?.replaceChildren(...made);
  }

  canvas.addEventListener("pointermove", (event) => {
    if (!view) return;
    const epoch = Math.round(view.x.invert(event.clientX - canvas.getBoundingClientRect().left));
    const next = Math.min(Math.max(epoch, 1), data.last);
    if (next === pointed) return;
    pointed = next;
    point();
  });
  canvas.addEventListener("pointerleave", () => {
    pointed = null;
    point();
  });
  const observer = new ResizeObserver(() => {
    const now = Math.floor(box.clientWidth);
    if (now === width) return;
    width = now;
    draw();
  });
  observer.observe(box);
  signal.addEventListener("abort", () => observer.disconnect());

  return {
    box,
    rename(text) {
      caption.textContent = text;
    },
    update(next) {
      data = next;
      draw();
    },
  };
}

function scales({ series, stages, last, isLog }, width) {
  let [low, high] = [Infinity, -Infinity];
  for (const [, value] of series.flatMap((one) => one.points)) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 1];
  const first = Math.min(1, last);
  const margin = first === last ? 0.5 : 0;
  const x = linear([first - margin, last + margin], [LEFT, width - RIGHT]);
  const names = captions(stages, x, width);
  const top = 10 + Math.max(0, ...names.map(({ row }) => row + 1)) * LINE;
  const ends = [HEIGHT - BOTTOM, top];
  const xTicks = wholeTicks(first, last, Math.max(2, width / 60));
  if (isLog && low > 0 && high > low * 10) {
    return { x, y: logarithmic([low, high], ends), top, captions: names, yTicks: powerTicks(low, high), xTicks, isLog };
  }
  const yTicks = ticks(low, high, 4);
  return { x, y: linear([yTicks[0], yTicks.at(-1)], ends), top, captions: names, yTicks, xTicks };
}

function grid({ x, y, yTicks, xTicks, isLog }, width) {
  const across = yTicks.flatMap((tick) => [
    svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
    svg("text", { class: "faint end", x: LEFT - 6, y: y(tick) + 4 }, isLog ? number(tick) : tickText(tick, yTicks)),
  ]);
  const below = xTicks.map((tick) =>
    svg("text", { class: "faint middle", x: x(tick), y: HEIGHT - BOTTOM + 16 }, String(tick)),
  );
  return [...across, ...below];
}

// The name of a stage is at its start, or as far right as it fits; it is below those that it would cover.
function captions(stages, x, width) {
  if (stages.length < 2) return [];
  const ends = [];
  return stages.map(({ name, first_epoch }) => {
    const at = x(first_epoch - 0.5);
    const text = short(name, Math.floor((width - LEFT - RIGHT) / CHARACTER));
    const left = Math.max(LEFT, Math.min(at + 4, width - RIGHT - text.length * CHARACTER));
    let row = ends.findIndex((end) => end < left);
    if (row < 0) row = ends.length;
    ends[row] = left + (text.length + 1) * CHARACTER;
    return { text, at, left, row };
  });
}

// The first stage needs no line.
function stageLines({ captions }) {
  return captions.flatMap(({ text, at, left, row }, i) => {
    const y = 12 + row * LINE;
    const line = i === 0 ? [] : [svg("line", { class: "mark", x1: at, x2: at, y1: y - 8, y2: HEIGHT - BOTTOM })];
    return [...line, svg("text", { class: "faint", x: left, y }, text)];
  });
}

function lines({ series, best }, { x, y }) {
  const pixels = x(2) - x(1);
  return series.flatMap(({ kind, points }) => {
    const path = (pixels < 1 ? thin(points, x) : points).map(
      ([epoch, value]) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`,
    );
    const isFine = points.length > MOST_DOTS ? " fine" : "";
    const made = [svg("path", { class: `line ${kind}${isFine}`, d: path.length ? `M${path.join("L")}` : "" })];
    if (points.length <= MOST_DOTS) {
      made.push(
        ...points.map(([epoch, value]) => svg("circle", { class: `dot ${kind}`, cx: x(epoch), cy: y(value), r: 2 })),
      );
    }
    if (kind === "val") {
      const marked = points.filter(([epoch]) => best.includes(epoch));
      made.push(
        ...marked.map(([epoch, value]) => svg("circle", { class: "ring val", cx: x(epoch), cy: y(value), r: 4 })),
      );
    }
    return made;
  });
}

// Of the points in one column of pixels, the lowest and the highest stay, in order.
function thin(points, x) {
  const columns = new Map();
  for (const point of points) {
    const column = Math.round(x(point[0]));
    const [low, high] = columns.get(column) ?? [point, point];
    columns.set(column, [point[1] < low[1] ? point : low, point[1] > high[1] ? point : high]);
  }
  return [...columns.values()].flatMap(([low, high]) => {
    if (low === high) return [low];
    return low[0] < high[0] ? [low, high] : [high, low];
  });
}

// The names of the curves, with their values at the epoch under the pointer, or the last ones.
function legend({ series, stages }, pointed) {
  const stage = stages.findLast?.((one) => one.first_epoch <= pointed);
  const place = pointed === null ? null : `epoch ${pointed}${stage ? ` (${stage.name})` : ""} `;
  return [
    place,
    ...series.map(({ name, kind, points }) => {
      const at = pointed === null ? points.at(-1) : points.find(([epoch]) => epoch === pointed);
      return html(
        "span",
        { class: `entry ${kind}` },
        html("i", { class: `swatch ${kind}` }),
        `${name} ${at ? number(at[1]) : "–"} `,
      );
    }),
  ].filter((one) => one !== null);
}

function describe(title, { series }) {
  const parts = series.map(({ name, points }) => {
    if (points.length === 0) return `${name}: no epochs yet`;
    return `${name}: ${number(points[0][1])} in epoch ${points[0][0]}, ${number(points.at(-1)[1])} in epoch ${points.at(-1)[0]}`;
  });
  return `${title} by epoch. ${parts.join(". ")}.`;
}
