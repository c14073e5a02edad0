// The predictions of a run, whatever its target: one class, several labels, or a number for each image.

/** Predictions as the server sends them, with names for the columns that the views need. */
export class Predictions {
  constructor({ columns, rows, classes }) {
    const at = (...names) => names.map((name) => columns.indexOf(name)).find((i) => i >= 0) ?? -1;
    this.rows = rows;
    this.columns = columns;
    this.at = {
      path: at("path"),
      truth: at("label", "labels", "class", "target"),
      predicted: at("predicted"),
      correct: at("correct"),
    };
    this.isNumeric =
      typeof rows.find((row) => row[this.at.truth] != null)?.[this.at.truth] === "number" && !(classes?.length > 0);
    this.classes = classes?.length ? classes : [];
    this.probabilities = new Map(
      columns.flatMap((name, i) => (name.startsWith("probability/") ? [[name.slice(12), i]] : [])),
    );
    this.isSeveral = columns.includes("labels");
  }

  /** The path of the image. */
  path(row) {
    return String(row[this.at.path] ?? "");
  }

  /** The true class, labels or number. */
  truth(row) {
    return row[this.at.truth];
  }

  /** The predicted class, labels or number. */
  predicted(row) {
    return row[this.at.predicted];
  }

  /** Whether the prediction is wrong; false where the table does not say. */
  isWrong(row) {
    if (this.at.correct >= 0) return row[this.at.correct] === false;
    return (
      !this.isNumeric &&
      this.truth(row) != null &&
      this.predicted(row) != null &&
      this.truth(row) !== this.predicted(row)
    );
  }

  /** Whether a value of an image is this class, or has it among its labels. */
  has(value, name) {
    return this.isSeveral
      ? String(value ?? "")
          .split(";")
          .includes(name)
      : String(value ?? "") === name;
  }

  /** How sure the model was of the truth: the probability of the true class, the least one of several. */
  sureness(row) {
    if (this.isNumeric) return null;
    const names = this.isSeveral ? String(this.truth(row) ?? "").split(";") : [String(this.truth(row))];
    const found = names.map((name) => row[this.probabilities.get(name)]).filter((value) => typeof value === "number");
    return found.length ? Math.min(...found) : null;
  }

  /** The absolute error of a number. */
  error(row) {
    const error = Math.abs(this.predicted(row) - this.truth(row));
    return Number.isNaN(error) ? null : error;
  }
}
