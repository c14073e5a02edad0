//! Turns raw types into the spec: fills in defaults that depend on other values, and makes the
//! checks that a schema cannot make. Problems are collected, never returned one at a time.

mod augmentation;
pub(super) mod cluster;
mod course;
mod dataset;
mod fit;
mod mixing;
mod model;
mod objective;
mod preprocessing;
mod soups;
mod source;
mod stages;
mod start;
pub(super) mod sweep;
mod target;
mod tasks;
mod teacher;
mod trained;

use std::cell::RefCell;
use std::path::Path;

use super::caches::CacheValues;
use super::document::{Document, SourceKind};
use super::logs::LogValues;
use super::raw::{RawCache, RawDevice, RawLog, RawPipeline};
use crate::base::fs;
use crate::base::key_path::KeyPath;
use crate::base::names;
use crate::spec::problem::{Code, Problem};
use crate::spec::{Device, Location, PipelineSpec, Precision};

/// The directories that paths may be relative to.
pub(super) struct Folders<'a> {
    /// Path of the pipeline file.
    pub(super) file: &'a Path,
    /// Directory that paths in the file are relative to.
    pub(super) paths: &'a Path,
    /// Absolute directory that paths in `-S` options are relative to.
    pub(super) current_dir: &'a Path,
    /// Whether invalid values were removed, so that a missing key may only seem to be missing.
    pub(super) is_partial: bool,
    /// The values that turned out to be paths.
    pub(super) located: RefCell<Vec<KeyPath>>,
}

/// Resolves a pipeline. `None` if its problems leave no usable spec.
pub(super) fn resolve(
    raw: &RawPipeline,
    document: &Document,
    folders: &Folders<'_>,
    problems: &mut Vec<Problem>,
) -> Option<PipelineSpec> {
    let n_before = problems.len();
    let name = raw.name.clone().unwrap_or_else(|| name_of_file(folders.file));
    check_name(&name, KeyPath::of(&["name"]), "a run directory", problems);
    let homes = RefCell::new(vec![]);
    let locate = |at: &KeyPath, text: &str| {
        homes.borrow_mut().extend(home(at, text));
        folders.located.borrow_mut().push(at.clone());
        location(document, folders, at, text)
    };
    let dataset = dataset::resolve(&raw.dataset, raw.seed, &locate, folders.is_partial, problems);
    let model = model::resolve(&raw.model, &dataset, &locate, folders.is_partial, problems);
    if let (RawDevice::Libtorch, Precision::Bf16 | Precision::Int8) = (raw.device, model.precision)
    {
        let name = model.precision.name();
        let message =
            format!("`{name}` needs `device: cpu`: with LibTorch, this program computes in `f32`");
        let at = KeyPath::of(&["model", "precision"]);
        problems.push(
            Problem::new(Code::Conflict, at, message)
                .hint("remove `precision`, or write `device: cpu`"),
        );
    }
    let (written, views) = (&raw.augmentation, raw.augmentation_views);
    let augmentation = augmentation::resolve(written, views, &KeyPath::default(), problems);
    let (stages, tasks) = stages::resolve(&raw.stages, &model, &dataset, &locate, problems);
    target::check(raw, &dataset, &model, &stages, problems);
    teacher::check(&dataset, &stages, problems);
    target::check_tasks(dataset.target, &tasks, problems);
    problems.extend(homes.take());
    (problems.len() == n_before).then_some(PipelineSpec {
        version: raw.version,
        name,
        seed: raw.seed,
        dataset,
        augmentation,
        augmentation_views: raw.augmentation_views,
        model,
        device: match raw.device {
            RawDevice::Cpu => Device::Cpu,
            RawDevice::Libtorch => Device::Libtorch,
        },
        checkpoint_every: raw.checkpoint_every,
        stages,
        tasks,
    })
}

/// What a name may be, as the object of "consist of".
pub(super) const NAME_RULE: &str = "letters, digits, `-`, `_` and `.`, and do not start with `.`";

/// Longest name in bytes. File systems allow 255, and numbers and extensions are appended.
pub(super) const LONGEST_NAME: usize = 200;

/// The default name of a pipeline: that of its file, with `-` for characters that are not allowed.
fn name_of_file(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem = stem.unwrap_or_default();
    let parts = stem.split(|c| !is_plain(c)).filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("-");
    let mut name = name.trim_start_matches('.').to_owned();
    while name.len() > LONGEST_NAME {
        name.pop();
    }
    if name.is_empty() { "pipeline".to_owned() } else { name }
}

/// Whether a character is allowed in the name of a directory or file that is created.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Checks a name that becomes the name of a directory or file.
fn check_name(name: &str, at: KeyPath, what: &str, problems: &mut Vec<Problem>) {
    if name.len() > LONGEST_NAME {
        let n = name.len();
        let message = format!("the name of {what} has {n} bytes; the limit is {LONGEST_NAME}");
        problems.push(Problem::new(Code::BadName, at, message).hint("shorten it"));
    } else if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        let message = format!("`{name}` cannot be the name of {what}");
        problems.push(
            Problem::new(Code::BadName, at, message).hint(format!("names consist of {NAME_RULE}")),
        );
    }
}

/// A path that starts with `~`. It would mean a different place for everyone who runs the pipeline.
fn home(at: &KeyPath, text: &str) -> Option<Problem> {
    let below = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    let message = format!("`{text}` begins with `~`, which pipelines do not expand");
    let key = at.to_string();
    Some(
        Problem::new(Code::HomeDirectory, at.clone(), message)
            .hint("write the full path, or a path relative to the pipeline file")
            .hint(format!("or let the shell expand it: `-S {key}=\"$HOME{below}\"`"))
            .hint(format!("for a directory that is named `~`, write `./{text}`")),
    )
}

/// Reads the values of a section `cache`.
pub(super) fn cache(
    raw: &RawCache,
    document: &Document,
    folders: &Folders<'_>,
    problems: &mut Vec<Problem>,
) -> CacheValues {
    let at = KeyPath::of(&["cache", "features"]);
    let features = raw.features.as_ref().map(|text| {
        problems.extend(home(&at, text));
        folders.located.borrow_mut().push(at.clone());
        location(document, folders, &at, text)
    });
    CacheValues { url: raw.url.clone(), features }
}

/// Reads the values of a section `log`.
pub(super) fn log(
    raw: &RawLog,
    document: &Document,
    folders: &Folders<'_>,
    problems: &mut Vec<Problem>,
) -> LogValues {
    let at = KeyPath::of(&["log", "tensorboard"]);
    let tensorboard = raw.tensorboard.as_ref().map(|text| {
        problems.extend(home(&at, text));
        folders.located.borrow_mut().push(at.clone());
        location(document, folders, &at, text)
    });
    LogValues { tensorboard }
}

/// Resolves a path. It is relative to the pipeline file, or to the current directory if a `-S`
/// option gives it. It is always recorded relative to the directory of the file.
fn location(document: &Document, folders: &Folders<'_>, at: &KeyPath, text: &str) -> Location {
    let source = document.find(at).map_or(0, |span| span.source);
    let base = folders.paths;
    let written = names::path_of(text);
    let (path, recorded) = match document.sources()[source].kind {
        SourceKind::Override if written.is_relative() => {
            let base = folders.current_dir.join(base);
            let absolute = folders.current_dir.join(&written);
            let recorded = fs::relative_to(&absolute, &base).unwrap_or(absolute);
            (written.clone(), recorded)
        }
        _ => (base.join(&written), written.clone()),
    };
    let mut recorded = names::text_of_path(&recorded);
    if cfg!(windows) {
        recorded = recorded.replace('\\', "/");
    }
    Location { written: recorded, path }
}
