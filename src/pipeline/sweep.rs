//! The arms of a sweep as pipelines: values of the file replaced by those of an arm.

use serde_json::Value as Json;
use serde_yaml::Value as Yaml;

use super::document::{Entry, Node, NodeValue, Source, SourceKind, Span};
use super::load::{self, Loaded, Rejected};
use super::overrides;
use crate::spec::Setting;

/// The section of a pipeline that describes the search.
pub(super) const SECTION: &str = "sweep";

impl Loaded {
    /// The pipeline with other values, without its search. Problems are placed where the search
    /// lists the values.
    ///
    /// # Errors
    /// With all problems of the pipeline with these values.
    pub fn with(&self, settings: &[Setting]) -> Result<Self, Rejected> {
        let mut root = self.document.root().clone();
        let places: Vec<[Span; 2]> =
            settings.iter().map(|setting| places(&root, setting)).collect();
        if let NodeValue::Mapping(entries) = &mut root.value {
            entries.retain(|entry| entry.key != SECTION);
        }
        let sources = self.document.sources();
        let mut diagnostics = vec![];
        let given: Vec<Span> = places.iter().map(|[key, _]| key.clone()).collect();
        for (setting, [key, value]) in settings.iter().zip(&places) {
            let node = node(&setting.value, value);
            let set = overrides::Set { key: &setting.key, at: key, value: node, given: &given };
            overrides::set(&mut root, set, sources, &mut diagnostics);
        }
        load::of_tree(root, sources.to_vec(), &self.input, diagnostics)
    }
}

impl Loaded {
    /// An override, as written, of a value that the search replaces in every arm; with the key of the
    /// search. `None` if there is none.
    pub fn replaced_override(&self) -> Option<(&str, &str)> {
        let (root, sweep) = (self.document.root(), self.sweep.as_ref()?);
        let path = |key: &str| overrides::path_of(root, key);
        let overrides = self.document.sources().iter();
        let overrides = overrides.filter(|source| source.kind == SourceKind::Override);
        let mut replaced = overrides.filter_map(|Source { text, .. }| {
            let set = path(text.split('=').next()?)?;
            let axis = sweep.over.iter().find(|axis| {
                path(&axis.key).is_some_and(|axis| set.segments().starts_with(axis.segments()))
            })?;
            Some((text.as_str(), axis.key.as_str()))
        });
        replaced.next()
    }
}

/// Where the search names a key, and where it lists a value of it.
fn places(root: &Node, Setting { key, value }: &Setting) -> [Span; 2] {
    let Some(sweep) = root.entry(SECTION) else { return [root.span.clone(), root.span.clone()] };
    let over = sweep.value.entry("over").and_then(|over| over.value.entry(key));
    if let Some(axis) = over {
        let items = match &axis.value.value {
            NodeValue::Sequence(items) => &items[..],
            _ => &[],
        };
        let item = items.iter().find(|item| json(item).as_ref() == Some(value));
        return [axis.key_span.clone(), item.unwrap_or(&axis.value).span.clone()];
    }
    // The search sets it for each run of an arm.
    let name = if key.contains("fold") || key.ends_with("repeats") { "folds" } else { "seeds" };
    let entry = sweep.value.entry(name).unwrap_or(sweep);
    [entry.key_span.clone(), entry.value.span.clone()]
}

fn json(node: &Node) -> Option<Json> {
    serde_json::to_value(node.to_value()).ok()
}

/// A value as a tree, all of it at one place.
fn node(value: &Json, span: &Span) -> Node {
    let value = match value {
        Json::Array(items) => {
            NodeValue::Sequence(items.iter().map(|item| node(item, span)).collect())
        }
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| Entry {
                key: key.clone(),
                key_span: span.clone(),
                value: node(value, span),
            });
            NodeValue::Mapping(entries.collect())
        }
        plain => NodeValue::Scalar(serde_yaml::to_value(plain).unwrap_or(Yaml::Null)),
    };
    Node { span: span.clone(), value }
}
