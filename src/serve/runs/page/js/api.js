// Requests to the server, and its events. Every failure becomes a sentence.

const RESTARTED = "alpaca-run serve was restarted: open the address that it prints.";
const LOST = "Connection lost; trying again.";
const RETRY = 2000;

const line = document.querySelector("#connection");
const troubles = new Map();

// Several requests may fail at once; the line is empty only after all of them work again.
function report(source, sentence) {
  if (sentence) troubles.set(source, sentence);
  else troubles.delete(source);
  const shown = [...troubles.values()].at(-1) ?? "";
  if (line.textContent !== shown) line.textContent = shown;
}

/** The address of a request, with the parameters encoded; a list becomes one parameter for each entry. */
export function address(path, parameters = {}) {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return pairs.length ? `${path}?${new URLSearchParams(pairs)}` : path;
}

/** The address of a file of a run. */
export function fileAddress(id, path) {
  const parts = `${id}/${path}`.split("/").map(encodeURIComponent);
  return `/files/${parts.join("/")}`;
}

/** The JSON answer of the server; an `Error` whose message is a sentence if there is none. */
export async function get(path, parameters, signal) {
  let answer;
  try {
    answer = await fetch(address(path, parameters), { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is alpaca-run serve still running?");
  }
  if (answer.status === 401) {
    report("session", RESTARTED);
    throw new Error(RESTARTED);
  }
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(content?.error ?? `The server answers with status ${answer.status}.`);
  if (content === null) throw new Error("The server's answer is not complete.");
  return content;
}

/**
 * Listens to server-sent events until `signal` ends. `handlers` are by event name and get the parsed
 * data; `opened` is called at every connection, with whether it is a later one. A handler that
 * returns `false` ends listening.
 */
export function listen(path, parameters, { handlers, opened }, signal) {
  let source = null;
  let timer = 0;
  let n_opened = 0;

  function connect() {
    source = new EventSource(address(path, parameters));
    source.addEventListener("open", () => {
      report(path, null);
      opened?.(n_opened++ > 0);
    });
    source.addEventListener("error", failed);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        if (handle(JSON.parse(event.data)) === false) stop();
      });
    }
  }

  // The browser tries again by itself, except after an answer that is no stream of events.
  async function failed() {
    report(path, LOST);
    if (source?.readyState !== EventSource.CLOSED) return;
    disconnect();
    await get("/api/runs", {}, signal).catch(() => null);
    if (!signal.aborted && !troubles.has("session")) timer = setTimeout(connect, RETRY);
  }

  function disconnect() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function stop() {
    disconnect();
    report(path, null);
    document.removeEventListener("visibilitychange", followVisibility);
  }

  // A browser allows six connections to a server in all its tabs, so a hidden one holds none.
  function followVisibility() {
    if (document.hidden) disconnect();
    else if (!source) connect();
  }

  signal.addEventListener("abort", stop);
  document.addEventListener("visibilitychange", followVisibility);
  if (!document.hidden) connect();
}
