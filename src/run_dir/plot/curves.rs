//! Curves of training and validation over the epochs of all stages.

use super::scale::{self, Scale};
use super::svg::{BOTTOM, CHARACTER, HEIGHT, LEFT, LINE, MARGIN, RIGHT, Svg, WIDTH};
use crate::event::{EpochMetrics, Evaluated, Score};
use crate::run_dir::history::{History, StageHistory};

/// The baseline of the first stage caption.
const CAPTIONS: f64 = 62.0;

/// A metric with a plot of its own.
struct Figure {
    file: &'static str,
    title: &'static str,
    value: fn(&Evaluated) -> f64,
}

/// The score and the loss.
fn figures(history: &History) -> [Figure; 2] {
    let score = |evaluated: &Evaluated| evaluated.score.value();
    let (file, title) = match history.stages.first().map(|stage| stage.before.score) {
        Some(Score::Accuracy(_)) | None => ("accuracy.svg", "Accuracy"),
        Some(Score::SubsetAccuracy(_)) => ("subset_accuracy.svg", "Subset accuracy"),
        Some(Score::MeanAbsoluteError(_)) => ("mae.svg", "Mean absolute error"),
    };
    [
        Figure { file, title, value: score },
        Figure { file: "loss.svg", title: "Loss", value: |evaluated| evaluated.loss },
    ]
}

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
    figures(history).into_iter().map(|figure| (figure.file, render(history, &figure)))
}

fn render(history: &History, figure: &Figure) -> String {
    let values = || {
        let epochs = history.stages.iter().flat_map(|stage| &stage.epochs);
        epochs.flat_map(|epoch| SERIES.iter().map(|series| (figure.value)((series.of)(epoch))))
    };
    let low = values().reduce(f64::min).unwrap_or(0.0);
    let marks = scale::marks(low, values().reduce(f64::max).unwrap_or(1.0), 5);
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
    svg.titles(title, summary);
    let epochs = || history.stages.iter().flat_map(|stage| &stage.epochs).map(|epoch| epoch.epoch);
    let (Some(first), Some(last)) = (epochs().min(), epochs().max()) else { return (svg, None) };
    // A single epoch is centered.
    let margin = if first == last { 0.5 } else { 0.0 };
    let top = CAPTIONS + starts(history).count() as f64 * LINE;
    let axes = Axes {
        x: Scale::new((first as f64 - margin, last as f64 + margin), (LEFT, RIGHT)),
        y: Scale::new((marks[0], marks[marks.len() - 1]), (BOTTOM, top)),
    };
    draw_axes(&mut svg, &axes, marks, &scale::whole_marks(first, last, 10));
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
        svg.text("faint middle", (x, BOTTOM + 16.0), &epoch.to_string());
    }
    svg.text("faint middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 33.0), "epoch");
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
        let y = CAPTIONS + row as f64 * LINE;
        svg.line("mark", (x, y + 4.0), (x, BOTTOM));
        let text = format!("{}: {}", stage.name, stage.caption);
        let width = text.chars().count() as f64 * CHARACTER;
        // The caption starts at the line if it fits there, otherwise as far right as it fits.
        let left = (x - 2.0).min(RIGHT - width);
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
                let radius = if is_best { 4.0 } else { 2.25 };
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
    svg.legend(&SERIES.map(|series| (series.class, series.name)));
}

/// The subtitle: the validation metric in the best epoch of each stage, of the last ones if there are
/// many.
fn summary(history: &History, figure: &Figure) -> String {
    let parts = history.stages.iter().filter_map(|stage| {
        let best = stage.best_epoch()?;
        Some(format!("{} {:.3}", stage.name, (figure.value)(&best.validation)))
    });
    let parts: Vec<String> = parts.collect();
    let text = |parts: &[String], start: &str| format!("best epochs: {start}{}", parts.join(", "));
    let most = ((RIGHT - MARGIN) / CHARACTER) as usize;
    let fitting = (0..parts.len())
        .map(|n_left_out| text(&parts[n_left_out..], if n_left_out == 0 { "" } else { "…, " }));
    let fitting: Vec<String> = fitting.collect();
    let short = fitting.iter().find(|text| text.chars().count() <= most);
    short.or(fitting.last()).cloned().unwrap_or_else(|| "no finished epochs".to_owned())
}
