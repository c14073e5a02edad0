//! The settings file of a user: sections of a pipeline that are for all pipelines.

use std::path::Path;

use super::cluster::ClusterValues;
use super::diagnostic::{self, Diagnostic};
use super::document::{Document, NodeValue, Source, SourceKind, Span};
use super::load::{self, LoadError, Rejected};
use super::raw::{RawCache, RawCluster};
use super::shape::{self, Shape};
use super::{parse, resolve};
use crate::base::key_path::KeyPath;
use crate::base::names;
use crate::base::text;
use crate::spec::problem::{Code, Problem};

/// The sections that a settings file may have.
const SECTIONS: [&str; 2] = ["cluster", "cache"];

/// What a settings file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// Where tasks run.
    pub cluster: ClusterValues,
    /// The URL of the cache that is shared with other machines.
    pub shared_cache: Option<String>,
}

/// Reads a settings file. One that does not exist says nothing.
///
/// # Errors
/// When the file cannot be read, or with all problems in it.
pub fn load(file: &Path) -> Result<UserSettings, LoadError> {
    if !file.exists() {
        return Ok(UserSettings::default());
    }
    let text = load::read_file(file)?;
    let name = names::text_of_path(file);
    let sources = vec![Source { kind: SourceKind::File, name, text }];
    let mut diagnostics = vec![];
    let found = of_text(&sources, &mut diagnostics).unwrap_or_default();
    if diagnostics.is_empty() {
        return Ok(found);
    }
    let diagnostics = diagnostic::in_order(diagnostics);
    Err(LoadError::Rejected(Rejected { sources, diagnostics }))
}

/// What a text says, with its problems. `None` if it says nothing that can be read.
fn of_text(sources: &[Source], diagnostics: &mut Vec<Diagnostic>) -> Option<UserSettings> {
    let mut root = match parse::parse(&sources[0].text, 0, diagnostics) {
        Ok(root) => root,
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            return None;
        }
    };
    let entries = match &mut root.value {
        NodeValue::Mapping(entries) => entries,
        NodeValue::Scalar(value) if value.is_null() => return None,
        _ => {
            let place = Span { source: 0, range: root.span.range };
            let message = "the settings file must be a mapping";
            let hint = format!("it has the sections {}", text::all_of(SECTIONS));
            diagnostics.push(Diagnostic::new(Code::WrongType, place, message).hint(hint));
            return None;
        }
    };
    entries.retain_mut(|entry| {
        if SECTIONS.contains(&entry.key.as_str()) {
            return shape::check_section(entry, diagnostics) == Shape::Sound;
        }
        let message = format!("unknown section `{}`", entry.key);
        let hint = format!("a settings file has the sections {}", text::all_of(SECTIONS));
        diagnostics
            .push(Diagnostic::new(Code::UnknownKey, entry.key_span.clone(), message).hint(hint));
        false
    });
    let document = Document::new(sources.to_vec(), root);
    let mut problems = vec![];
    let cluster = document.root().entry("cluster").map(|entry| {
        let raw: RawCluster = serde_yaml::from_value(entry.value.to_value())
            .expect("a section of the schema's shape reads as its raw type");
        resolve::cluster::resolve(&raw, &mut problems)
    });
    if document.find(&KeyPath::of(&["cache", "features"])).is_some() {
        let (at, message) = (KeyPath::of(&["cache", "features"]), "this is about one pipeline");
        let problem = Problem::new(Code::Conflict, at, message);
        problems.push(problem.hint("write it in the pipeline, not in the settings file"));
    }
    let problems = problems.into_iter();
    diagnostics.extend(problems.map(|problem| Diagnostic::of_problem(&document, problem)));
    let shared_cache = document.root().entry("cache").and_then(|entry| {
        let raw: RawCache = serde_yaml::from_value(entry.value.to_value())
            .expect("a section of the schema's shape reads as its raw type");
        raw.url
    });
    Some(UserSettings { cluster: cluster.unwrap_or_default(), shared_cache })
}
