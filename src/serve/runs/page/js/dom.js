// Small helpers to make elements. Data becomes text or attribute values, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

/** An HTML element; an attribute `onclick` is a listener, and `null` leaves an attribute or child out. */
export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element, made like that of `html`. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A box in which a wide table or chart scrolls, so that the page itself never does. */
export function wide(label, ...children) {
  return html("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label }, children);
}

/** A `<select>` of `[value, text]` pairs, with its label; `change` gets the chosen value. */
export function select(label, options, chosen, change) {
  const made = options.map(([value, text]) => html("option", { value, selected: value === chosen }, text));
  const field = html("select", { onchange: () => change(field.value) }, made);
  return html("label", { class: "field" }, html("span", {}, label), field);
}

/** A checkbox with its label; `change` gets whether it is checked. */
export function checkbox(label, checked, change) {
  const box = html("input", { type: "checkbox", checked, onchange: () => change(box.checked) });
  return html("label", { class: "check" }, box, html("span", {}, label));
}

/** A search field with its label; `change` gets the text. The key `/` goes to the field with the class `search`. */
export function search(label, text, change) {
  const field = html("input", {
    type: "search",
    class: "search",
    value: text,
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => change(field.value),
  });
  return html("label", { class: "field grow" }, html("span", {}, label), field);
}

/** Whether a key press belongs to the element that has it, so that it is not a shortcut. */
export function isTyping(target) {
  return target.matches?.("input:not([type=checkbox]), select, textarea") ?? false;
}

/** Calls `act` at most once a frame, however often the result is called. */
export function oncePerFrame(act) {
  let frame = 0;
  return () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      act();
    });
  };
}
