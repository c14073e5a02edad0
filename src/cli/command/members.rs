//! Opens the runs that a command averages: one, several, or all folds of a cross-validation.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::open_trained;
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cli::args::EnsembleArguments;
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::exec::ask::ensemble::{Ensemble, Member};
use crate::exec::error::RunError;
use crate::folds;
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::spec::{FromWeights, TestTimeAugmentation};

/// The runs of a command.
pub(super) struct Runs {
    /// Their models.
    pub(super) ensemble: Ensemble,
    /// The manifest of the first one, whose images are used.
    pub(super) manifest: Manifest,
    /// Their directories.
    pub(super) directories: Vec<PathBuf>,
    /// The first cross-validation that they come from.
    pub(super) folds: Option<PathBuf>,
}

impl Runs {
    /// Opens the runs. `overrides` are new locations of the images of the first one.
    pub(super) fn open(
        run: &Path,
        arguments: &EnsembleArguments,
        which: FromWeights,
        overrides: &[String],
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let named = std::iter::once(run).chain(arguments.with.iter().map(PathBuf::as_path));
        let (mut directories, mut folds): (Vec<PathBuf>, _) = (vec![], None);
        for path in named {
            match of_folds(path)? {
                None => directories.push(path.to_path_buf()),
                Some(of_folds) => {
                    directories.extend(of_folds);
                    folds = folds.or_else(|| Some(path.to_path_buf()));
                }
            }
        }
        check_distinct(&directories)?;
        let (mut members, mut first) = (vec![], None);
        for (at, directory) in directories.iter().enumerate() {
            let overrides = if at == 0 { overrides } else { &[] };
            let (loaded, manifest, trained) = open_trained(directory, which, overrides, settings)?;
            let name = names::text_of_path(directory);
            members.push(Member { name, spec: loaded.spec, trained });
            first = first.or(Some(manifest));
        }
        let views = arguments.test_time_augmentation.map_or(TestTimeAugmentation::None, Into::into);
        let ensemble = Ensemble::new(members, views).map_err(RunError::from)?;
        let manifest = first.expect("a run was named");
        Ok(Self { ensemble, manifest, directories, folds })
    }

    /// The models in words, for text after "weights of"; `None` for one run.
    pub(super) fn words(&self) -> Option<String> {
        let n = self.ensemble.members.len();
        (n > 1).then(|| format!("an ensemble of {}", text::count(n, "run")))
    }
}

/// Refuses options for several runs where there is none.
pub(super) fn refuse(arguments: &EnsembleArguments, what: &str) -> Result<(), Failure> {
    let option = if !arguments.with.is_empty() {
        "--with"
    } else if arguments.test_time_augmentation.is_some() {
        "--test-time-augmentation"
    } else {
        return Ok(());
    };
    let error = anyhow::anyhow!("`{option}` does not apply to {what}");
    Err(Failure::usage_with(error, vec![format!("leave out `{option}`, or name a run directory")]))
}

/// The part of a folds.json that lists its runs.
#[derive(Deserialize)]
struct Summary {
    folds: Vec<Fold>,
}

#[derive(Deserialize)]
struct Fold {
    run: String,
}

/// Whether a path is the directory of a cross-validation.
pub(super) fn is_of_folds(path: &Path) -> bool {
    path.join(folds::SUMMARY).is_file()
}

/// The run directories of a cross-validation; `None` for another path.
fn of_folds(path: &Path) -> Result<Option<Vec<PathBuf>>, Failure> {
    if path.join(layout::MANIFEST).exists() || !is_of_folds(path) {
        return Ok(None);
    }
    let summary = path.join(folds::SUMMARY);
    let text = fs::read_text(&summary).map_err(Failure::usage)?;
    let read = serde_json::from_str::<Summary>(&text);
    match read {
        Ok(Summary { folds }) if !folds.is_empty() => {
            Ok(Some(folds.iter().map(|fold| path.join(names::path_of(&fold.run))).collect()))
        }
        _ => {
            let shown = names::text_of_path(&summary);
            Err(Failure::usage(anyhow::anyhow!("`{shown}` does not list the runs of folds")))
        }
    }
}

/// Refuses a run that is named twice, since it would count twice.
fn check_distinct(directories: &[PathBuf]) -> Result<(), Failure> {
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let mut seen = vec![];
    for path in directories {
        let real = real(path);
        if seen.contains(&real) {
            let error = anyhow::anyhow!("`{}` is named twice", names::text_of_path(path));
            let hint = "an ensemble needs different runs; leave one of them out".to_owned();
            return Err(Failure::usage_with(error, vec![hint]));
        }
        seen.push(real);
    }
    Ok(())
}
