// Images that two runs predict differently, with both predictions.

import { chunked } from "./chunks.js";
import { html, select } from "./dom.js";
import { counted, short, text, whole } from "./format.js";
import { thumbnail } from "./thumbnail.js";

const CHUNK = 40;
const NAME_LENGTH = 28;
const KINDS = {
  better: "better: only the second is right",
  worse: "worse: only the first is right",
  other: "other: both are wrong",
};

/** The section of the flipped images of a pair of runs. */
export function flipsSection(first, second, { flips = [], images = {} }, signal) {
  const section = html(
    "section",
    {},
    html(
      "h2",
      { title: `${first} and ${second}` },
      `Flipped images: ${short(first, NAME_LENGTH)} and ${short(second, NAME_LENGTH)}`,
    ),
  );
  const [n_first, n_second, n_shared] = images.n_validation ?? [];
  if (n_shared != null && (n_shared !== n_first || n_shared !== n_second)) {
    section.append(
      html(
        "p",
        { class: "faint" },
        `The validation sets differ: they have ${whole(n_first)} and ${whole(n_second)} images, and share ${whole(n_shared)}. Only these are compared.`,
      ),
    );
  }
  if (flips.length === 0) {
    section.append(html("p", {}, "No image has another prediction."));
    return section;
  }
  const grid = html("div", { class: "images pairs" });
  const end = html("div", { class: "end-of-list", "aria-hidden": "true" });
  const summary = html("p", { class: "faint", role: "status" });
  const list = chunked({ container: grid, end, size: CHUNK, make: (flip) => figure(first, second, flip) }, signal);
  const kinds = flips.map(kindOf);
  const options = Object.entries(KINDS).map(([kind, name]) => [
    kind,
    `${name} (${whole(kinds.filter((one) => one === kind).length)})`,
  ]);
  const show = (wanted) => {
    const shown = flips.filter((_, i) => !wanted || kinds[i] === wanted);
    list.show(shown);
    summary.textContent = `${counted(shown.length, "image")} with another prediction`;
  };
  section.append(
    html("div", { class: "bar" }, select("Show", [["", `all (${whole(flips.length)})`], ...options], "", show)),
    summary,
    grid,
    end,
  );
  show("");
  return section;
}

function kindOf({ label, predicted }) {
  const [before, after] = predicted.map(nameOf);
  if (after === label && before !== label) return "better";
  return before === label && after !== label ? "worse" : "other";
}

// A prediction is a class with its probability; for numbers it is the number itself.
function nameOf(predicted) {
  return Array.isArray(predicted) ? predicted[0] : predicted;
}

function figure(first, second, { path, label, predicted }) {
  const one = (id, prediction) => {
    const name = nameOf(prediction);
    const probability =
      Array.isArray(prediction) && typeof prediction[1] === "number" ? ` ${prediction[1].toFixed(2)}` : "";
    const kind = name === label ? "better" : "worse";
    return html(
      "span",
      {},
      html("span", { class: "name", title: id }, id),
      html("b", { class: kind }, `${text(name)}${probability}`),
    );
  };
  const truth = html("span", { class: "line" }, "true ", html("b", {}, text(label)));
  return thumbnail(
    first,
    path,
    truth,
    html("span", { class: "beside" }, one(first, predicted[0]), one(second, predicted[1])),
  );
}
