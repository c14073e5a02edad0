//! The validation curves of several runs in one plot.

use super::palette;
use super::scale::{self, Scale};
use super::svg::Svg;
use crate::event::{EpochMetrics, Evaluated};

const WIDTH: f64 = 760.0;
/// The height of a panel, with its title.
const PANEL: f64 = 360.0;
/// The area inside the axes of a panel.
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 150.0;
const TOP: f64 = 54.0;
const BOTTOM: f64 = PANEL - 52.0;
const MARGIN: f64 = LEFT - 40.0;
/// The minimum distance between two labels, in pixels.
const LABEL_HEIGHT: f64 = 17.0;
/// The maximum characters of a run's name beside its curve.
const MOST_CHARACTERS: usize = 15;

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

/// Draws validation accuracy above validation loss.
pub fn render(runs: &[Curves]) -> String {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let description = format!("Validation accuracy and loss by epoch of {}.", names.join(", "));
    let mut svg = Svg::with_style(
        WIDTH,
        2.0 * PANEL,
        "Runs compared",
        &description,
        &palette::style(runs.len()),
    );
    let figures: [(&str, Value); 2] = [
        ("Validation accuracy", |evaluated| evaluated.accuracy),
        ("Validation loss (cross-entropy)", |evaluated| evaluated.loss),
    ];
    for (position, (title, value)) in figures.into_iter().enumerate() {
        panel(&mut svg, position as f64 * PANEL, title, runs, value);
    }
    svg.finish()
}

fn panel(svg: &mut Svg, top: f64, title: &str, runs: &[Curves], value: Value) {
    svg.text("title", (MARGIN, top + 32.0), title);
    let epochs = || runs.iter().flat_map(Curves::epochs);
    let Some(first) = epochs().map(|epoch| epoch.epoch).min() else { return };
    let last = epochs().map(|epoch| epoch.epoch).max().unwrap_or(first);
    let values = || epochs().map(|epoch| value(&epoch.validation));
    let low = values().fold(f64::INFINITY, f64::min);
    let marks = scale::marks(low, values().fold(f64::NEG_INFINITY, f64::max), 6);
    // A single epoch is centered.
    let margin = if first == last { 0.5 } else { 0.0 };
    let x = Scale::new((first as f64 - margin, last as f64 + margin), (LEFT, RIGHT));
    let y = Scale::new((marks[0], marks[marks.len() - 1]), (top + BOTTOM, top + TOP));
    scale::grid(svg, (LEFT, RIGHT), &y, &marks);
    for epoch in scale::whole_marks(first, last, 14) {
        let at = (x.place(epoch as f64), top + BOTTOM + 20.0);
        svg.text("faint middle", at, &epoch.to_string());
    }
    svg.text("faint middle", (f64::midpoint(LEFT, RIGHT), top + BOTTOM + 40.0), "epoch");
    let mut labels = vec![];
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
                svg.circle(&format!("dot r{number}"), point(epoch), 3.0, &said);
            }
        }
        if let Some((x, y)) = points.last() {
            labels.push((*y, *x, number));
        }
    }
    draw_labels(svg, labels, runs);
}

/// The name of each run at the end of its curve. Labels are moved apart where they would overlap.
fn draw_labels(svg: &mut Svg, mut labels: Vec<(f64, f64, usize)>, runs: &[Curves]) {
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    for i in 1..labels.len() {
        labels[i].0 = labels[i].0.max(labels[i - 1].0 + LABEL_HEIGHT);
    }
    for (y, x, number) in labels {
        let name = &runs[number].name;
        let n = name.chars().count();
        let short: String = name.chars().skip(n.saturating_sub(MOST_CHARACTERS)).collect();
        let name = if n > MOST_CHARACTERS { format!("…{short}") } else { short };
        svg.text(&format!("label r{number}"), (x + 12.0, y + 4.5), &name);
    }
}
