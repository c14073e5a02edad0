//! The comparison as text: for terminals, or as Markdown.

use std::fmt::Write as _;

use super::metrics::{Verdict, verdict};
use super::{Chance, CorrectChange, Diff, Flip, ImageChanges, MetricRow, Pair};
use crate::base::leaves;
use crate::base::text;
use crate::run_dir::layout;

/// The maximum number of listed images without `--all`.
const MOST_IMAGES: usize = 20;

/// The output style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to write Markdown.
    pub markdown: bool,
    /// Whether to include rows that do not differ, and all images.
    pub all: bool,
    /// The number of decimals of metrics.
    pub precision: usize,
}

/// A table with column headings.
pub(super) struct Table {
    pub(super) heads: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// The columns of numbers, which are aligned on the right.
    right: Vec<usize>,
}

/// Renders the differences, section by section.
pub fn render(diff: &Diff, style: Style) -> String {
    let mut text = String::new();
    let labels = labels(diff);
    for (label, run) in labels.iter().zip(&diff.runs) {
        if label != run {
            let _ = writeln!(text, "{label}: {run}");
        }
    }
    if diff.is_same {
        let _ = writeln!(text, "{}", same(diff));
    }
    section(&mut text, style, &values(diff, style));
    section(&mut text, style, &environment(diff, style));
    for pair in &diff.pairs {
        paragraph(&mut text, style, &images(pair, style));
    }
    section(&mut text, style, &metrics(diff, style));
    for pair in &diff.pairs {
        if let Some(chance) = &pair.chance {
            paragraph(&mut text, style, &[about(pair, diff, chance)]);
        }
        let most = if style.all { usize::MAX } else { MOST_IMAGES };
        section(&mut text, style, &flips(pair, diff, most));
        if pair.flips.len() > most {
            let n = text::count(pair.flips.len() - most, "image");
            let _ = writeln!(text, "… and {n} more (--all)");
        }
    }
    text
}

/// The sentence about runs without a relevant difference.
fn same(diff: &Diff) -> String {
    let others = text::join(diff.runs[1..].iter().cloned(), "and");
    format!(
        "no difference between {} and {others} affects the results: pipeline, images, program, metrics, predictions and weights are the same",
        diff.runs[0]
    )
}

/// The labels of the runs in headings: the names of their directories, or letters if these are not
/// distinct.
pub(super) fn labels(diff: &Diff) -> Vec<String> {
    let names = diff.runs.iter().map(|run| {
        let end = run.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next();
        end.unwrap_or(run).to_owned()
    });
    let names: Vec<String> = names.collect();
    let mut distinct = names.clone();
    distinct.sort();
    distinct.dedup();
    if distinct.len() == names.len() {
        return names;
    }
    (0u8..).take(names.len()).map(|i| char::from(b'A' + i % 26).to_string()).collect()
}

/// The table of pipeline values.
pub(super) fn values(diff: &Diff, style: Style) -> Table {
    let heads = ["Path", "Param"].map(str::to_owned).into_iter().chain(labels(diff)).collect();
    let rows = diff.values.iter().filter(|row| row.differs || style.all).map(|row| {
        let cells = row.values.iter().zip(&row.origins).map(|(value, origin)| {
            let value = leaves::plain(value.as_ref());
            // The value of an override is already in front of its origin.
            let origin = origin.as_deref().map(|origin| match origin.split_once(" -S ") {
                Some((what, _)) => format!(" ({what} -S)"),
                None => format!(" ({origin})"),
            });
            format!("{value}{}", origin.unwrap_or_default())
        });
        [layout::RESOLVED.to_owned(), row.path.clone()].into_iter().chain(cells).collect()
    });
    Table { heads, rows: rows.collect(), right: vec![] }
}

/// The table of the environment; with `all`, also machine and time.
pub(super) fn environment(diff: &Diff, style: Style) -> Table {
    let heads = ["Path", "Setting"].map(str::to_owned).into_iter().chain(labels(diff)).collect();
    let settings = diff.environment.iter();
    let shown = settings.filter(|setting| style.all || (setting.differs && setting.matters));
    let rows = shown.map(|setting| {
        let start = [layout::MANIFEST.to_owned(), setting.name.clone()];
        start.into_iter().chain(setting.values.iter().map(|value| short(value))).collect()
    });
    Table { heads, rows: rows.collect(), right: vec![] }
}

/// Shortens a digest to its first digits.
fn short(value: &str) -> String {
    let is_digest = value.len() == 64 && value.chars().all(|c| c.is_ascii_hexdigit());
    if is_digest { value[..12].to_owned() } else { value.to_owned() }
}

/// The table of metrics, in the form of `dvc exp diff`.
pub(super) fn metrics(diff: &Diff, style: Style) -> Table {
    let has_change = diff.runs.len() == 2;
    let mut heads = ["Path", "Metric"].map(str::to_owned).to_vec();
    heads.extend(labels(diff));
    heads.extend(has_change.then(|| "Change".to_owned()));
    let rows = diff.metrics.iter().filter(|row| row.differs || style.all).map(|row| {
        let mut cells = vec![row.path.to_owned(), row.metric.clone()];
        cells.extend(row.values.iter().map(|value| figure(*value, &row.metric, style)));
        if has_change {
            cells.push(change(row, diff, style));
        }
        cells
    });
    let rows = rows.collect();
    let right = (2..heads.len()).collect();
    Table { heads, rows, right }
}

/// A metric with aligned decimals.
pub(super) fn figure(value: Option<f64>, metric: &str, style: Style) -> String {
    let precision = decimals(metric, style);
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.precision$}"))
}

/// Whether the metrics of the runs are of the same images.
pub(super) fn can_compare(diff: &Diff) -> bool {
    diff.pairs.iter().all(|pair| warnings(pair).is_none())
}

/// The decimals of a metric; counts have none.
fn decimals(metric: &str, style: Style) -> usize {
    let is_count = ["epoch", "n_images"].iter().any(|count| metric.ends_with(count));
    if is_count { 0 } else { style.precision }
}

/// The change of a metric, with its sign and whether it is for the better.
pub(super) fn change(row: &MetricRow, diff: &Diff, style: Style) -> String {
    let Some(change) = row.change else { return "-".to_owned() };
    let mark = match verdict(&row.metric, change).filter(|_| can_compare(diff)) {
        Some(Verdict::Better) => " better",
        Some(Verdict::Worse) => " worse",
        None => "",
    };
    format!("{change:+.*}{mark}", decimals(&row.metric, style))
}

/// A number with as many decimals as it needs, up to `precision`.
pub(super) fn number(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// The differences between images, as sentences with lists.
pub(super) fn images(pair: &Pair, style: Style) -> Vec<String> {
    let most = if style.all { usize::MAX } else { MOST_IMAGES };
    let ImageChanges { added, removed, changed, moved, .. } = &pair.images;
    let list = |what: &str, paths: &[String]| {
        let n = text::count(paths.len(), "image");
        (!paths.is_empty()).then(|| format!("{n} {what}:\n{}", text::first_lines(paths, most)))
    };
    let moved: Vec<String> =
        moved.iter().map(|(path, before, now)| format!("{path}: {before} → {now}")).collect();
    let mut said: Vec<String> = [
        list("added", added),
        list("removed", removed),
        list("with different content", changed),
        list("moved to another split", &moved),
    ]
    .into_iter()
    .flatten()
    .collect();
    said.extend(warnings(pair));
    said
}

/// What there is to say about the first run and each of the others, in sentences.
pub fn sentences(diff: &Diff) -> Vec<String> {
    let pairs = diff.pairs.iter().map(|pair| {
        let about = pair.chance.as_ref().map(|chance| about(pair, diff, chance));
        let all: Vec<String> = warnings(pair).into_iter().chain(about).collect();
        all.join("\n").trim_end().to_owned()
    });
    pairs.collect()
}

/// Warnings about metrics of different images.
pub(super) fn warnings(pair: &Pair) -> Option<String> {
    if !pair.same_target {
        return Some(
            "warning: the two runs learn different things about images; their metrics cannot be compared"
                .to_owned(),
        );
    }
    let [first, second, both] = pair.images.n_validation;
    if both == 0 {
        return Some(
            "warning: the two runs share no validation images; their metrics cannot be compared"
                .to_owned(),
        );
    }
    (first != both || second != both).then(|| {
        format!(
            "warning: the validation sets differ: {first} and {second} images, {both} of them shared; \
             only results on these {both} images can be compared"
        )
    })
}

/// The summary of the flips and of the metrics on shared images.
pub(super) fn about(pair: &Pair, diff: &Diff, chance: &Chance) -> String {
    let between = if diff.pairs.len() > 1 {
        format!("{} to {}: ", diff.runs[0], pair.other)
    } else {
        String::new()
    };
    let verdict = |test: &str, p_value: f64| {
        let what = if chance.is_significant() { "more than" } else { "consistent with" };
        format!("{what} chance ({test}, p = {})", p_text(p_value))
    };
    match chance {
        Chance::Correct(change) => {
            let CorrectChange { n, n_better, n_worse, .. } = change;
            let verdict = if n_better + n_worse == 0 {
                "no image is classified correctly by only one run".to_owned()
            } else {
                verdict("exact McNemar test", change.p_value)
            };
            format!(
                "{between}{} of {n} shared validation images flipped: {n_better} better, {n_worse} worse\n\
                 {} {} (95 % interval {}): {verdict}\n\
                 log-loss {} (95 % interval {})",
                pair.flips.len(),
                diff.score,
                signed(change.accuracy),
                interval(change.accuracy_interval),
                signed(change.log_loss),
                interval(change.log_loss_interval),
            )
        }
        Chance::Error(change) => format!(
            "{between}estimates of {} shared validation images: {} nearer, {} farther\n\
             mean absolute error {} (95 % interval {}): {}",
            change.n,
            change.n_better,
            change.n_worse,
            signed(change.mae),
            interval(change.mae_interval),
            verdict("paired randomization test", change.p_value),
        ),
    }
}

fn signed(value: f64) -> String {
    format!("{value:+.4}")
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("{} to {}", signed(low), signed(high))
}

fn p_text(p: f64) -> String {
    if p < 0.0001 { "less than 0.0001".to_owned() } else { number(p, 4) }
}

/// The table of flipped images.
pub(super) fn flips(pair: &Pair, diff: &Diff, most: usize) -> Table {
    let labels = labels(diff);
    let other = diff.runs.iter().position(|run| *run == pair.other).unwrap_or(1);
    let heads = ["Image", "Class", &labels[0], &labels[other], ""];
    let rows = pair.flips.iter().take(most).map(|flip| {
        let Flip { path, label, predicted, .. } = flip;
        let [first, second] =
            predicted.each_ref().map(|(class, probability)| format!("{class} {probability:.2}"));
        vec![path.clone(), label.clone(), first, second, flip.verdict().to_owned()]
    });
    Table { heads: heads.map(str::to_owned).to_vec(), rows: rows.collect(), right: vec![] }
}

fn paragraph(text: &mut String, style: Style, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let end = if style.markdown { "  \n" } else { "\n" };
    let _ = write!(text, "\n{}\n", lines.join("\n").replace('\n', end));
}

/// A row of a table in Markdown.
fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn section(text: &mut String, style: Style, table: &Table) {
    let Table { heads, rows, right } = table;
    if rows.is_empty() {
        return;
    }
    text.push('\n');
    if style.markdown {
        text.push_str(&line(heads));
        text.push_str(&line(&vec!["---".to_owned(); heads.len()]));
        rows.iter().for_each(|row| text.push_str(&line(row)));
    } else {
        let all: Vec<Vec<String>> = [heads].into_iter().chain(rows).cloned().collect();
        text.push_str(&text::align(&all, right));
    }
}
