//! Which arms of a sweep run next, from the results so far. The same results give the same arms, so a
//! sweep that was interrupted is found again by asking from the beginning.

use serde::Serialize;
use serde_json::Value;

use super::arms::{self, Arm};
use super::parzen;
use crate::spec::{HalvingSpec, SearchSpec, SweepSpec, ValuesSpec};

/// The most arms of a search by results that are random, before the first that is not.
const MOST_AT_RANDOM: usize = 10;

/// An arm as it runs in a round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The arm.
    pub arm: Arm,
    /// The number of epochs of a stage, if it is not that of the pipeline.
    pub epochs: Option<Epochs>,
}

/// A number of epochs that a round sets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Epochs {
    /// The key of the number.
    pub key: String,
    /// The number.
    pub n: usize,
}

/// A trial that has run.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The trial.
    pub trial: Trial,
    /// Its result, of which more is better.
    pub gain: f64,
}

/// The trials of the next round, after those of the rounds before it; none if the search has ended.
pub fn next(sweep: &SweepSpec, rounds: &[Vec<Tried>]) -> Vec<Trial> {
    let whole = |arms: Vec<Arm>| arms.into_iter().map(|arm| Trial { arm, epochs: None }).collect();
    match (&sweep.search, rounds) {
        (SearchSpec::Halving(halving), _) => halve(sweep, halving, rounds),
        (SearchSpec::Tpe { arms, seed }, []) => {
            let n = MOST_AT_RANDOM.min(arms.div_ceil(2));
            whole(numbered(arms::random(&sweep.over, n, *seed)))
        }
        (SearchSpec::Tpe { arms, seed }, rounds) => {
            let past: Vec<(&[Value], f64)> = rounds
                .iter()
                .flatten()
                .map(|tried| (&tried.trial.arm.values[..], tried.gain))
                .collect();
            if past.len() >= *arms {
                return vec![];
            }
            let number = past.len() + 1;
            let values = parzen::next(&sweep.over, &past, *seed);
            whole(values.map(|values| Arm { number, values }).into_iter().collect())
        }
        (_, []) => whole(first(sweep)),
        (SearchSpec::Grid | SearchSpec::Random { .. }, _) => vec![],
    }
}

/// The arms of a search that does not depend on results.
fn first(sweep: &SweepSpec) -> Vec<Arm> {
    numbered(match &sweep.search {
        SearchSpec::Grid | SearchSpec::Halving(HalvingSpec { random: None, .. }) => {
            arms::grid(&sweep.over)
        }
        SearchSpec::Random { arms, seed }
        | SearchSpec::Halving(HalvingSpec { random: Some((arms, seed)), .. })
        | SearchSpec::Tpe { arms, seed } => arms::random(&sweep.over, *arms, *seed),
    })
}

fn numbered(values: Vec<Vec<Value>>) -> Vec<Arm> {
    let numbered = values.into_iter().enumerate();
    numbered.map(|(position, values)| Arm { number: position + 1, values }).collect()
}

/// Arms that between them have every listed value and both ends of every range: a search by results
/// may come to any of these.
pub fn covering(sweep: &SweepSpec) -> Vec<Arm> {
    let ends = |values: &ValuesSpec| match values {
        ValuesSpec::OneOf(values) => values.clone(),
        between @ ValuesSpec::Between { .. } => {
            [0.0, 1.0].map(|share| arms::value_at(between, share)).to_vec()
        }
    };
    let all: Vec<Vec<Value>> = sweep.over.iter().map(|axis| ends(&axis.values)).collect();
    let n = all.iter().map(Vec::len).max().unwrap_or(0);
    let arm = |at: usize| all.iter().map(|values| values[at % values.len()].clone()).collect();
    numbered((0..n).map(arm).collect())
}

/// The next round of successive halving (Jamieson and Talwalkar, "Non-stochastic best arm
/// identification and hyperparameter optimization", 2016, section 3): the best of a round run again
/// with more epochs.
fn halve(sweep: &SweepSpec, halving: &HalvingSpec, rounds: &[Vec<Tried>]) -> Vec<Trial> {
    let Some(&n) = halving.epochs.get(rounds.len()) else { return vec![] };
    let epochs = || Some(Epochs { key: halving.key.clone(), n });
    let Some(last) = rounds.last() else {
        return first(sweep).into_iter().map(|arm| Trial { arm, epochs: epochs() }).collect();
    };
    // An arm that failed is not in the next round.
    let mut best: Vec<&Tried> = last.iter().filter(|tried| tried.gain.is_finite()).collect();
    best.sort_by(|a, b| {
        b.gain.total_cmp(&a.gain).then(a.trial.arm.number.cmp(&b.trial.arm.number))
    });
    best.truncate(next_size(last.len(), halving.keep));
    best.sort_by_key(|tried| tried.trial.arm.number);
    best.into_iter().map(|tried| Trial { arm: tried.trial.arm.clone(), epochs: epochs() }).collect()
}

/// The number of arms after a round.
fn next_size(n: usize, keep: usize) -> usize {
    n.div_ceil(keep).max(HalvingSpec::LEAST_IN_ROUND).min(n)
}

/// The number of arms in each round of a halving search that begins with `n`.
pub(super) fn sizes(n: usize, halving: &HalvingSpec) -> Vec<usize> {
    let sizes = std::iter::successors(Some(n), |n| Some(next_size(*n, halving.keep)));
    sizes.take(halving.epochs.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{AxisSpec, RankBy, Scale};

    fn sweep(search: SearchSpec) -> SweepSpec {
        let rate = ValuesSpec::Between { from: 1e-5, to: 1.0, scale: Scale::Log, is_whole: false };
        let words = ValuesSpec::OneOf(["a", "b", "c"].map(Value::from).to_vec());
        let axis = |key: &str, values| AxisSpec { key: key.to_owned(), values };
        SweepSpec {
            over: vec![axis("rate", rate), axis("word", words)],
            search,
            folds: None,
            repeats: 1,
            seeds: vec![],
            rank_by: RankBy::LogLoss,
        }
    }

    /// Runs a search to its end, with a gain for each arm.
    fn search(sweep: &SweepSpec, gain: impl Fn(&Trial) -> f64) -> Vec<Vec<Tried>> {
        let mut rounds = vec![];
        loop {
            let trials = next(sweep, &rounds);
            if trials.is_empty() {
                return rounds;
            }
            let tried = |trial: Trial| Tried { gain: gain(&trial), trial };
            rounds.push(trials.into_iter().map(tried).collect());
        }
    }

    #[test]
    fn halving_keeps_the_best_of_each_round() {
        let halving = HalvingSpec {
            random: Some((12, 1)),
            keep: 3,
            key: "epochs".to_owned(),
            epochs: vec![1, 3, 9],
        };
        let sweep = sweep(SearchSpec::Halving(halving));
        // The last arms are the best.
        let rounds = search(&sweep, |trial| trial.arm.number as f64);
        let numbers = |round: &Vec<Tried>| -> Vec<usize> {
            round.iter().map(|tried| tried.trial.arm.number).collect()
        };
        assert_eq!(numbers(&rounds[1]), [9, 10, 11, 12]);
        assert_eq!(numbers(&rounds[2]), [11, 12]);
        let epochs = |round: &Vec<Tried>| round[0].trial.epochs.as_ref().map(|epochs| epochs.n);
        assert_eq!(rounds.iter().map(epochs).collect::<Vec<_>>(), [Some(1), Some(3), Some(9)]);
    }

    /// The estimator comes closer to the best rate and word than random arms do.
    #[test]
    fn a_search_by_results_finds_the_better_values() {
        let gain = |trial: &Trial| {
            let rate = trial.arm.values[0].as_f64().unwrap();
            let word = if trial.arm.values[1] == "b" { 0.0 } else { 1.0 };
            -(libm::log10(rate) + 2.0).powi(2) - word
        };
        let mean_of_last = |search_spec: SearchSpec| {
            let tried: Vec<Tried> = search(&sweep(search_spec), gain).concat();
            assert_eq!(tried.len(), 40);
            tried[20..].iter().map(|tried| tried.gain).sum::<f64>() / 20.0
        };
        for seed in 0..5 {
            let by_results = mean_of_last(SearchSpec::Tpe { arms: 40, seed });
            let at_random = mean_of_last(SearchSpec::Random { arms: 40, seed });
            assert!(by_results > at_random + 0.3, "{seed}: {by_results} {at_random}");
        }
    }
}
