//! A YAML text as a tree in which every value has its location.

use std::ops::Range;

use crate::base::key_path::{KeyPath, Segment};

/// The kind of source that a value was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The pipeline file.
    File,
    /// A `-S` option.
    Override,
}

/// A text that contains values.
#[derive(Clone, Debug)]
pub struct Source {
    /// Kind of the source.
    pub kind: SourceKind,
    /// Name in messages: the path of the file, or `-S`.
    pub name: String,
    /// Full text.
    pub text: String,
}

impl Source {
    /// Line and column of a byte, both from 1. Columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        self.lines().position(offset)
    }

    /// The starts of its lines, for looking up many positions.
    pub fn lines(&self) -> Lines<'_> {
        let starts = self.text.match_indices('\n').map(|(newline, _)| newline + 1);
        Lines { text: &self.text, starts: std::iter::once(0).chain(starts).collect() }
    }
}

/// The lines of a source.
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl Lines<'_> {
    /// Line and column of a byte, both from 1. Columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        (line, self.text[self.starts[line - 1]..offset].chars().count() + 1)
    }
}

/// A range of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Position of the source in [`Document::sources`].
    pub source: usize,
    /// Range of bytes.
    pub range: Range<usize>,
}

/// A value and its location.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Location.
    pub(super) span: Span,
    /// The value.
    pub(super) value: NodeValue,
}

/// The value of a node.
#[derive(Clone, Debug)]
pub(super) enum NodeValue {
    /// A null, boolean, number or string.
    Scalar(serde_yaml::Value),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with values, in the order written. Keys are distinct.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Location.
    pub(super) key_span: Span,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// The entry of a mapping with this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a mapping; empty for any other value.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The same value as a `serde_yaml` value, without locations.
    pub(super) fn to_value(&self) -> serde_yaml::Value {
        match &self.value {
            NodeValue::Scalar(value) => value.clone(),
            NodeValue::Sequence(items) => {
                serde_yaml::Value::Sequence(items.iter().map(Self::to_value).collect())
            }
            NodeValue::Mapping(entries) => serde_yaml::Value::Mapping(
                entries
                    .iter()
                    .map(|entry| (entry.key.as_str().into(), entry.value.to_value()))
                    .collect(),
            ),
        }
    }
}

/// The tree of a pipeline with its sources.
#[derive(Clone, Debug)]
pub struct Document {
    sources: Vec<Source>,
    root: Node,
}

impl Document {
    pub(super) fn new(sources: Vec<Source>, root: Node) -> Self {
        Self { sources, root }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The sources that [`Span`]s refer to. The file is the first.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The location of a value, or of the nearest enclosing value if it was not written.
    pub fn locate(&self, path: &KeyPath) -> Span {
        let mut place = &self.root.span;
        let mut node = &self.root;
        for segment in path.segments() {
            let Some((span, next)) = step(node, segment) else { return place.clone() };
            (place, node) = (span, next);
        }
        match node.value {
            NodeValue::Mapping(_) => place.clone(),
            _ => node.span.clone(),
        }
    }

    /// The location of a value; `None` if it was not written.
    pub fn find(&self, path: &KeyPath) -> Option<&Span> {
        let mut node = &self.root;
        for segment in path.segments() {
            node = step(node, segment)?.1;
        }
        Some(&node.span)
    }
}

/// The value one step below `node`, with the span of its key or item.
fn step<'a>(node: &'a Node, segment: &Segment) -> Option<(&'a Span, &'a Node)> {
    match (segment, &node.value) {
        (Segment::Key(key), _) => node.entry(key).map(|entry| (&entry.key_span, &entry.value)),
        (Segment::Index(index), NodeValue::Sequence(items)) => {
            items.get(*index).map(|item| (&item.span, item))
        }
        _ => None,
    }
}
