// Thumbnails of images of a run's dataset.

import { address } from "./api.js";
import { html } from "./dom.js";
import { short } from "./format.js";

const NAME_LENGTH = 30;

/** A figure of an image with lines of text below it; a box in its place if the image is not available. */
export function thumbnail(id, path, ...lines) {
  const image = html("img", {
    src: address("/api/image", { id, path }),
    loading: "lazy",
    decoding: "async",
    alt: path,
    width: "160",
    height: "160",
  });
  image.addEventListener("error", () => image.replaceWith(html("div", { class: "none" }, "not available")));
  const name = html("span", { class: "name", title: path }, short(path, NAME_LENGTH));
  return html("figure", {}, image, html("figcaption", {}, name, lines));
}
