// The table of runs: rows are made once and updated in place, so that the focus stays where it is.

import { link } from "./address.js";
import { chunked } from "./chunks.js";
import { NAME } from "./columns.js";
import { html, wide } from "./dom.js";
import { counted, number } from "./format.js";
import { isSelected } from "./selection.js";

const CHUNK = 60;

/**
 * A table of runs. `sort(column)` is called for a click on the head of a column, `select(id, isOn, event)` and
 * `selectAll(isOn)` for clicks on checkboxes. Returns `box`, `show(columns, sorting, items, isSame)`, `move(step)`,
 * `currentId()`, `hasFocus()` and `mark()`. Items are `{run}` or groups: `{group, runs}`; `isSame` says that only
 * the runs changed, not what is asked for.
 */
export function runsTable({ sort, select, selectAll }, signal) {
  const all = html("input", { type: "checkbox", "aria-label": "Select all runs shown" });
  all.addEventListener("change", () => selectAll(all.checked));
  const heads = html("tr");
  const body = html("tbody");
  const end = html("div", { class: "end-of-list", "aria-hidden": "true" });
  const box = wide("Runs", html("table", { class: "runs" }, html("thead", {}, heads), body), end);
  box.classList.add("tall");
  const rows = new Map();
  let columns = [];
  let shownColumns = "";
  let shownHeads = "";
  let current = null;
  let ids = [];
  const list = chunked({ container: body, end, size: CHUNK, make: element, root: box }, signal);

  function element(item) {
    return item.run ? rowOf(item.run).line : groupRow(item, columns);
  }

  function rowOf(run) {
    let row = rows.get(run.id);
    if (!row) rows.set(run.id, (row = makeRow(run.id, select, setCurrent)));
    if (row.run !== run) row.fill(run, columns);
    row.setCurrent(run.id === current);
    return row;
  }

  function setCurrent(id) {
    rows.get(current)?.setCurrent(false);
    current = id;
    rows.get(current)?.setCurrent(true);
  }

  function showHeads(sorting) {
    const made = [NAME, ...columns].map((column) => {
      const direction = sorting.id === column.id ? sorting.direction : 0;
      const aria = { 1: "ascending", [-1]: "descending", 0: null }[direction];
      const arrow = html("span", { class: "arrow", "aria-hidden": "true" }, { 1: "▲", [-1]: "▼", 0: "" }[direction]);
      const button = html(
        "button",
        { type: "button", "data-column": column.id, title: `Sort by ${column.name}`, onclick: () => sort(column) },
        column.short ?? column.name,
        arrow,
      );
      return html("th", { scope: "col", class: column.isNumber ? "n" : null, "aria-sort": aria }, button);
    });
    const focused = heads.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    heads.replaceChildren(html("th", { scope: "col", class: "pick" }, all), ...made);
    if (focused) heads.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus();
  }

  function show(nextColumns, sorting, items, isSame) {
    columns = nextColumns;
    const signature = JSON.stringify(columns.map((column) => [column.id, column.isNumber]));
    if (signature !== shownColumns) rows.clear();
    shownColumns = signature;
    ids = items.flatMap((item) => item.run?.id ?? []);
    if (!ids.includes(current)) current = ids[0] ?? null;
    const order = JSON.stringify([signature, sorting]);
    if (order !== shownHeads) showHeads(sorting);
    shownHeads = order;
    if (!isSame) box.scrollTop = 0;
    list.show(items, isSame);
    mark();
  }

  function mark() {
    for (const [id, row] of rows) row.setSelected(isSelected(id));
    const n = ids.filter(isSelected).length;
    all.checked = n > 0 && n === ids.length;
    all.indeterminate = n > 0 && n < ids.length;
  }

  function move(step) {
    const isIn = body.contains(document.activeElement);
    let next = rows.get(current)?.line;
    if (isIn) {
      do {
        if (step > 0 && !next?.nextElementSibling && !list.more()) return;
        next = step > 0 ? next?.nextElementSibling : next?.previousElementSibling;
      } while (next && !next.dataset.id);
    }
    if (!next) return;
    setCurrent(next.dataset.id);
    next.querySelector("a").focus();
    next.scrollIntoView({ block: "nearest" });
  }

  return { box, show, move, mark, currentId: () => current, hasFocus: () => body.contains(document.activeElement) };
}

// Only the current row can be reached by the Tab key: 500 runs are one stop, not 1,000.
function makeRow(id, select, setCurrent) {
  const box = html("input", { type: "checkbox", "aria-label": `Select ${id}` });
  box.addEventListener("click", (event) => select(id, box.checked, event));
  const name = html("a", { href: link("run", { id }), title: id }, id);
  const line = html("tr", { "data-id": id }, html("td", { class: "pick" }, box), html("th", { scope: "row" }, name));
  line.addEventListener("focusin", () => setCurrent(id));
  return {
    line,
    run: null,
    fill(run, columns) {
      this.run = run;
      while (line.children.length > 2) line.lastChild.remove();
      line.append(...columns.map((column) => runCell(column, run)));
    },
    setCurrent(isCurrent) {
      box.tabIndex = name.tabIndex = isCurrent ? 0 : -1;
    },
    setSelected(isOn) {
      box.checked = isOn;
      line.classList.toggle("selected", isOn);
    },
  };
}

function runCell(column, run) {
  const shown = column.show(run);
  if (column.id !== "status") return html("td", { class: column.isNumber ? "n" : null }, shown);
  const [word, more] = [run.status, shown.slice(run.status.length)];
  return html("td", { class: "status" }, html("span", { class: `badge ${word.replace(" ", "-")}` }, word), more);
}

// A group has the mean of each metric: runs that differ only by seed are compared by it.
function groupRow({ group, runs }, columns) {
  const cells = columns.map((column) => {
    const values = column.kind === "metric" ? runs.map(column.value).filter((value) => typeof value === "number") : [];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return html("td", { class: column.isNumber ? "n" : null }, values.length ? `mean ${number(mean)}` : "");
  });
  const head = html(
    "th",
    { scope: "rowgroup", colspan: "2" },
    `${group} `,
    html("span", { class: "faint" }, counted(runs.length, "run")),
  );
  return html("tr", { class: "group" }, head, cells);
}
