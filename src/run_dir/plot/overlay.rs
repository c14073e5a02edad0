//! The validation curves of several runs in one plot.

use super::palette;
use super::scale::{self, Scale};
use super::short::short;
use super::svg::{BOTTOM, HEIGHT, LEFT, LINE, MARGIN, RIGHT, SUMMARY, Svg, TITLE, WIDTH};
use crate::event::{EpochMetrics, Evaluated, Score};

/// The maximum characters of a run's name.
const MOST_CHARACTERS: usize = 48;

/// A metric of an epoch.
type Value = fn(&Evaluated) -> f64;

/// The epochs of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// The label of the run.
    pub name: String,
    /// The epochs of each stage, in the order they ran.
    pub stages: Vec<(String, Vec<EpochMetrics>)>,
}

impl Curves {
    fn epochs(&self) -> impl Iterator<Item = &EpochMetrics> {
        self.stages.iter().flat_map(|(_, epochs)| epochs)
    }
}

/// The score and the loss, with their titles.
fn figures(runs: &[Curves]) -> [(String, Value); 2] {
    let first = runs.iter().find_map(|run| run.epochs().next());
    let score = first.map_or(Score::Accuracy(0.0), |epoch| epoch.validation.score);
    let loss = if score.is_error() { "squared error in standard units" } else { "cross-entropy" };
    [
        (format!("Validation {}", score.words()), |evaluated| evaluated.score.value()),
        (format!("Validation loss ({loss})"), |evaluated| evaluated.loss),
    ]
}

/// Draws the validation score above the validation loss.
pub fn render(runs: &[Curves]) -> String {
    let figures = figures(runs);
    let what = match runs.iter().find_map(|run| run.epochs().next()) {
        Some(epoch) => format!("{} and loss", epoch.validation.score.words()),
        None => "accuracy and loss".to_owned(),
    };
    let mut svg = empty("Runs compared", &what, runs, figures.len());
    for (position, (title, value)) in figures.into_iter().enumerate() {
        panel(&mut svg, position as f64 * height(runs), &title, runs, value);
    }
    svg.finish()
}

/// Draws the validation score and the validation loss, as a plot each.
pub fn panels(runs: &[Curves]) -> [String; 2] {
    figures(runs).map(|(title, value)| {
        let mut svg = empty(&title, &title, runs, 1);
        panel(&mut svg, 0.0, &title, runs, value);
        svg.finish()
    })
}

fn empty(title: &str, what: &str, runs: &[Curves], n_panels: usize) -> Svg {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let description = format!("{what} by epoch of {}.", names.join(", "));
    let height = n_panels as f64 * height(runs);
    Svg::with_style(WIDTH, height, title, &description, &palette::style(runs.len()))
}

/// The height of a panel: the usual one, and lines for the names of runs.
fn height(runs: &[Curves]) -> f64 {
    HEIGHT + LINE * (runs.len() as f64 - 1.0)
}

fn panel(svg: &mut Svg, top: f64, title: &str, runs: &[Curves], value: Value) {
    let bottom = top + height(runs) - (HEIGHT - BOTTOM);
    let first_line = top + SUMMARY + LINE * runs.len() as f64;
    svg.text("title", (MARGIN, top + TITLE), title);
    for (number, run) in runs.iter().enumerate() {
        let at = (MARGIN, top + SUMMARY + LINE * number as f64);
        svg.text(&format!("label r{number}"), at, &short(&run.name, MOST_CHARACTERS));
    }
    let epochs = || runs.iter().flat_map(Curves::epochs);
    let Some(first) = epochs().map(|epoch| epoch.epoch).min() else { return };
    let last = epochs().map(|epoch| epoch.epoch).max().unwrap_or(first);
    let values = || epochs().map(|epoch| value(&epoch.validation));
    let low = values().fold(f64::INFINITY, f64::min);
    let marks = scale::marks(low, values().fold(f64::NEG_INFINITY, f64::max), 5);
    // A single epoch is centered.
    let margin = if first == last { 0.5 } else { 0.0 };
    let x = Scale::new((first as f64 - margin, last as f64 + margin), (LEFT, RIGHT));
    let y = Scale::new((marks[0], marks[marks.len() - 1]), (bottom, first_line));
    scale::grid(svg, (LEFT, RIGHT), &y, &marks);
    for epoch in scale::whole_marks(first, last, 10) {
        let at = (x.place(epoch as f64), bottom + 16.0);
        svg.text("faint middle", at, &epoch.to_string());
    }
    svg.text("faint middle", (f64::midpoint(LEFT, RIGHT), bottom + 33.0), "epoch");
    for (number, run) in runs.iter().enumerate() {
        let point =
            |epoch: &EpochMetrics| (x.place(epoch.epoch as f64), y.place(value(&epoch.validation)));
        let points: Vec<(f64, f64)> = run.epochs().map(point).collect();
        svg.path(&format!("line r{number}"), &points);
        for (stage, epochs) in &run.stages {
            for epoch in epochs {
                let said = format!(
                    "{}, {stage}, epoch {}: {:.4}",
                    run.name,
                    epoch.epoch,
                    value(&epoch.validation)
                );
                svg.circle(&format!("dot r{number}"), point(epoch), 2.25, &said);
            }
        }
    }
}
