//! Loading a pipeline: from a file to a spec.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::caches::CacheValues;
use super::cluster::ClusterValues;
use super::diagnostic::{self, Diagnostic};
use super::document::{Document, Node, Source, SourceKind, Span};
use super::logs::LogValues;
use super::raw::RawPipeline;
use super::resolve::{self, Folders};
use super::shape::{self, Shape};
use super::{overrides, parse};
use crate::base::fs::{self, FileError};
use crate::base::key_path::KeyPath;
use crate::base::names;
use crate::spec::problem::Problem;
use crate::spec::{PipelineSpec, SweepSpec};

/// Largest pipeline file in bytes.
const MOST_BYTES: u64 = 16 << 20;

/// The input that a pipeline is loaded from.
#[derive(Clone, Debug)]
pub struct PipelineInput {
    /// Path of the file, as given by the user.
    pub file: PathBuf,
    /// Directory that paths in the file are relative to. It is the directory of the file, unless
    /// the file was moved.
    pub folder: PathBuf,
    /// Texts of the `-S` options, in the order they are applied.
    pub overrides: Vec<String>,
    /// Absolute directory that paths in `-S` options are relative to.
    pub current_dir: PathBuf,
}

/// A valid pipeline and its text.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Resolved pipeline.
    pub spec: PipelineSpec,
    /// Location of each value.
    pub document: Document,
    /// The search over its values, if it has one.
    pub sweep: Option<SweepSpec>,
    /// Its values of where tasks run.
    pub cluster: ClusterValues,
    /// The caches that it names.
    pub caches: CacheValues,
    /// Where it says that runs are logged.
    pub logs: LogValues,
    /// The values that are paths.
    pub(super) located: Vec<KeyPath>,
    /// What it was loaded from.
    pub(super) input: PipelineInput,
}

/// A pipeline that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not UTF-8 text.
    #[error("`{}` {what}", names::text_of_path(path))]
    Encoding {
        /// Path of the file.
        path: PathBuf,
        /// Predicate that states the problem.
        what: String,
        /// Hint on how to fix it.
        hint: &'static str,
    },
    /// The pipeline has problems.
    #[error("the pipeline has {} problems", .0.diagnostics.len())]
    Rejected(Rejected),
}

/// All problems of a pipeline.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Sources that the diagnostics refer to.
    pub sources: Vec<Source>,
    /// Problems in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// What it was loaded from.
    pub fn input(&self) -> &PipelineInput {
        &self.input
    }

    /// Gives a location to problems that were found later, in the dataset or the weights.
    pub fn reject(&self, problems: Vec<Problem>) -> Rejected {
        let placed =
            problems.into_iter().map(|problem| Diagnostic::of_problem(&self.document, problem));
        Rejected {
            sources: self.document.sources().to_vec(),
            diagnostics: diagnostic::in_order(placed.collect()),
        }
    }
}

/// Reads, checks and resolves a pipeline.
///
/// # Errors
/// When the file cannot be read, or with all problems in it.
pub fn load(input: &PipelineInput) -> Result<Loaded, LoadError> {
    from_text(&read_file(&input.file)?, input).map_err(LoadError::Rejected)
}

/// Reads the text of a file.
pub(super) fn read_file(file: &Path) -> Result<String, LoadError> {
    text_of(fs::read_bounded(file, MOST_BYTES)?, file)
}

/// Decodes bytes as UTF-8. The error names the likely encoding if they are not.
fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String, LoadError> {
    let error = |what: String, hint| LoadError::Encoding { path: path.to_path_buf(), what, hint };
    // In UTF-16 every other byte of Latin letters is zero, with or without a byte order mark.
    let start = &bytes[..bytes.len().min(64)];
    let n_zeros = start.split(|byte| *byte == 0).count() - 1;
    let is_wide = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    if is_wide || (start.len() >= 4 && 3 * n_zeros >= start.len()) {
        let hint = "save it as UTF-8; in PowerShell: `… | Set-Content -Encoding utf8 FILE`";
        return Err(error("is UTF-16 text, but pipelines must be UTF-8".to_owned(), hint));
    }
    String::from_utf8(bytes).map_err(|wrong| {
        let (bytes, at) = (wrong.as_bytes(), wrong.utf8_error().valid_up_to());
        let line = bytes[..at].split(|byte| *byte == b'\n').count();
        let what = format!("is not UTF-8: line {line} contains the byte 0x{:02X}", bytes[at]);
        error(what, "save it as UTF-8; it may be Latin-1 or Windows-1252")
    })
}

/// Checks and resolves the text of a pipeline file.
///
/// # Errors
/// With all problems in it.
pub fn from_text(text: &str, input: &PipelineInput) -> Result<Loaded, Rejected> {
    let name = names::text_of_path(&input.file);
    let mut sources = vec![Source { kind: SourceKind::File, name, text: text.to_owned() }];
    let mut diagnostics = vec![];
    let root = match parse::parse(text, 0, &mut diagnostics) {
        Ok(mut root) => {
            for text in &input.overrides {
                overrides::apply(&mut root, text, &mut sources, &mut diagnostics);
            }
            root
        }
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return Err(Rejected { sources, diagnostics });
        }
    };
    of_tree(root, sources, input, diagnostics)
}

/// Checks and resolves the tree of a pipeline.
///
/// # Errors
/// With all problems in it, after those in `diagnostics`.
pub(super) fn of_tree(
    mut root: Node,
    sources: Vec<Source>,
    input: &PipelineInput,
    mut diagnostics: Vec<Diagnostic>,
) -> Result<Loaded, Rejected> {
    match read(&mut root, &sources, input, &mut diagnostics) {
        Some(Read { spec, sweep, cluster, caches, logs, located }) if diagnostics.is_empty() => {
            Ok(Loaded {
                spec,
                document: Document::new(sources, root),
                sweep,
                cluster,
                caches,
                logs,
                located,
                input: input.clone(),
            })
        }
        _ => Err(Rejected { sources, diagnostics: diagnostic::in_order(diagnostics) }),
    }
}

/// What a tree says.
struct Read {
    spec: PipelineSpec,
    sweep: Option<SweepSpec>,
    cluster: ClusterValues,
    caches: CacheValues,
    logs: LogValues,
    located: Vec<KeyPath>,
}

fn read(
    root: &mut Node,
    sources: &[Source],
    input: &PipelineInput,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Read> {
    let text = &sources[0].text;
    let place = Span { source: 0, range: 0..text.lines().next().map_or(0, str::len) };
    let shape = shape::check(root, &place, diagnostics);
    if shape == Shape::Broken {
        return None;
    }
    let raw: RawPipeline =
        match serde_yaml::with::singleton_map_recursive::deserialize(root.to_value()) {
            Ok(raw) => raw,
            Err(error) => {
                unreachable!("a tree of the schema's shape reads as the raw types: {error}")
            }
        };
    let document = Document::new(sources.to_vec(), root.clone());
    let folders = Folders {
        file: &input.file,
        paths: &input.folder,
        current_dir: &input.current_dir,
        is_partial: !diagnostics.is_empty(),
        located: RefCell::default(),
    };
    let mut problems = vec![];
    let spec = resolve::resolve(&raw, &document, &folders, &mut problems);
    let sweep = raw.sweep.as_ref().map(|sweep| {
        problems.extend(overrides::clashes(root, sweep.over.keys()));
        resolve::sweep::resolve(sweep, &raw, &mut problems)
    });
    let cluster = raw.cluster.as_ref();
    let cluster = cluster.map(|raw| resolve::cluster::resolve(raw, &mut problems));
    let cluster = cluster.unwrap_or_default();
    let caches =
        raw.cache.as_ref().map(|raw| resolve::cache(raw, &document, &folders, &mut problems));
    let caches = caches.unwrap_or_default();
    let logs = raw.log.as_ref().map(|raw| resolve::log(raw, &document, &folders, &mut problems));
    let logs = logs.unwrap_or_default();
    diagnostics
        .extend(problems.into_iter().map(|problem| Diagnostic::of_problem(&document, problem)));
    let located = folders.located.take();
    spec.map(|spec| Read { spec, sweep, cluster, caches, logs, located })
}

/// The directory that paths in a pipeline file are relative to.
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
