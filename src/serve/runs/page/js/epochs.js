// The table of epochs below the curves.

import { html } from "./dom.js";
import { counted, number } from "./format.js";
import { table, tableRow } from "./table.js";

/** A table of all epochs that unfolds; it is made only when it is open, and grows with the run. */
export function epochTable() {
  const summary = html("summary", {}, "Epochs");
  const box = html("details", {}, summary);
  let history = null;
  let heads = [];
  let rows = new Map();

  box.addEventListener("toggle", draw);

  function draw() {
    if (!box.open || !history) return;
    const names = ["epoch", "stage", ...history.columns];
    if (names.join("\n") !== heads.map((head) => head.name).join("\n")) {
      heads = names.map((name) => ({ name, isNumber: name !== "stage" }));
      rows = new Map();
      box.replaceChildren(summary, table("Epochs", heads, []));
      box.lastChild.classList.add("tall");
    }
    const body = box.querySelector("tbody");
    const best = new Set(history.best());
    for (const one of history.all) {
      const known = rows.get(one.epoch);
      if (known?.one !== one) {
        const line = tableRow(heads, [
          String(one.epoch),
          one.stage,
          ...history.columns.map((name) => number(one.metrics[name])),
        ]);
        if (known) known.line.replaceWith(line);
        else body.append(line);
        rows.set(one.epoch, { one, line });
      }
      rows.get(one.epoch).line.classList.toggle("best", best.has(one));
    }
  }

  return {
    box,
    show(next) {
      if (next !== history) heads = [];
      history = next;
      summary.textContent = `Table of ${counted(history.epochs.size, "epoch")}`;
      draw();
    },
  };
}
