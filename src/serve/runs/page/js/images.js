// The view of a run's images with their predictions.

import { get } from "./api.js";
import { link, remember } from "./address.js";
import { chunked } from "./chunks.js";
import { order } from "./columns.js";
import { checkbox, html, oncePerFrame, search, select } from "./dom.js";
import { counted, number, whole } from "./format.js";
import { Predictions } from "./predictions.js";
import { thumbnail } from "./thumbnail.js";

const CHUNK = 60;

const sureness = (predictions, row) => predictions.sureness(row);
const error = (predictions, row) => predictions.error(row);
const ORDERS = {
  sure: { name: "least sure of the truth first", key: sureness, direction: 1, isNumeric: false },
  "-sure": { name: "surest of the truth first", key: sureness, direction: -1, isNumeric: false },
  error: { name: "largest error first", key: error, direction: -1, isNumeric: true },
  "-error": { name: "smallest error first", key: error, direction: 1, isNumeric: true },
};

/** Shows the images of the run that `id` names. */
export async function show(context, parameters) {
  const { root, signal } = context;
  const id = parameters.get("id") ?? "";
  context.title("Images", [id, link("run", { id })]);
  const summary = html("p", { class: "faint", role: "status" }, "Loading…");
  root.append(html("h1", {}, "Images of ", html("span", { title: id }, id)), summary);

  let predictions;
  try {
    predictions = new Predictions(await get("/api/predictions", { id }, signal));
  } catch (error) {
    summary.textContent = signal.aborted ? "" : error.message;
    return;
  }
  if (signal.aborted) return;
  const state = readState(parameters);
  const grid = html("div", { class: "images" });
  const end = html("div", { class: "end-of-list", "aria-hidden": "true" });
  const list = chunked({ container: grid, end, size: CHUNK, make: (row) => figure(id, predictions, row) }, signal);
  const paths = predictions.rows.map((row) => predictions.path(row).toLowerCase());
  const update = oncePerFrame(() => {
    const rows = found(predictions, paths, state);
    list.show(rows);
    const all = counted(predictions.rows.length, "image");
    summary.textContent = rows.length === predictions.rows.length ? all : `${whole(rows.length)} of ${all}`;
    remember("images", {
      id,
      q: state.text,
      true: state.truth,
      predicted: state.predicted,
      wrong: state.isWrong ? 1 : null,
      sort: state.sort,
    });
  });
  const set = (changes) => {
    Object.assign(state, changes);
    update();
  };
  root.append(controls(predictions, state, set), grid, end);
  update();
}

function readState(parameters) {
  return {
    text: parameters.get("q") ?? "",
    truth: parameters.get("true") ?? "",
    predicted: parameters.get("predicted") ?? "",
    isWrong: parameters.has("wrong"),
    sort: parameters.get("sort") ?? "",
  };
}

function controls(predictions, state, set) {
  const classes = [["", "all"], ...predictions.classes.map((name) => [name, name])];
  const bar = html(
    "div",
    { class: "bar" },
    search("Search in the path", state.text, (value) => set({ text: value })),
  );
  if (predictions.classes.length) {
    bar.append(
      select("True class", classes, state.truth, (value) => set({ truth: value })),
      select("Predicted class", classes, state.predicted, (value) => set({ predicted: value })),
    );
  }
  const orders = Object.entries(ORDERS).filter(([, one]) => one.isNumeric === predictions.isNumeric);
  const options = [["", "as in predictions.csv"], ...orders.map(([value, { name }]) => [value, name])];
  bar.append(select("Order", options, state.sort, (value) => set({ sort: value })));
  if (!predictions.isNumeric) bar.append(checkbox("Only wrong", state.isWrong, (value) => set({ isWrong: value })));
  return bar;
}

function found(predictions, paths, { text: wanted, truth, predicted, isWrong, sort }) {
  const part = wanted.trim().toLowerCase();
  const rows = predictions.rows.filter(
    (row, i) =>
      paths[i].includes(part) &&
      (!truth || predictions.has(predictions.truth(row), truth)) &&
      (!predicted || predictions.has(predictions.predicted(row), predicted)) &&
      (!isWrong || predictions.isWrong(row)),
  );
  const chosen = ORDERS[sort];
  if (!chosen) return rows;
  const compare = order(chosen.direction);
  const keyed = rows.map((row) => [chosen.key(predictions, row), row]);
  return keyed.sort((a, b) => compare(a[0], b[0])).map(([, row]) => row);
}

function figure(id, predictions, row) {
  const [truth, predicted] = [predictions.truth(row), predictions.predicted(row)];
  const line = (name, value, kind = null) =>
    html("span", { class: kind ? `line ${kind}` : "line" }, `${name} `, html("b", {}, value));
  if (predictions.isNumeric) {
    const lines = [line("true", number(truth)), line("estimate", number(predicted))];
    return thumbnail(id, predictions.path(row), ...lines, line("error", number(predictions.error(row))));
  }
  const given = [predicted].flat().map((name) => {
    const probability = predictions.probability(row, name);
    return typeof probability === "number" ? `${name} ${probability.toFixed(2)}` : name;
  });
  const isWrong = predictions.isWrong(row);
  const lines = [
    line("true", [truth].flat().join(", ") || "no label"),
    line("predicted", given.join(", ") || "no label", isWrong ? "worse" : "better"),
  ];
  if (isWrong) {
    const what = predictions.isSeveral ? "lowest probability of the truth" : "probability of the truth";
    lines.push(line(what, number(predictions.sureness(row))));
  }
  return thumbnail(id, predictions.path(row), ...lines);
}
