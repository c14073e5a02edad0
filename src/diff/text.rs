//! A difference as text: for terminals, or as Markdown.

use std::fmt::Write as _;

use super::{Chance, Diff, Flip, Pair, PictureChanges};
use crate::base::leaves;
use crate::base::text;
use crate::run_dir::layout;

/// Pictures that are listed unless all are asked for.
const MOST_PICTURES: usize = 20;

/// How a difference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// As Markdown.
    pub markdown: bool,
    /// Rows that do not differ too, and all pictures.
    pub all: bool,
    /// Decimals of figures.
    pub precision: usize,
}

/// A table with a heading for each column.
pub(super) struct Table {
    pub(super) heads: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Renders what differs, section by section.
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
        paragraph(&mut text, style, &pictures(pair, style));
    }
    section(&mut text, style, &metrics(diff, style));
    for pair in &diff.pairs {
        if let Some(chance) = &pair.chance {
            paragraph(&mut text, style, &[about(pair, diff, chance)]);
        }
        let most = if style.all { usize::MAX } else { MOST_PICTURES };
        section(&mut text, style, &flips(pair, diff, most));
        if pair.flips.len() > most {
            let n = text::count(pair.flips.len() - most, "picture");
            let _ = writeln!(text, "… and {n} more (--all)");
        }
    }
    text
}

/// The sentence about runs without a difference that matters.
fn same(diff: &Diff) -> String {
    let others = text::join(diff.runs[1..].iter().cloned(), "and");
    format!(
        "{} and {others} are the same in all that matters: pipeline, pictures, program, figures, predictions and weights",
        diff.runs[0]
    )
}

/// What the runs are called in headings: the names of their folders, or letters where these are not
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

/// Values of the pipelines.
pub(super) fn values(diff: &Diff, style: Style) -> Table {
    let heads = ["Path", "Param"].map(str::to_owned).into_iter().chain(labels(diff)).collect();
    let rows = diff.values.iter().filter(|row| row.differs || style.all).map(|row| {
        let cells = row.values.iter().zip(&row.origins).map(|(value, origin)| {
            let value = leaves::plain(value.as_ref());
            // What an override says stands in front of it already.
            let origin = origin.as_deref().map(|origin| match origin.split_once(" -S ") {
                Some((what, _)) => format!(" ({what} -S)"),
                None => format!(" ({origin})"),
            });
            format!("{value}{}", origin.unwrap_or_default())
        });
        [layout::RESOLVED.to_owned(), row.path.clone()].into_iter().chain(cells).collect()
    });
    Table { heads, rows: rows.collect() }
}

/// What computed, and with `all` where and when.
pub(super) fn environment(diff: &Diff, style: Style) -> Table {
    let heads = ["Path", "Setting"].map(str::to_owned).into_iter().chain(labels(diff)).collect();
    let settings = diff.environment.iter();
    let shown = settings.filter(|setting| style.all || (setting.differs && setting.matters));
    let rows = shown.map(|setting| {
        let start = [layout::MANIFEST.to_owned(), setting.name.clone()];
        start.into_iter().chain(setting.values.iter().map(|value| short(value))).collect()
    });
    Table { heads, rows: rows.collect() }
}

/// A digest by its first digits.
fn short(value: &str) -> String {
    let is_digest = value.len() == 64 && value.chars().all(|c| c.is_ascii_hexdigit());
    if is_digest { value[..12].to_owned() } else { value.to_owned() }
}

/// Figures, in the form of `dvc exp diff`.
pub(super) fn metrics(diff: &Diff, style: Style) -> Table {
    let has_change = diff.runs.len() == 2;
    let mut heads = ["Path", "Metric"].map(str::to_owned).to_vec();
    heads.extend(labels(diff));
    heads.extend(has_change.then(|| "Change".to_owned()));
    let rows = diff.metrics.iter().filter(|row| row.differs || style.all).map(|row| {
        let mut cells = vec![row.path.to_owned(), row.metric.clone()];
        let figure = |value: &Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| number(value, style.precision))
        };
        cells.extend(row.values.iter().map(figure));
        if has_change {
            cells.push(figure(&row.change));
        }
        cells
    });
    Table { heads, rows: rows.collect() }
}

/// A figure with as many decimals as it needs, and no more than `precision`.
pub(super) fn number(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// How pictures differ, in sentences with lists.
pub(super) fn pictures(pair: &Pair, style: Style) -> Vec<String> {
    let most = if style.all { usize::MAX } else { MOST_PICTURES };
    let PictureChanges { added, removed, changed, moved, n_validation } = &pair.pictures;
    let list = |what: &str, paths: &[String]| {
        let n = text::count(paths.len(), "picture");
        (!paths.is_empty()).then(|| format!("{n} {what}:\n{}", text::first_lines(paths, most)))
    };
    let moved: Vec<String> =
        moved.iter().map(|(path, before, now)| format!("{path}: {before} → {now}")).collect();
    let mut said: Vec<String> = [
        list("added", added),
        list("removed", removed),
        list("of other content", changed),
        list("moved between the parts of the split", &moved),
    ]
    .into_iter()
    .flatten()
    .collect();
    let [first, second, both] = n_validation;
    if *both == 0 {
        said.push(
            "warning: the two runs have no validation picture in common; their figures do not compare"
                .to_owned(),
        );
    } else if first != both || second != both {
        said.push(format!(
            "warning: the validation pictures differ: {first} and {second}, of which {both} are in \
             both; figures of the two runs do not compare, only what is said about those {both} does"
        ));
    }
    said
}

/// What the flips and the figures on common pictures come to.
pub(super) fn about(pair: &Pair, diff: &Diff, chance: &Chance) -> String {
    let Chance { n, n_better, n_worse, p_value, is_significant, .. } = chance;
    let between = if diff.pairs.len() > 1 {
        format!("{} to {}: ", diff.runs[0], pair.other)
    } else {
        String::new()
    };
    let accuracy = signed(chance.accuracy);
    let log_loss = signed(chance.log_loss);
    let verdict = if n_better + n_worse == 0 {
        "no picture is right in one run alone".to_owned()
    } else if *is_significant {
        format!("more than chance (exact McNemar test, p = {})", p_text(*p_value))
    } else {
        format!("may well be chance (exact McNemar test, p = {})", p_text(*p_value))
    };
    format!(
        "{between}{} of {n} pictures that both validated with flipped: {n_better} better, {n_worse} worse\n\
         accuracy {accuracy} (95 % interval {}), log-loss {log_loss} ({}): {verdict}",
        pair.flips.len(),
        interval(chance.accuracy_interval),
        interval(chance.log_loss_interval),
    )
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

/// The pictures that flipped.
pub(super) fn flips(pair: &Pair, diff: &Diff, most: usize) -> Table {
    let labels = labels(diff);
    let other = diff.runs.iter().position(|run| *run == pair.other).unwrap_or(1);
    let heads = ["Picture", "Class", &labels[0], &labels[other], ""];
    let rows = pair.flips.iter().take(most).map(|flip| {
        let Flip { path, label, predicted, .. } = flip;
        let [first, second] =
            predicted.each_ref().map(|(class, probability)| format!("{class} {probability:.2}"));
        vec![path.clone(), label.clone(), first, second, flip.verdict().to_owned()]
    });
    Table { heads: heads.map(str::to_owned).to_vec(), rows: rows.collect() }
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
    let Table { heads, rows } = table;
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
        text.push_str(&text::align(&all, &[]));
    }
}
