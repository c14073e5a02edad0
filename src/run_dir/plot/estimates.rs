//! Estimated numbers against true ones, and the distribution of errors.

use super::scale::{self, Scale};
use super::svg::{BOTTOM, HEIGHT, LEFT, RIGHT, Svg, WIDTH};
use crate::metrics::number::Metrics;
use crate::run_dir::measured::PredictionRow;

const TOP: f64 = 66.0;
/// The most images that are drawn, evenly spread over the table.
const MOST: usize = 2000;
/// The number of bars in the histogram.
const N_BARS: usize = 20;

/// A point for each image: its number, and the estimate. The dashed line is where both are the same.
pub(super) fn scatter(metrics: &Metrics, rows: &[PredictionRow]) -> String {
    let title = "Estimates";
    let r2 = metrics.r2.map_or_else(|| "not defined".to_owned(), |r2| format!("{r2:.3}"));
    let summary = format!("{} images, mean absolute error {:.4}, R² {r2}", rows.len(), metrics.mae);
    let mut svg = Svg::new(WIDTH, HEIGHT, title, &summary);
    svg.titles(title, &summary);
    let values = || rows.iter().flat_map(|row| [row.number().number, row.number().estimate]);
    let (low, high) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let marks = scale::marks(low, high, 5);
    let ends = (marks[0], marks[marks.len() - 1]);
    let (x, y) = (Scale::new(ends, (LEFT, RIGHT)), Scale::new(ends, (BOTTOM, TOP)));
    scale::grid(&mut svg, (LEFT, RIGHT), &y, &marks);
    scale::below(&mut svg, &x, &marks);
    svg.text("faint middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 33.0), &metrics.name);
    svg.text("faint", (LEFT, TOP - 6.0), "estimate");
    svg.line("mark", (x.place(ends.0), y.place(ends.0)), (x.place(ends.1), y.place(ends.1)));
    for row in rows.iter().step_by(rows.len().div_ceil(MOST).max(1)) {
        let one = row.number();
        let said = format!("{}: {} estimated as {:.4}", row.path, one.number, one.estimate);
        svg.circle("dot val", (x.place(one.number), y.place(one.estimate)), 2.25, &said);
    }
    svg.finish()
}

/// A histogram of the errors, estimate minus number.
pub(super) fn histogram(metrics: &Metrics, rows: &[PredictionRow]) -> String {
    let title = "Errors";
    let summary = format!("estimate minus number; mean {:.4}", metrics.mean_error);
    let mut svg = Svg::new(WIDTH, HEIGHT, title, &summary);
    svg.titles(title, &summary);
    let errors: Vec<f64> = rows.iter().map(|row| row.number().error()).collect();
    let most = errors.iter().fold(0.0_f64, |most, error| most.max(error.abs()));
    let ticks = scale::marks(-most, most, 5);
    let ends = (ticks[0], ticks[ticks.len() - 1]);
    let mut counts = [0usize; N_BARS];
    let width = (ends.1 - ends.0) / N_BARS as f64;
    for error in &errors {
        counts[(((error - ends.0) / width) as usize).min(N_BARS - 1)] += 1;
    }
    let marks = scale::marks(0.0, counts.iter().copied().max().unwrap_or(1).max(1) as f64, 5);
    let x = Scale::new(ends, (LEFT, RIGHT));
    let y = Scale::new((0.0, marks[marks.len() - 1]), (BOTTOM, TOP));
    scale::grid(&mut svg, (LEFT, RIGHT), &y, &marks);
    scale::below(&mut svg, &x, &ticks);
    svg.text("faint", (LEFT, TOP - 6.0), "images");
    for (bar, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (from, to) = (ends.0 + width * bar as f64, ends.0 + width * (bar + 1) as f64);
        let (left, top) = (x.place(from) + 0.75, y.place(count as f64));
        let said = format!("{count} from {from:.4} to {to:.4}");
        let size = (x.place(to) - x.place(from) - 1.5, BOTTOM - top);
        svg.rect("dot val", (left, top), size, 1.0, &said);
    }
    svg.finish()
}
