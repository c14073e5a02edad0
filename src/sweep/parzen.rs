//! The next arm by tree-structured Parzen estimators (Bergstra, Bardenet, Bengio and Kégl, "Algorithms
//! for hyper-parameter optimization", 2011, section 4).

use std::convert::Infallible;

use alpaca_random::{Generator, SeedStream};
use rand::TryRng;
use serde_json::Value;
use tpe::{TpeOptimizer, TpeOptimizerBuilder};

use super::arms;
use crate::spec::{AxisSpec, Scale, ValuesSpec};

/// The fraction of the trials that count as good.
const GOOD: f64 = 0.25;
/// The most arms that are asked for until one is new.
const MOST_ATTEMPTS: u64 = 100;

/// The values of the next arm, from past arms with their gains. Each key has an estimator of its own.
/// `None` if no new arm is found.
pub(super) fn next(axes: &[AxisSpec], past: &[(&[Value], f64)], seed: u64) -> Option<Vec<Value>> {
    let stream = SeedStream::new(seed).child("estimator").at(past.len() as u64);
    let is_new = |values: &Vec<Value>| past.iter().all(|(other, _)| other != values);
    let ask = |attempt: u64| -> Vec<Value> {
        let asked = axes.iter().enumerate().map(|(at, axis)| {
            let mut random = Random(stream.at(attempt).at(at as u64).generator());
            let past = past.iter().map(|(values, gain)| (&values[at], *gain));
            ask(&axis.values, past, &mut random)
        });
        asked.collect()
    };
    let asked = (0..MOST_ATTEMPTS).map(ask).find(is_new);
    let at_random = || arms::random(axes, past.len() + 1, seed).into_iter().find(is_new);
    asked.or_else(at_random)
}

/// Asks for the next value of a key.
fn ask<'a>(
    values: &ValuesSpec,
    past: impl Iterator<Item = (&'a Value, f64)>,
    random: &mut Random,
) -> Value {
    let (mut optimizer, is_listed) = optimizer(values);
    for (value, gain) in past {
        let place = match values {
            ValuesSpec::OneOf(listed) => {
                listed.iter().position(|other| other == value).map_or(0.0, |at| at as f64 + 0.5)
            }
            between @ ValuesSpec::Between { .. } => share_of(between, value),
        };
        // The optimizer minimizes, and takes every place of its range and every number.
        let _ = optimizer.tell(place, -gain);
    }
    let Ok(place) = optimizer.ask(random);
    match values {
        ValuesSpec::OneOf(listed) if is_listed => {
            listed[(place as usize).min(listed.len() - 1)].clone()
        }
        other => arms::value_at(other, place),
    }
}

/// An estimator of a key: over positions in a list, or over shares of a range.
fn optimizer(values: &ValuesSpec) -> (TpeOptimizer, bool) {
    let (kind, end, is_listed) = match values {
        ValuesSpec::OneOf(listed) => (tpe::histogram_estimator(), listed.len() as f64, true),
        // The end of a range is not in it.
        ValuesSpec::Between { .. } => (tpe::parzen_estimator(), 1.0 + 1e-9, false),
    };
    let range = tpe::range(0.0, end.max(1.0)).expect("the range has a positive, finite width");
    let mut builder = TpeOptimizerBuilder::new();
    let built = builder.gamma(GOOD).build(kind, range);
    (built.expect("the settings are in their ranges"), is_listed)
}

/// Where a number is in a range, from 0 to 1.
fn share_of(values: &ValuesSpec, value: &Value) -> f64 {
    let (&ValuesSpec::Between { from, to, scale, is_whole }, Some(x)) = (values, value.as_f64())
    else {
        return 0.5;
    };
    let half = if is_whole { 0.5 } else { 0.0 };
    let scaled = |x: f64| if scale == Scale::Log { libm::log(x) } else { x };
    let [low, high, x] = [from - half, to + half, x].map(scaled);
    ((x - low) / (high - low)).clamp(0.0, 1.0)
}

/// Our generator for the library.
struct Random(Generator);

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for piece in bytes.chunks_mut(8) {
            let drawn = self.0.next_u64().to_le_bytes();
            piece.copy_from_slice(&drawn[..piece.len()]);
        }
        Ok(())
    }
}
