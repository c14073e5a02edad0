//! Problems with weights, and suggestions for missing files.

use std::path::Path;

use crate::base::fs;
use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::model::weights::error::WeightsError;
use crate::run_dir::layout;
use crate::spec::Source;
use crate::spec::problem::{Code, Problem};

/// A suggestion for a weights file that does not exist.
pub(super) fn meant(path: &Path) -> Option<String> {
    let word = path.file_name()?.to_string_lossy().to_lowercase();
    let folder = path.parent()?;
    if folder.file_name().is_some_and(|name| name == layout::WEIGHTS) {
        return Some(of_run(&fs::normalise(folder.parent()?)));
    }
    let has = |part: &str| path.components().any(|found| found.as_os_str() == part);
    if Source::ALL.iter().any(|source| source.name() == word) {
        return Some(format!("to use published weights, write `{{ source: {word} }}`"));
    }
    if has("http:") || has("https:") {
        let text =
            "weights cannot be downloaded from an address; download the file and give its path";
        return Some(text.to_owned());
    }
    if has("~") {
        return Some("`~` is not expanded; write the full path".to_owned());
    }
    let names = text::nearest(&word, ["builtin", "imagenet", "none"], 1);
    names.first().map(|name| format!("did you mean `{name}`?"))
}

/// How to get weights in a run directory.
fn of_run(directory: &Path) -> String {
    let shown = directory.display();
    if directory.join(layout::MANIFEST).exists() {
        let [best, last] = [layout::BEST_WEIGHTS, layout::LAST_WEIGHTS];
        return format!("the run in `{shown}` has `{best}` and `{last}`");
    }
    if directory.exists() {
        return format!("`alpaca-run resume {shown}` finishes that run, which writes its weights");
    }
    let elsewhere = match directory.parent().and_then(Path::to_str) {
        None | Some("runs") => String::new(),
        Some("") => " with `--runs-dir .`".to_owned(),
        Some(runs) => format!(" with `--runs-dir {runs}`"),
    };
    format!("the run in `{shown}` does not exist yet: run its pipeline first{elsewhere}")
}

pub(super) fn weights_problem(error: &WeightsError) -> Problem {
    let code = match error {
        WeightsError::Mismatch { .. } | WeightsError::NoClassifier { .. } => Code::WeightsMismatch,
        WeightsError::File(_)
        | WeightsError::Format { .. }
        | WeightsError::UnknownTimm { .. }
        | WeightsError::Unsupported { .. } => Code::WeightsFile,
    };
    let at = KeyPath::of(&["model", "weights"]);
    Problem::caused(code, at, error).notes(error.notes()).hints(error.hints())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_a_run_did_not_leave_are_explained() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("runs/a/weights/best.safetensors");
        let hint = || meant(&file).unwrap();
        assert!(hint().contains("run its pipeline first with `--runs-dir"), "{}", hint());
        let here = meant(Path::new("never_run/weights/best.safetensors")).unwrap();
        assert!(here.ends_with("run its pipeline first with `--runs-dir .`"), "{here}");
        fs::create_dir_all(&root.path().join("runs/a")).unwrap();
        assert!(hint().starts_with("`alpaca-run resume "), "{}", hint());
        fs::write_atomic(&root.path().join("runs/a/manifest.json"), b"{}").unwrap();
        assert!(hint().ends_with("has `best.safetensors` and `last.safetensors`"), "{}", hint());
    }
}
