// The runs that are selected in the table; they stay selected while one looks at another view.

const selected = new Set();
let last = null;

/** The ids of the selected runs, in the order of their selection. */
export function selectedRuns() {
  return [...selected];
}

/** Whether a run is selected. */
export function isSelected(id) {
  return selected.has(id);
}

/** Selects a run or not; with `through`, a list of ids, also all runs from the one selected before. */
export function setSelected(id, isOn, through = null) {
  const ends = through?.includes(last) ? [through.indexOf(last), through.indexOf(id)] : null;
  const ids = ends ? through.slice(Math.min(...ends), Math.max(...ends) + 1) : [id];
  for (const one of ids) {
    if (isOn) selected.add(one);
    else selected.delete(one);
  }
  last = id;
}

/** Selects all of these runs, or none of them. */
export function setAll(ids, isOn) {
  for (const id of ids) {
    if (isOn) selected.add(id);
    else selected.delete(id);
  }
}

/** Forgets runs that are no longer there. */
export function keepOnly(runs) {
  for (const id of selected) if (!runs.has(id)) selected.delete(id);
}
