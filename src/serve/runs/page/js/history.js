// The epochs of a run: from the table that the server sends, and then from events.

import { isLowerBetter } from "./format.js";

/** The metrics that are a run's score, the first that a run has. */
const SCORES = ["accuracy", "subset_accuracy", "mae"];

/** The epochs and stages of a run, in order. */
export class History {
  constructor({ run, values, stages, columns, rows }) {
    this.values = values;
    this.by = run.best?.by ?? "val/loss";
    this.stages = stages.map((stage) => ({ ...stage }));
    this.columns = columns.filter((column) => column !== "stage" && column !== "epoch");
    this.epochs = new Map();
    const [stage, epoch] = [columns.indexOf("stage"), columns.indexOf("epoch")];
    for (const row of rows) {
      const metrics = Object.fromEntries(columns.map((column, i) => [column, row[i]]));
      this.epochs.set(row[epoch], { stage: row[stage], epoch: row[epoch], metrics });
    }
  }

  /** Takes the events that are about stages and epochs; says whether something changed. */
  add(event) {
    if (event.stage_started) return this.#start(event.stage_started);
    if (event.epoch_finished) return this.#finish(event.epoch_finished);
    return false;
  }

  #start({ stage, n_epochs, n_epochs_before, best_by }) {
    this.by = best_by ?? this.by;
    if (this.stages.some((known) => known.name === stage)) return false;
    this.stages.push({ name: stage, first_epoch: n_epochs_before + 1, n_epochs: n_epochs_before + n_epochs });
    return true;
  }

  // Events are sent from the first one on, so most of them are known. An epoch of a resumed run
  // replaces the same epoch of its first attempt.
  #finish({ stage, metrics: { epoch, train, validation, ...others } }) {
    const metrics = {};
    for (const [name, value] of Object.entries(train ?? {})) metrics[`train/${name}`] = value;
    for (const [name, value] of Object.entries(validation ?? {})) metrics[`val/${name}`] = value;
    for (const [name, value] of Object.entries(others))
      metrics[name === "learning_rate" ? name : `val/${name}`] = value;
    const known = this.epochs.get(epoch)?.metrics;
    if (known && Object.keys(known).every((name) => isNear(known[name], metrics[name]))) return false;
    for (const name of Object.keys(metrics)) if (!this.columns.includes(name)) this.columns.push(name);
    this.epochs.set(epoch, { stage, epoch, metrics });
    return true;
  }

  /** The epochs, in order. */
  get all() {
    return [...this.epochs.values()];
  }

  /** The last epoch that is planned, or the last one there is. */
  get last() {
    const planned = this.stages.map((stage) => stage.n_epochs ?? 0);
    return Math.max(1, ...planned, ...this.epochs.keys());
  }

  /** The name of the score without `val/`: `accuracy`, `subset_accuracy` or `mae`. */
  get score() {
    return SCORES.find((name) => this.columns.includes(`val/${name}`)) ?? SCORES[0];
  }

  /** The points of a metric, as `[epoch, value]`; those of one stage, if it is given. */
  points(metric, stage = null) {
    const points = [];
    for (const one of this.epochs.values()) {
      const value = one.metrics[metric];
      if (typeof value === "number" && (stage === null || one.stage === stage)) points.push([one.epoch, value]);
    }
    return points;
  }

  /** The best epoch of each stage, by the metric that the stage chooses its weights by. */
  best() {
    const best = new Map();
    for (const one of this.epochs.values()) {
      const by = this.values[`stages.${one.stage}.train.best_by`] ?? this.by;
      const value = one.metrics[by];
      const lead = best.get(one.stage)?.metrics[by];
      if (typeof value !== "number") continue;
      if (lead === undefined || (isLowerBetter(by) ? value < lead : value > lead)) best.set(one.stage, one);
    }
    return [...best.values()];
  }
}

// metrics.csv has six decimals, events have all. Names of columns that are no metrics do not count.
function isNear(known, value) {
  if (typeof known !== "number") return true;
  return typeof value !== "number" || Math.abs(known - value) <= 1e-6 * Math.max(1, Math.abs(known));
}
