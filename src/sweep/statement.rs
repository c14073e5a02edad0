//! What can be said about the arms of a sweep, in plain words.

use super::names::{short_keys, written};
use super::outcome::{Needed, SweepResult};
use crate::base::text;
use crate::report::tables::{four, interval};
use crate::spec::RankBy;

/// The most arms that a sentence names.
const MOST_NAMED: usize = 12;

/// What can be said about the arms, in sentences.
pub(super) fn sentences(result: &SweepResult) -> Vec<String> {
    let (Some(best), of) = (result.arms.first(), &result.statement) else { return vec![] };
    let by = result.rank_by.words();
    let keys = short_keys(&result.axes);
    let values: Vec<String> = keys
        .iter()
        .zip(&best.values)
        .map(|(key, value)| format!("{key} {}", written(value)))
        .collect();
    let mut sentences = vec![format!(
        "Best: arm {} ({}), {by} {} on {} (95 % interval {}).",
        best.arm,
        values.join(", "),
        four(best.mean),
        text::count(result.n_images, "image"),
        interval(best.interval),
    )];
    if !result.stopped.is_empty() {
        sentences.push(format!(
            "{} came into the last round and are compared; {} did not.",
            text::count(result.arms.len(), "arm"),
            result.stopped.len()
        ));
    }
    sentences.extend(result.failed.iter().map(|failed| {
        format!("Arm {} failed, and is not compared: {}.", failed.arm, failed.reason)
    }));
    if result.arms.len() < 2 {
        return sentences;
    }
    if result.n_images < 2 {
        sentences.push(
            "The arms predicted different images, so they cannot be compared; with `folds`, every \
             arm predicts all images."
                .to_owned(),
        );
        return sentences;
    }
    sentences.extend(what_is_compared(result));
    sentences.push(who_is_apart(result));
    sentences.extend(of.needed.map(|needed| what_is_needed(result, &needed)));
    // Of arms that are far apart, the best would be chosen on other images too.
    let expected = of.expected.filter(|expected| four(*expected) != four(best.mean));
    sentences.extend(expected.map(|expected| {
        format!(
            "The {by} of the best arm is too optimistic, because the arm was chosen by it: on other \
             images, {} can be expected from an arm chosen this way.",
            four(expected)
        )
    }));
    sentences
}

/// What the comparison does not see.
fn what_is_compared(result: &SweepResult) -> Vec<String> {
    let mut sentences = vec![];
    let SweepResult { n_images, n_most, n_runs: [n_runs, n_earlier], .. } = *result;
    if n_most > n_images {
        sentences.push(format!(
            "The arms predicted up to {n_most} images, but only the {n_images} that all of them \
             predicted are compared; with `folds`, every arm predicts all images."
        ));
    }
    if n_earlier > 0 {
        let of = if n_earlier == n_runs {
            "In all runs".to_owned()
        } else {
            format!("In {n_earlier} of {n_runs} runs")
        };
        sentences.push(format!(
            "{of}, the last stage did not improve on the one before it, so the weights of an earlier \
             stage are the best, and are compared."
        ));
    }
    sentences
}

/// Which arms can be told apart from the best.
fn who_is_apart(result: &SweepResult) -> String {
    let (best, n) = (result.statement.best, result.arms.len());
    match &result.statement.inseparable[..] {
        [] => format!("It can be told apart from all {} other arms ({}).", n - 1, tests(result)),
        others => {
            let mut named: Vec<String> = std::iter::once(&best)
                .chain(others)
                .take(MOST_NAMED)
                .map(ToString::to_string)
                .collect();
            let more = others.len() + 1 - named.len();
            named.extend((more > 0).then(|| format!("{more} more")));
            format!(
                "{} of {n} arms cannot be told apart: {} ({}).",
                others.len() + 1,
                text::join(named, "and"),
                tests(result)
            )
        }
    }
}

/// The tests behind a statement.
fn tests(result: &SweepResult) -> String {
    let test = match (result.rank_by, result.n_predictions) {
        (RankBy::Accuracy | RankBy::SubsetAccuracy, 1) => "exact McNemar tests",
        _ => "paired t-tests",
    };
    let n = result.statement.n_pairs;
    format!("{test} on the same images, Holm's correction for {}", text::count(n, "pair"))
}

/// What would separate the best two arms.
fn what_is_needed(result: &SweepResult, needed: &Needed) -> String {
    let best = result.statement.best;
    let pair = format!("arms {best} and {}", needed.from);
    let Some(images) = needed.images else {
        let by = result.rank_by.words();
        return format!("{} have the same {by} on these images.", text::upper_first(&pair));
    };
    let difference = four(needed.difference.abs());
    let images = at_most_two_digits(images);
    let (mut or, mut hint) = (String::new(), "");
    match (needed.seeds, result.n_seeds) {
        (_, 1) => hint = "; with `seeds`, a sweep also estimates whether more seeds would",
        (Some(seeds), now) => {
            let more = at_most_two_digits((seeds - now as f64).max(1.0));
            or = format!(", or {} on the same images", text::count(more, "more seed"));
        }
        (None, _) => hint = "; more seeds alone would not",
    }
    format!(
        "If {pair} really differ by {difference}, about {} images would separate them{or} (power \
         80 %){hint}.",
        text::thousands(images)
    )
}

/// A number with two significant digits, rounded up.
fn at_most_two_digits(x: f64) -> usize {
    let mut unit = 1.0;
    while x / unit >= 100.0 {
        unit *= 10.0;
    }
    ((x / unit).ceil() * unit) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_have_two_digits() {
        for (x, expected) in [(7.0, 7), (99.0, 99), (101.0, 110), (2345.0, 2400)] {
            assert_eq!(at_most_two_digits(x), expected);
        }
    }
}
