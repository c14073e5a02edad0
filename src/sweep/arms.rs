//! Which arms a sweep has: a value for each key that varies.

use alpaca_random::{Generator, SeedStream};
use serde::Serialize;
use serde_json::Value;

use crate::spec::{AxisSpec, Scale, Setting, SweepSpec, ValuesSpec};

/// The most draws for an arm that differs from all others.
const MOST_DRAWS: u64 = 1_000;

/// A value for each key that varies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arm {
    /// Its number, from 1.
    pub number: usize,
    /// The values, in the order of the keys.
    pub values: Vec<Value>,
}

impl Arm {
    /// The values with their keys.
    pub fn settings(&self, sweep: &SweepSpec) -> Vec<Setting> {
        let axes = sweep.over.iter().zip(&self.values);
        axes.map(|(axis, value)| Setting { key: axis.key.clone(), value: value.clone() }).collect()
    }
}

/// All combinations; the last key varies fastest.
pub(super) fn grid(axes: &[AxisSpec]) -> Vec<Vec<Value>> {
    axes.iter().fold(vec![vec![]], |arms, axis| {
        let ValuesSpec::OneOf(values) = &axis.values else { return arms };
        let with = |arm: &Vec<Value>, value: &Value| {
            let mut arm = arm.clone();
            arm.push(value.clone());
            arm
        };
        arms.iter().flat_map(|arm| values.iter().map(|value| with(arm, value))).collect()
    })
}

/// Random combinations, all different. An arm does not depend on how many there are.
pub(super) fn random(axes: &[AxisSpec], n: usize, seed: u64) -> Vec<Vec<Value>> {
    let stream = SeedStream::new(seed).child("sweep");
    let mut arms: Vec<Vec<Value>> = vec![];
    for number in 0..n as u64 {
        let draw = |attempt: u64| -> Vec<Value> {
            let mut generator = stream.at(number).at(attempt).generator();
            axes.iter().map(|axis| value(&axis.values, &mut generator)).collect()
        };
        arms.extend((0..MOST_DRAWS).map(draw).find(|arm| !arms.contains(arm)));
    }
    arms
}

/// Draws a value.
fn value(values: &ValuesSpec, generator: &mut Generator) -> Value {
    // From 0 up to, but not including, 1: 53 bits.
    value_at(values, (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)
}

/// The value at a share of a list or of a range, from 0 to 1.
pub(super) fn value_at(values: &ValuesSpec, share: f64) -> Value {
    match values {
        ValuesSpec::OneOf(values) => {
            values[((share * values.len() as f64) as usize).min(values.len() - 1)].clone()
        }
        &ValuesSpec::Between { from, to, scale, is_whole } => {
            number(from, to, scale, is_whole, share)
        }
    }
}

/// The number at a share of a range. Numbers have four significant digits, so that they can be read.
fn number(from: f64, to: f64, scale: Scale, is_whole: bool, share: f64) -> Value {
    // A whole number stands for everything that is rounded to it.
    let half = if is_whole { 0.5 } else { 0.0 };
    let (low, high) = (from - half, to + half);
    let x = match scale {
        Scale::Linear => low + share * (high - low),
        Scale::Log => {
            let [low, high] = [low, high].map(libm::log);
            libm::exp(low + share * (high - low))
        }
    };
    if is_whole {
        return Value::from(x.round().clamp(from, to) as i64);
    }
    let rounded: f64 = format!("{x:.3e}").parse().unwrap_or(x);
    Value::from(rounded.clamp(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<AxisSpec> {
        let rate = ValuesSpec::Between { from: 1e-5, to: 1e-1, scale: Scale::Log, is_whole: false };
        let epochs =
            ValuesSpec::Between { from: 2.0, to: 5.0, scale: Scale::Linear, is_whole: true };
        let listed = ValuesSpec::OneOf(vec!["a".into(), "b".into()]);
        let axis = |key: &str, values| AxisSpec { key: key.to_owned(), values };
        vec![axis("rate", rate), axis("epochs", epochs), axis("base", listed)]
    }

    #[test]
    fn random_arms_are_spread_over_their_ranges_and_different() {
        let all = random(&axes(), 400, 1);
        assert_eq!(all.len(), 400);
        let below = |limit: f64| all.iter().filter(|arm| arm[0].as_f64().unwrap() < limit).count();
        // A quarter of the numbers is in each power of ten.
        for (power, limit) in [(1, 1e-4), (2, 1e-3), (3, 1e-2)] {
            let (n, expected) = (below(limit), power * 100);
            assert!(n.abs_diff(expected) < 40, "{n} below {limit}");
        }
        for epochs in 2..=5 {
            let n = all.iter().filter(|arm| arm[1] == epochs).count();
            assert!(n.abs_diff(100) < 40, "{n} arms with {epochs} epochs");
        }
        assert_eq!(random(&axes(), 10, 1)[..], all[..10]);
        assert_ne!(random(&axes(), 10, 2)[..], all[..10]);
    }

    #[test]
    fn arms_of_few_combinations_are_all_of_them() {
        let few = axes().split_off(1);
        let mut all: Vec<String> =
            random(&few, 8, 3).iter().map(|arm| format!("{arm:?}")).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 8);
    }
}
