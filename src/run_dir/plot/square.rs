//! A square chart of two shares, each from 0 to 1.

use super::palette;
use super::scale::Scale;
use super::svg::Svg;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 62.0;
const SIDE: f64 = 360.0;
const TOP: f64 = 92.0;
const MARGIN: f64 = LEFT - 40.0;
/// The least distance between two labels, in pixels.
const LABEL_HEIGHT: f64 = 17.0;
/// Characters of a class's name that fit beside the chart.
const MOST_CHARACTERS: usize = 18;

/// A chart while it is drawn.
pub(super) struct Square {
    pub(super) svg: Svg,
    x: Scale,
    y: Scale,
}

/// What a chart says about itself.
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    /// The line below the title.
    pub(super) summary: &'a str,
    /// What the axes are.
    pub(super) axes: [&'a str; 2],
}

impl Square {
    /// An empty chart for as many series.
    pub(super) fn new(words: &Words<'_>, n_series: usize) -> Self {
        let style = palette::style(n_series);
        let mut svg = Svg::with_style(WIDTH, HEIGHT, words.title, words.summary, &style);
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
        // Above the axis, so that nobody has to turn the head.
        svg.text("faint", (LEFT, TOP - 6.0), words.axes[1]);
        Self { svg, x, y }
    }

    /// The place of two shares.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x), self.y.place(y))
    }

    /// A dashed line for comparison.
    pub(super) fn reference(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (from, to) = (self.at(from.0, from.1), self.at(to.0, to.1));
        self.svg.line("mark", from, to);
    }

    /// The names of series to the right of the chart, near the heights given.
    pub(super) fn labels(&mut self, mut labels: Vec<(f64, usize, String)>) {
        labels.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut lowest = TOP - LABEL_HEIGHT;
        // They are moved down where they would cover each other, and up again to end in the chart.
        let places: Vec<f64> = labels
            .iter()
            .map(|(height, ..)| {
                lowest = self.y.place(*height).max(lowest + LABEL_HEIGHT);
                lowest
            })
            .collect();
        let above = (lowest - (TOP + SIDE)).max(0.0);
        for ((_, series, text), place) in labels.into_iter().zip(places) {
            let at = (LEFT + SIDE + 12.0, place - above + 4.5);
            self.svg.text(&format!("label r{series}"), at, &text);
        }
    }
}

/// A name as short as there is room for.
pub(super) fn short(name: &str) -> String {
    let n = name.chars().count();
    if n <= MOST_CHARACTERS {
        return name.to_owned();
    }
    let kept: String = name.chars().take(MOST_CHARACTERS - 1).collect();
    format!("{kept}…")
}
