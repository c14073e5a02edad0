//! Resolves a search over values of a pipeline. Whether the values fit their keys is found when the
//! arms are loaded.

use serde_json::{Number, Value};

use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::pipeline::raw::{
    RawHalving, RawLabels, RawOver, RawPipeline, RawRange, RawRankBy, RawScale, RawSearch,
    RawStage, RawSweep, RawTarget,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{AxisSpec, HalvingSpec, RankBy, Scale, SearchSpec, SweepSpec, ValuesSpec};

/// The most arms of a sweep.
const MOST_ARMS: usize = 1_000;
/// The most runs of a sweep.
const MOST_RUNS: usize = 10_000;

/// Resolves the search of a pipeline.
pub(in crate::pipeline) fn resolve(
    raw: &RawSweep,
    pipeline: &RawPipeline,
    problems: &mut Vec<Problem>,
) -> SweepSpec {
    let at = KeyPath::of(&["sweep"]);
    let over = raw.over.iter().map(|(key, over)| {
        let at = at.key("over").key(key);
        AxisSpec { key: key.clone(), values: values(over, &at, problems) }
    });
    let has_several_labels = matches!(pipeline.dataset.labels, RawLabels::Many);
    let sweep = SweepSpec {
        over: over.collect(),
        search: search(&raw.search, pipeline, &at.key("search"), problems),
        folds: raw.folds,
        repeats: raw.repeats.unwrap_or(1),
        seeds: raw.seeds.clone().unwrap_or_default(),
        rank_by: match (pipeline.dataset.target, raw.rank_by) {
            (RawTarget::Number, _) => RankBy::AbsoluteError,
            (_, Some(RawRankBy::Loss)) => RankBy::LogLoss,
            (..) if has_several_labels => RankBy::SubsetAccuracy,
            (_, Some(RawRankBy::Accuracy) | None) => RankBy::Accuracy,
        },
    };
    if raw.repeats.is_some() && raw.folds.is_none() {
        let message = "`repeats` has no effect without `folds`";
        let problem = Problem::new(Code::Conflict, at.key("repeats"), message);
        problems.push(problem.hint("write the number of folds too: `folds: 5`"));
    }
    if let (RawTarget::Number, Some(RawRankBy::Accuracy)) = (pipeline.dataset.target, raw.rank_by) {
        let message = "estimates of a number have no accuracy";
        let problem = Problem::new(Code::Conflict, at.key("rank_by"), message);
        problems.push(problem.hint("leave out `rank_by`"));
    }
    check_seeds(&sweep, &at, problems);
    check_axes(&sweep, &at, problems);
    check_number(&sweep, &at, problems);
    check_halving(&sweep, &at, problems);
    sweep
}

/// How the arms are chosen.
fn search(
    raw: &RawSearch,
    pipeline: &RawPipeline,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> SearchSpec {
    match raw {
        RawSearch::Grid => SearchSpec::Grid,
        RawSearch::Random(random) => {
            SearchSpec::Random { arms: random.arms, seed: random.seed.unwrap_or(pipeline.seed) }
        }
        RawSearch::Tpe(tpe) => {
            SearchSpec::Tpe { arms: tpe.arms, seed: tpe.seed.unwrap_or(pipeline.seed) }
        }
        RawSearch::Halving(halving) => {
            let seed = halving.seed.unwrap_or(pipeline.seed);
            let (key, epochs) =
                rounds(halving, pipeline, &at.key("halving"), problems).unwrap_or_default();
            let random = halving.arms.map(|arms| (arms, seed));
            SearchSpec::Halving(HalvingSpec { random, keep: halving.keep, key, epochs })
        }
    }
}

/// The key of the number of epochs, and the number in each round of a halving search.
fn rounds(
    halving: &RawHalving,
    pipeline: &RawPipeline,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> Option<(String, Vec<usize>)> {
    let trained = pipeline.stages.iter().filter_map(|(name, stage)| match stage {
        RawStage::Train(train) => Some((name.as_str(), train.epochs)),
        RawStage::Fit(_) | RawStage::Evaluate(_) | RawStage::Export(_) => None,
    });
    let trained: Vec<(&str, usize)> = trained.collect();
    let stage = match &halving.stage {
        Some(wanted) => trained.iter().find(|(name, _)| name == wanted),
        None => trained.last(),
    };
    let Some(&(stage, most)) = stage else {
        let (at, message) = match &halving.stage {
            Some(wanted) => (at.key("stage"), format!("no stage `{wanted}` trains over epochs")),
            None => (at.clone(), "no stage trains over epochs".to_owned()),
        };
        problems.push(Problem::new(Code::UnknownStage, at, message));
        return None;
    };
    let first = halving.from.unwrap_or((most / (halving.keep * halving.keep)).max(1));
    if first >= most {
        let message = format!("the first round has {first} of {most} epochs, so it is the last");
        let at = if halving.from.is_some() { at.key("from") } else { at.clone() };
        let problem = Problem::new(Code::OutOfRange, at, message);
        problems.push(problem.hint(format!("give the stage `{stage}` more epochs")));
        return None;
    }
    let grown = |n: &usize| n.checked_mul(halving.keep).filter(|n| *n < most);
    let rounds = std::iter::successors(Some(first), grown).chain([most]);
    Some((format!("stages.{stage}.train.epochs"), rounds.collect()))
}

/// The values of a key.
fn values(over: &RawOver, at: &KeyPath, problems: &mut Vec<Problem>) -> ValuesSpec {
    match over {
        RawOver::Values(values) => {
            for (position, value) in values.iter().enumerate() {
                if values[..position].contains(value) {
                    let message = format!("{value} is listed twice");
                    let problem = Problem::new(Code::Conflict, at.index(position), message);
                    problems.push(problem.hint("leave one out: both would be the same arm"));
                }
            }
            ValuesSpec::OneOf(values.clone())
        }
        RawOver::Range(range) => between(range, at, problems),
    }
}

/// The numbers of a range.
fn between(range: &RawRange, at: &KeyPath, problems: &mut Vec<Problem>) -> ValuesSpec {
    let number = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    let (from, to) = (number(&range.from), number(&range.to));
    let is_whole = [Some(&range.from), Some(&range.to), range.step.as_ref()];
    let is_whole = is_whole.into_iter().flatten().all(|number| !number.is_f64());
    let scale = match range.scale {
        RawScale::Linear => Scale::Linear,
        RawScale::Log => Scale::Log,
    };
    let n_before = problems.len();
    if from >= to {
        let message = format!("the range begins at {} and ends at {}", range.from, range.to);
        let problem = Problem::new(Code::OutOfRange, at.key("from"), message);
        problems.push(problem.hint("`from` is the smaller number"));
    }
    if scale == Scale::Log && from <= 0.0 {
        let message = format!("a range with `scale: log` cannot begin at {}", range.from);
        let problem = Problem::new(Code::OutOfRange, at.key("from"), message);
        problems.push(problem.hint("begin above 0, or write `scale: linear`"));
    }
    if let (Some(_), true) = (&range.step, range.points.is_some() || scale == Scale::Log) {
        let message = "`step` excludes `points` and `scale: log`";
        let problem = Problem::new(Code::Conflict, at.key("step"), message);
        problems.push(problem.hint("keep `points`, the number of values"));
    }
    if problems.len() > n_before {
        return ValuesSpec::OneOf(vec![]);
    }
    let numbers: Vec<f64> = match (&range.step, range.points) {
        (Some(step), _) => {
            let step = number(step);
            let n = ((to - from) / step + 1e-9).floor();
            if n >= MOST_ARMS as f64 {
                let message = format!("the range has {} numbers", text::thousands(n as usize + 1));
                let problem = Problem::new(Code::OutOfRange, at.key("step"), message);
                problems.push(problem.hint("take a larger step, or fewer `points`"));
                return ValuesSpec::OneOf(vec![]);
            }
            (0..=n as usize).map(|i| rounded(from + i as f64 * step, 12)).collect()
        }
        (None, Some(points)) => {
            let share = |i: usize| i as f64 / (points - 1) as f64;
            (0..points).map(|i| at_share(from, to, scale, share(i))).collect()
        }
        (None, None) => return ValuesSpec::Between { from, to, scale, is_whole },
    };
    let mut values: Vec<Value> = numbers.into_iter().map(|x| value_of(x, is_whole)).collect();
    values.dedup();
    ValuesSpec::OneOf(values)
}

/// The number at a share of a range, with four significant digits. The ends are exact.
fn at_share(from: f64, to: f64, scale: Scale, share: f64) -> f64 {
    match scale {
        _ if share <= 0.0 => from,
        _ if share >= 1.0 => to,
        Scale::Linear => rounded(from + share * (to - from), 4),
        Scale::Log => {
            let [low, high] = [from, to].map(libm::log);
            rounded(libm::exp(low + share * (high - low)), 4)
        }
    }
}

/// A number with this many significant digits.
fn rounded(x: f64, digits: usize) -> f64 {
    format!("{x:.*e}", digits - 1).parse().unwrap_or(x)
}

/// A number as a value of a pipeline.
fn value_of(x: f64, is_whole: bool) -> Value {
    if is_whole { Value::from(x.round() as i64) } else { Value::from(x) }
}

/// Reports seeds that are listed twice, or vary in another way too.
fn check_seeds(sweep: &SweepSpec, at: &KeyPath, problems: &mut Vec<Problem>) {
    for (position, seed) in sweep.seeds.iter().enumerate() {
        if sweep.seeds[..position].contains(seed) {
            let message = format!("the seed {seed} is listed twice");
            problems.push(Problem::new(Code::Conflict, at.key("seeds").index(position), message));
        }
    }
}

/// Reports keys that cannot vary.
fn check_axes(sweep: &SweepSpec, at: &KeyPath, problems: &mut Vec<Problem>) {
    for axis in &sweep.over {
        let key = axis.key.as_str();
        let first = key.split(['.', '[']).next().unwrap_or_default().trim();
        let in_split = |name: &str| key == format!("dataset.split.{name}");
        let hint = match first {
            "sweep" | "version" | "name" => "it does not affect results",
            "seed" if !sweep.seeds.is_empty() => "the sweep sets it by `seeds`",
            _ if matches!(&sweep.search, SearchSpec::Halving(of) if is_same(key, &of.key)) => {
                "the rounds of the search set it"
            }
            _ if in_split("fold") => "write `folds` under `sweep`, and every arm runs on all folds",
            _ if sweep.folds.is_some()
                && ["folds", "repeats", "validation"].iter().any(|name| in_split(name)) =>
            {
                "the sweep sets it by `folds`"
            }
            _ => continue,
        };
        let message = format!("`{key}` cannot be an axis of a sweep");
        let problem = Problem::new(Code::Conflict, at.key("over").key(key), message);
        problems.push(problem.hint(hint));
    }
}

/// Whether two keys are the same, though one leaves out the kind of the stage.
fn is_same(key: &str, epochs: &str) -> bool {
    key == epochs || key == epochs.replace(".train.", ".")
}

/// Reports more arms or runs than are allowed, and ranges that a grid cannot have.
/// Reports a halving search that would run all arms in every round.
fn check_halving(sweep: &SweepSpec, at: &KeyPath, problems: &mut Vec<Problem>) {
    let SearchSpec::Halving(_) = &sweep.search else { return };
    // All combinations with a range have no number, which is another problem.
    let is_listed = |axis: &AxisSpec| matches!(axis.values, ValuesSpec::OneOf(_));
    let has_number = sweep.search.n_drawn().is_some() || sweep.over.iter().all(is_listed);
    let n = sweep.n_arms();
    if has_number && n <= HalvingSpec::LEAST_IN_ROUND {
        let message =
            format!("halving stops none of {}: the last round has two", text::count(n, "arm"));
        let problem = Problem::new(Code::Conflict, at.key("search"), message);
        problems.push(problem.hint("write `search: grid`, or give it more arms"));
    }
}

fn check_number(sweep: &SweepSpec, at: &KeyPath, problems: &mut Vec<Problem>) {
    let mut n_combinations = 1_usize;
    let mut is_endless = false;
    for axis in &sweep.over {
        match &axis.values {
            ValuesSpec::OneOf(values) => {
                n_combinations = n_combinations.saturating_mul(values.len().max(1));
            }
            ValuesSpec::Between { .. } if sweep.search.n_drawn().is_none() => {
                let at = at.key("over").key(&axis.key);
                let message = "a grid needs a list of values, but this range has no end of them";
                let problem = Problem::new(Code::Conflict, at, message);
                problems.push(
                    problem.hint(
                        "add `step` or `points`, or write `search: { random: { arms: 20 } }`",
                    ),
                );
            }
            ValuesSpec::Between { .. } => is_endless = true,
        }
    }
    let (n_arms, place) = match sweep.search.n_drawn() {
        Some(arms) => (arms, at.key("search")),
        None => (n_combinations, at.key("over")),
    };
    if !is_endless && n_arms > n_combinations {
        let message = format!(
            "there are only {} for {} arms",
            text::count(n_combinations, "combination"),
            text::thousands(n_arms)
        );
        let problem = Problem::new(Code::OutOfRange, place, message);
        problems.push(problem.hint("write `search: grid`, or fewer arms"));
    } else if n_arms > MOST_ARMS {
        let message = format!(
            "the sweep has {} arms; the limit is {}",
            text::thousands(n_arms),
            text::thousands(MOST_ARMS)
        );
        let problem = Problem::new(Code::OutOfRange, place, message);
        problems.push(problem.hint(
            "list fewer values, or draw some of the combinations: \
             `search: { random: { arms: 50 } }`",
        ));
    } else if n_arms.saturating_mul(sweep.runs_per_arm()) > MOST_RUNS {
        let message = format!(
            "the sweep has {} runs ({} arms, {} each); the limit is {}",
            text::thousands(n_arms.saturating_mul(sweep.runs_per_arm())),
            text::thousands(n_arms),
            text::thousands(sweep.runs_per_arm()),
            text::thousands(MOST_RUNS)
        );
        let problem = Problem::new(Code::OutOfRange, at.clone(), message);
        problems.push(problem.hint("take fewer folds, repeats or seeds"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(from: f64, to: f64, points: usize, scale: Scale) -> Vec<f64> {
        (0..points).map(|i| at_share(from, to, scale, i as f64 / (points - 1) as f64)).collect()
    }

    #[test]
    fn ranges_are_even_on_their_scale() {
        assert_eq!(listed(0.0, 1.0, 5, Scale::Linear), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(listed(1e-4, 1e-2, 3, Scale::Log), [1e-4, 1e-3, 1e-2]);
        // numpy.geomspace(1e-5, 1e-2, 4) and (1e-4, 1e-3, 3).
        assert_eq!(listed(1e-5, 1e-2, 4, Scale::Log), [1e-5, 1e-4, 1e-3, 1e-2]);
        assert_eq!(listed(1e-4, 1e-3, 3, Scale::Log), [1e-4, 3.162e-4, 1e-3]);
    }
}
