//! Parses YAML text to a tree of values with locations.
//!
//! The event parser provides structure and locations. `serde_yaml` decides the type of plain
//! scalars (`1e-4` is a number and `no` a string, as in YAML 1.2). It also builds the raw types
//! later, so both agree on types.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::diagnostic::Diagnostic;
use super::document::{Entry, Node, NodeValue, Span};
use crate::spec::problem::Code;

/// Most values that aliases may expand to. A few nested aliases can expand to billions.
const MOST_COPIED: usize = 100_000;

/// Parses one YAML document.
///
/// # Errors
/// When the text is not YAML, so that there is no tree to check. Other problems (duplicate keys,
/// tags) are added to `diagnostics`.
pub(super) fn parse<'a>(
    text: &'a str,
    source: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
) -> Result<Node, Diagnostic> {
    let mut builder = Builder {
        text,
        offsets: text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect(),
        source,
        open: vec![],
        anchors: BTreeMap::new(),
        root: None,
        n_copied: 0,
        diagnostics,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| builder.syntax_error(&error))?;
        let span = builder.span(span);
        builder.take(event, span);
    }
    let end = Span { source, range: 0..text.len().min(1) };
    Ok(builder
        .root
        .unwrap_or(Node { span: end, value: NodeValue::Scalar(serde_yaml::Value::Null) }))
}

/// A list or mapping that is still open.
struct Open {
    span: Span,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        /// Position of each key among the entries.
        known: BTreeMap<String, usize>,
        key: Option<(String, Span)>,
    },
}

struct Builder<'a> {
    text: &'a str,
    /// The byte of each character, since the parser counts characters.
    offsets: Vec<usize>,
    source: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    n_copied: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let span = self.without_comment(span, style);
                let value = self.scalar(&text, style, tag.as_deref(), &span);
                self.finish(Node { span, value: NodeValue::Scalar(value) }, anchor);
            }
            Event::SequenceStart(anchor, tag) => {
                self.reject_tag(tag.as_deref(), &span);
                self.open.push(Open { span, anchor, content: Content::Sequence(vec![]) });
            }
            Event::MappingStart(anchor, tag) => {
                self.reject_tag(tag.as_deref(), &span);
                let content =
                    Content::Mapping { entries: vec![], known: BTreeMap::new(), key: None };
                self.open.push(Open { span, anchor, content });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&span),
            Event::Alias(anchor) => {
                let value = self.copy_of(anchor, &span);
                self.finish(Node { span, value }, 0);
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                let message = "a pipeline file holds one YAML document, not several";
                self.diagnostics.push(Diagnostic::new(Code::UnsupportedYaml, span, message));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }

    /// Adds a complete node to the open list or mapping.
    fn finish(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = self.root.take().or(Some(node)),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { entries, known, key }) => match key.take() {
                None => *key = Some((key_text(&node), node.span)),
                Some((key, key_span)) => {
                    if let Some(&first) = known.get(&key) {
                        let first = &entries[first].key_span;
                        self.diagnostics.push(duplicate_key(&key, first, &key_span));
                    } else {
                        known.insert(key.clone(), entries.len());
                        entries.push(Entry { key, key_span, value: node });
                    }
                }
            },
        }
    }

    /// The value that an alias refers to. The parser has already rejected aliases without an
    /// anchor. An alias inside its own anchor would make the tree infinite, so it has no value.
    fn copy_of(&mut self, anchor: usize, span: &Span) -> NodeValue {
        const NOTHING: NodeValue = NodeValue::Scalar(serde_yaml::Value::Null);
        let Some(node) = self.anchors.get(&anchor) else { return NOTHING };
        let was_within = self.n_copied <= MOST_COPIED;
        self.n_copied += n_nodes(node);
        if self.n_copied <= MOST_COPIED {
            return node.value.clone();
        }
        if !was_within {
            return NOTHING;
        }
        let message = "the aliases of this file expand to more values than a pipeline can need";
        self.diagnostics.push(Diagnostic::new(Code::UnsupportedYaml, span.clone(), message));
        NOTHING
    }

    fn close(&mut self, end: &Span) {
        let Some(Open { mut span, anchor, content }) = self.open.pop() else { return };
        // A list or mapping in brackets ends with its bracket, any other with its last value.
        let is_bracketed = self.text[end.range.start..].starts_with([']', '}']);
        let last = match &content {
            Content::Sequence(items) => items.last(),
            Content::Mapping { entries, .. } => entries.last().map(|entry| &entry.value),
        };
        span.range.end = match last {
            Some(last) if !is_bracketed => last.span.range.end.max(span.range.start),
            _ => end.range.start + usize::from(is_bracketed),
        };
        let value = match content {
            Content::Sequence(items) => NodeValue::Sequence(items),
            Content::Mapping { entries, .. } => NodeValue::Mapping(entries),
        };
        self.finish(Node { span, value }, anchor);
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> serde_yaml::Value {
        let is_string = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if !is_string {
            self.reject_tag(tag, span);
        }
        if is_string || style != ScalarStyle::Plain {
            return text.into();
        }
        serde_yaml::from_str(text).unwrap_or_else(|_| text.into())
    }

    /// The location of a quoted scalar up to its closing quote. The parser's own extends to the end
    /// of the line.
    fn without_comment(&self, mut span: Span, style: ScalarStyle) -> Span {
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            _ => return span,
        };
        let text = &self.text[span.range.clone()];
        let mut chars = text.char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            let is_escape = match quote {
                '"' => c == '\\',
                _ => c == quote && text[offset + 1..].starts_with(quote),
            };
            if is_escape {
                chars.next();
            } else if c == quote {
                span.range.end = span.range.start + offset + 1;
                break;
            }
        }
        span
    }

    fn reject_tag(&mut self, tag: Option<&Tag>, span: &Span) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            let message = format!("pipeline files cannot use YAML tags such as `{tag}`");
            self.diagnostics.push(Diagnostic::new(Code::UnsupportedYaml, span.clone(), message));
        }
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let byte = |index: usize| self.offsets[index.min(self.offsets.len() - 1)];
        Span { source: self.source, range: byte(span.start.index())..byte(span.end.index()) }
    }

    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let marker = *error.marker();
        let span = self.span(saphyr_parser::Span::empty(marker));
        let diagnostic =
            Diagnostic::new(Code::Syntax, span, "the text is not valid YAML").label(error.info());
        let next = self.text[diagnostic.span.range.start.min(self.text.len())..].chars().next();
        let strange = next.filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        let speaks_of_tabs =
            error.info().split(|c: char| !c.is_alphabetic()).any(|w| ["tab", "tabs"].contains(&w));
        match strange {
            Some(c) => diagnostic.hint(format!(
                "remove the character U+{:04X}, which is not allowed in text; is this a text file?",
                c as u32
            )),
            None if speaks_of_tabs => diagnostic.hint("indent YAML with spaces, not with tabs"),
            None => diagnostic,
        }
    }
}

fn n_nodes(node: &Node) -> usize {
    1 + match &node.value {
        NodeValue::Scalar(_) => 0,
        NodeValue::Sequence(items) => items.iter().map(n_nodes).sum(),
        NodeValue::Mapping(entries) => entries.iter().map(|entry| n_nodes(&entry.value)).sum(),
    }
}

fn key_text(node: &Node) -> String {
    match &node.value {
        NodeValue::Scalar(serde_yaml::Value::String(text)) => text.clone(),
        NodeValue::Scalar(value) => {
            serde_yaml::to_string(value).unwrap_or_default().trim().to_owned()
        }
        NodeValue::Sequence(_) | NodeValue::Mapping(_) => "?".to_owned(),
    }
}

fn duplicate_key(key: &str, first: &Span, second: &Span) -> Diagnostic {
    Diagnostic::new(Code::DuplicateKey, second.clone(), format!("the key `{key}` is given twice"))
        .label("given again here")
        .related(first.clone(), "first given here")
        .hint("remove one of the two")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> (Node, Vec<Diagnostic>) {
        let mut diagnostics = vec![];
        let node = parse(text, 0, &mut diagnostics).unwrap();
        (node, diagnostics)
    }

    #[test]
    fn the_tree_holds_what_serde_yaml_reads() {
        let text = "a: 1e-4\nb: no\nc: [1, -2, 0x10, 1.5, .inf, ~, null, true, 'no', \"5\", 007]\n\
                    d: &x {e: f}\ng: *x\nh: |\n  two\n  lines\ni:\n- - nested\n  - list\nümlaut: täxt\n";
        let expected: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(tree(text).0.to_value(), expected);
    }

    #[test]
    fn spans_cover_the_text_of_keys_and_values() {
        for value in ["'välue'", "'it''s'", "\"say \\\"hä\\\"\"", "plain text", "[1, 2]", "''"] {
            let text = format!("ä: 1\nkey: {value} # 'a' \"comment\"\n");
            let (root, _) = tree(&text);
            let entry = root.entry("key").unwrap();
            assert_eq!(&text[entry.key_span.range.clone()], "key");
            assert_eq!(&text[entry.value.span.range.clone()], value);
        }
    }

    #[test]
    fn the_second_of_two_equal_keys_is_reported_and_the_first_kept() {
        let (root, diagnostics) = tree("a: 1\nb: 2\na: 3\n");
        assert_eq!(root.to_value()["a"], 1);
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(
            (diagnostics[0].code, diagnostics[0].span.range.clone()),
            (Code::DuplicateKey, 10..11)
        );
    }

    #[test]
    fn broken_yaml_is_one_diagnostic_and_never_a_panic() {
        for text in [
            "a: [1",
            "a: b: c",
            "\t- x",
            "a: 'x",
            "*missing",
            "&a [*a]",
            "%YAML 9\n---",
            "\u{0}",
            "- a\nb: c",
        ] {
            let _ = parse(text, 0, &mut vec![]);
        }
    }
}
