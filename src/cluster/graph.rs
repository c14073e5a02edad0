//! The tasks of a command as plain data: what each needs, makes and runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;

/// A task: a command line that turns results of other tasks into its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Task {
    /// Its name, which can be the name of a file.
    pub name: String,
    /// The tasks that must have finished before.
    pub needs: Vec<String>,
    /// The keys of results of other tasks that it uses.
    pub inputs: Vec<Digest>,
    /// The keys of its own results.
    pub outputs: Vec<Digest>,
    /// Its command line.
    pub command: Vec<String>,
}

/// A stage of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedStage {
    /// Its name.
    pub name: String,
    /// The key of its result.
    pub key: Digest,
    /// The stages of the same run that it needs, by position.
    pub needs: Vec<usize>,
}

/// A run of several that may have stages in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRun {
    /// The name of its task.
    pub name: String,
    /// Its stages.
    pub stages: Vec<KeyedStage>,
}

impl KeyedRun {
    /// The keys of its stages.
    pub fn keys(&self) -> Vec<Digest> {
        self.stages.iter().map(|stage| stage.key).collect()
    }

    /// A stage and all that it needs, or all stages if it is `None`: their names and keys, in order.
    pub fn stages_for(&self, stage: Option<&str>) -> (Vec<String>, Vec<Digest>) {
        let mut is_needed = vec![stage.is_none(); self.stages.len()];
        // A stage comes after those that it needs.
        for (position, KeyedStage { name, needs, .. }) in self.stages.iter().enumerate().rev() {
            is_needed[position] |= Some(name.as_str()) == stage;
            if is_needed[position] {
                needs.iter().for_each(|need| is_needed[*need] = true);
            }
        }
        let needed = self.stages.iter().zip(is_needed).filter(|(_, is_needed)| *is_needed);
        needed.map(|(stage, _)| (stage.name.clone(), stage.key)).unzip()
    }
}

/// A task without its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The position of the run that it is, or whose stage it is.
    pub run: usize,
    /// The stage that it trains, if it is not a whole run.
    pub stage: Option<String>,
    /// The tasks that must have finished before.
    pub needs: Vec<String>,
    /// The keys of results of other tasks that it uses.
    pub inputs: Vec<Digest>,
    /// The keys of its own results.
    pub outputs: Vec<Digest>,
}

/// The tasks of some runs: first one for each stage that several runs have in common and that is not
/// cached, then the runs. Each comes after those that it needs.
pub fn of_runs(runs: &[KeyedRun], is_cached: impl Fn(Digest) -> bool) -> Vec<Step> {
    let mut n_runs: BTreeMap<Digest, usize> = BTreeMap::new();
    for stage in runs.iter().flat_map(|run| &run.stages) {
        *n_runs.entry(stage.key).or_default() += 1;
    }
    let mut steps: Vec<Step> = vec![];
    let mut made_by: BTreeMap<Digest, String> = BTreeMap::new();
    for (run, KeyedRun { stages, .. }) in runs.iter().enumerate() {
        for KeyedStage { name: stage, key, needs } in stages {
            if n_runs[key] < 2 || made_by.contains_key(key) || is_cached(*key) {
                continue;
            }
            let inputs: Vec<Digest> = needs.iter().map(|need| stages[*need].key).collect();
            // The same name whenever it is submitted.
            let name = format!("stage-{stage}-{}", &key.to_string()[..8]);
            made_by.insert(*key, name.clone());
            steps.push(Step {
                name,
                run,
                stage: Some(stage.clone()),
                needs: inputs.iter().filter_map(|key| made_by.get(key).cloned()).collect(),
                inputs,
                outputs: vec![*key],
            });
        }
    }
    for (run, KeyedRun { name, stages }) in runs.iter().enumerate() {
        let of_others = stages.iter().filter(|stage| made_by.contains_key(&stage.key));
        let inputs: Vec<Digest> = of_others.map(|stage| stage.key).collect();
        let own = stages.iter().filter(|stage| !made_by.contains_key(&stage.key));
        steps.push(Step {
            name: name.clone(),
            run,
            stage: None,
            needs: inputs.iter().map(|key| made_by[key].clone()).collect(),
            outputs: own.map(|stage| stage.key).collect(),
            inputs,
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// A run of a chain of stages with these keys.
    fn chain(name: &str, keys: &[&str]) -> KeyedRun {
        let stages = keys.iter().enumerate().map(|(position, name)| KeyedStage {
            name: format!("s{position}"),
            key: key(name),
            needs: position.checked_sub(1).into_iter().collect(),
        });
        KeyedRun { name: name.to_owned(), stages: stages.collect() }
    }

    #[test]
    fn a_common_stage_is_one_task_that_the_runs_need() {
        let runs =
            [chain("a", &["x", "y", "1"]), chain("b", &["x", "y", "2"]), chain("c", &["x", "3"])];
        let steps = of_runs(&runs, |_| false);
        let short = |name: &str| name.split('-').take(2).collect::<Vec<_>>().join("-");
        let told: Vec<(String, Vec<String>)> = steps
            .iter()
            .map(|step| (short(&step.name), step.needs.iter().map(|name| short(name)).collect()))
            .collect();
        let told: Vec<(&str, Vec<&str>)> = told
            .iter()
            .map(|(name, needs)| (name.as_str(), needs.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(
            told,
            [
                ("stage-s0", vec![]),
                ("stage-s1", vec!["stage-s0"]),
                ("a", vec!["stage-s0", "stage-s1"]),
                ("b", vec!["stage-s0", "stage-s1"]),
                ("c", vec!["stage-s0"]),
            ]
        );
        assert_eq!(steps[2].outputs, [key("1")]);
        assert_eq!(steps[1].inputs, [key("x")]);
    }

    #[test]
    fn what_is_cached_or_only_one_run_has_is_no_task() {
        let runs = [chain("a", &["x", "1"]), chain("b", &["x", "2"])];
        let steps = of_runs(&runs, |found| found == key("x"));
        assert_eq!(steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(steps.iter().all(|step| step.needs.is_empty()));
    }
}
