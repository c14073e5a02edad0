//! A YAML text as a tree in which every value knows where it was written.

use std::ops::Range;

use crate::base::key_path::{KeyPath, Segment};

/// Where a piece of a pipeline was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// In the pipeline file.
    File,
    /// In a `-S` option.
    Override,
}

/// A text that values come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// How it is named in messages: the file's path, or `-S`.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// Line and column of a byte, both from one; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        self.lines().position(offset)
    }

    /// Where its lines begin, for many positions.
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
    /// Line and column of a byte, both from one; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        (line, self.text[self.starts[line - 1]..offset].chars().count() + 1)
    }
}

/// A piece of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Position of the source in [`Document::sources`].
    pub source: usize,
    /// The bytes.
    pub range: Range<usize>,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its place.
    pub(super) span: Span,
    /// The value.
    pub(super) value: NodeValue,
}

/// A value.
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
    /// Its place.
    pub(super) key_span: Span,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// The entry of a mapping with this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a mapping; none of anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The same value as serde's YAML knows it, without places.
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

/// A pipeline's tree with the texts it comes from.
#[derive(Clone, Debug)]
pub struct Document {
    sources: Vec<Source>,
    root: Node,
}

impl Document {
    pub(super) fn new(sources: Vec<Source>, root: Node) -> Self {
        Self { sources, root }
    }

    /// The texts that [`Span`]s point into; the file is the first.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The place of a value; of the nearest value around it that was written, if it was not.
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

    /// The place of a value that was written; `None` for one that was not.
    pub fn find(&self, path: &KeyPath) -> Option<&Span> {
        let mut node = &self.root;
        for segment in path.segments() {
            node = step(node, segment)?.1;
        }
        Some(&node.span)
    }
}

/// The value one step below `node`, with the span that stands for it: of a key, or of an item.
fn step<'a>(node: &'a Node, segment: &Segment) -> Option<(&'a Span, &'a Node)> {
    match (segment, &node.value) {
        (Segment::Key(key), _) => node.entry(key).map(|entry| (&entry.key_span, &entry.value)),
        (Segment::Index(index), NodeValue::Sequence(items)) => {
            items.get(*index).map(|item| (&item.span, item))
        }
        _ => None,
    }
}
