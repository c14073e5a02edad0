// The predictions of a run, whatever its target: one class, several labels, or a number for each image.

/** Predictions as the server sends them, with names for the columns that the views need. */
export class Predictions {
  constructor({ kind, columns, rows, classes }) {
    const at = (...names) => names.map((name) => columns.indexOf(name)).find((i) => i >= 0) ?? -1;
    this.rows = rows;
    this.isNumeric = kind === "number";
    this.isSeveral = kind === "classes";
    this.at = {
      path: at("path"),
      truth: at("label", "labels", "class", "target"),
      predicted: at(this.isNumeric ? "estimate" : "predicted"),
      correct: at("correct"),
    };
    this.classes = this.isNumeric ? [] : (classes ?? []);
    this.probabilities = new Map(
      columns.flatMap((name, i) => (name.startsWith("probability/") ? [[name.slice(12), i]] : [])),
    );
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
    return row[this.at.correct] === false;
  }

  /** Whether a value of an image is this class, or has it among its labels. */
  has(value, name) {
    return this.isSeveral ? value.includes(name) : value === name;
  }

  /** The probability of a class. */
  probability(row, name) {
    return row[this.probabilities.get(name)];
  }

  /** How sure the model was of the truth: its probability; of several labels, that of the least sure class. */
  sureness(row) {
    const truth = this.truth(row);
    if (!this.isSeveral) return this.probability(row, truth) ?? null;
    const sure = [...this.probabilities.keys()].map((name) => {
      const probability = this.probability(row, name);
      return truth.includes(name) ? probability : 1 - probability;
    });
    return sure.length ? Math.min(...sure) : null;
  }

  /** The absolute error of a number. */
  error(row) {
    const error = Math.abs(this.predicted(row) - this.truth(row));
    return Number.isNaN(error) ? null : error;
  }
}
