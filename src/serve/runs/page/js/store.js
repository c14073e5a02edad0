// All runs, kept up to date by the server's events.

import { get, listen } from "./api.js";

const store = { runs: new Map(), keys: [], directory: "", isLoaded: false, error: null };
const watchers = new Set();

/** Fetches all runs, and follows their changes until `signal` ends. */
export function start(signal) {
  refresh();
  listen("/api/changes", {}, { handlers: { runs: change }, opened: (isAgain) => isAgain && refresh() }, signal);
}

/** The runs and what they share: `runs` (by id), `keys`, `directory`, `isLoaded`, `error` (a sentence). */
export function current() {
  return store;
}

/** Calls `act` with the ids that changed, after each change, until `signal` ends. */
export function watch(act, signal) {
  watchers.add(act);
  signal.addEventListener("abort", () => watchers.delete(act));
}

async function refresh() {
  const before = [...store.runs.keys()];
  try {
    const { runs_dir, keys, runs } = await get("/api/runs");
    store.directory = runs_dir;
    store.keys = keys;
    store.runs = new Map(runs.map((run) => [run.id, run]));
    store.isLoaded = true;
    store.error = null;
  } catch (error) {
    store.error = error.message;
  }
  tell(new Set([...before, ...store.runs.keys()]));
}

function change({ runs, removed, keys }) {
  // Known runs may have values of a key that was the same in all runs until now.
  if (keys.some((key) => !store.keys.includes(key))) {
    refresh();
    return;
  }
  store.keys = keys;
  for (const id of removed) store.runs.delete(id);
  for (const run of runs) store.runs.set(run.id, run);
  tell(new Set([...removed, ...runs.map((run) => run.id)]));
}

function tell(changed) {
  for (const act of watchers) act(changed);
}
