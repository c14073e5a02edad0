//! The confusion matrix: counts, and the fraction of each class as color intensity. For too many
//! classes for a readable matrix, a bar chart of the most confused pairs.

use super::short::{MOST_CHARACTERS, class_names};
use super::svg::{CHARACTER, HEIGHT, MARGIN, RIGHT, SUMMARY, Svg, WIDTH};
use crate::metrics::Metrics;

/// Up to this many classes, the matrix has the size of the other plots; otherwise it is wide.
const MOST_SMALL: usize = 9;
/// Up to this many classes, a matrix is drawn.
const MOST_WITH_NAMES: usize = 30;
/// The number of bars for pairs of classes when there are more.
const MOST_PAIRS: usize = 30;
/// The sides of cells that have room for counts, and for percentages too.
const WITH_COUNTS: f64 = 20.0;
const WITH_SHARES: f64 = 44.0;
/// The width of a matrix of many classes.
const WIDE: f64 = 760.0;
/// From this fraction on, the text of a cell has the color of the page, for contrast.
const DEEP: f64 = 0.7;
/// The maximum characters of a name beside a small matrix.
const MOST_BESIDE: usize = 14;

const STYLE: &str = ".cell{fill:#0550ae}.border{fill:none;stroke:#d1d9e0}.on{fill:#fff}.few{font-size:14px;font-weight:600}\
@media(prefers-color-scheme:dark){.cell{fill:#58a6ff}.border{stroke:#3d444d}.on{fill:#0d1117}}";

/// Whether the matrix of so many classes is wider than other plots.
pub fn is_wide(n_classes: usize) -> bool {
    n_classes > MOST_SMALL && n_classes <= MOST_WITH_NAMES
}

/// The layout of a matrix.
struct Layout {
    /// The side of a cell, in pixels.
    cell: f64,
    /// The upper left corner of the first cell.
    left: f64,
    top: f64,
    /// Whether the column names are rotated.
    is_turned: bool,
    /// The size of the plot.
    size: (f64, f64),
}

impl Layout {
    /// The layout for a number of classes; the longest name has `n_characters`.
    fn of(n_classes: usize, n_characters: usize) -> Self {
        let n = n_classes as f64;
        if is_wide(n_classes) {
            let left = 150.0;
            let top = SUMMARY + 36.0 + n_characters.min(MOST_CHARACTERS) as f64 * CHARACTER;
            let cell = ((WIDE - left - 10.0) / n).min(50.0);
            return Self { cell, left, top, is_turned: true, size: (WIDE, top + cell * n + 12.0) };
        }
        let left = MARGIN + MOST_BESIDE as f64 * CHARACTER + 8.0;
        let turned = SUMMARY + 36.0 + n_characters.min(MOST_BESIDE) as f64 * CHARACTER;
        let (is_turned, top) = if n_classes <= 3 { (false, 92.0) } else { (true, turned) };
        let cell = ((RIGHT - left) / n).min((HEIGHT - 12.0 - top) / n).min(76.0);
        Self { cell, left, top, is_turned, size: (WIDTH, HEIGHT) }
    }

    /// The upper left corner of a cell.
    fn corner(&self, row: usize, column: usize) -> (f64, f64) {
        (self.left + self.cell * column as f64, self.top + self.cell * row as f64)
    }
}

/// Draws the matrix: rows are true classes, columns predicted classes.
pub(super) fn render(metrics: &Metrics) -> String {
    let matrix = &metrics.confusion_matrix;
    let n = matrix.n_classes();
    if n > MOST_WITH_NAMES {
        return pairs(metrics);
    }
    let lengths = metrics.classes.iter().map(|class| class.name.chars().count());
    let layout = Layout::of(n, lengths.max().unwrap_or(0));
    let side = layout.cell * n as f64;
    let (width, height) = layout.size;
    let title = "Confusion matrix";
    let summary = summary(metrics);
    let mut svg = Svg::with_style(width, height, title, &summary, STYLE);
    svg.titles(title, &summary);
    svg.text("faint middle", (layout.left + side / 2.0, SUMMARY + 20.0), "predicted class");
    svg.text("faint end", (layout.left - 8.0, layout.top - 8.0), "true class");
    // Zeros are drawn only for few classes; for many there would be thousands of them.
    for row in 0..n {
        for column in 0..n {
            if n <= MOST_SMALL || matrix.get(row, column) > 0 {
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
    const BAR: f64 = 250.0;
    const ROW: f64 = 34.0;
    const TOP: f64 = 76.0;
    let matrix = &metrics.confusion_matrix;
    let pairs = matrix.most_confused(MOST_PAIRS);
    let title = "Most confused classes";
    let summary = summary(metrics);
    let height = (TOP + ROW * pairs.len() as f64 + 12.0).max(HEIGHT);
    let mut svg = Svg::with_style(WIDTH, height, title, &summary, STYLE);
    svg.titles(title, &summary);
    let n = matrix.n_classes();
    let what = format!("true → predicted: the {} most frequent errors, {n} classes", pairs.len());
    svg.text("faint", (MARGIN, SUMMARY + 16.0), &what);
    let most = pairs.first().map_or(1, |(.., count)| *count) as f64;
    let names = class_names(metrics, MOST_CHARACTERS);
    for (position, &(own, given, count)) in pairs.iter().enumerate() {
        let top = TOP + ROW * position as f64;
        let of = matrix.n_of(own);
        let [full_own, full_given] = [own, given].map(|class| &metrics.classes[class].name);
        let said = format!("{full_own} predicted as {full_given}: {count} of {of}");
        svg.text("", (MARGIN, top + 10.0), &format!("{} → {}", names[own], names[given]));
        let length = (BAR * count as f64 / most).max(2.0);
        svg.rect("cell", (MARGIN, top + 15.0), (length, 10.0), 1.0, &said);
        let label = format!("{count} of {of}");
        svg.text("faint", (MARGIN + length + 6.0, top + 24.0), &label);
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
    if cell >= WITH_SHARES {
        svg.text(&format!("few middle{on}"), (middle.0, middle.1 + 1.0), &count.to_string());
        let share = format!("{:.0} %", 100.0 * share);
        svg.text(&format!("middle{on}"), (middle.0, middle.1 + 16.0), &share);
    } else if cell >= WITH_COUNTS {
        svg.text(&format!("middle{on}"), (middle.0, middle.1 + 4.0), &count.to_string());
    }
}

fn names(svg: &mut Svg, metrics: &Metrics, layout: &Layout) {
    let is_small = layout.size.0 <= WIDTH;
    let most = if is_small { MOST_BESIDE } else { MOST_CHARACTERS };
    // Level names above a column must fit its width.
    let most_above = if layout.is_turned { most } else { (layout.cell / CHARACTER) as usize };
    let beside = class_names(metrics, most);
    let above = class_names(metrics, most_above.min(most));
    for (class, (beside, above)) in beside.iter().zip(&above).enumerate() {
        let (x, y) = layout.corner(class, class);
        let (x, y) = (x + layout.cell / 2.0, y + layout.cell / 2.0);
        svg.text("end", (layout.left - 8.0, y + 4.0), beside);
        if layout.is_turned {
            svg.upward_text("", (x + 4.0, layout.top - 8.0), above);
        } else {
            svg.text("middle", (x, layout.top - 8.0), above);
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
        assert_eq!([n_cells(3), n_cells(10), n_cells(30)], [9, 10, 30]);
        assert_eq!([n_cells(31), n_cells(1000)], [MOST_PAIRS; 2]);
        let svg = drawn(1000);
        assert!(svg.len() < 50_000, "{} bytes", svg.len());
        assert!(svg.contains(">class 0 → class 1</text>") && svg.contains(">1 of 1</text>"));
    }
}
