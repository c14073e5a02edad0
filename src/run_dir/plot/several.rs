//! Scores of each class, of which images may have several.

use super::scale::Scale;
use super::short::told_apart;
use super::svg::{LINE, RIGHT, Svg, WIDTH};
use crate::metrics::several::{ClassMetrics, Metrics};

/// The most classes that are drawn: those that are found worst.
const MOST: usize = 24;
/// The maximum characters of a name, and where bars begin.
const MOST_CHARACTERS: usize = 18;
const BARS: f64 = 132.0;
const TOP: f64 = 66.0;

/// A bar for the F1 score of each class, with a mark at the score of its best threshold.
pub(super) fn render(metrics: &Metrics) -> String {
    let names: Vec<&str> = metrics.classes.iter().map(|class| class.name.as_str()).collect();
    let names = told_apart(&names, MOST_CHARACTERS);
    let mut classes: Vec<(&ClassMetrics, String)> = metrics.classes.iter().zip(names).collect();
    let n = classes.len();
    let mut summary = format!("macro F1 {:.3} at 0.5; mark: best threshold", metrics.macro_f1);
    if n > MOST {
        classes.sort_by(|a, b| a.0.f1.total_cmp(&b.0.f1));
        classes.truncate(MOST);
        summary = format!("macro F1 {:.3} at 0.5; worst {MOST} of {n}", metrics.macro_f1);
    }
    let height = TOP + classes.len() as f64 * LINE + 30.0;
    let title = "F1 by class";
    let mut svg = Svg::new(WIDTH, height, title, &summary);
    svg.titles(title, &summary);
    let x = Scale::new((0.0, 1.0), (BARS, RIGHT));
    let bottom = height - 26.0;
    for mark in 0..=5 {
        let value = f64::from(mark) / 5.0;
        svg.line("grid", (x.place(value), TOP - 4.0), (x.place(value), bottom));
        svg.text("faint middle", (x.place(value), bottom + 16.0), &format!("{value:.1}"));
    }
    for (row, (class, name)) in classes.iter().enumerate() {
        let top = TOP + row as f64 * LINE;
        svg.text("faint end", (BARS - 8.0, top + LINE - 5.0), name);
        let said = format!(
            "{}: F1 {:.3}, precision {:.3}, recall {:.3}, {} images",
            class.name, class.f1, class.precision, class.recall, class.n_images
        );
        svg.rect("dot val", (BARS, top), (x.place(class.f1) - BARS, LINE - 4.0), 1.0, &said);
        if let (Some(threshold), Some(f1)) = (class.best_threshold, class.best_f1) {
            let said = format!("{}: F1 {f1:.3} at {threshold:.3}", class.name);
            let at = (x.place(f1), top + (LINE - 4.0) / 2.0);
            svg.circle("ring val", at, 3.0, &said);
        }
    }
    svg.finish()
}
