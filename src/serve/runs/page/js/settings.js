// The values of the resolved pipeline, with a search.

import { html, search } from "./dom.js";
import { text } from "./format.js";
import { table } from "./table.js";

/** The section of a run's pipeline values. */
export function settingsSection(values) {
  const entries = Object.entries(values).map(([path, value]) => [path, text(value)]);
  const made = table("Pipeline values", [{ name: "Pipeline value" }, { name: "Value" }], entries);
  const rows = [...made.querySelectorAll("tbody tr")];
  const none = html("p", { class: "faint", hidden: true }, "No pipeline value has this text.");
  const field = search("Search", "", (value) => {
    const wanted = value.trim().toLowerCase();
    rows.forEach((row, i) => (row.hidden = !entries[i].join("\n").toLowerCase().includes(wanted)));
    none.hidden = rows.some((row) => !row.hidden);
  });
  made.classList.add("tall");
  return html("section", {}, html("h2", {}, "Pipeline values"), html("div", { class: "bar" }, field), made, none);
}
