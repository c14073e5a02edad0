//! What the runs of a sweep show: a ranking of its arms, and which of them can be told apart.
//!
//! Arms are compared on the images that all of them predicted. The value of an arm on an image is the
//! mean over its seeds and repeats, so an image counts once.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::search::Trial;
use super::tasks::Task;
use crate::base::fs::FileError;
use crate::metrics::interval;
use crate::metrics::paired::{self, Differences, SIGNIFICANT};
use crate::metrics::scores::Scores;
use crate::metrics::selection;
use crate::run_dir::layout;
use crate::run_dir::measured;
use crate::run_dir::verify;
use crate::spec::{RankBy, SearchSpec, SweepSpec};

/// The result of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepResult {
    /// The name of the pipeline.
    pub name: String,
    /// The keys that vary.
    pub axes: Vec<String>,
    /// What the arms are ranked by.
    pub rank_by: RankBy,
    /// The number of images that all arms predicted; they are compared on these.
    pub n_images: usize,
    /// The number of images that the arm with the most of them predicted.
    pub n_most: usize,
    /// The number of runs of the arms that are compared, and of those whose best weights are not those
    /// of the last stage.
    pub n_runs: [usize; 2],
    /// How many predictions of an image each arm has: one for each seed and repeat.
    pub n_predictions: usize,
    /// The number of seeds.
    pub n_seeds: usize,
    /// The arms that are compared, the best first.
    pub arms: Vec<ArmRow>,
    /// The arms that did not come into the last round, the best first.
    pub stopped: Vec<ArmRow>,
    /// The arms that failed.
    pub failed: Vec<FailedArm>,
    /// What can be said about the arms that are compared.
    pub statement: Statement,
}

/// An arm that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedArm {
    /// Its number.
    pub arm: usize,
    /// The values of its keys.
    pub values: Vec<Value>,
    /// The run that failed.
    pub run: String,
    /// Why.
    pub reason: String,
}

/// An arm with its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmRow {
    /// Its number.
    pub arm: usize,
    /// The values of its keys.
    pub values: Vec<Value>,
    /// The number of epochs of its last round, if the search sets it.
    pub epochs: Option<usize>,
    /// Its run directories, below that of the sweep.
    pub runs: Vec<String>,
    /// The mean that it is ranked by.
    pub mean: f64,
    /// The 95 % interval of that mean: Wilson's for one prediction of each image, else Student's.
    pub interval: [f64; 2],
    /// The standard deviation of the mean over seeds and repeats; `None` with one of them.
    pub deviation: Option<f64>,
    /// The accuracy; of several labels, the fraction with exactly the right ones. `None` for numbers.
    pub accuracy: Option<f64>,
    /// The mean log loss; for numbers, the mean absolute error.
    pub loss: f64,
    /// The difference of the best arm to it, on the same images; `None` for the best arm.
    pub difference: Option<f64>,
    /// The 95 % interval of that difference.
    pub difference_interval: Option<[f64; 2]>,
    /// The p-value of no difference.
    pub p_value: Option<f64>,
    /// The same, corrected for all pairs of arms.
    pub corrected: Option<f64>,
    /// Whether it can be told apart from the best arm.
    pub is_apart: bool,
}

/// What can be said about the arms of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// The number of the best arm.
    pub best: usize,
    /// The arms that cannot be told apart from it, without itself.
    pub inseparable: Vec<usize>,
    /// The number of pairs of arms that the p-values are corrected for.
    pub n_pairs: usize,
    /// What would separate the best two arms; `None` if they are apart already.
    pub needed: Option<Needed>,
    /// The mean that the best arm can be expected to have on other images. Its own is too good,
    /// because it was chosen by it.
    pub expected: Option<f64>,
}

/// What would separate two arms, if their difference stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Needed {
    /// The arm that the best is to be separated from.
    pub from: usize,
    /// Their difference now.
    pub difference: f64,
    /// The number of images, of as many predictions each as now; `None` without a difference.
    pub images: Option<f64>,
    /// The number of seeds on the same images; `None` if no number suffices, or it is not known from
    /// one seed.
    pub seeds: Option<f64>,
}

/// A trial that ran in a round.
#[derive(Clone, Copy)]
struct Ran<'a> {
    round: usize,
    trial: &'a Trial,
    tasks: &'a [Task],
}

/// The values of an arm on its images: those of each seed and repeat.
struct Predicted<'a> {
    trial: &'a Trial,
    runs: Vec<String>,
    /// The number of runs whose best weights are not those of the last stage.
    n_earlier: usize,
    images: BTreeMap<String, Vec<Scores>>,
}

/// An arm on the shared images.
struct Measured<'a> {
    predicted: &'a Predicted<'a>,
    /// The values of each image: one for each seed and repeat.
    values: Vec<Vec<f64>>,
    /// Their mean for each image.
    means: Vec<f64>,
    row: ArmRow,
}

/// The result of a trial, of which more is better: the mean over its own images.
///
/// # Errors
/// When a file of a run cannot be read.
pub fn gain(
    directory: &Path,
    sweep: &SweepSpec,
    trial: &Trial,
    tasks: &[Task],
) -> Result<f64, FileError> {
    let predicted = Predicted::read(directory, trial, tasks)?;
    let mean = Measured::of(&predicted, &[], sweep.rank_by).row.mean;
    Ok(if sweep.rank_by.is_gain() { mean } else { -mean })
}

/// Reads the finished runs of all arms in the directory of a sweep, and compares the arms: those of
/// the last round if rounds have more and more epochs, else all. `rounds` are trials with their runs;
/// those of arms in `failed` do not count. `None` if all arms failed.
///
/// # Errors
/// When a file of a run cannot be read.
pub fn summarize(
    name: &str,
    directory: &Path,
    sweep: &SweepSpec,
    rounds: &[(Vec<Trial>, Vec<Task>)],
    mut failed: Vec<FailedArm>,
) -> Result<Option<SweepResult>, FileError> {
    let arms = || rounds.iter().flat_map(|(trials, _)| trials).map(|trial| &trial.arm);
    for one in &mut failed {
        one.values =
            arms().find(|arm| arm.number == one.arm).map_or(vec![], |arm| arm.values.clone());
    }
    let all = rounds.iter().enumerate().flat_map(|(round, (trials, tasks))| {
        trials.iter().map(move |trial| Ran { round, trial, tasks })
    });
    let has_failed = |ran: &Ran<'_>| failed.iter().any(|one| one.arm == ran.trial.arm.number);
    let all: Vec<Ran<'_>> = all.filter(|ran| !has_failed(ran)).collect();
    let Some(n_rounds) = all.iter().map(|ran| ran.round + 1).max() else { return Ok(None) };
    let has_budgets = matches!(sweep.search, SearchSpec::Halving(_));
    let is_last = |ran: &Ran<'_>| ran.round + 1 == n_rounds || !has_budgets;
    let last: Vec<Ran<'_>> = all.iter().copied().filter(is_last).collect();
    let predicted: Vec<Predicted<'_>> = last
        .par_iter()
        .map(|ran| Predicted::read(directory, ran.trial, ran.tasks))
        .collect::<Result<_, _>>()?;
    let shared = shared(&predicted);
    let mut measured: Vec<Measured<'_>> =
        predicted.iter().map(|one| Measured::of(one, &shared, sweep.rank_by)).collect();
    measured.sort_by(|a, b| better_first(&a.row, &b.row, sweep.rank_by));
    let statement = compare(&mut measured, sweep);
    // An arm that was stopped is listed with the last round that it was in.
    let is_stopped = |ran: &&Ran<'_>| {
        let is_later =
            |other: &Ran<'_>| other.round > ran.round && other.trial.arm == ran.trial.arm;
        !is_last(ran) && !all.iter().any(is_later)
    };
    let mut stopped: Vec<ArmRow> = vec![];
    for Ran { trial, tasks, .. } in all.iter().filter(is_stopped) {
        let predicted = Predicted::read(directory, trial, tasks)?;
        stopped.push(Measured::of(&predicted, &[], sweep.rank_by).row);
    }
    stopped.sort_by(|a, b| b.epochs.cmp(&a.epochs).then_with(|| better_first(a, b, sweep.rank_by)));
    Ok(Some(SweepResult {
        name: name.to_owned(),
        axes: sweep.over.iter().map(|axis| axis.key.clone()).collect(),
        rank_by: sweep.rank_by,
        n_images: shared.len(),
        n_most: predicted.iter().map(|one| one.images.len()).max().unwrap_or(0),
        n_runs: [
            predicted.iter().map(|one| one.runs.len()).sum(),
            predicted.iter().map(|one| one.n_earlier).sum(),
        ],
        n_predictions: sweep.repeats * sweep.seeds.len().max(1),
        n_seeds: sweep.seeds.len().max(1),
        arms: measured.into_iter().map(|one| one.row).collect(),
        stopped,
        failed,
        statement,
    }))
}

/// The order of the ranking: by the mean, then by the loss, then by the number.
fn better_first(a: &ArmRow, b: &ArmRow, by: RankBy) -> Ordering {
    let sign = if by.is_gain() { -1.0 } else { 1.0 };
    let by_mean = (sign * a.mean).total_cmp(&(sign * b.mean));
    by_mean.then(a.loss.total_cmp(&b.loss)).then(a.arm.cmp(&b.arm))
}

impl<'a> Predicted<'a> {
    fn read(directory: &Path, trial: &'a Trial, tasks: &[Task]) -> Result<Self, FileError> {
        let mut images: BTreeMap<String, Vec<Scores>> = BTreeMap::new();
        let (mut runs, mut n_earlier) = (vec![], 0);
        for task in tasks.iter().filter(|task| task.arm == trial.arm.number) {
            let path = directory.join(&task.name).join(layout::PREDICTIONS);
            for row in measured::read_predictions(&path)?.rows {
                let scores = Scores::of(&row.target, &row.outputs);
                images.entry(row.path).or_default().push(scores);
            }
            n_earlier += usize::from(is_of_earlier_stage(&directory.join(&task.name)));
            runs.push(task.name.clone());
        }
        Ok(Self { trial, runs, n_earlier, images })
    }
}

/// Whether the best weights of a run are not those of its last stage.
fn is_of_earlier_stage(directory: &Path) -> bool {
    let manifest = verify::read_manifest(directory);
    manifest.is_ok_and(|manifest| {
        let best = manifest.best_stage().map(|stage| &stage.name);
        best != manifest.stages.last().map(|stage| &stage.name)
    })
}

/// The images that all arms predicted, equally often.
fn shared<'a>(predicted: &'a [Predicted<'_>]) -> Vec<&'a str> {
    let Some((first, rest)) = predicted.split_first() else { return vec![] };
    let all = first.images.iter();
    let is_shared = |path: &String, n: usize| {
        rest.iter().all(|other| other.images.get(path).is_some_and(|all| all.len() == n))
    };
    all.filter(|(path, scores)| is_shared(path, scores.len()))
        .map(|(path, _)| path.as_str())
        .collect()
}

impl<'a> Measured<'a> {
    fn of(predicted: &'a Predicted<'_>, shared: &[&str], by: RankBy) -> Self {
        // Arms that share no images are listed with their own.
        let scores: Vec<&Vec<Scores>> = match shared {
            [] => predicted.images.values().collect(),
            shared => shared.iter().map(|path| &predicted.images[*path]).collect(),
        };
        let values: Vec<Vec<f64>> = scores
            .iter()
            .map(|scores| scores.iter().map(|scores| value(*scores, by)).collect())
            .collect();
        let means: Vec<f64> = values.iter().map(|values| mean(values.iter().copied())).collect();
        let all = || scores.iter().copied().flatten();
        let accuracy = all().map(|scores| scores.accuracy).collect::<Option<Vec<f64>>>();
        let row = ArmRow {
            arm: predicted.trial.arm.number,
            values: predicted.trial.arm.values.clone(),
            epochs: predicted.trial.epochs.as_ref().map(|epochs| epochs.n),
            runs: predicted.runs.clone(),
            mean: mean(means.iter().copied()),
            interval: interval_of(&values, &means, by),
            deviation: deviation(&values),
            accuracy: accuracy.map(|all| mean(all.into_iter())),
            loss: mean(all().map(|scores| scores.loss)),
            difference: None,
            difference_interval: None,
            p_value: None,
            corrected: None,
            is_apart: false,
        };
        Self { predicted, values, means, row }
    }
}

/// What arms are ranked by.
fn value(scores: Scores, by: RankBy) -> f64 {
    match by {
        RankBy::Accuracy | RankBy::SubsetAccuracy => scores.accuracy.unwrap_or(f64::NAN),
        RankBy::LogLoss | RankBy::AbsoluteError => scores.loss,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0_usize, 0.0), |(n, sum), value| (n + 1, sum + value));
    sum / n.max(1) as f64
}

/// The 95 % interval of a mean over images.
fn interval_of(values: &[Vec<f64>], means: &[f64], by: RankBy) -> [f64; 2] {
    if by.is_gain() && values.iter().all(|values| values.len() == 1) {
        let n_hits = means.iter().filter(|mean| **mean == 1.0).count();
        return interval::wilson(n_hits, means.len());
    }
    let [low, high] = Differences::of(means.iter().copied()).interval();
    let most = if by.is_gain() { 1.0 } else { f64::INFINITY };
    [low.max(0.0), high.min(most)]
}

/// The standard deviation over seeds and repeats of the mean over images.
fn deviation(values: &[Vec<f64>]) -> Option<f64> {
    let n = values.first()?.len();
    if n < 2 || values.iter().any(|values| values.len() != n) {
        return None;
    }
    let of_each: Vec<f64> = (0..n).map(|at| mean(values.iter().map(|values| values[at]))).collect();
    let centre = mean(of_each.iter().copied());
    let squares: f64 = of_each.iter().map(|value| (value - centre).powi(2)).sum();
    Some((squares / (n - 1) as f64).sqrt())
}

/// Compares all pairs of arms, which are sorted, and completes their rows.
fn compare(measured: &mut [Measured<'_>], sweep: &SweepSpec) -> Statement {
    let sign = if sweep.rank_by.is_gain() { 1.0 } else { -1.0 };
    let n = measured.len();
    let n_pairs = n * (n - 1) / 2;
    let best = measured[0].row.arm;
    let nothing = Statement { best, inseparable: vec![], n_pairs, needed: None, expected: None };
    let n_images = measured[0].means.len();
    if n < 2 || measured.iter().any(|one| one.means.len() != n_images) || n_images < 2 {
        return nothing;
    }
    // Which pair matters is found on the same images, so all pairs count.
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
    let difference = |&(a, b): &(usize, usize)| differences(&measured[a], &measured[b]);
    let found: Vec<Differences> = pairs.par_iter().map(difference).collect();
    let p_values: Vec<f64> = found.iter().map(|found| found.p_value).collect();
    let corrected = paired::holm(&p_values);
    // The pairs with the best arm come first.
    for other in 1..n {
        let (found, corrected) = (&found[other - 1], corrected[other - 1]);
        let row = &mut measured[other].row;
        row.difference = Some(found.mean);
        row.difference_interval = Some(found.interval());
        row.p_value = Some(found.p_value);
        row.corrected = Some(corrected);
        row.is_apart = corrected < SIGNIFICANT;
    }
    let rows = measured.iter().map(|one| &one.row).skip(1);
    let inseparable: Vec<usize> = rows.filter(|row| !row.is_apart).map(|row| row.arm).collect();
    let group = inseparable.len() + 1;
    let needed = (!measured[1].row.is_apart).then(|| {
        needed([&measured[0], &measured[1]], &found[0], group * (group - 1) / 2, sweep.repeats)
    });
    let gains: Vec<Vec<f64>> =
        measured.iter().map(|one| one.means.iter().map(|value| sign * value).collect()).collect();
    let expected = selection::expected_of_best(&gains).map(|gain| sign * gain);
    Statement { inseparable, needed, expected, ..nothing }
}

/// The differences of two arms on each image.
fn differences(a: &Measured<'_>, b: &Measured<'_>) -> Differences {
    Differences::of(a.means.iter().zip(&b.means).map(|(a, b)| a - b))
}

/// What would separate two arms: a pair of as many as `n_comparisons`.
fn needed(
    [a, b]: [&Measured<'_>; 2],
    found: &Differences,
    n_comparisons: usize,
    repeats: usize,
) -> Needed {
    let n_each = a.values.first().map_or(1, Vec::len);
    // The variance of an image's difference from seed to seed.
    let within = a.values.iter().zip(&b.values).map(|(a, b)| {
        let changes: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        let centre = mean(changes.iter().copied());
        let squares: f64 = changes.iter().map(|change| (change - centre).powi(2)).sum();
        squares / (changes.len().max(2) - 1) as f64
    });
    let seeds = (n_each > 1 && found.mean != 0.0)
        .then(|| found.seeds_needed(n_each, mean(within), n_comparisons))
        .flatten()
        // Each seed predicts an image once in each repeat.
        .map(|n| (n / repeats as f64).ceil());
    Needed {
        from: b.predicted.trial.arm.number,
        difference: found.mean,
        images: found.images_needed(n_comparisons),
        seeds,
    }
}
