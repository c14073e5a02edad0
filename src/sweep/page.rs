//! The result of a sweep as an HTML page.

use std::fmt::Write as _;

use serde_json::Value;

use super::names::{short_keys, written};
use super::outcome::{ArmRow, SweepResult};
use super::statement::sentences;
use super::text::ranking;
use crate::base::text::{self, escape};
use crate::report::tables::four;
use crate::run_dir::html;
use crate::run_dir::plot::parallel::{self, Axis, Line, Standing};

/// The smallest ratio of the ends of an axis that shows ratios.
const RATIO: f64 = 20.0;
/// The most values that are marked on an axis of numbers.
const MOST_TICKS: usize = 6;

/// Renders the page.
pub fn render(result: &SweepResult) -> String {
    let n_arms = result.arms.len() + result.stopped.len();
    let title = format!("{}, {}", result.name, text::count(n_arms, "arm"));
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    for sentence in sentences(result) {
        let _ = writeln!(body, "<p>{}</p>", with_code(&sentence));
    }
    body.push_str(&html::heading("Arms"));
    let _ = writeln!(body, "<div class=\"plots\">\n{}</div>", render_plot(result));
    body.push_str(&html::heading("Ranking"));
    let (heads, rows) = ranking(result);
    // The first cell heads the row, and narrow pages have no room for two of them.
    let joined = |cells: Vec<String>| -> Vec<String> {
        let first = format!("{}. arm {}", cells[0], cells[1]).replace("–. ", "");
        std::iter::once(first).chain(cells.into_iter().skip(2)).collect()
    };
    let heads: Vec<String> =
        std::iter::once("arm".to_owned()).chain(heads.into_iter().skip(2)).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(joined).collect();
    let right: Vec<usize> = (1..heads.len()).collect();
    body.push_str(&html::long_table(&heads, &rows, &right, super::TABLE));
    html::document(&title, &body)
}

/// A sentence as HTML, with what is in backticks as code.
fn with_code(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    let parts = parts.map(|(at, part)| match at % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    });
    parts.collect()
}

/// Renders all arms across an axis for each key and one for their result.
fn render_plot(result: &SweepResult) -> String {
    let rows: Vec<&ArmRow> = result.arms.iter().chain(&result.stopped).collect();
    let keys = short_keys(&result.axes).into_iter().enumerate();
    let mut axes: Vec<Axis> = keys.map(|(at, key)| axis_of(key, at, &rows)).collect();
    let means: Vec<f64> = rows.iter().map(|arm| arm.mean).collect();
    let of_means = of_numbers(&means);
    let less = if result.rank_by.is_gain() { "" } else { " (less is better)" };
    axes.push(Axis {
        name: format!("{}{less}", result.rank_by.words()),
        crossings: means.iter().map(|mean| (of_means.place)(&Value::from(*mean))).collect(),
        ticks: ends(&means),
    });
    let lines: Vec<Line> = rows
        .iter()
        .enumerate()
        .map(|(rank, arm)| {
            let values: Vec<String> = arm.values.iter().map(written).collect();
            let standing = match (rank, arm.is_apart) {
                (0, _) => Standing::Best,
                (_, false) if rank < result.arms.len() => Standing::Group,
                _ => Standing::Other,
            };
            let title = format!("arm {}: {}; {}", arm.arm, values.join(", "), four(arm.mean));
            Line { standing, title }
        })
        .collect();
    let description = format!(
        "A line for each of {} across an axis for each key and one for the {}. The table below has \
         the same values.",
        text::count(lines.len(), "arm"),
        result.rank_by.words()
    );
    parallel::render("Arms and their result", &description, &axes, &lines)
}

/// The axis of a key.
fn axis_of(name: String, at: usize, rows: &[&ArmRow]) -> Axis {
    // In the order of the arms, which is that of the values in the pipeline.
    let mut values: Vec<(usize, &Value)> =
        rows.iter().map(|arm| (arm.arm, &arm.values[at])).collect();
    values.sort_by_key(|(arm, _)| *arm);
    let numbers: Option<Vec<f64>> = values.iter().map(|(_, value)| value.as_f64()).collect();
    let crossing = match numbers {
        Some(numbers) => of_numbers(&numbers),
        None => of_words(&values),
    };
    let crossings = rows.iter().map(|arm| (crossing.place)(&arm.values[at])).collect();
    Axis { name, crossings, ticks: crossing.ticks }
}

/// Where values cross an axis, and which are marked on it.
struct Crossing {
    place: Box<dyn Fn(&Value) -> f64>,
    ticks: Vec<(f64, String)>,
}

/// An axis of numbers, of ratios if they are far apart.
fn of_numbers(numbers: &[f64]) -> Crossing {
    let (low, high) = range(numbers);
    let is_ratio = low > 0.0 && high / low >= RATIO;
    let scaled = move |x: f64| if is_ratio { libm::log(x) } else { x };
    let (start, length) = (scaled(low), scaled(high) - scaled(low));
    let share = move |x: f64| if length > 0.0 { (scaled(x) - start) / length } else { 0.5 };
    let mut distinct = numbers.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() > MOST_TICKS {
        distinct = vec![low, high];
    }
    let ticks = distinct.into_iter().map(|x| (share(x), x.to_string())).collect();
    Crossing { place: Box::new(move |value| value.as_f64().map_or(0.5, share)), ticks }
}

/// An axis of other values, at equal distances.
fn of_words(values: &[(usize, &Value)]) -> Crossing {
    let mut distinct: Vec<Value> = vec![];
    for (_, value) in values {
        if !distinct.contains(value) {
            distinct.push((*value).clone());
        }
    }
    let n = distinct.len();
    let share = move |at: usize| if n < 2 { 0.5 } else { at as f64 / (n - 1) as f64 };
    let ticks =
        distinct.iter().enumerate().map(|(at, value)| (share(at), written(value))).collect();
    let place =
        move |value: &Value| distinct.iter().position(|one| one == value).map_or(0.5, share);
    Crossing { place: Box::new(place), ticks }
}

/// The ends of the axis of results.
fn ends(means: &[f64]) -> Vec<(f64, String)> {
    let (low, high) = range(means);
    if low < high { vec![(0.0, four(low)), (1.0, four(high))] } else { vec![(0.5, four(low))] }
}

fn range(numbers: &[f64]) -> (f64, f64) {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    (low, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}
