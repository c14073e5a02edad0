//! The confusion matrix: counts, and the fraction of each class as color intensity. For too many
//! classes for a readable matrix, a bar chart of the most confused pairs.

use super::short::{MOST_CHARACTERS, class_names};
use super::svg::Svg;
use crate::metrics::Metrics;

/// Up to this many classes, cells show counts and percentages.
const MOST_WITH_SHARES: usize = 12;
/// Up to this many classes, cells show counts.
const MOST_WITH_COUNTS: usize = 30;
/// Up to this many classes, a matrix is drawn.
const MOST_WITH_NAMES: usize = 60;
/// The number of bars for pairs of classes when there are more.
const MOST_PAIRS: usize = 30;
/// The side of a matrix without text in its cells, in pixels.
const SMALL: f64 = 720.0;
const LEFT: f64 = 150.0;
const MARGIN: f64 = 22.0;
/// From this fraction on, the text of a cell has the color of the page, for contrast.
const DEEP: f64 = 0.7;
/// The maximum characters of a name above a column of cells with percentages.
const MOST_ABOVE: usize = 10;

const STYLE: &str = ".cell{fill:#0550ae}.border{fill:none;stroke:#d1d9e0}.on{fill:#fff}.small{font-size:11px}\
@media(prefers-color-scheme:dark){.cell{fill:#58a6ff}.border{stroke:#3d444d}.on{fill:#0d1117}}";

/// The layout of a matrix.
struct Layout {
    /// The side of a cell, in pixels.
    cell: f64,
    /// The y coordinate of the top edge.
    top: f64,
    /// Whether the column names are rotated.
    is_turned: bool,
}

impl Layout {
    fn of(n_classes: usize) -> Self {
        if n_classes <= MOST_WITH_SHARES {
            return Self { cell: 72.0, top: 118.0, is_turned: false };
        }
        let cell = if n_classes <= MOST_WITH_COUNTS { 28.0 } else { SMALL / n_classes as f64 };
        Self { cell, top: 208.0, is_turned: true }
    }

    /// The upper left corner of a cell.
    fn corner(&self, row: usize, column: usize) -> (f64, f64) {
        (LEFT + self.cell * column as f64, self.top + self.cell * row as f64)
    }
}

/// Draws the matrix: rows are true classes, columns predicted classes.
pub(super) fn render(metrics: &Metrics) -> String {
    let matrix = &metrics.confusion_matrix;
    let n = matrix.n_classes();
    if n > MOST_WITH_NAMES {
        return pairs(metrics);
    }
    let layout = Layout::of(n);
    let side = layout.cell * n as f64;
    let (width, height) = ((LEFT + side + 40.0).max(420.0), layout.top + side + 30.0);
    let title = "Confusion matrix";
    let summary = summary(metrics);
    let mut svg = Svg::with_style(width, height, title, &summary, STYLE);
    svg.text("title", (MARGIN, 32.0), title);
    svg.text("faint", (MARGIN, 53.0), &summary);
    svg.text("faint middle", (LEFT + side / 2.0, 86.0), "predicted class");
    svg.text("faint", (MARGIN, layout.top - 10.0), "true class");
    // Zeros are drawn only for few classes; for many there would be thousands of them.
    for row in 0..n {
        for column in 0..n {
            if n <= MOST_WITH_SHARES || matrix.get(row, column) > 0 {
                draw_cell(&mut svg, metrics, (row, column), &layout);
            }
        }
    }
    svg.rect("border", layout.corner(0, 0), (side, side), 1.0, title);
    names(&mut svg, metrics, &layout);
    svg.finish()
}

fn summary(metrics: &Metrics) -> String {
    format!(
        "{} of {} images classified correctly ({:.1} %)",
        metrics.confusion_matrix.n_correct(),
        metrics.n_images,
        100.0 * metrics.accuracy
    )
}

/// Draws the most confused pairs of classes as bars.
fn pairs(metrics: &Metrics) -> String {
    const BAR: f64 = 240.0;
    const ROW: f64 = 26.0;
    let matrix = &metrics.confusion_matrix;
    let pairs = matrix.most_confused(MOST_PAIRS);
    let title = "Most confused classes";
    let summary = format!(
        "{}; the {} most frequent errors among {} classes",
        summary(metrics),
        pairs.len(),
        matrix.n_classes()
    );
    let left = MARGIN + 330.0;
    let (width, top) = (left + BAR + 130.0, 92.0);
    let height = top + ROW * pairs.len() as f64 + 20.0;
    let mut svg = Svg::with_style(width, height, title, &summary, STYLE);
    svg.text("title", (MARGIN, 32.0), title);
    svg.text("faint", (MARGIN, 53.0), &summary);
    let most = pairs.first().map_or(1, |(.., count)| *count) as f64;
    let names = class_names(metrics, MOST_CHARACTERS);
    for (position, &(own, given, count)) in pairs.iter().enumerate() {
        let middle = top + ROW * (position as f64 + 0.5);
        let of = matrix.n_of(own);
        let [full_own, full_given] = [own, given].map(|class| &metrics.classes[class].name);
        let said = format!("{full_own} predicted as {full_given}: {count} of {of}");
        svg.text("end", (left - 10.0, middle + 4.5), &format!("{} → {}", names[own], names[given]));
        let length = (BAR * count as f64 / most).max(2.0);
        svg.rect("cell", (left, middle - 8.0), (length, 16.0), 1.0, &said);
        let label = format!("{count} of {of}");
        svg.text("faint", (left + length + 8.0, middle + 4.5), &label);
    }
    svg.finish()
}

fn draw_cell(svg: &mut Svg, metrics: &Metrics, (row, column): (usize, usize), layout: &Layout) {
    let matrix = &metrics.confusion_matrix;
    let (count, of) = (matrix.get(row, column), matrix.n_of(row));
    let share = if of == 0 { 0.0 } else { count as f64 / of as f64 };
    let (at, cell) = (layout.corner(row, column), layout.cell);
    let name = |class: usize| &metrics.classes[class].name;
    let said = format!(
        "{} predicted as {}: {count} of {of} ({:.1} %)",
        name(row),
        name(column),
        100.0 * share
    );
    svg.rect("cell", at, (cell, cell), share, &said);
    let on = if share >= DEEP { " on" } else { "" };
    let middle = (at.0 + cell / 2.0, at.1 + cell / 2.0);
    if matrix.n_classes() <= MOST_WITH_SHARES {
        let at = (middle.0, middle.1 + 2.0);
        svg.text(&format!("title middle{on}"), at, &count.to_string());
        let share = format!("{:.1} %", 100.0 * share);
        svg.text(&format!("small middle{on}"), (middle.0, middle.1 + 20.0), &share);
    } else if matrix.n_classes() <= MOST_WITH_COUNTS {
        let at = (middle.0, middle.1 + 4.0);
        svg.text(&format!("small middle{on}"), at, &count.to_string());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Scored, measure};

    /// One image per class, each predicted as the next class.
    fn drawn(n_classes: usize) -> String {
        let classes: Vec<String> = (0..n_classes).map(|class| format!("class {class}")).collect();
        let probabilities = vec![1.0 / n_classes as f64; n_classes];
        let one = |label| Scored {
            label,
            predicted: (label + 1) % n_classes,
            probabilities: &probabilities,
        };
        let scored: Vec<Scored<'_>> = (0..n_classes).map(one).collect();
        render(&measure(&classes, &scored))
    }

    #[test]
    fn of_many_classes_only_cells_with_images_are_drawn_and_of_more_only_pairs() {
        let n_cells = |n| drawn(n).matches("<rect class=\"cell\"").count();
        assert_eq!([n_cells(3), n_cells(40), n_cells(60)], [9, 40, 60]);
        assert_eq!([n_cells(61), n_cells(1000)], [MOST_PAIRS; 2]);
        let svg = drawn(1000);
        assert!(svg.len() < 50_000, "{} bytes", svg.len());
        assert!(svg.contains(">class 0 → class 1</text>") && svg.contains(">1 of 1</text>"));
    }
}
