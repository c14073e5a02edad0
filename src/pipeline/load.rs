//! Loading a pipeline: the one way from a file to a spec.

use std::path::{Path, PathBuf};

use super::diagnostic::{self, Diagnostic};
use super::document::{Document, Source, SourceKind, Span};
use super::raw::RawPipeline;
use super::resolve::{self, Folders};
use super::shape::{self, Shape};
use super::{overrides, parse};
use crate::base::fs::{self, FileError};
use crate::spec::PipelineSpec;
use crate::spec::problem::Problem;

/// What a pipeline is loaded from.
#[derive(Clone, Debug)]
pub struct PipelineInput {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The folder that its paths are relative to; its own folder unless it was moved.
    pub folder: PathBuf,
    /// The texts of the `-S` options, applied in order.
    pub overrides: Vec<String>,
    /// The folder that paths in `-S` options are relative to; absolute.
    pub current_dir: PathBuf,
}

/// A pipeline that can run, and the text it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What to do.
    pub spec: PipelineSpec,
    /// Where each value was written.
    pub document: Document,
}

/// A pipeline that cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The pipeline has problems.
    #[error("the pipeline has {} problems", .0.diagnostics.len())]
    Rejected(Rejected),
}

/// Everything that is wrong with a pipeline.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The texts that the diagnostics point into.
    pub sources: Vec<Source>,
    /// The problems, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Places problems that were found later, by looking at the dataset or the weights.
    pub fn reject(&self, problems: Vec<Problem>) -> Rejected {
        let place = |problem| Diagnostic::of_problem(&self.document, problem);
        Rejected {
            sources: self.document.sources().to_vec(),
            diagnostics: diagnostic::in_order(problems.into_iter().map(place).collect()),
        }
    }
}

/// Reads, checks and resolves a pipeline.
///
/// # Errors
/// When the file cannot be read, or with everything that is wrong in it.
pub fn load(input: &PipelineInput) -> Result<Loaded, LoadError> {
    let text = fs::read_text(&input.file)?;
    from_text(&text, input).map_err(LoadError::Rejected)
}

/// Checks and resolves the text of a pipeline file.
///
/// # Errors
/// With everything that is wrong in it.
pub fn from_text(text: &str, input: &PipelineInput) -> Result<Loaded, Rejected> {
    let name = input.file.display().to_string();
    let mut sources = vec![Source { kind: SourceKind::File, name, text: text.to_owned() }];
    let mut diagnostics = vec![];
    let loaded = read(input, &mut sources, &mut diagnostics);
    match loaded {
        Some((spec, root)) if diagnostics.is_empty() => {
            Ok(Loaded { spec, document: Document::new(sources, root) })
        }
        _ => Err(Rejected { sources, diagnostics: diagnostic::in_order(diagnostics) }),
    }
}

fn read(
    input: &PipelineInput,
    sources: &mut Vec<Source>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(PipelineSpec, super::document::Node)> {
    let text = sources[0].text.clone();
    let mut root = match parse::parse(&text, 0, diagnostics) {
        Ok(root) => root,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return None;
        }
    };
    for text in &input.overrides {
        overrides::apply(&mut root, text, sources, diagnostics);
    }
    let place = Span { source: 0, range: 0..text.lines().next().map_or(0, str::len) };
    let shape = shape::check(&mut root, &place, diagnostics);
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
    let document = Document::new(sources.clone(), root.clone());
    let folders = Folders {
        file: &input.file,
        paths: &input.folder,
        current_dir: &input.current_dir,
        is_partial: !diagnostics.is_empty(),
    };
    let mut problems = vec![];
    let spec = resolve::resolve(raw, &document, &folders, &mut problems);
    diagnostics
        .extend(problems.into_iter().map(|problem| Diagnostic::of_problem(&document, problem)));
    spec.map(|spec| (spec, root))
}

/// The folder that paths in a pipeline file are relative to.
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
