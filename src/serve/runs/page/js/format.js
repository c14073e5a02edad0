// Values as text.

const NAMES = new Map([
  ["mae", "Mean absolute error"],
  ["rmse", "Root mean squared error"],
  ["r2", "R²"],
  ["roc_auc", "ROC AUC"],
  ["macro_f1", "Macro F1"],
  ["n_images", "Images"],
]);

const BYTES = ["bytes", "kB", "MB", "GB", "TB"];
const when = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeStyle: "short", hour12: false });
const count = new Intl.NumberFormat("en-US");

/** A whole number with separators, such as 50,000. */
export function whole(value) {
  return count.format(value);
}

/** "1 run", "2 runs". */
export function counted(n, noun) {
  return `${whole(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** A measured number, as tables show it: 0.8500, 1.2e-5. */
export function number(value) {
  if (typeof value !== "number") return value == null ? "" : text(value);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size < 0.001 || size >= 100_000) return Number(value.toPrecision(3)).toExponential();
  return value.toFixed(size < 100 ? 4 : 2);
}

/** A value of a pipeline with few decimals: a sweep draws numbers such as 0.0009232213546180936. */
export function brief(value) {
  if (typeof value !== "number" || Number.isInteger(value)) return text(value);
  const rounded = Number(value.toPrecision(4));
  return Math.abs(rounded) < 0.001 ? rounded.toExponential() : String(rounded);
}

/** A name with a capital at its start, as a title. */
export function title(name) {
  if (NAMES.has(name)) return NAMES.get(name);
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

/** A value of a pipeline as text; a list is written with commas. */
export function text(value) {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map(text).join(", ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** A point in time in the time zone of the browser. */
export function time(iso) {
  const date = new Date(iso ?? NaN);
  return Number.isNaN(date.getTime()) ? "" : when.format(date);
}

/** A duration: "3.7 s", "12 min", "2 h 5 min". */
export function duration(seconds) {
  if (seconds == null) return "";
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A size: "2.3 MB". */
export function size(bytes) {
  if (bytes == null) return "";
  let unit = 0;
  let rest = bytes;
  for (; rest >= 1000 && unit < BYTES.length - 1; unit++) rest /= 1000;
  return `${unit ? rest.toFixed(1) : rest} ${BYTES[unit]}`;
}

/** Text of at most `most` characters, shortened in the middle: names differ at their ends. */
export function short(name, most) {
  const letters = Array.from(String(name));
  if (letters.length <= most) return letters.join("");
  const head = Math.floor((most - 1) / 2);
  return `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (most - 1 - head)).join("")}`;
}

/** Where a run is: "finetune, epoch 3 of 5". */
export function progress(now) {
  if (!now) return "";
  return `${now.stage}, epoch ${now.epoch}${now.n_epochs == null ? "" : ` of ${now.n_epochs}`}`;
}

/** Whether lower values of a metric are better. */
export function isLowerBetter(metric) {
  return /loss|mae$|rmse$|brier|calibration_error|^absolute error$/.test(metric);
}
