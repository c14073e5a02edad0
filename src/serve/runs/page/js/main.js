// Chooses the view that the address names, and handles the keys that all views share.

import { parse } from "./address.js";
import { html, isTyping } from "./dom.js";
import { short } from "./format.js";
import { start } from "./store.js";
import * as axes from "./axes.js";
import * as compare from "./compare.js";
import * as images from "./images.js";
import * as run from "./run.js";
import * as runs from "./runs.js";

const VIEWS = { runs, run, images, compare, axes };

const main = document.querySelector("#main");
const home = document.querySelector("#home");
const trail = document.querySelector("#trail");
const keys = document.querySelector("#keys");

let ending = new AbortController();
let shown = null;

function route() {
  const { view, parameters } = parse(location.hash);
  // "Skip to the content" is a link in the page, not a view.
  if (view === "main") return;
  ending.abort();
  ending = new AbortController();
  const module = VIEWS[view] ?? runs;
  const hasCome = shown !== null;
  shown = { keys: {}, parent: null };
  const context = {
    root: main,
    signal: ending.signal,
    title,
    setKeys: (map) => (shown.keys = map),
    setHome: (hash) => (home.href = hash),
  };
  main.replaceChildren();
  module.show(context, parameters);
  if (hasCome) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

// The title of the view in the window, and the way to it in the header: `[text, address]` pairs.
function title(text, ...way) {
  document.title = `${text} – alpaca-run`;
  shown.parent = way.at(-1)?.[1] ?? (text === "Runs" ? null : home.getAttribute("href"));
  const links = way.flatMap(([name, href]) => [html("a", { href, title: name }, short(name, 40)), " / "]);
  trail.replaceChildren(...(text === "Runs" ? [] : ["/ ", ...links, html("span", { title: text }, short(text, 60))]));
  if (text === "Runs") home.setAttribute("aria-current", "page");
  else home.removeAttribute("aria-current");
}

function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  if (event.key === "Escape") {
    if (isTyping(event.target)) event.target.blur();
    else if (shown.parent) location.hash = shown.parent;
    return;
  }
  if (isTyping(event.target)) return;
  if (event.key === "?") showKeys();
  else if (event.key === "/") main.querySelector(".search")?.focus();
  else if (shown.keys[event.key]?.(event) !== true) return;
  event.preventDefault();
}

function showKeys() {
  keys.showModal();
}

addEventListener("hashchange", route);
document.addEventListener("keydown", press);
document.querySelector("#show-keys").addEventListener("click", showKeys);
route();
start(new AbortController().signal);
