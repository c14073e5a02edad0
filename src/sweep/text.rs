//! The result of a sweep as text for a terminal, and as a table.

use std::fmt::Write as _;

use super::names::{short_keys, written};
use super::outcome::{ArmRow, SweepResult};
use super::search::{self, Trial};
use super::statement::sentences;
use crate::base::text;
use crate::report::tables::{four, interval};
use crate::spec::{SearchSpec, SweepSpec};

/// The most arms that a terminal shows.
const MOST_SHOWN: usize = 30;

/// Renders the arms of a sweep before it runs: those of its first round.
pub fn render_arms(sweep: &SweepSpec, trials: &[Trial]) -> String {
    let keys: Vec<String> = sweep.over.iter().map(|axis| axis.key.clone()).collect();
    let heads = std::iter::once("arm".to_owned()).chain(short_keys(&keys)).collect();
    let rows = trials.iter().map(|Trial { arm, .. }| {
        let values = arm.values.iter().map(written);
        std::iter::once(arm.number.to_string()).chain(values).collect()
    });
    let all: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let right: Vec<usize> = (0..=keys.len()).collect();
    format!("{}\n{}\n", text::align(&all, &right), plan(sweep, trials.len()))
}

/// How many runs there are.
fn plan(sweep: &SweepSpec, n_first: usize) -> String {
    let (n_arms, each) = (sweep.n_arms(), sweep.runs_per_arm());
    let runs = |n: usize| text::count(n, "run");
    match &sweep.search {
        SearchSpec::Grid | SearchSpec::Random { .. } => {
            format!("{}, {} each: {}", text::count(n_arms, "arm"), runs(each), runs(n_arms * each))
        }
        SearchSpec::Tpe { .. } => format!(
            "these {n_first} of {n_arms} arms are random, and each of the others is chosen by the \
             results before it; {} each: {}",
            runs(each),
            runs(n_arms * each)
        ),
        SearchSpec::Halving(halving) => {
            let sizes = search::sizes(n_first, halving);
            let rounds = sizes.iter().zip(&halving.epochs);
            let rounds = rounds
                .map(|(n, epochs)| format!("{n} with {}", text::count(*epochs, "epoch")))
                .collect::<Vec<_>>();
            format!(
                "{} in rounds: {}; {} each: {}",
                text::count(n_arms, "arm"),
                rounds.join(", then "),
                runs(each),
                runs(sizes.iter().sum::<usize>() * each)
            )
        }
    }
}

/// Renders the ranking and the statement.
pub fn render(result: &SweepResult) -> String {
    let (heads, rows) = ranking(result);
    let right: Vec<usize> = (0..heads.len()).collect();
    let n_left = rows.len().saturating_sub(MOST_SHOWN);
    let shown = rows.into_iter().take(MOST_SHOWN);
    let all: Vec<Vec<String>> = std::iter::once(heads).chain(shown).collect();
    let mut text = text::align(&all, &right);
    if n_left > 0 {
        let _ = writeln!(text, "… and {} more", text::count(n_left, "arm"));
    }
    for sentence in sentences(result) {
        let _ = writeln!(text, "\n{sentence}");
    }
    text
}

/// The ranking as a table for readers.
pub(super) fn ranking(result: &SweepResult) -> (Vec<String>, Vec<Vec<String>>) {
    let mut heads = vec!["rank".to_owned(), "arm".to_owned()];
    heads.extend(short_keys(&result.axes));
    let by = result.rank_by.words();
    heads.extend([by.to_owned(), "95 % interval".to_owned()]);
    let has_deviation = result.arms.iter().any(|arm| arm.deviation.is_some());
    if has_deviation {
        heads.push("deviation".to_owned());
    }
    if result.rank_by.is_gain() {
        heads.push("log loss".to_owned());
    }
    heads.extend(["gap to the best", "p, corrected", ""].map(str::to_owned));
    let all = result.arms.iter().chain(&result.stopped);
    let rows = all.enumerate().map(|(rank, arm)| {
        let mut cells = vec![(rank + 1).to_string(), arm.arm.to_string()];
        cells.extend(arm.values.iter().map(written));
        cells.extend([four(arm.mean), interval(arm.interval)]);
        let dash = || "–".to_owned();
        if has_deviation {
            cells.push(arm.deviation.map_or_else(dash, four));
        }
        if result.rank_by.is_gain() {
            cells.push(four(arm.loss));
        }
        cells.push(arm.difference.map_or_else(dash, |difference| four(difference.abs())));
        cells.push(arm.corrected.map_or_else(dash, p_text));
        cells.push(match arm.epochs {
            Some(epochs) if rank >= result.arms.len() => {
                format!("stopped after {}", text::count(epochs, "epoch"))
            }
            _ => verdict(rank, arm).to_owned(),
        });
        cells
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let failed = result.failed.iter().map(|failed| {
        let mut cells = vec!["–".to_owned(), failed.arm.to_string()];
        cells.extend(failed.values.iter().map(written));
        cells.resize(heads.len() - 1, "–".to_owned());
        cells.push("failed".to_owned());
        cells
    });
    let rows = rows.into_iter().chain(failed).collect();
    (heads, rows)
}

/// Where an arm stands.
fn verdict(rank: usize, arm: &ArmRow) -> &'static str {
    match (rank, arm.is_apart, arm.corrected) {
        (0, ..) => "best",
        (_, true, _) => "worse",
        (_, false, Some(_)) => "not told apart",
        (_, false, None) => "",
    }
}

fn p_text(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { four(p) }
}
