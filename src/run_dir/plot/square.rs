//! A square chart with two axes from 0 to 1.

use super::palette;
use super::scale::Scale;
use super::svg::Svg;

/// The minimum width of the SVG.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 62.0;
const SIDE: f64 = 360.0;
const TOP: f64 = 92.0;
const MARGIN: f64 = LEFT - 40.0;
/// The left edge of the labels.
const LABELS: f64 = LEFT + SIDE + 12.0;
/// The distance between two labels, in pixels.
const LABEL_HEIGHT: f64 = 17.0;
/// An upper bound on the average width of a label's character.
const CHARACTER: f64 = 8.0;

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
    pub(super) text: String,
}

impl Square {
    /// An empty chart, with the labels of its series in a column on the right.
    pub(super) fn new(words: &Words<'_>, labels: &[Label]) -> Self {
        let longest = labels.iter().map(|label| label.text.chars().count()).max().unwrap_or(0);
        let width = WIDTH.max(LABELS + CHARACTER * longest as f64 + 10.0);
        let style = palette::style(palette::N_COLORS);
        let mut svg = Svg::with_style(width, HEIGHT, words.title, words.summary, &style);
        svg.text("title", (MARGIN, 32.0), words.title);
        svg.text("faint", (MARGIN, 53.0), words.summary);
        let x = Scale::new((0.0, 1.0), (LEFT, LEFT + SIDE));
        let y = Scale::new((0.0, 1.0), (TOP + SIDE, TOP));
        for mark in 0..=5 {
            let (value, text) = (f64::from(mark) / 5.0, format!("{:.1}", f64::from(mark) / 5.0));
            svg.line("grid", (LEFT, y.place(value)), (LEFT + SIDE, y.place(value)));
            svg.line("grid", (x.place(value), TOP), (x.place(value), TOP + SIDE));
            svg.text("faint end", (LEFT - 10.0, y.place(value) + 4.5), &text);
            svg.text("faint middle", (x.place(value), TOP + SIDE + 20.0), &text);
        }
        let middle = f64::midpoint(LEFT, LEFT + SIDE);
        svg.text("faint middle", (middle, TOP + SIDE + 42.0), words.axes[0]);
        // Above the axis rather than rotated, because that is easier to read.
        svg.text("faint", (LEFT, TOP - 6.0), words.axes[1]);
        let first = TOP + (SIDE - LABEL_HEIGHT * (labels.len() as f64 - 1.0)) / 2.0;
        for (line, label) in labels.iter().enumerate() {
            let at = (LABELS, first + LABEL_HEIGHT * line as f64 + 4.5);
            svg.text(&format!("label r{}", label.color), at, &label.text);
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
