// The curves of several runs in the same charts.

import { chart } from "./curves.js";
import { html, select } from "./dom.js";
import { short } from "./format.js";

/** Runs with one color each; the runs after these have dashed lines. */
const N_COLORS = 6;
const NAME_LENGTH = 24;

/** The CSS classes of a run's color and line. */
export function runKind(i) {
  return `r${i % N_COLORS}${i >= N_COLORS ? " dashed" : ""}`;
}

/** The charts of runs, which are `{id, color, history}`; `color` is the place of the run among all. */
export function overlaySection(runs, signal) {
  const score = runs[0].history.score;
  const made = [`val/${score}`, "val/loss"].map((metric) => ({ metric, drawn: chart(metric, signal) }));
  const stages = [...new Set(runs.flatMap(({ history }) => history.stages.map((stage) => stage.name)))];
  const options = [["", "all epochs"], ...stages.map((name) => [name, `from the start of ${name}`])];

  // A stage may start at another epoch in each run, so its epochs are counted from its start.
  function draw(stage) {
    for (const { metric, drawn } of made) {
      const series = runs.map(({ id, color, history }) => {
        const before = stage ? (history.stages.find((one) => one.name === stage)?.first_epoch ?? 1) - 1 : 0;
        const points = history.points(metric, stage || null).map(([epoch, value]) => [epoch - before, value]);
        return { name: short(id, NAME_LENGTH), kind: runKind(color), points };
      });
      const last = Math.max(1, ...series.flatMap((one) => one.points.map(([epoch]) => epoch)));
      drawn.update({ series, stages: stage ? [] : sharedStages(runs), best: [], last });
    }
  }

  draw("");
  return html(
    "section",
    {},
    html("h2", {}, "Curves"),
    stages.length > 1 ? html("div", { class: "bar" }, select("Epochs", options, "", draw)) : null,
    html(
      "div",
      { class: "charts" },
      made.map(({ drawn }) => drawn.box),
    ),
  );
}

// Stages are marked only where all runs have them at the same epochs.
function sharedStages(runs) {
  const starts = runs.map(({ history }) =>
    JSON.stringify(history.stages.map((stage) => [stage.name, stage.first_epoch])),
  );
  return starts.every((one) => one === starts[0]) ? runs[0].history.stages : [];
}
