// The view that compares runs: is the difference more than chance, and what differs?

import { get } from "./api.js";
import { link } from "./address.js";
import { html } from "./dom.js";
import { isLowerBetter, number, short, text } from "./format.js";
import { flipsSection } from "./flips.js";
import { History } from "./history.js";
import { overlaySection, runKind } from "./overlay.js";
import { table } from "./table.js";

const NAME_LENGTH = 32;

/** Compares the runs that the `id`s name with the first of them. */
export async function show(context, parameters) {
  const { root, signal } = context;
  const ids = [...new Set(parameters.getAll("id"))];
  context.title("Compare");
  root.append(html("h1", {}, "Compare runs"), legend(ids));
  const [differences, curves] = [html("div"), html("div")];
  root.append(differences, curves);
  if (ids.length < 2) {
    differences.append(html("p", {}, "Select 2 finished runs or more in the table of runs, then press Compare."));
    return;
  }
  differences.append(html("p", { class: "faint", role: "status" }, "Comparing…"));
  // The curves of runs are shown even if they cannot be compared, because one is not finished.
  showCurves(ids, curves, signal);
  try {
    const compared = await get("/api/compare", { id: ids }, signal);
    differences.replaceChildren(sentences(compared));
    root.append(...sections(ids, compared, signal));
  } catch (error) {
    if (!signal.aborted) differences.replaceChildren(html("p", { class: "worse" }, error.message));
  }
}

async function showCurves(ids, box, signal) {
  const answers = await Promise.allSettled(ids.map((id) => get("/api/run", { id }, signal)));
  if (signal.aborted) return;
  const runs = answers.flatMap(({ value }, i) =>
    value ? [{ id: ids[i], color: i, history: new History(value) }] : [],
  );
  if (runs.length) box.append(overlaySection(runs, signal));
}

// The runs with their colors. Any of them can become the one that the others are compared with.
function legend(ids) {
  const items = ids.map((id, i) => {
    const rest = [id, ...ids.filter((other) => other !== id)];
    const first = html("a", { href: link("compare", { id: rest }), class: "faint" }, "compare with this");
    return html(
      "li",
      {},
      html("i", { class: `swatch ${runKind(i)}` }),
      html("a", { href: link("run", { id }), title: id }, id),
      " ",
      i === 0 ? html("span", { class: "faint" }, "the others are compared with it") : first,
    );
  });
  return html("ul", { class: "legend" }, items);
}

function sentences({ text: lines = [], is_same }) {
  const all = lines.length
    ? lines
    : [is_same ? "The runs are the same." : "There is no test of the difference for these runs."];
  return html(
    "section",
    {},
    html("h2", {}, "More than chance?"),
    all.map((line) => html("p", { class: "verdict" }, line)),
  );
}

function sections(ids, compared, signal) {
  const made = [metricsSection(ids, compared.metrics ?? []), valuesSection(ids, compared)];
  for (const [i, pair] of (compared.pairs ?? []).entries()) made.push(flipsSection(ids[0], ids[i + 1], pair, signal));
  return made;
}

function metricsSection(ids, metrics) {
  const changed = metrics.filter((metric) => metric.differs);
  const heads = [
    { name: "Metric" },
    ...ids.map((id) => ({ name: short(id, NAME_LENGTH), isNumber: true })),
    ...(ids.length === 2 ? [{ name: "Change", isNumber: true }] : []),
  ];
  const row = ({ metric, values, change }) => {
    const cells = values.map((value, i) => ({
      value: number(value),
      kind: i === 0 ? "" : verdict(metric, value - values[0]),
    }));
    const last =
      ids.length === 2
        ? [{ value: change == null ? "" : `${change > 0 ? "+" : ""}${number(change)}`, kind: verdict(metric, change) }]
        : [];
    return [metric, ...cells, ...last];
  };
  // First what the final weights do, then the epochs on the way there.
  const measured = changed.filter((metric) => metric.path !== "metrics.csv");
  const epochs = changed.filter((metric) => metric.path === "metrics.csv");
  const section = html("section", {}, html("h2", {}, "Changed metrics"));
  if (changed.length === 0) section.append(html("p", {}, "No metric differs."));
  if (measured.length) section.append(table("Changed metrics", heads, measured.map(row)));
  if (epochs.length) {
    section.append(
      html(
        "details",
        { open: measured.length === 0 },
        html("summary", {}, "Best and last epochs of the stages"),
        table("Changed metrics of epochs", heads, epochs.map(row)),
      ),
    );
  }
  return section;
}

function verdict(metric, change) {
  if (!change || /(^|\/)epoch$/.test(metric)) return "";
  return change < 0 === isLowerBetter(metric) ? "better" : "worse";
}

function valuesSection(ids, { values = [], environment = [] }) {
  const heads = [{ name: "Pipeline value" }, ...ids.map((id) => ({ name: short(id, NAME_LENGTH) }))];
  const rows = (entries) =>
    entries.map((one) => [one.path ?? one.name, ...one.values.map((value) => (value == null ? "–" : text(value)))]);
  const changed = values.filter((value) => value.differs);
  const around = environment.filter((value) => value.differs);
  const section = html("section", {}, html("h2", {}, "Changed pipeline values"));
  section.append(
    changed.length
      ? table("Changed pipeline values", heads, rows(changed))
      : html("p", {}, "No pipeline value differs."),
  );
  if (around.length)
    section.append(
      html(
        "details",
        {},
        html("summary", {}, "Other differences"),
        table("Other differences", [{ name: "Fact" }, ...heads.slice(1)], rows(around)),
      ),
    );
  return section;
}
