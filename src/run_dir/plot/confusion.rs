//! The confusion matrix: counts, and shares of each class as depth of colour.

use super::square::short;
use super::svg::Svg;
use crate::metrics::Metrics;

/// The side of a cell where cells have text in them, in pixels.
const CELL: f64 = 72.0;
/// The side of the matrix where there is no room for text.
const SMALL: f64 = 560.0;
/// Classes whose cells have text.
const MOST_WITH_TEXT: usize = 12;
/// Classes whose names stand beside the matrix.
const MOST_WITH_NAMES: usize = 60;
const LEFT: f64 = 150.0;
const TOP: f64 = 118.0;
const MARGIN: f64 = 22.0;

const STYLE: &str = ".cell{fill:#0969da}.border{fill:none;stroke:#d1d9e0}.on{fill:#fff}.small{font-size:11px}\
@media(prefers-color-scheme:dark){.cell{fill:#58a6ff}.border{stroke:#3d444d}.on{fill:#0d1117}}";

/// Rows are classes, columns what they are given.
pub(super) fn render(metrics: &Metrics) -> String {
    let matrix = &metrics.confusion_matrix;
    let n = matrix.n_classes();
    let cell = if n <= MOST_WITH_TEXT { CELL } else { SMALL / n as f64 };
    let side = cell * n as f64;
    let (width, height) = ((LEFT + side + 40.0).max(420.0), TOP + side + 30.0);
    let title = "Confusion matrix";
    let summary = format!(
        "{} of {} pictures given their own class ({:.1} %)",
        matrix.n_correct(),
        metrics.n_images,
        100.0 * metrics.accuracy
    );
    let mut svg = Svg::with_style(width, height, title, &summary, STYLE);
    svg.text("title", (MARGIN, 32.0), title);
    svg.text("faint", (MARGIN, 53.0), &summary);
    svg.text("faint middle", (LEFT + side / 2.0, TOP - 30.0), "class given");
    svg.text("faint", (MARGIN, TOP - 10.0), "class");
    for row in 0..n {
        for column in 0..n {
            draw_cell(&mut svg, metrics, (row, column), cell);
        }
    }
    svg.rect("border", (LEFT, TOP), (side, side), 1.0, title);
    if n <= MOST_WITH_NAMES {
        names(&mut svg, metrics, cell);
    }
    svg.finish()
}

fn draw_cell(svg: &mut Svg, metrics: &Metrics, (row, column): (usize, usize), cell: f64) {
    let matrix = &metrics.confusion_matrix;
    let (count, of) = (matrix.get(row, column), matrix.n_of(row));
    let share = if of == 0 { 0.0 } else { count as f64 / of as f64 };
    let at = (LEFT + cell * column as f64, TOP + cell * row as f64);
    let name = |class: usize| &metrics.classes[class].name;
    let said =
        format!("{} given {}: {count} of {of} ({:.1} %)", name(row), name(column), 100.0 * share);
    svg.rect("cell", at, (cell, cell), share, &said);
    if matrix.n_classes() > MOST_WITH_TEXT {
        return;
    }
    let on = if share > 0.5 { " on" } else { "" };
    let middle = (at.0 + cell / 2.0, at.1 + cell / 2.0);
    svg.text(&format!("title middle{on}"), (middle.0, middle.1 + 2.0), &count.to_string());
    let share = format!("{:.1} %", 100.0 * share);
    svg.text(&format!("small middle{on}"), (middle.0, middle.1 + 20.0), &share);
}

fn names(svg: &mut Svg, metrics: &Metrics, cell: f64) {
    let n = metrics.classes.len();
    for (class, of) in metrics.classes.iter().enumerate() {
        let middle = cell * (class as f64 + 0.5);
        let size = if n <= MOST_WITH_TEXT { "end" } else { "small end" };
        svg.text(size, (LEFT - 10.0, TOP + middle + 4.5), &short(&of.name));
        if n <= MOST_WITH_TEXT {
            // A column is as wide as ten letters.
            let name: String = if of.name.chars().count() > 10 {
                of.name.chars().take(9).chain(['…']).collect()
            } else {
                of.name.clone()
            };
            svg.text("small middle", (LEFT + middle, TOP - 10.0), &name);
        }
    }
}
