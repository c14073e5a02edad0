// Tables of a fixed content, such as metrics and settings.

import { html, wide } from "./dom.js";

/** A table cell: right-aligned for a number; `value` is text or an element. */
export function cell(value, isNumber, kind = null) {
  const classes = [isNumber ? "n" : null, kind].filter(Boolean).join(" ");
  return html("td", { class: classes || null }, value);
}

/**
 * A table in a box that scrolls. `heads` are `{name, isNumber}`; a row is a list of text, elements, or
 * `{value, kind}`, where `kind` is a CSS class. The first cell of a row is its heading.
 */
export function table(label, heads, rows) {
  const made = heads.map(({ name, isNumber }) => html("th", { scope: "col", class: isNumber ? "n" : null }, name));
  const body = html(
    "tbody",
    {},
    rows.map((row) => tableRow(heads, row)),
  );
  return wide(label, html("table", {}, html("thead", {}, html("tr", {}, made)), body));
}

/** A row of such a table. */
export function tableRow(heads, row) {
  const cells = row.map((value, i) => {
    if (i === 0) return html("th", { scope: "row", class: heads[0].isNumber ? "n" : null }, value);
    return value?.kind === undefined
      ? cell(value, heads[i].isNumber)
      : cell(value.value, heads[i].isNumber, value.kind);
  });
  return html("tr", {}, cells);
}
