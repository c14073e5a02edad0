//! Overrides from the command line, such as `-S stages.finetune.epochs=10`, applied to the tree.
//!
//! A path consists of keys and list positions. It may leave out a key that only makes a choice,
//! such as `train` or `adam`.

use super::diagnostic::Diagnostic;
use super::document::{Entry, Node, NodeValue, Source, SourceKind, Span};
use super::parse;
use super::schema::SchemaView;
use crate::base::key_path::{KeyPath, Segment};
use crate::base::text;
use crate::spec::problem::{Code, Problem};

/// A step of an override's path, with its location in the option's text.
#[derive(Clone, Debug)]
struct Step {
    text: String,
    span: Span,
}

/// Applies one `-S` option to the tree. Its text becomes a source of the document.
pub(super) fn apply(
    root: &mut Node,
    text: &str,
    sources: &mut Vec<Source>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let source = sources.len();
    sources.push(Source {
        kind: SourceKind::Override,
        name: "-S".to_owned(),
        text: text.to_owned(),
    });
    let result = split(text, source).and_then(|(steps, value_text, value_start)| {
        let mut value = match with_number_sign(value_text) {
            Some(text) => {
                let span = Span { source, range: 0..value_text.len() };
                Node { span, value: NodeValue::Scalar(text.into()) }
            }
            None => match parse::parse(value_text, source, diagnostics) {
                Ok(value) => value,
                // A pattern such as `{site}/{id}.jpg`.
                Err(_) if is_pattern(value_text) => {
                    let span = Span { source, range: 0..value_text.len() };
                    Node { span, value: NodeValue::Scalar(value_text.trim().into()) }
                }
                Err(mut diagnostic) => {
                    let range = &mut diagnostic.span.range;
                    *range = range.start + value_start..range.end + value_start;
                    return Err(diagnostic);
                }
            },
        };
        shift(&mut value, value_start);
        value.span.range.end = value.span.range.end.max(value_start);
        let rest = text[value.span.range.end.min(text.len())..].trim();
        if rest.starts_with('#') {
            let span = Span { source, range: text.len() - rest.len()..text.len() };
            let message = "there is more text after the value of this override";
            return Err(Diagnostic::new(Code::BadOverride, span, message)
                .hint("put the whole value in quotes; an override has no comments"));
        }
        let given = |span: &Span| sources[span.source].kind == SourceKind::Override;
        put(root, Some(SchemaView::root()), &steps, value, &given)
    });
    if let Err(diagnostic) = result {
        diagnostics.push(diagnostic);
    }
}

/// A value that a search sets, as an override does.
pub(super) struct Set<'a> {
    /// The key, as in `-S`.
    pub(super) key: &'a str,
    /// Where the search names it.
    pub(super) at: &'a Span,
    /// The value.
    pub(super) value: Node,
    /// Where the search names all its keys.
    pub(super) given: &'a [Span],
}

/// Sets a value of the tree.
pub(super) fn set(
    root: &mut Node,
    set: Set<'_>,
    sources: &[Source],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Set { key, at, value, given } = set;
    let is_given =
        |span: &Span| sources[span.source].kind == SourceKind::Override || given.contains(span);
    let result = steps(key, at.source).ok_or_else(|| {
        Diagnostic::new(Code::UnknownKey, at.clone(), format!("`{key}` is not a path of keys"))
            .hint("keys are joined by dots, as in `stages.finetune.train.epochs`")
    });
    let result = result.and_then(|mut steps| {
        steps.iter_mut().for_each(|step| step.span = at.clone());
        put(root, Some(SchemaView::root()), &steps, value, &is_given)
    });
    if let Err(mut diagnostic) = result {
        diagnostic.code = Code::UnknownKey;
        diagnostics.push(diagnostic);
    }
}

/// The path of the value that an override of `key` sets, with the keys that it leaves out. `None` if
/// it is not a path.
pub(super) fn path_of(root: &Node, key: &str) -> Option<KeyPath> {
    let steps = steps(key, 0)?;
    let (mut node, mut schema) = (Some(root), Some(SchemaView::root()));
    let mut segments = vec![];
    for step in &steps {
        while let Some((tag, inner)) = node.and_then(|node| chosen_tag(node, schema, &step.text)) {
            segments.push(Segment::Key(tag.to_owned()));
            node = node.and_then(|node| node.entry(tag)).map(|entry| &entry.value);
            schema = Some(inner);
        }
        if let Some(NodeValue::Sequence(items)) = node.map(|node| &node.value) {
            let index = step.text.parse::<usize>().ok()?;
            segments.push(Segment::Index(index));
            node = items.get(index);
            schema = schema.and_then(SchemaView::items);
        } else {
            segments.push(Segment::Key(step.text.clone()));
            node = node.and_then(|node| node.entry(&step.text)).map(|entry| &entry.value);
            schema = schema.and_then(|schema| child(schema, &step.text));
        }
    }
    Some(segments.into_iter().fold(KeyPath::root(), |path, segment| match segment {
        Segment::Key(key) => path.key(&key),
        Segment::Index(index) => path.index(index),
    }))
}

/// Reports keys of a search that mean the same value, or a value inside of that of another key.
pub(super) fn clashes<'a>(root: &Node, keys: impl Iterator<Item = &'a String>) -> Vec<Problem> {
    let mut earlier: Vec<(&str, KeyPath)> = vec![];
    let mut problems = vec![];
    for key in keys {
        let Some(path) = path_of(root, key) else { continue };
        let starts = |a: &KeyPath, b: &KeyPath| b.segments().starts_with(a.segments());
        let clash = earlier.iter().find(|(_, other)| starts(other, &path) || starts(&path, other));
        if let Some((other, place)) = clash {
            let message = if *place == path {
                format!("`{key}` is the same value as `{other}`")
            } else {
                format!("`{key}` and `{other}` overlap: one contains the other")
            };
            let at = KeyPath::of(&["sweep", "over"]).key(key);
            let problem = Problem::new(Code::Conflict, at, message);
            problems.push(problem.hint("keep one of the two"));
        }
        earlier.push((key, path));
    }
    problems
}

/// Keys of one mapping that exclude each other: groups, each with a key first that makes the choice
/// and then those that have no meaning without it.
type Exclusive = &'static [&'static [&'static str]];

/// Where images come from, how they are split, and which layers a stage trains.
const EXCLUSIVE: [Exclusive; 4] = [
    &[
        &["directory"],
        &["train", "validation", "test"],
        &["table", "columns", "root"],
        &["archive"],
        &["shards", "columns"],
        &["train_shards", "validation_shards", "test_shards", "columns"],
        &["generator"],
    ],
    &[&["folds", "fold", "repeats"], &["validation"], &["train"]],
    &[&["freeze"], &["unfreeze_from"], &["unfreeze_last"]],
    &[&["logistic"], &["ridge"], &["temperature"]],
];

/// An override that makes a choice replaces what the file says about it by other keys.
fn replace_others(
    entries: &mut Vec<Entry>,
    schema: Option<SchemaView>,
    key: &str,
    is_given: &dyn Fn(&Span) -> bool,
) {
    let knows = |key: &str| schema.is_some_and(|schema| schema.property(key).is_some());
    for groups in EXCLUSIVE {
        let Some(chosen) = groups.iter().find(|group| group[0] == key) else { continue };
        if !groups.iter().all(|group| knows(group[0])) {
            continue;
        }
        entries.retain(|entry| {
            let name = entry.key.as_str();
            let is_other =
                !chosen.contains(&name) && groups.iter().any(|group| group.contains(&name));
            !is_other || is_given(&entry.key_span)
        });
    }
}

/// Whether a value that YAML cannot read is text that begins with a name in braces.
fn is_pattern(text: &str) -> bool {
    let inner = text.trim().strip_prefix('{').and_then(|rest| rest.split_once('}'));
    inner.is_some_and(|(name, rest)| !name.contains([',', ':', '{', '"']) && !rest.is_empty())
}

/// A plain value that contains ` #`. In a file it would begin a comment, but a command line has
/// none. Quotes, lists and mappings are left to YAML.
fn with_number_sign(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_plain = !text.starts_with(['\'', '"', '[', '{', '|', '>', '&', '*', '!']);
    let mut before = ' ';
    let has_sign = text.chars().any(|c| {
        let is_sign = c == '#' && before.is_whitespace();
        before = c;
        is_sign
    });
    (is_plain && has_sign).then_some(text)
}

/// Splits `path=value` into steps, the value's text and where it starts.
fn split(text: &str, source: usize) -> Result<(Vec<Step>, &str, usize), Diagnostic> {
    let malformed = |message: &str| {
        let whole = Span { source, range: 0..text.len() };
        Diagnostic::new(Code::BadOverride, whole, message)
            .hint("an override is `KEY=VALUE`, as in `-S stages.finetune.epochs=10`")
    };
    let Some((path, value)) = text.split_once('=') else {
        return Err(malformed("this override has no `=`"));
    };
    let steps = steps(path, source)
        .ok_or_else(|| malformed("the path of this override has an empty key"))?;
    Ok((steps, value, path.len() + 1))
}

/// The steps of a path; `None` if one is empty.
fn steps(path: &str, source: usize) -> Option<Vec<Step>> {
    let mut steps = vec![];
    let mut start = 0;
    for part in path.split(['.', '[']) {
        let name = part.strip_suffix(']').unwrap_or(part);
        let trimmed = name.trim();
        if trimmed.is_empty() {
            return None;
        }
        let span = Span { source, range: start..start + name.len() };
        steps.push(Step { text: trimmed.to_owned(), span });
        start += part.len() + 1;
    }
    Some(steps)
}

/// Shifts the locations of a value that was parsed separately to its position in the option.
fn shift(node: &mut Node, by: usize) {
    let moved = |span: &mut Span| span.range = span.range.start + by..span.range.end + by;
    moved(&mut node.span);
    match &mut node.value {
        NodeValue::Scalar(_) => {}
        NodeValue::Sequence(items) => items.iter_mut().for_each(|item| shift(item, by)),
        NodeValue::Mapping(entries) => {
            for entry in entries {
                moved(&mut entry.key_span);
                shift(&mut entry.value, by);
            }
        }
    }
}

/// Sets the value at the end of the path and creates missing mappings on the way.
fn put(
    node: &mut Node,
    schema: Option<SchemaView>,
    steps: &[Step],
    value: Node,
    is_given: &dyn Fn(&Span) -> bool,
) -> Result<(), Diagnostic> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    if let Some((tag, tag_schema)) = chosen_tag(node, schema, &step.text) {
        let NodeValue::Mapping(entries) = &mut node.value else {
            unreachable!("a choice is a mapping")
        };
        let entry = entries.iter_mut().find(|entry| entry.key == tag);
        return put(
            &mut entry.expect("the tag was chosen").value,
            Some(tag_schema),
            steps,
            value,
            is_given,
        );
    }
    match &mut node.value {
        NodeValue::Sequence(items) => {
            let n_items = items.len();
            let item = step.text.parse::<usize>().ok().and_then(|index| items.get_mut(index));
            let item = item.ok_or_else(|| no_item(step, n_items))?;
            put(item, schema.and_then(SchemaView::items), rest, value, is_given)
        }
        NodeValue::Mapping(entries) => {
            check_name(entries, schema, step, rest)?;
            let inner = schema.and_then(|schema| child(schema, &step.text));
            let entry = entry_or_new(entries, step);
            if rest.is_empty() {
                // The replaced value and its key are now located in the override.
                entry.key_span = step.span.clone();
            }
            put(&mut entry.value, inner, rest, value, is_given)?;
            replace_others(entries, schema, &step.text, is_given);
            Ok(())
        }
        NodeValue::Scalar(_) => {
            *node = Node { span: step.span.clone(), value: NodeValue::Mapping(vec![]) };
            put(node, schema, steps, value, is_given)
        }
    }
}

/// The key that makes a choice in the file, if the path leaves it out.
fn chosen_tag(
    node: &Node,
    schema: Option<SchemaView>,
    step: &str,
) -> Option<(&'static str, SchemaView)> {
    let tags = schema?.tags();
    let [entry] = node.entries() else { return None };
    if tags.iter().any(|(tag, _)| *tag == step) {
        return None;
    }
    tags.into_iter().find(|(tag, _)| *tag == entry.key)
}

/// Whether a path goes through an unknown name where any name is allowed, as in `stages`. That is a
/// typing error, not a new entry.
fn check_name(
    entries: &[Entry],
    schema: Option<SchemaView>,
    step: &Step,
    rest: &[Step],
) -> Result<(), Diagnostic> {
    let is_free =
        schema.is_some_and(|schema| schema.properties().is_empty() && schema.tags().is_empty());
    let is_there = entries.iter().any(|entry| entry.key == step.text);
    if !is_free || is_there || rest.is_empty() {
        return Ok(());
    }
    let names = || entries.iter().map(|entry| entry.key.as_str());
    let message = format!("there is no `{}` here", step.text);
    let hint = match text::nearest(&step.text, names(), 1)[..] {
        [nearest] => format!("did you mean `{nearest}`?"),
        _ => format!("the keys here are {}", text::all_of(names())),
    };
    Err(Diagnostic::new(Code::BadOverride, step.span.clone(), message).hint(hint))
}

fn child(schema: SchemaView, key: &str) -> Option<SchemaView> {
    let tagged = schema.tags().into_iter().find(|(tag, _)| *tag == key);
    tagged.map(|(_, schema)| schema).or_else(|| schema.property(key))
}

fn entry_or_new<'a>(entries: &'a mut Vec<Entry>, step: &Step) -> &'a mut Entry {
    let position = entries.iter().position(|entry| entry.key == step.text).unwrap_or_else(|| {
        let value = Node { span: step.span.clone(), value: NodeValue::Mapping(vec![]) };
        entries.push(Entry { key: step.text.clone(), key_span: step.span.clone(), value });
        entries.len() - 1
    });
    &mut entries[position]
}

fn no_item(step: &Step, n_items: usize) -> Diagnostic {
    let message = format!("`{}` is not a position in a list of {n_items}", step.text);
    Diagnostic::new(Code::BadOverride, step.span.clone(), message).hint(
        "positions count from 0; to replace a whole list, give it as YAML: `-S 'augmentation=[]'`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of `-S a=TEXT`, or the message about it.
    fn value(text: &str) -> Result<serde_yaml::Value, String> {
        let mut root = parse::parse("a: 1\n", 0, &mut vec![]).unwrap();
        let (mut sources, mut diagnostics) = (vec![], vec![]);
        apply(&mut root, &format!("a={text}"), &mut sources, &mut diagnostics);
        match diagnostics.pop() {
            Some(diagnostic) => Err(diagnostic.message),
            None => Ok(root.to_value()["a"].clone()),
        }
    }

    /// A stage after overrides of it.
    fn stage(file: &str, overrides: &[&str]) -> serde_yaml::Value {
        let text = format!("stages:\n  a:\n    train: {file}\n");
        let (mut sources, mut diagnostics) = (vec![], vec![]);
        sources.push(Source {
            kind: SourceKind::File,
            name: "small.yaml".to_owned(),
            text: text.clone(),
        });
        let mut root = parse::parse(&text, 0, &mut diagnostics).unwrap();
        for text in overrides {
            apply(&mut root, text, &mut sources, &mut diagnostics);
        }
        assert!(diagnostics.is_empty());
        root.to_value()["stages"]["a"]["train"].clone()
    }

    #[test]
    fn a_choice_replaces_the_keys_that_it_excludes() {
        let yaml = |text: &str| serde_yaml::from_str::<serde_yaml::Value>(text).unwrap();
        let file = "{ freeze: all, epochs: 2 }";
        for (overrides, expected) in [
            (&["stages.a.unfreeze_from=block_5"][..], "{ epochs: 2, unfreeze_from: block_5 }"),
            (&["stages.a.train.unfreeze_last=3"], "{ epochs: 2, unfreeze_last: 3 }"),
            (&["stages.a.freeze=none"], "{ freeze: none, epochs: 2 }"),
            (&["stages.a.epochs=3"], "{ freeze: all, epochs: 3 }"),
            // Both of two overrides stay, and are a problem of the pipeline.
            (
                &["stages.a.unfreeze_last=3", "stages.a.unfreeze_from=block_5"],
                "{ epochs: 2, unfreeze_last: 3, unfreeze_from: block_5 }",
            ),
        ] {
            assert_eq!(stage(file, overrides), yaml(expected), "{overrides:?}");
        }
    }

    #[test]
    fn the_whole_text_is_the_value() {
        for text in ["my pics #2", "# 2", "a\t#b", "#1 of 2", "C# and #", "x#y", "a #b #c"] {
            assert_eq!(value(text), Ok(text.into()), "{text}");
        }
        assert_eq!(value("'my pics #2'"), Ok("my pics #2".into()));
        assert_eq!(value("[1, 2]").unwrap()[1], 2);
        assert_eq!(value("1e-3"), Ok(1e-3.into()));
        assert!(value("[1, 2] # two").unwrap_err().contains("more text after"));
        assert!(value("'my pics' #2").unwrap_err().contains("more text after"));
    }
}
