// The view of the parallel axes: which pipeline values lead to which metrics?

import { link, remember } from "./address.js";
import { axesOf, isWithin, readLimits, scaleOf, writeLimits } from "./axes_model.js";
import { colorLegend, drawAxes, ENDS } from "./axes_chart.js";
import { order, status, usualColumns } from "./columns.js";
import { checkbox, html, oncePerFrame, select, wide } from "./dom.js";
import { counted } from "./format.js";
import { current, watch } from "./store.js";
import { table } from "./table.js";

const MOST_LISTED = 100;

/** Shows the runs that the `id`s name, or all, as lines across axes. */
export function show(context, parameters) {
  const { root, signal } = context;
  const store = current();
  const ids = parameters.getAll("id");
  const limits = readLimits(parameters);
  const state = { color: parameters.get("color"), axes: parameters.has("axis") ? parameters.getAll("axis") : null };
  context.title("Parallel axes");
  const bar = html("div", { class: "bar" });
  const chooser = html("details", { class: "chooser" });
  const legend = html("div");
  const box = wide("Parallel axes");
  const pointed = html("p", { class: "pointed-run faint" });
  const limitBox = html("details", { class: "chooser" });
  const list = html("section");
  const parts = [bar, chooser, legend, pointed, box, limitBox, list];
  root.append(html("h1", {}, "Parallel axes"), ...parts);
  let runs = [];
  let columns = [];
  let axes = [];
  let chart = null;
  let color = null;

  const draw = oncePerFrame(drawAll);
  watch(draw, signal);
  const observer = new ResizeObserver(draw);
  observer.observe(root);
  signal.addEventListener("abort", () => observer.disconnect());

  function drawAll() {
    if (signal.aborted) return;
    runs = [...store.runs.values()].filter((run) => run.best && (ids.length === 0 || ids.includes(run.id)));
    columns = axesOf(runs, store.keys);
    const metrics = columns.filter((column) => column.kind === "metric");
    for (const part of parts) part.hidden = runs.length === 0 || metrics.length === 0;
    if (runs.length === 0 || metrics.length === 0) return showNone();
    const usual = usualColumns(columns);
    color =
      metrics.find((column) => column.name === state.color) ??
      metrics.find((column) => usual.includes(column.id)) ??
      metrics[0];
    const chosen = new Set(
      state.axes ??
        columns.filter((column) => column.kind === "value" || usual.includes(column.id)).map((column) => column.name),
    );
    // Values come first, then metrics, as cause and effect.
    axes = [...columns.filter((column) => column.kind === "value"), ...metrics]
      .filter((column) => chosen.has(column.name))
      .map((column) => scaleOf(column, runs, ENDS));
    showControls(metrics, chosen);
    legend.replaceChildren(colorLegend(runs, color));
    chart = drawAxes(box, { axes, runs, color, limits, limit: setByDrag, point });
    showLimits();
    point(null);
    update();
  }

  function showNone() {
    list.hidden = false;
    const sentence = store.isLoaded ? "None of these runs has finished an epoch yet." : (store.error ?? "Loading…");
    list.replaceChildren(html("p", { class: "faint" }, sentence));
  }

  function showControls(metrics, chosen) {
    if (bar.contains(document.activeElement) || chooser.contains(document.activeElement)) return;
    bar.replaceChildren(
      select(
        "Color",
        metrics.map((column) => [column.name, column.name]),
        color.name,
        (value) => {
          state.color = value;
          draw();
        },
      ),
      html("button", { type: "button", onclick: clear }, "Remove all limits"),
    );
    const choose = (name, isOn) => {
      if (isOn) chosen.add(name);
      else chosen.delete(name);
      state.axes = [...chosen];
      limits.delete(name);
      draw();
    };
    const boxes = columns.map((column) =>
      checkbox(column.name, chosen.has(column.name), (isOn) => choose(column.name, isOn)),
    );
    chooser.replaceChildren(html("summary", {}, "Axes"), html("fieldset", {}, html("legend", {}, "Axes shown"), boxes));
  }

  function clear() {
    limits.clear();
    showLimits();
    update();
  }

  function setByDrag(axis, ends) {
    const name = axis.column.name;
    if (ends === null) limits.delete(name);
    else if (axis.isNumber) limits.set(name, { low: round(axis.valueAt(ends[0])), high: round(axis.valueAt(ends[1])) });
    else limits.set(name, { names: axis.namesBetween(...ends) });
    showLimits();
    update();
  }

  // The same limits by keyboard: two numbers, or a checkbox for each value.
  function showLimits() {
    const fields = axes.map((axis) => {
      const name = axis.column.name;
      return html(
        "fieldset",
        {},
        html("legend", {}, name),
        axis.isNumber ? numberFields(name) : nameFields(axis, name),
      );
    });
    limitBox.replaceChildren(html("summary", {}, "Limits"), ...fields);
  }

  function numberFields(name) {
    return ["low", "high"].map((end) => {
      const field = html("input", { type: "number", step: "any", value: limits.get(name)?.[end] ?? "" });
      field.addEventListener("change", () => {
        const next = {
          low: null,
          high: null,
          ...limits.get(name),
          [end]: field.value === "" ? null : Number(field.value),
        };
        if (next.low === null && next.high === null) limits.delete(name);
        else limits.set(name, next);
        update();
      });
      return html("label", { class: "field" }, html("span", {}, end === "low" ? "from" : "to"), field);
    });
  }

  function nameFields(axis, name) {
    return axis.names.map((value) =>
      checkbox(value, limits.get(name)?.names.includes(value) ?? true, (isOn) => {
        const names = (limits.get(name)?.names ?? axis.names).filter((one) => one !== value);
        if (isOn) names.push(value);
        if (names.length === axis.names.length) limits.delete(name);
        else limits.set(name, { names });
        update();
      }),
    );
  }

  function update() {
    const within = runs.filter((run) => isWithin(run, axes, limits));
    const ids_within = new Set(within.map((run) => run.id));
    chart.mark((run) => ids_within.has(run.id));
    showList(within);
    remember("axes", { id: ids, color: state.color, axis: state.axes ?? [], ...writeLimits(limits) });
  }

  function showList(within) {
    const compare = order(color.isLowerBetter ? 1 : -1);
    const ordered = [...within].sort((a, b) => compare(color.value(a), color.value(b)));
    const shown = ordered.slice(0, MOST_LISTED);
    const heads = [
      { name: "Run" },
      { name: "Status" },
      ...axes.map(({ column }) => ({ name: column.short, isNumber: column.isNumber })),
    ];
    const rows = shown.map((run) => {
      const [on, off] = [() => point(run), () => point(null)];
      const name = html(
        "a",
        { href: link("run", { id: run.id }), onpointerenter: on, onfocus: on, onpointerleave: off, onblur: off },
        run.id,
      );
      return [name, status(run), ...axes.map(({ column }) => column.show(run))];
    });
    const more = ordered.length > shown.length ? `; the best ${shown.length} of them by ${color.name}` : "";
    const sentence = `${counted(within.length, "run")} of ${runs.length} within the limits${more}`;
    const made = table("Runs within the limits", heads, rows);
    made.classList.add("tall");
    list.replaceChildren(
      html("h2", {}, "Runs within the limits"),
      html("p", { class: "faint", role: "status" }, sentence),
      made,
    );
  }

  function point(run) {
    chart.point(run?.id ?? null);
    const facts = run ? axes.map(({ column }) => `${column.name} ${column.show(run) || "–"}`) : [];
    pointed.textContent = run
      ? `${run.id}: ${facts.join(", ")}`
      : "Point at a line to see its run, click on it to open the run. Drag on an axis to set limits, click on the axis to remove them.";
  }
}

function round(value) {
  return Number(value.toPrecision(4));
}
