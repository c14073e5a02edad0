// What was measured on a run's validation or test set: metrics, classes, and the confusion matrix.

import { link } from "./address.js";
import { html, wide } from "./dom.js";
import { number, short, whole } from "./format.js";
import { table } from "./table.js";

const NAME_LENGTH = 24;

/** The sections of the content of metrics.json. */
export function measuredSection(id, measured, hasPredictions) {
  const of = measured.n_images == null ? "" : `, ${whole(measured.n_images)} images`;
  const where = [
    measured.stage,
    measured.weights && `${measured.weights} weights`,
    measured.on && `${measured.on} set${of}`,
  ];
  const made = [html("h2", {}, "Measured"), html("p", { class: "faint" }, where.filter(Boolean).join(", "))];
  const sections = [html("section", {}, made, metricTable(measured))];
  const classes = measured.classes ?? [];
  const besides = html("section");
  if (classes.length) besides.append(html("h2", {}, "Classes"), classTable(classes));
  const matrix = measured.confusion_matrix;
  if (matrix?.length && matrix.length === classes.length) {
    const names = classes.map((one) => one.name);
    const note = hasPredictions
      ? "A row is a true class, a column a predicted one. A number is a link to its images."
      : "A row is a true class, a column a predicted one.";
    besides.append(
      html("h2", {}, "Confusion matrix"),
      html("p", { class: "faint" }, note),
      confusion(id, names, matrix, hasPredictions),
    );
  }
  if (besides.hasChildNodes()) sections.push(besides);
  return sections;
}

function metricTable(measured) {
  const rows = Object.entries(measured)
    .filter(([name, value]) => typeof value === "number" && name !== "n_images")
    .map(([name, value]) => [name, number(value), interval(measured[`${name}_interval`])]);
  return table(
    "Metrics",
    [{ name: "Metric" }, { name: "Value", isNumber: true }, { name: "95% interval", isNumber: true }],
    rows,
  );
}

function interval(ends) {
  return Array.isArray(ends) ? ends.map(number).join(" – ") : "";
}

function classTable(classes) {
  const all = new Set(classes.flatMap((one) => Object.keys(one)));
  const names = [...all].filter((name) => name !== "name" && classes.some((one) => one[name] != null));
  const heads = [{ name: "Class" }, ...names.map((name) => ({ name: name.replaceAll("_", " "), isNumber: true }))];
  const show = (value) => (Array.isArray(value) ? interval(value) : number(value));
  const made = table(
    "Classes",
    heads,
    classes.map((one) => [one.name, ...names.map((name) => show(one[name]))]),
  );
  made.classList.add("tall");
  return made;
}

// The shade of a cell is its share of the row, so that small classes are as visible as large ones.
function confusion(id, names, matrix, hasPredictions) {
  const heads = names.map((name) =>
    html("th", { scope: "col", title: name }, html("span", {}, short(name, NAME_LENGTH))),
  );
  const rows = matrix.map((row, truth) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    const cells = row.map((n, predicted) => confusionCell(id, names, truth, predicted, n, total, hasPredictions));
    return html("tr", {}, html("th", { scope: "row", title: names[truth] }, short(names[truth], NAME_LENGTH)), cells);
  });
  const corner = html("td", { class: "faint" }, "true \\ predicted");
  const made = html(
    "table",
    { class: `confusion${names.length > 8 ? " many" : ""}` },
    html("thead", {}, html("tr", {}, corner, heads)),
    html("tbody", {}, rows),
  );
  const box = wide("Confusion matrix", made);
  box.classList.add("tall");
  return box;
}

function confusionCell(id, names, truth, predicted, n, total, hasPredictions) {
  const kind = n === 0 ? "none-here" : truth === predicted ? "right" : "wrong";
  const about = `${whole(n)} of ${names[truth]} predicted as ${names[predicted]}`;
  const href = link("images", { id, true: names[truth], predicted: names[predicted] });
  const content = n > 0 && hasPredictions ? html("a", { href, title: about, "aria-label": about }, whole(n)) : whole(n);
  const made = html("td", { class: `n ${kind}` }, content);
  made.style.setProperty("--share", `${Math.round(8 + (42 * n) / (total || 1))}%`);
  return made;
}
