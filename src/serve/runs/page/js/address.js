// The state of a view is in the hash of the address, so that a link to it can be kept:
// `#run?id=finetune-2`.

/** The view and its parameters that an address names. */
export function parse(hash) {
  const [, view, query] = /^#?([^?]*)\??(.*)$/s.exec(hash);
  return { view: view || "runs", parameters: new URLSearchParams(query) };
}

/** The hash of a view. Empty values are left out, and a list becomes one parameter for each entry. */
export function link(view, parameters = {}) {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const query = new URLSearchParams(pairs.filter(([, value]) => value != null && value !== "" && value !== false));
  return query.size ? `#${view}?${query}` : `#${view}`;
}

// Browsers refuse hundreds of changes in a short time, so typing changes the address when it pauses.
const PAUSE = 250;
let timer = 0;

/** Changes the address to that of the present state of a view, without a new entry in the history. Returns the hash. */
export function remember(view, parameters) {
  const hash = link(view, parameters);
  const before = location.hash;
  clearTimeout(timer);
  timer = setTimeout(() => {
    // Meanwhile one may have gone to another view.
    if (location.hash === before && before !== hash) history.replaceState(null, "", hash);
  }, PAUSE);
  return hash;
}
