//! Parallel axes: a line for each of many settings, across an axis for each value. The axes are
//! level and one below the other, so that any number of them fits on a phone.

use super::short::short;
use super::svg::{CHARACTER, LINE, MARGIN, RIGHT, SUMMARY, Svg, TITLE, WIDTH};

/// The distance between two axes.
const ROW: f64 = 66.0;
/// The position of the first axis.
const TOP: f64 = 104.0;
/// The ends of an axis.
const START: f64 = 24.0;
const END: f64 = WIDTH - 24.0;
/// The maximum characters of the name of an axis, and of a value on it.
const MOST_CHARACTERS: usize = 48;
const MOST_OF_VALUE: usize = 14;

/// Lines of many settings are thin, and text stays readable on top of them.
const STYLE: &str = "\
.line.other{stroke:#8c959f;stroke-width:1;opacity:.45}.line.group{stroke-width:1.5}.line.best{stroke-width:3}\
.halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}.axis{stroke:#59636e}\
.line.best{stroke:#1f2328}.line.group{stroke:#8250df}.label.group{fill:#8250df}.label.other{fill:#59636e}\
@media(prefers-color-scheme:dark){.halo{stroke:#0d1117}.axis{stroke:#9198a1}\
.line.other{stroke:#9198a1}.line.best{stroke:#e6edf3}.line.group{stroke:#bc8cff}.label.group{fill:#bc8cff}.label.other{fill:#9198a1}}";

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// Where each line crosses it, from 0 to 1.
    pub crossings: Vec<f64>,
    /// Values on it, each with its place from 0 to 1, in order.
    pub ticks: Vec<(f64, String)>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// How it stands out.
    pub standing: Standing,
    /// The tooltip.
    pub title: String,
}

/// How a line stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It does not.
    Other,
    /// It is one of a few.
    Group,
    /// It is the one.
    Best,
}

impl Standing {
    fn class(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Group => "group",
            Self::Best => "best",
        }
    }
}

/// Renders lines across axes. `description` is for screen readers.
pub fn render(title: &str, description: &str, axes: &[Axis], lines: &[Line]) -> String {
    let height = TOP + ROW * axes.len() as f64 - ROW + 30.0;
    let mut svg = Svg::with_style(WIDTH, height, title, description, STYLE);
    svg.text("title", (MARGIN, TITLE), title);
    legend(&mut svg, lines);
    let level = |row: usize| TOP + ROW * row as f64;
    let across = |share: f64| START + share.clamp(0.0, 1.0) * (END - START);
    for row in 0..axes.len() {
        svg.line("axis", (START, level(row)), (END, level(row)));
    }
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&at| (lines[at].standing, std::cmp::Reverse(at)));
    for at in order {
        let crossings = axes.iter().enumerate();
        let points: Vec<(f64, f64)> =
            crossings.map(|(row, axis)| (across(axis.crossings[at]), level(row))).collect();
        let class = format!("line {}", lines[at].standing.class());
        svg.titled_path(&class, &points, &lines[at].title);
    }
    for (row, axis) in axes.iter().enumerate() {
        svg.text("halo", (MARGIN, level(row) - 9.0), &short(&axis.name, MOST_CHARACTERS));
        let mut free = 0.0;
        for (share, value) in &axis.ticks {
            let value = short(value, MOST_OF_VALUE);
            let half = value.chars().count() as f64 * CHARACTER / 2.0;
            let x = across(*share).clamp(MARGIN + half, RIGHT + 4.0 - half);
            svg.line(
                "axis",
                (across(*share), level(row) - 3.0),
                (across(*share), level(row) + 3.0),
            );
            if x - half >= free {
                svg.text("halo faint middle", (x, level(row) + 17.0), &value);
                free = x + half + CHARACTER;
            }
        }
    }
    svg.finish()
}

/// What the kinds of lines mean.
fn legend(svg: &mut Svg, lines: &[Line]) {
    let n = |standing| lines.iter().filter(|line| line.standing == standing).count();
    let all = [
        ("label best", "the best arm".to_owned(), n(Standing::Best)),
        (
            "label group",
            format!("not told apart from it: {}", n(Standing::Group)),
            n(Standing::Group),
        ),
        (
            "label other",
            format!("worse or stopped early: {}", n(Standing::Other)),
            n(Standing::Other),
        ),
    ];
    let shown = all.into_iter().filter(|(_, _, n)| *n > 0).enumerate();
    for (at, (class, text, _)) in shown {
        svg.text(class, (MARGIN, SUMMARY + LINE * at as f64), &text);
    }
}
