//! Curves of training and validation over the epochs of all stages.

use super::scale::{self, Scale};
use super::svg::Svg;
use crate::event::{EpochMetrics, Evaluated};
use crate::run_dir::history::{History, StageHistory};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
/// The area inside the axes: left, right, bottom. Above its top is room for the captions of
/// stages.
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 104.0;
const BOTTOM: f64 = HEIGHT - 52.0;
/// The left edge of the title.
const MARGIN: f64 = LEFT - 40.0;
/// The baseline of the first stage caption.
const CAPTIONS: f64 = 78.0;
/// The minimum distance between two labels, in pixels.
const LABEL_HEIGHT: f64 = 17.0;
/// An upper bound on the average width of a label's character.
const CHARACTER: f64 = 7.2;

/// A metric with a plot of its own.
struct Figure {
    file: &'static str,
    title: &'static str,
    value: fn(&Evaluated) -> f64,
}

const FIGURES: [Figure; 2] = [
    Figure { file: "accuracy.svg", title: "Accuracy", value: |evaluated| evaluated.accuracy },
    Figure { file: "loss.svg", title: "Loss (cross-entropy)", value: |evaluated| evaluated.loss },
];

/// A curve: its CSS class, its name, and the source of its values.
struct Series {
    class: &'static str,
    name: &'static str,
    of: fn(&EpochMetrics) -> &Evaluated,
}

const SERIES: [Series; 2] = [
    Series { class: "train", name: "training", of: |epoch| &epoch.train },
    Series { class: "val", name: "validation", of: |epoch| &epoch.validation },
];

/// The curve plots of a run, by file name.
pub(super) fn render_all(history: &History) -> impl Iterator<Item = (&'static str, String)> {
    FIGURES.iter().map(|figure| (figure.file, render(history, figure)))
}

fn render(history: &History, figure: &Figure) -> String {
    let values = || {
        let epochs = history.stages.iter().flat_map(|stage| &stage.epochs);
        epochs.flat_map(|epoch| SERIES.iter().map(|series| (figure.value)((series.of)(epoch))))
    };
    let low = values().reduce(f64::min).unwrap_or(0.0);
    let marks = scale::marks(low, values().reduce(f64::max).unwrap_or(1.0), 6);
    let (mut svg, axes) = frame(history, figure.title, &summary(history, figure), &marks);
    if let Some(axes) = axes {
        draw_curves(&mut svg, &axes, history, figure);
    }
    svg.finish()
}

/// An SVG with titles; the axes are `None` where there are no epochs.
pub(super) fn frame(
    history: &History,
    title: &str,
    summary: &str,
    marks: &[f64],
) -> (Svg, Option<Axes>) {
    let described = format!("{title} by epoch. {summary}.");
    let mut svg = Svg::new(WIDTH, HEIGHT, title, &described);
    svg.text("title", (MARGIN, 32.0), title);
    svg.text("faint", (MARGIN, 53.0), summary);
    let epochs = || history.stages.iter().flat_map(|stage| &stage.epochs).map(|epoch| epoch.epoch);
    let (Some(first), Some(last)) = (epochs().min(), epochs().max()) else { return (svg, None) };
    // A single epoch is centered.
    let margin = if first == last { 0.5 } else { 0.0 };
    let top = CAPTIONS + starts(history).count() as f64 * LABEL_HEIGHT;
    let axes = Axes {
        x: Scale::new((first as f64 - margin, last as f64 + margin), (LEFT, RIGHT)),
        y: Scale::new((marks[0], marks[marks.len() - 1]), (BOTTOM, top)),
    };
    draw_axes(&mut svg, &axes, marks, &scale::whole_marks(first, last, 14));
    draw_stage_starts(&mut svg, &axes, history);
    (svg, Some(axes))
}

pub(super) struct Axes {
    pub(super) x: Scale,
    pub(super) y: Scale,
}

impl Axes {
    fn point(&self, epoch: usize, value: f64) -> (f64, f64) {
        (self.x.place(epoch as f64), self.y.place(value))
    }
}

fn draw_axes(svg: &mut Svg, axes: &Axes, marks: &[f64], epochs: &[usize]) {
    scale::grid(svg, (LEFT, RIGHT), &axes.y, marks);
    for epoch in epochs {
        let x = axes.x.place(*epoch as f64);
        svg.text("faint middle", (x, BOTTOM + 20.0), &epoch.to_string());
    }
    svg.text("faint middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 40.0), "epoch");
}

/// The stages that start from another one, each with its first epoch.
fn starts(history: &History) -> impl Iterator<Item = (&StageHistory, &EpochMetrics)> {
    let starts = history.stages.iter().filter(|stage| stage.from.is_some());
    starts.filter_map(|stage| Some((stage, stage.epochs.first()?)))
}

/// A vertical line where a stage starts from another one, with a caption above the curves.
fn draw_stage_starts(svg: &mut Svg, axes: &Axes, history: &History) {
    for (row, (stage, first)) in starts(history).enumerate() {
        let x = axes.x.place(first.epoch as f64 - 0.5);
        let y = CAPTIONS + row as f64 * LABEL_HEIGHT;
        svg.line("mark", (x, y + 5.0), (x, BOTTOM));
        let text = format!("{}: {}", stage.name, stage.caption);
        let width = text.chars().count() as f64 * CHARACTER;
        // The caption starts at the line if it fits there, otherwise as far right as it fits.
        let left = (x - 2.0).min(WIDTH - MARGIN - width);
        svg.text("faint", (left.max(MARGIN), y), &text);
    }
}

fn draw_curves(svg: &mut Svg, axes: &Axes, history: &History, figure: &Figure) {
    for series in &SERIES {
        for stage in &history.stages {
            let value = |epoch: &EpochMetrics| (figure.value)((series.of)(epoch));
            let point = |epoch: &EpochMetrics| axes.point(epoch.epoch, value(epoch));
            let before = stage
                .from
                .as_ref()
                .and_then(|from| history.stage(from))
                .and_then(|from| from.epochs.last());
            let points: Vec<(f64, f64)> =
                before.into_iter().chain(&stage.epochs).map(point).collect();
            svg.path(&format!("line {}", series.class), &points);
            for epoch in &stage.epochs {
                let is_best = series.class == "val" && epoch.epoch == stage.best;
                let shape = if is_best { "ring" } else { "dot" };
                let radius = if is_best { 5.0 } else { 3.0 };
                let title = format!(
                    "{}, epoch {}: {} {:.4}",
                    stage.name,
                    epoch.epoch,
                    series.name,
                    value(epoch)
                );
                svg.circle(&format!("{shape} {}", series.class), point(epoch), radius, &title);
            }
        }
    }
    draw_labels(svg, axes, history, figure);
}

/// The name of each curve at its end. Labels are moved apart where curves end close together.
fn draw_labels(svg: &mut Svg, axes: &Axes, history: &History, figure: &Figure) {
    let Some(last) = history
        .stages
        .iter()
        .filter_map(|stage| stage.epochs.last())
        .max_by_key(|epoch| epoch.epoch)
    else {
        return;
    };
    let mut labels: Vec<(f64, &Series)> = SERIES
        .iter()
        .map(|series| (axes.y.place((figure.value)((series.of)(last))), series))
        .collect();
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let gap = LABEL_HEIGHT - (labels[1].0 - labels[0].0);
    if gap > 0.0 {
        labels[0].0 -= gap / 2.0;
        labels[1].0 += gap / 2.0;
    }
    let x = axes.x.place(last.epoch as f64) + 12.0;
    for (y, series) in labels {
        svg.text(&format!("label {}", series.class), (x, y + 4.5), series.name);
    }
}

/// The subtitle: the validation metric of each stage.
fn summary(history: &History, figure: &Figure) -> String {
    let parts = history.stages.iter().filter_map(|stage| {
        let best = stage.best_epoch()?;
        Some(format!(
            "{:.3} after {} (epoch {})",
            (figure.value)(&best.validation),
            stage.name,
            best.epoch
        ))
    });
    let parts: Vec<String> = parts.collect();
    match &parts[..] {
        [] => "no finished epochs".to_owned(),
        parts => format!("validation, best epoch of each stage: {}", parts.join(", ")),
    }
}
