//! The confusion matrix: counts, and shares of each class as depth of colour.

use super::short::{MOST_CHARACTERS, class_names};
use super::svg::Svg;
use crate::metrics::Metrics;

/// Classes whose cells have counts and shares in them.
const MOST_WITH_SHARES: usize = 12;
/// Classes whose cells have counts in them.
const MOST_WITH_COUNTS: usize = 30;
/// Classes whose names stand beside the matrix.
const MOST_WITH_NAMES: usize = 60;
/// The side of the matrix where its cells have no text, in pixels.
const SMALL: f64 = 720.0;
const LEFT: f64 = 150.0;
const MARGIN: f64 = 22.0;
/// The share from which text on a cell has the colour of the page.
const DEEP: f64 = 0.7;
/// Characters of a name above a column as wide as a cell with a share.
const MOST_ABOVE: usize = 10;

const STYLE: &str = ".cell{fill:#0550ae}.border{fill:none;stroke:#d1d9e0}.on{fill:#fff}.small{font-size:11px}\
@media(prefers-color-scheme:dark){.cell{fill:#58a6ff}.border{stroke:#3d444d}.on{fill:#0d1117}}";

/// How a matrix of some size is drawn.
struct Layout {
    /// The side of a cell, in pixels.
    cell: f64,
    /// Where the matrix begins.
    top: f64,
    /// Whether the names of columns run upwards.
    is_turned: bool,
}

impl Layout {
    fn of(n_classes: usize) -> Self {
        if n_classes <= MOST_WITH_SHARES {
            return Self { cell: 72.0, top: 118.0, is_turned: false };
        }
        let is_turned = n_classes <= MOST_WITH_NAMES;
        let cell = if n_classes <= MOST_WITH_COUNTS { 28.0 } else { SMALL / n_classes as f64 };
        Self { cell, top: if is_turned { 208.0 } else { 118.0 }, is_turned }
    }

    /// The upper left corner of a cell.
    fn corner(&self, row: usize, column: usize) -> (f64, f64) {
        (LEFT + self.cell * column as f64, self.top + self.cell * row as f64)
    }
}

/// Rows are classes, columns what they are given.
pub(super) fn render(metrics: &Metrics) -> String {
    let matrix = &metrics.confusion_matrix;
    let n = matrix.n_classes();
    let layout = Layout::of(n);
    let side = layout.cell * n as f64;
    let (width, height) = ((LEFT + side + 40.0).max(420.0), layout.top + side + 30.0);
    let title = "Confusion matrix";
    let unnamed = if n > MOST_WITH_NAMES { "; point at a cell for its classes" } else { "" };
    let summary = format!(
        "{} of {} pictures given their own class ({:.1} %){unnamed}",
        matrix.n_correct(),
        metrics.n_images,
        100.0 * metrics.accuracy
    );
    let mut svg = Svg::with_style(width, height, title, &summary, STYLE);
    svg.text("title", (MARGIN, 32.0), title);
    svg.text("faint", (MARGIN, 53.0), &summary);
    svg.text("faint middle", (LEFT + side / 2.0, 86.0), "class given");
    svg.text("faint", (MARGIN, layout.top - 10.0), "class");
    for row in 0..n {
        for column in 0..n {
            draw_cell(&mut svg, metrics, (row, column), &layout);
        }
    }
    svg.rect("border", layout.corner(0, 0), (side, side), 1.0, title);
    if n <= MOST_WITH_NAMES {
        names(&mut svg, metrics, &layout);
    }
    svg.finish()
}

fn draw_cell(svg: &mut Svg, metrics: &Metrics, (row, column): (usize, usize), layout: &Layout) {
    let matrix = &metrics.confusion_matrix;
    let (count, of) = (matrix.get(row, column), matrix.n_of(row));
    let share = if of == 0 { 0.0 } else { count as f64 / of as f64 };
    let (at, cell) = (layout.corner(row, column), layout.cell);
    let name = |class: usize| &metrics.classes[class].name;
    let said =
        format!("{} given {}: {count} of {of} ({:.1} %)", name(row), name(column), 100.0 * share);
    svg.rect("cell", at, (cell, cell), share, &said);
    let on = if share >= DEEP { " on" } else { "" };
    let middle = (at.0 + cell / 2.0, at.1 + cell / 2.0);
    match matrix.n_classes() {
        0..=MOST_WITH_SHARES => {
            let at = (middle.0, middle.1 + 2.0);
            svg.text(&format!("title middle{on}"), at, &count.to_string());
            let share = format!("{:.1} %", 100.0 * share);
            svg.text(&format!("small middle{on}"), (middle.0, middle.1 + 20.0), &share);
        }
        // Zeros would hide the others.
        ..=MOST_WITH_COUNTS if count > 0 => {
            let at = (middle.0, middle.1 + 4.0);
            svg.text(&format!("small middle{on}"), at, &count.to_string());
        }
        _ => {}
    }
}

fn names(svg: &mut Svg, metrics: &Metrics, layout: &Layout) {
    let size = if layout.is_turned { "small end" } else { "end" };
    let most_above = if layout.is_turned { MOST_CHARACTERS } else { MOST_ABOVE };
    let beside = class_names(metrics, MOST_CHARACTERS);
    let above = class_names(metrics, most_above);
    for (class, (beside, above)) in beside.iter().zip(&above).enumerate() {
        let (x, y) = layout.corner(class, class);
        let (x, y) = (x + layout.cell / 2.0, y + layout.cell / 2.0);
        svg.text(size, (LEFT - 10.0, y + 4.5), beside);
        if layout.is_turned {
            svg.upward_text("small", (x + 4.0, layout.top - 10.0), above);
        } else {
            svg.text("small middle", (x, layout.top - 10.0), above);
        }
    }
}
