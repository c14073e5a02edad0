//! Axes: maps values to coordinates, with round numbers as ticks.

use super::svg::{BOTTOM, Svg};

/// A linear scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    values: (f64, f64),
    places: (f64, f64),
}

impl Scale {
    /// A scale that maps two values to two coordinates.
    pub(super) fn new(values: (f64, f64), places: (f64, f64)) -> Self {
        Self { values, places }
    }

    /// The coordinate of a value.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = (value - self.values.0) / (self.values.1 - self.values.0);
        self.places.0 + share * (self.places.1 - self.places.0)
    }
}

/// About `n` round ticks that enclose the values from `low` to `high`. Their distance is 1, 2 or 5
/// times a power of ten.
pub(super) fn marks(low: f64, high: f64, n: usize) -> Vec<f64> {
    let span = if high > low { high - low } else { high.abs().max(1e-9) };
    let rough = span / n as f64;
    let power = 10f64.powi(rough.log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power);
    let first = (low / step + 1e-9).floor() as i64;
    let last = ((high / step - 1e-9).ceil() as i64).max(first + 1);
    (first..=last).map(|mark| mark as f64 * step).collect()
}

/// Draws a horizontal grid line for each tick, with its value on the left.
pub(super) fn grid(svg: &mut Svg, (left, right): (f64, f64), y: &Scale, marks: &[f64]) {
    for mark in marks {
        let at = y.place(*mark);
        svg.line("grid", (left, at), (right, at));
        svg.text("faint end", (left - 8.0, at + 4.0), &mark_text(*mark, marks));
    }
}

/// Writes the value of each tick below the horizontal axis.
pub(super) fn below(svg: &mut Svg, x: &Scale, marks: &[f64]) {
    for mark in marks {
        svg.text("faint middle", (x.place(*mark), BOTTOM + 16.0), &mark_text(*mark, marks));
    }
}

/// Integer ticks from `first` to `last`, at most about `n`.
pub(super) fn whole_marks(first: usize, last: usize, n: usize) -> Vec<usize> {
    let steps =
        [1, 2, 5].into_iter().cycle().zip([1, 1, 1, 10, 10, 10, 100, 100, 100, 1000, 1000, 1000]);
    let mut steps = steps.map(|(factor, power)| factor * power);
    let step = steps.find(|step| (last - first) / step < n).unwrap_or((last - first) / n + 1);
    (first..=last).filter(|mark| mark.is_multiple_of(step)).collect()
}

/// A tick as text, with as many decimals as its neighbors need.
fn mark_text(mark: f64, marks: &[f64]) -> String {
    let step = marks.get(1).map_or(1.0, |second| second - marks[0]);
    let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize;
    if decimals < 4 || mark == 0.0 {
        return format!("{mark:.0$}", if decimals < 4 { decimals } else { 0 });
    }
    // 1e-3 takes less room than 0.0010, and 15e-4 is not usual.
    let power = |value: f64| (value.log10() + 1e-9).floor();
    let digits = (power(mark.abs()) - power(step)).max(0.0) as usize;
    let text = format!("{mark:.digits$e}");
    let (number, power) = text.split_once('e').expect("it has an exponent");
    let number = match number.split_once('.') {
        Some(_) => number.trim_end_matches('0').trim_end_matches('.'),
        None => number,
    };
    format!("{number}e{power}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_enclose_the_values() {
        let text = |low, high| {
            let marks = marks(low, high, 5);
            marks.iter().map(|mark| mark_text(*mark, &marks)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(0.51, 0.83), "0.5 0.6 0.7 0.8 0.9");
        assert_eq!(text(0.3, 0.7), "0.3 0.4 0.5 0.6 0.7");
        assert_eq!(text(0.0012, 0.0031), "1e-3 1.5e-3 2e-3 2.5e-3 3e-3 3.5e-3");
        assert_eq!(text(0.0, 0.001), "0 2e-4 4e-4 6e-4 8e-4 1e-3");
        assert_eq!(text(0.0, 12.0), "0 5 10 15");
        assert_eq!(text(0.7, 0.7), "0.6 0.8");
        assert_eq!(text(1.0, 1.0), "1.0 1.2");
    }

    #[test]
    fn epochs_are_marked_at_whole_numbers() {
        assert_eq!(whole_marks(1, 10, 12), (1..=10).collect::<Vec<_>>());
        assert_eq!(whole_marks(1, 40, 12), [5, 10, 15, 20, 25, 30, 35, 40]);
        assert_eq!(whole_marks(3, 3, 12), [3]);
    }
}
