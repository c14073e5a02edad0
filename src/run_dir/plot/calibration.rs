//! Calibration, and the histogram of predicted probabilities.

use super::palette;
use super::scale::{self, Scale};
use super::short::short;
use super::square::{Square, Words};
use super::svg::{BOTTOM, HEIGHT, LEFT, RIGHT, Svg, WIDTH};
use crate::metrics::{Metrics, Scored};

/// Accuracy by confidence. A calibrated model is on the diagonal.
pub(super) fn render(metrics: &Metrics) -> String {
    let words = Words {
        title: "Calibration",
        summary: &format!(
            "expected error {:.3}; size: number of images",
            metrics.expected_calibration_error
        ),
        axes: ["probability of the predicted class", "accuracy"],
    };
    let mut chart = Square::new(&words, &[]);
    chart.reference((0.0, 0.0), (1.0, 1.0));
    let bins = &metrics.calibration;
    let places: Vec<(f64, f64)> =
        bins.iter().map(|bin| chart.at(bin.confidence, bin.accuracy)).collect();
    chart.svg.path("line val", &places);
    for (bin, at) in bins.iter().zip(places) {
        let share = bin.n_images as f64 / metrics.n_images as f64;
        let said = format!(
            "confidence {:.3}, accuracy {:.3}, {} images",
            bin.confidence, bin.accuracy, bin.n_images
        );
        chart.svg.circle("dot val", at, 2.25 + 8.0 * share.sqrt(), &said);
    }
    chart.svg.finish()
}

const TOP: f64 = 66.0;
/// The maximum characters of a class name in the legend.
const MOST_NAMES: usize = 13;
/// The number of bars in the histogram.
const N_BARS: usize = 20;

/// A histogram of the probability of the second of two classes, grouped by true class. For more
/// classes, of the probability of the predicted class, grouped by whether it is correct.
pub(super) fn histogram(metrics: &Metrics, scored: &[Scored<'_>]) -> String {
    let is_binary = metrics.classes.len() == 2;
    let (axis, names): (String, [String; 2]) = if is_binary {
        let [first, second] = [0, 1].map(|class| short(&metrics.classes[class].name, MOST_NAMES));
        (format!("probability of {second}"), [first, second])
    } else {
        (
            "probability of the predicted class".to_owned(),
            ["wrong".to_owned(), "correct".to_owned()],
        )
    };
    let mut counts = [[0usize; N_BARS]; 2];
    for one in scored {
        let (value, group) = if is_binary {
            (one.probabilities[1], one.label)
        } else {
            (one.probabilities[one.predicted], usize::from(one.label == one.predicted))
        };
        counts[group][((value * N_BARS as f64) as usize).min(N_BARS - 1)] += 1;
    }
    let colors = if is_binary { ["r0", "r1"] } else { ["bad", "good"] };
    let most = counts.iter().flatten().copied().max().unwrap_or(1).max(1);
    let title = "Probabilities";
    let summary = format!("{} images by {axis}", metrics.n_images);
    let mut svg = Svg::with_style(WIDTH, HEIGHT, title, &summary, &palette::style(2));
    svg.titles(title, &summary);
    let marks = scale::marks(0.0, most as f64, 5);
    let x = Scale::new((0.0, 1.0), (LEFT, RIGHT));
    let y = Scale::new((0.0, marks[marks.len() - 1]), (BOTTOM, TOP));
    scale::grid(&mut svg, (LEFT, RIGHT), &y, &marks);
    for mark in 0..=5 {
        let value = f64::from(mark) / 5.0;
        svg.text("faint middle", (x.place(value), BOTTOM + 16.0), &format!("{value:.1}"));
    }
    svg.text("faint middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 33.0), &axis);
    svg.text("faint", (LEFT, TOP - 6.0), "images");
    let width = (RIGHT - LEFT) / N_BARS as f64;
    for (group, counts) in counts.iter().enumerate() {
        for (bar, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let left = LEFT + width * (bar as f64 + 0.08 + 0.42 * group as f64);
            let top = y.place(count as f64);
            let said =
                format!("{}: {count} from {:.2} to {:.2}", names[group], edge(bar), edge(bar + 1));
            let size = (width * 0.42, BOTTOM - top);
            svg.rect(&format!("bar {}", colors[group]), (left, top), size, 1.0, &said);
        }
    }
    svg.legend(&[(colors[0], &names[0]), (colors[1], &names[1])]);
    svg.finish()
}

/// The probability at the left edge of a bar.
fn edge(bar: usize) -> f64 {
    bar as f64 / N_BARS as f64
}
