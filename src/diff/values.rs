//! The values of the resolved pipelines, and the environment.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::run::FinishedRun;
use crate::base::key_path::KeyPath;
use crate::base::leaves;
use crate::spec::HARMLESS;

/// A value of the pipeline in each run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueRow {
    /// The dotted path in the pipeline file.
    pub path: String,
    /// The value in each run; `None` if a run does not have it.
    pub values: Vec<Option<Value>>,
    /// The origin of the value in each run.
    pub origins: Vec<Option<String>>,
    /// Whether the runs differ in this value.
    pub differs: bool,
    /// Whether the value can affect results.
    pub matters: bool,
}

/// A property of the program or the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The name of the property.
    pub name: String,
    /// The value in each run.
    pub values: Vec<String>,
    /// Whether the runs differ in this value.
    pub differs: bool,
    /// Whether the value can affect results.
    pub matters: bool,
}

/// Reads a property of a run.
type Of<'a> = &'a dyn Fn(&FinishedRun) -> String;

/// The values of all runs, in pipeline file order.
pub(super) fn values(runs: &[FinishedRun]) -> Vec<ValueRow> {
    let leaves: Vec<_> = runs.iter().map(|run| leaves::leaves(&run.values)).collect();
    let paths: BTreeSet<&KeyPath> = leaves.iter().flat_map(|leaves| leaves.keys()).collect();
    paths
        .into_iter()
        .map(|path| {
            let values: Vec<Option<Value>> =
                leaves.iter().map(|leaves| leaves.get(path).cloned()).collect();
            ValueRow {
                path: path.to_string(),
                matters: !is_harmless(path),
                differs: values.iter().any(|value| *value != values[0]),
                origins: runs.iter().map(|run| run.origins.get(path).cloned()).collect(),
                values,
            }
        })
        .collect()
}

/// Whether a value of a pipeline does not affect results. The content of a teacher and of unlabeled
/// images does, and their place does not.
fn is_harmless(path: &KeyPath) -> bool {
    let text = path.to_string();
    let is_of_teacher = text.starts_with("stages.") && text.ends_with(".train.teacher.model");
    let is_place = is_of_teacher || text.starts_with("dataset.unlabeled");
    is_place || HARMLESS.iter().any(|harmless| KeyPath::of(harmless) == *path)
}

/// The program and the machine. Threads, location and time do not affect results.
pub(super) fn environment(runs: &[FinishedRun]) -> Vec<Setting> {
    let setting = |name: &str, matters: bool, of: Of<'_>| {
        let values: Vec<String> = runs.iter().map(of).collect();
        let differs = values.iter().any(|value| *value != values[0]);
        Setting { name: name.to_owned(), values, differs, matters }
    };
    let names: BTreeSet<&String> =
        runs.iter().flat_map(|run| run.manifest.versions.keys()).collect();
    let mut settings = vec![setting("content of model.weights", true, &|run| {
        run.manifest.weights.digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string())
    })];
    let stages = runs.iter().flat_map(|run| &run.manifest.stages);
    let taught: BTreeSet<&String> =
        stages.filter(|stage| stage.teacher.is_some()).map(|stage| &stage.name).collect();
    settings.extend(taught.into_iter().map(|name| {
        setting(&format!("content of the teacher of {name}"), true, &|run| {
            let stage = run.manifest.stages.iter().find(|stage| stage.name == *name);
            let teacher = stage.and_then(|stage| stage.teacher);
            teacher.map_or_else(|| "-".to_owned(), |digest| digest.to_string())
        })
    }));
    if runs.iter().any(|run| run.manifest.dataset.unlabeled.is_some()) {
        settings.push(setting("unlabeled images", true, &|run| {
            let unlabeled = run.manifest.dataset.unlabeled.as_ref();
            unlabeled.map_or_else(|| "-".to_owned(), |record| record.fingerprint.to_string())
        }));
    }
    settings.extend(names.into_iter().map(|name| {
        setting(name, true, &|run| {
            run.manifest.versions.get(name).map_or_else(|| "-".to_owned(), Clone::clone)
        })
    }));
    let volatile: [(&str, Of<'_>); 6] = [
        ("threads", &|run| run.manifest.volatile.threads.to_string()),
        ("platform", &|run| run.manifest.volatile.platform.clone()),
        ("commit", &|run| run.manifest.volatile.commit.clone().unwrap_or_else(|| "-".to_owned())),
        ("pipeline directory", &|run| run.manifest.volatile.pipeline_directory.clone()),
        ("started", &|run| run.manifest.volatile.started.clone()),
        ("seconds", &|run| format!("{:.1}", run.manifest.volatile.seconds)),
    ];
    settings.extend(volatile.map(|(name, of)| setting(name, false, of)));
    settings
}
