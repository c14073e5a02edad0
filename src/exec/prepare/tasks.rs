//! Checks before training that the tasks of a pipeline will be possible.

use super::classes::check_classes;
use crate::base::key_path::KeyPath;
use crate::dataset::scan;
use crate::exec::error::{ExportError, RunError};
use crate::onnx;
use crate::spec::problem::{Code, Problem};
use crate::spec::{EvaluateOn, EvaluateSpec, ExportSpec, PipelineSpec, TaskKind, TaskSpec};

/// Reports tasks that will not be possible after training.
pub(super) fn check_tasks(
    spec: &PipelineSpec,
    classes: &[String],
    is_opaque: bool,
    problems: &mut Vec<Problem>,
) {
    for TaskSpec { name, kind } in &spec.tasks {
        let at = |key: &str| KeyPath::of(&["stages", name]).key(key);
        match kind {
            TaskKind::Evaluate(EvaluateSpec { on: EvaluateOn::Directory(folder), .. }) => {
                let at = at("evaluate").key("directory");
                let (source, target) = (Some(&spec.dataset.source), spec.dataset.target);
                let listing =
                    scan::scan_some(&folder.path, source, target, None).map_err(RunError::from);
                let fits = listing.and_then(|listing| check_classes(&listing, classes));
                problems.extend(fits.err().map(|error| {
                    let code = error.code().unwrap_or(Code::Conflict);
                    Problem::caused(code, at, &error).notes(error.notes()).hints(error.hints())
                }));
            }
            TaskKind::Export(_) if is_opaque => {
                let error = ExportError::Backbone;
                problems.push(
                    Problem::new(Code::Conflict, at("export"), error.to_string())
                        .hints(error.hints()),
                );
            }
            TaskKind::Export(ExportSpec { normalised: false, .. }) => {
                let fits = onnx::check_resize(spec.dataset.resize, spec.dataset.image_size);
                problems.extend(fits.err().map(|error| {
                    Problem::new(Code::Conflict, at("export"), error.to_string())
                        .hints(ExportError::from(error).hints())
                }));
            }
            TaskKind::Evaluate(_) | TaskKind::Export(_) => {}
        }
    }
}
