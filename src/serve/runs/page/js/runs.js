// The view of all runs: filter, grouping, columns and selection above their table.

import { link, remember } from "./address.js";
import { columnsOf, NAME, order, status, storeColumns, storedColumns, usualColumns } from "./columns.js";
import { checkbox, html, oncePerFrame, search, select } from "./dom.js";
import { counted, text, whole } from "./format.js";
import { keepOnly, selectedRuns, setAll, setSelected } from "./selection.js";
import { runsTable } from "./runs_table.js";
import { current, watch } from "./store.js";

const STATUSES = ["finished", "running", "cut short", "broken"];
/** More curves than this in one chart cannot be told apart. */
const MOST_COMPARED = 12;

/** Shows the table of all runs. */
export function show(context, parameters) {
  const { root, signal } = context;
  const store = current();
  const state = readState(parameters);
  const table = runsTable({ sort, select: pick, selectAll }, signal);
  const heading = html("h1", {}, "Runs");
  const summary = html("p", { class: "faint", role: "status" });
  const bar = html("div", { class: "bar" });
  const chooser = html("details", { class: "chooser" });
  const actions = html("div", { class: "bar actions" });
  const empty = html("div");
  let columns = [];
  let items = [];
  let controls = "";
  let shownState = "";

  context.title("Runs");
  root.append(heading, summary, bar, chooser, actions, table.box, empty);
  context.setKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => table.hasFocus() && step(1),
    ArrowUp: () => table.hasFocus() && step(-1),
    " ": toggleCurrent,
    c: () => follow("compare"),
    p: () => follow("axes"),
    Enter: () => {
      if (table.hasFocus() && table.currentId() !== null) location.hash = link("run", { id: table.currentId() });
      return table.hasFocus();
    },
  });
  const redraw = oncePerFrame(update);
  watch(redraw, signal);
  update();

  function update() {
    if (signal.aborted) return;
    const runs = [...store.runs.values()];
    keepOnly(store.runs);
    columns = columnsOf(runs, store.keys);
    showControls(runs);
    const shown = shownColumns();
    const found = sorted(filtered(runs, state, shown), state, [NAME, ...columns]);
    items = state.group ? grouped(found, state.group) : found.map((run) => ({ run }));
    const asked = JSON.stringify(state);
    table.show(shown, state.sorting, items, asked === shownState);
    shownState = asked;
    showEmpty(runs);
    const all = counted(runs.length, "run");
    summary.textContent = store.isLoaded
      ? `${found.length === runs.length ? all : `${whole(found.length)} of ${all}`} in ${store.directory}`
      : "";
    showActions();
    context.setHome(remember("runs", addressOf(state)));
  }

  function showEmpty(runs) {
    for (const part of [bar, chooser, table.box]) part.hidden = runs.length === 0;
    if (store.error) empty.replaceChildren(html("p", { class: "worse" }, store.error));
    else if (!store.isLoaded) empty.replaceChildren(html("p", { class: "faint" }, "Loading…"));
    else if (runs.length > 0)
      empty.replaceChildren(items.length > 0 ? "" : "No run has these words in its cells, and this status.");
    else {
      const command = html("pre", {}, html("code", {}, "alpaca-run PIPELINE"));
      empty.replaceChildren(
        html("p", {}, `There is no run in ${store.directory} yet. This command starts one, and it then appears here:`),
        command,
      );
    }
  }

  // The controls are made anew only if there are other runs, statuses or columns to choose from.
  function showControls(runs) {
    const counts = STATUSES.map((one) => [one, runs.filter((run) => run.status === one).length]);
    const now = JSON.stringify([counts, columns.map((column) => column.id)]);
    if (now === controls || bar.contains(document.activeElement)) return;
    controls = now;
    const statuses = counts
      .filter(([one, n]) => n > 0 || one === state.status)
      .map(([one, n]) => [one, `${one} (${n})`]);
    const groups = store.keys.map((key) => [key, key]);
    bar.replaceChildren(
      search("Filter", state.filter, (value) => set({ filter: value })),
      select("Status", [["", "all"], ...statuses], state.status, (value) => set({ status: value })),
      select("Group by", [["", "nothing"], ...groups], state.group, (value) => set({ group: value })),
    );
    showChooser();
  }

  function showChooser() {
    const shown = new Set(shownColumns().map((column) => column.id));
    const field = (name, kind) => {
      const boxes = columns
        .filter((column) => column.kind === kind)
        .map((column) => checkbox(column.name, shown.has(column.id), (isOn) => choose(column.id, isOn)));
      return boxes.length ? html("fieldset", {}, html("legend", {}, name), boxes) : null;
    };
    const reset = html("button", { type: "button", onclick: () => choose(null) }, "Usual columns");
    const fields = [field("Run", undefined), field("Metrics", "metric"), field("Pipeline values", "value"), reset];
    chooser.replaceChildren(html("summary", {}, "Columns"), ...fields.filter(Boolean));
  }

  function choose(id, isOn) {
    const shown = new Set(shownColumns().map((column) => column.id));
    if (isOn) shown.add(id);
    else shown.delete(id);
    state.columns = id === null ? null : columns.map((column) => column.id).filter((one) => shown.has(one));
    storeColumns(state.columns);
    if (id === null) showChooser();
    update();
  }

  function shownColumns() {
    const ids = new Set(state.columns ?? usualColumns(columns));
    return columns.filter((column) => ids.has(column.id));
  }

  function showActions() {
    const ids = selectedRuns();
    const finished = ids.filter((id) => store.runs.get(id)?.status === "finished");
    const isFit = finished.length >= 2 && ids.length <= MOST_COMPARED;
    const why =
      ids.length > MOST_COMPARED
        ? `at most ${MOST_COMPARED} runs can be compared`
        : "select 2 finished runs or more to compare them";
    const clear = () => {
      setAll(ids, false);
      table.mark();
      showActions();
    };
    actions.replaceChildren(
      html("button", { type: "button", disabled: !isFit, onclick: () => follow("compare") }, "Compare"),
      html("button", { type: "button", disabled: store.runs.size < 2, onclick: () => follow("axes") }, "Parallel axes"),
      html(
        "span",
        { class: "faint" },
        ids.length ? `${counted(ids.length, "run")} selected${isFit ? "" : `; ${why}`}` : why,
      ),
      ...(ids.length ? [html("button", { type: "button", class: "plain", onclick: clear }, "Clear")] : []),
    );
  }

  function follow(view) {
    const ids = selectedRuns();
    const button = actions.children[view === "compare" ? 0 : 1];
    if (!button.disabled) location.hash = link(view, { id: ids });
    return true;
  }

  function set(changes) {
    Object.assign(state, changes);
    redraw();
  }

  // The first click shows the best values of a metric, and the smallest of others.
  function sort(column) {
    const first = column.kind === "metric" && !column.isLowerBetter ? -1 : 1;
    const isSame = state.sorting.id === column.id;
    set({ sorting: { id: column.id, direction: isSame ? -state.sorting.direction : first } });
  }

  function pick(id, isOn, event) {
    const ids = items.flatMap((item) => item.run?.id ?? []);
    setSelected(id, isOn, event.shiftKey ? ids : null);
    table.mark();
    showActions();
  }

  function selectAll(isOn) {
    setAll(
      items.flatMap((item) => item.run?.id ?? []),
      isOn,
    );
    table.mark();
    showActions();
  }

  function toggleCurrent(event) {
    if (!table.hasFocus() || event.target.type === "checkbox") return false;
    pick(table.currentId(), !selectedRuns().includes(table.currentId()), event);
    return true;
  }

  function step(by) {
    table.move(by);
    return true;
  }
}

function readState(parameters) {
  const sort = parameters.get("sort") ?? "-when";
  const direction = sort.startsWith("-") ? -1 : 1;
  return {
    filter: parameters.get("filter") ?? "",
    status: parameters.get("status") ?? "",
    group: parameters.get("group") ?? "",
    sorting: { id: sort.replace(/^-/, ""), direction },
    columns: parameters.has("column") ? parameters.getAll("column") : storedColumns(),
  };
}

function addressOf({ filter, status, group, sorting, columns }) {
  const sort = `${sorting.direction < 0 ? "-" : ""}${sorting.id}`;
  return { filter, status, group, sort: sort === "-when" ? null : sort, column: columns ?? [] };
}

// A run is shown if each word is in one of its cells.
function filtered(runs, { filter, status: wanted }, columns) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter((run) => {
    if (wanted && run.status !== wanted) return false;
    if (words.length === 0) return true;
    const cells = searched(run, columns);
    return words.every((word) => cells.includes(word));
  });
}

// The text of a row, made once for each state of a run and choice of columns.
const texts = new WeakMap();

function searched(run, columns) {
  const ids = columns.map((column) => column.id).join();
  const known = texts.get(run);
  if (known?.ids === ids) return known.text;
  const made = [run.id, status(run), ...columns.map((column) => column.show(run))].join("\n").toLowerCase();
  texts.set(run, { ids, text: made });
  return made;
}

function sorted(runs, { sorting }, columns) {
  const column = columns.find((one) => one.id === sorting.id);
  if (!column) return runs;
  const compare = order(sorting.direction);
  return runs
    .map((run) => [column.value(run), run])
    .sort((a, b) => compare(a[0], b[0]))
    .map(([, run]) => run);
}

// Groups are in the order of their values; the runs in a group keep theirs.
function grouped(runs, key) {
  const groups = new Map();
  for (const run of runs) {
    const value = text(run.values[key]);
    if (!groups.has(value)) groups.set(value, []);
    groups.get(value).push(run);
  }
  const ordered = [...groups].sort(([a], [b]) => order(1)(a || null, b || null));
  return ordered.flatMap(([value, members]) => [
    { group: `${key}: ${value || "none"}`, runs: members },
    ...members.map((run) => ({ run })),
  ]);
}
