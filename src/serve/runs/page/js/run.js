// The view of one run: its state, its curves, and what was measured. It is live while the run is running.

import { fileAddress, get, listen } from "./api.js";
import { link } from "./address.js";
import { chart } from "./curves.js";
import { checkbox, html, oncePerFrame } from "./dom.js";
import { counted, duration, isLowerBetter, number, progress, short, time, title } from "./format.js";
import { History } from "./history.js";
import { measuredSection } from "./measured.js";
import { settingsSection } from "./settings.js";
import { epochTable } from "./epochs.js";
import { current, watch } from "./store.js";

/** Shows the run that `id` names. */
export async function show(context, parameters) {
  const { root, signal } = context;
  const id = parameters.get("id") ?? "";
  context.title(id);
  const parts = { head: html("div"), rest: html("div"), warnings: html("div"), curves: html("section") };
  root.append(html("h1", { title: id }, id), parts.head, parts.curves, parts.warnings, parts.rest);
  parts.head.append(html("p", { class: "faint" }, "Loading…"));
  const curves = curvesSection(parts.curves, signal);
  const warnings = warningList(parts.warnings);
  let run = null;
  let history = null;

  // The state of a running run comes with the changes of all runs.
  watch((changed) => {
    if (!changed.has(id) || !run) return;
    const next = current().runs.get(id);
    const starts = next?.status === "running" && run.status !== "running";
    if (next) showHead((run = next));
    else showRemoved();
    if (starts) load();
  }, signal);
  await load();

  async function load() {
    let data;
    try {
      data = await get("/api/run", { id }, signal);
    } catch (error) {
      if (!signal.aborted) parts.head.replaceChildren(html("p", { class: "worse" }, error.message));
      return;
    }
    if (signal.aborted) return;
    run = data.run;
    history = new History(data);
    showHead(run, data);
    curves.show(history);
    parts.rest.replaceChildren(...restOf(id, data));
    follow();
  }

  // A run that has ended is followed too, once: its events have its warnings.
  function follow() {
    const wasRunning = run.status === "running";
    warnings.clear();
    listen(
      "/api/events",
      { id },
      { handlers: { message: take, end: (ended) => finish(ended, wasRunning) }, opened: warnings.clear },
      signal,
    );
  }

  function take({ event }) {
    // A line of a damaged file may be anything.
    if (typeof event !== "object" || event === null) return;
    if (history.add(event)) curves.show(history);
    if (event.warning) warnings.add(event.warning.message);
    if (event.run_stopped) warnings.add(event.run_stopped.message ?? "the run was stopped");
  }

  function finish({ status }, wasRunning) {
    if (status === "removed") showRemoved();
    else if (wasRunning) load();
    return false;
  }

  function showRemoved() {
    parts.head.replaceChildren(html("p", { class: "worse" }, "The directory of this run was removed."));
  }

  function showHead(run, data = null) {
    if (data) parts.files = data.files;
    parts.head.replaceChildren(...headOf(run, parts.files ?? [], data?.has_predictions ?? parts.hasPredictions));
    parts.hasPredictions = data?.has_predictions ?? parts.hasPredictions;
  }
}

// The state of the run in a sentence, its best metrics in large digits, and links.
function headOf(run, files, hasPredictions) {
  const { status, why, now, best } = run;
  const words = html("span", { class: `badge ${status.replace(" ", "-")}` }, status);
  const facts = [
    progress(now),
    why,
    time(run.when),
    duration(run.seconds),
    run.stages.join(" → "),
    run.seed == null ? null : `seed ${run.seed}`,
  ];
  const line = html("p", {}, words, " ", facts.filter(Boolean).join(" · "));
  const hint =
    status === "cut short"
      ? html(
          "p",
          { class: "faint" },
          "To continue it: ",
          html("code", {}, `alpaca-run resume ${current().directory}/${run.id}`),
        )
      : null;
  const links = [
    hasPredictions ? html("a", { href: link("images", { id: run.id }) }, "Images and predictions") : null,
    files.includes("report.html") ? html("a", { href: fileAddress(run.id, "report.html") }, "Report") : null,
  ].filter(Boolean);
  const metrics = Object.entries(best?.metrics ?? {}).map(([name, value]) =>
    html("div", {}, html("dt", {}, name), html("dd", {}, number(value))),
  );
  return [
    line,
    hint,
    metrics.length ? html("dl", { class: "figures" }, metrics) : null,
    best
      ? html("p", { class: "faint" }, `Validation set, best epoch: ${best.epoch} (${best.stage}), by ${best.by}`)
      : null,
    links.length ? html("p", { class: "links" }, links) : null,
  ].filter(Boolean);
}

function curvesSection(section, signal) {
  const score = chart("Score", signal);
  const loss = chart("Loss", signal);
  const rate = chart("Learning rate", signal);
  const epochs = epochTable();
  const bests = html("span");
  let history = null;
  let isLog = false;
  const log = checkbox("Logarithmic loss", false, (isOn) => {
    isLog = isOn;
    draw();
  });
  const draw = oncePerFrame(() => {
    section.hidden = history.epochs.size === 0 && history.stages.length === 0;
    const best = history.best();
    bests.textContent = `best epoch: ${best.map((one) => `${one.epoch} (${one.stage})`).join(", ")}`;
    const shared = { stages: history.stages, best: best.map((one) => one.epoch), last: history.last };
    const pair = (name) => [
      { name: "training", kind: "train", points: history.points(`train/${name}`) },
      { name: "validation", kind: "val", points: history.points(`val/${name}`) },
    ];
    score.rename(`${title(history.score)}${isLowerBetter(history.score) ? " (lower is better)" : ""}`);
    score.update({ ...shared, series: pair(history.score) });
    loss.update({ ...shared, series: pair("loss"), isLog });
    rate.update({
      ...shared,
      series: [{ name: "learning rate", kind: "plain", points: history.points("learning_rate") }],
    });
    epochs.show(history);
  });
  section.append(
    html("h2", {}, "Curves"),
    html("div", { class: "charts" }, loss.box, score.box, rate.box),
    html("p", { class: "faint" }, html("i", { class: "ring-key" }), bests),
    log,
    epochs.box,
  );
  section.hidden = true;
  return {
    show(next) {
      history = next;
      draw();
    },
  };
}

function warningList(box) {
  const list = html("ul", { class: "warnings" });
  const known = new Set();
  const clear = () => {
    known.clear();
    list.replaceChildren();
    box.replaceChildren();
  };
  return {
    clear,
    add(message) {
      if (known.has(message)) return;
      if (known.size === 0) box.replaceChildren(html("h2", {}, "Warnings"), list);
      known.add(message);
      list.append(html("li", {}, message));
    },
  };
}

function restOf(id, { values, measured, files, has_predictions }) {
  const sections = measured ? measuredSection(id, measured, has_predictions) : [];
  if (Object.keys(values ?? {}).length) sections.push(settingsSection(values));
  const made = [html("div", { class: "sections" }, sections)];
  if (files.length) {
    const links = files.map((path) =>
      html("li", {}, html("a", { href: fileAddress(id, path), title: path }, short(path, 70))),
    );
    made.push(
      html(
        "section",
        {},
        html("h2", {}, "Files"),
        html("p", { class: "faint" }, counted(files.length, "file")),
        html("ul", { class: "files" }, links),
      ),
    );
  }
  return made;
}
