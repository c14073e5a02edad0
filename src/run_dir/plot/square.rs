//! A square chart with two axes from 0 to 1.

use super::palette;
use super::scale::Scale;
use super::svg::{BOTTOM, HEIGHT, LEFT, LINE, Svg, WIDTH};

const TOP: f64 = 66.0;
const SIDE: f64 = BOTTOM - TOP;
/// The left edge of the labels.
const LABELS: f64 = LEFT + SIDE + 10.0;
/// The maximum characters of the name in a label.
pub(super) const MOST_CHARACTERS: usize = 14;

/// A chart under construction.
pub(super) struct Square {
    pub(super) svg: Svg,
    x: Scale,
    y: Scale,
}

/// The texts of a chart.
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    /// The subtitle.
    pub(super) summary: &'a str,
    /// The labels of the horizontal and the vertical axis.
    pub(super) axes: [&'a str; 2],
}

/// The label of a series.
pub(super) struct Label {
    /// The index of the series' color.
    pub(super) color: usize,
    pub(super) name: String,
    /// The value below the name.
    pub(super) value: String,
}

impl Square {
    /// An empty chart, with the labels of its series in a column on the right.
    pub(super) fn new(words: &Words<'_>, labels: &[Label]) -> Self {
        let style = palette::style(palette::N_COLORS);
        let mut svg = Svg::with_style(WIDTH, HEIGHT, words.title, words.summary, &style);
        svg.titles(words.title, words.summary);
        let x = Scale::new((0.0, 1.0), (LEFT, LEFT + SIDE));
        let y = Scale::new((0.0, 1.0), (BOTTOM, TOP));
        for mark in 0..=5 {
            let (value, text) = (f64::from(mark) / 5.0, format!("{:.1}", f64::from(mark) / 5.0));
            svg.line("grid", (LEFT, y.place(value)), (LEFT + SIDE, y.place(value)));
            svg.line("grid", (x.place(value), TOP), (x.place(value), BOTTOM));
            svg.text("faint end", (LEFT - 8.0, y.place(value) + 4.0), &text);
            svg.text("faint middle", (x.place(value), BOTTOM + 16.0), &text);
        }
        let middle = f64::midpoint(LEFT, LEFT + SIDE);
        svg.text("faint middle", (middle, BOTTOM + 33.0), words.axes[0]);
        // Above the axis rather than rotated, because that is easier to read.
        svg.text("faint", (LEFT, TOP - 6.0), words.axes[1]);
        let first = TOP + (SIDE - 2.0 * LINE * (labels.len() as f64 - 1.0)) / 2.0;
        for (place, Label { color, name, value }) in labels.iter().enumerate() {
            let y = first + 2.0 * LINE * place as f64 - 2.0;
            svg.text(&format!("label r{color}"), (LABELS, y), name);
            svg.text("faint", (LABELS, y + LINE - 1.0), value);
        }
        Self { svg, x, y }
    }

    /// The coordinates of a point.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x), self.y.place(y))
    }

    /// Draws a dashed reference line.
    pub(super) fn reference(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (from, to) = (self.at(from.0, from.1), self.at(to.0, to.1));
        self.svg.line("mark", from, to);
    }
}
