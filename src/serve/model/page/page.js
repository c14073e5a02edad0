// Sends images to the model, and shows what it says.

const byId = (id) => document.getElementById(id);

/** Makes an element with text or children. */
function make(tag, content, attributes = {}) {
  const element = document.createElement(tag);
  element.append(...[content].flat());
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** A table of classes, each with its probability. */
function classes(list) {
  const rows = list.map(({ name, probability }) =>
    make("tr", [
      make("th", name, { scope: "row" }),
      make("td", make("meter", [], { value: probability, "aria-label": name }), { class: "share" }),
      make("td", probability.toFixed(4)),
    ]),
  );
  return make("table", make("tbody", rows));
}

/** What the model says about an image. */
function said(answer) {
  if (answer.error) return make("p", `not a readable image: ${answer.error}`, { class: "bad" });
  if ("number" in answer) return make("p", `${answer.name}: ${answer.number.toPrecision(6)}`);
  const parts = answer.predicted ? [make("p", answer.predicted)] : [];
  parts.push(answer.classes.length ? classes(answer.classes) : make("p", "no label"));
  return make("div", parts);
}

/** Shows an image with its answer, above those of earlier images. */
function show(file, answer) {
  const image = make("img", [], { alt: "" });
  image.src = URL.createObjectURL(file);
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  const text = make("div", [make("p", file.name, { class: "faint" }), said(answer)]);
  byId("answers").prepend(make("li", [image, text]));
}

/** Sends files one by one, so that the first answer is there at once. */
async function send(files) {
  const status = byId("status");
  status.className = "";
  for (const [at, file] of files.entries()) {
    status.textContent = `Classifying ${at + 1} of ${files.length}`;
    try {
      if (file.size === 0) throw new Error("the file is empty");
      const response = await fetch("/predict", {
        method: "POST",
        body: file,
        headers: { "Content-Type": "application/octet-stream" },
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      show(file, answer.predictions[0]);
    } catch (error) {
      status.className = "bad";
      status.textContent = `${file.name}: ${error instanceof TypeError ? "the server does not answer" : error.message}`;
      return;
    }
  }
  status.textContent = files.length === 1 ? "1 image classified" : `${files.length} images classified`;
}

/** The files of an event, if it brings some. */
function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

const drop = byId("drop");
byId("files").addEventListener("change", (event) => {
  send([...event.target.files]);
  event.target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") send(filesOf(event.dataTransfer));
  });
}
document.addEventListener("paste", (event) => {
  const files = filesOf(event.clipboardData);
  if (files.length) send(files);
});

byId("command").textContent = `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' ${location.origin}/predict`;
const model = await (await fetch("/model")).json();
byId("model").textContent = document.title = model.model;
byId("about").textContent =
  model.target === "number" ? `Estimates ${model.classes[0]}` : `Classes: ${model.classes.join(", ")}`;
