//! Checks a tree against the JSON schema and reports every difference with its location.
//!
//! It also repairs the tree where possible: unknown keys and invalid values of optional keys are
//! removed, so that later checks can report on the rest of the pipeline too.

pub(super) mod slips;
pub(super) mod wording;

use serde_json::Value as Json;
use serde_yaml::Value as Yaml;

use super::diagnostic::Diagnostic;
use super::document::{Entry, Node, NodeValue, Span};
use super::schema::SchemaView;
use crate::base::text;
use crate::spec::problem::Code;
use wording::{describe, describe_node, written};

/// Whether a value matches its schema, possibly after repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Shape {
    /// It can be deserialized.
    Sound,
    /// It cannot be deserialized. The reason is among the diagnostics.
    Broken,
}

impl Shape {
    fn and(self, other: Self) -> Self {
        if self == Self::Sound { other } else { self }
    }
}

/// Checks the root of a pipeline against the schema. Messages about the root refer to `place`.
pub(super) fn check(node: &mut Node, place: &Span, diagnostics: &mut Vec<Diagnostic>) -> Shape {
    let named = Named { subject: "the pipeline file".to_owned(), key: "", place };
    Check { diagnostics }.value(node, SchemaView::root(), &named)
}

/// Checks a section of a pipeline that is in another file.
pub(super) fn check_section(entry: &mut Entry, diagnostics: &mut Vec<Diagnostic>) -> Shape {
    let Entry { key, key_span, value } = entry;
    let schema = SchemaView::root().property(key).expect("a pipeline has this section");
    Check { diagnostics }.value(value, schema, &Named::under_key(key, key_span))
}

/// How messages refer to a value, and the location they use if it is not that of the value.
struct Named<'a> {
    /// Subject of the sentence.
    subject: String,
    /// Key of the value, or of the list it is in.
    key: &'a str,
    /// Location of the key.
    place: &'a Span,
}

impl<'a> Named<'a> {
    fn under_key(key: &'a str, place: &'a Span) -> Self {
        Self { subject: format!("`{key}`"), key, place }
    }

    fn in_list(key: &'a str, place: &'a Span) -> Self {
        Self { subject: format!("an entry of `{key}`"), key, place }
    }
}

struct Check<'a> {
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    fn value(&mut self, node: &mut Node, schema: SchemaView, named: &Named<'_>) -> Shape {
        if schema.takes_anything() {
            return Shape::Sound;
        }
        if !schema.branches().is_empty() {
            return self.choice(node, schema, named);
        }
        if !fits_kind(node, schema) {
            return self.wrong_type(node, schema, named);
        }
        match &mut node.value {
            NodeValue::Mapping(entries) => self.mapping(entries, schema, named),
            NodeValue::Sequence(items) => self.sequence(items, schema, named),
            NodeValue::Scalar(_) => self.scalar(node, schema, named),
        }
    }

    /// Checks a value with alternatives: words, a key that makes a choice, or types.
    fn choice(&mut self, node: &mut Node, schema: SchemaView, named: &Named<'_>) -> Shape {
        let tags = schema.tags();
        if let (NodeValue::Mapping(entries), false) = (&mut node.value, tags.is_empty()) {
            return self.tagged(entries, &tags, named);
        }
        let mut fitting = schema.branches();
        fitting.retain(|branch| fits_kind(node, *branch));
        // Of several mappings, the one that has this key. Where names are free, it may be a name.
        let is_free = fitting.iter().any(|branch| branch.any_property().is_some());
        let meant = fitting.iter().find(|branch| has_required_key(node, **branch, is_free));
        match meant.or(fitting.first()).copied() {
            Some(branch) if branch.words().is_empty() => self.value(node, branch, named),
            Some(_) => self.word(node, schema, named),
            None => self.wrong_type(node, schema, named),
        }
    }

    /// Checks a mapping with one key, which selects the alternative.
    fn tagged(
        &mut self,
        entries: &mut [Entry],
        tags: &[(&str, SchemaView)],
        named: &Named<'_>,
    ) -> Shape {
        let names = || tags.iter().map(|(tag, _)| *tag);
        let Named { subject, .. } = named;
        self.report(match entries {
            [Entry { key, key_span, value }] => {
                if let Some((_, schema)) = tags.iter().find(|(tag, _)| tag == key) {
                    return self.value(value, *schema, &Named::under_key(key, key_span));
                }
                let message = format!("{subject} has no choice `{key}`");
                let hint = below_a_tag(key, tags).or_else(|| slips::choice(key, tags));
                Diagnostic::new(Code::UnknownChoice, key_span.clone(), message)
                    .hint(hint.unwrap_or_else(|| wording::nearest_or_all(key, names())))
            }
            [] => {
                let message = format!("{subject} is empty");
                Diagnostic::new(Code::MissingKey, named.place.clone(), message)
                    .hint(format!("it needs {}", text::any_of(names())))
            }
            [first, second, ..] => {
                let message = format!("{subject} is a choice and takes one key, not several");
                let hint = below_a_tag(&first.key, tags)
                    .or_else(|| below_a_tag(&second.key, tags))
                    .or_else(|| replaced(first, second, named));
                Diagnostic::new(Code::Conflict, second.key_span.clone(), message)
                    .related(first.key_span.clone(), "chosen first here")
                    .hint(hint.unwrap_or_else(|| format!("keep one of {}", text::any_of(names()))))
            }
        })
    }

    fn mapping(
        &mut self,
        entries: &mut Vec<Entry>,
        schema: SchemaView,
        named: &Named<'_>,
    ) -> Shape {
        let required = schema.required();
        let mut shape = Shape::Sound;
        let given: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        let mut misspelt: Vec<String> = vec![];
        entries.retain_mut(|Entry { key, key_span, value }| {
            let Some(property) = schema.property(key) else {
                misspelt.extend(self.unknown_key(key, key_span, schema));
                return false;
            };
            let found = self.value(value, property, &Named::under_key(key, key_span));
            // A key that may have any name counts as known, and so does a required one.
            let is_optional = schema.properties().iter().any(|(name, _)| name == key)
                && !required.contains(&key.as_str());
            if found == Shape::Broken && !is_optional {
                shape = Shape::Broken;
            }
            found == Shape::Sound || !is_optional
        });
        let lacking = required.into_iter().filter(|key| !given.iter().any(|name| name == key));
        let (excused, missing): (Vec<&str>, Vec<&str>) =
            lacking.partition(|key| misspelt.iter().any(|name| name == key));
        if !missing.is_empty() {
            shape = shape.and(self.missing_keys(&missing, schema, named));
        } else if !excused.is_empty() {
            shape = Shape::Broken;
        }
        shape.and(self.count(entries.len(), ["minProperties", ""], schema, named))
    }

    /// Reports an unknown key. Returns the key that was probably meant, if there is one.
    fn unknown_key(&mut self, key: &str, place: &Span, schema: SchemaView) -> Option<String> {
        let known: Vec<&str> = schema.properties().into_iter().map(|(name, _)| name).collect();
        let nearest = text::nearest(key, known.iter().copied(), 1).first().copied();
        let slip = slips::hint(key, &known);
        let hint = match nearest {
            _ if key == "<<" => wording::NO_MERGE_KEYS.to_owned(),
            _ if slip.is_some() => slip.clone().unwrap_or_default(),
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None if known.is_empty() => "there are no keys here: write `{}`".to_owned(),
            None => format!("the keys here are {}", text::all_of(known)),
        };
        let message = format!("unknown key `{key}`");
        self.diagnostics.push(Diagnostic::new(Code::UnknownKey, place.clone(), message).hint(hint));
        nearest.filter(|_| slip.is_none()).map(str::to_owned)
    }

    fn missing_keys(&mut self, keys: &[&str], schema: SchemaView, named: &Named<'_>) -> Shape {
        let message = format!("{} has no {}", named.subject, text::any_of(keys.iter().copied()));
        let mut diagnostic = Diagnostic::new(Code::MissingKey, named.place.clone(), message);
        for key in keys {
            if let Some(meaning) = schema.meaning_of(key) {
                diagnostic = diagnostic.hint(format!("`{key}`: {}", text::lower_first(meaning)));
            }
        }
        self.report(diagnostic)
    }

    fn sequence(&mut self, items: &mut [Node], schema: SchemaView, named: &Named<'_>) -> Shape {
        let mut shape = Shape::Sound;
        if let Some(schema) = schema.items() {
            for item in items.iter_mut() {
                let place = item.span.clone();
                shape = shape.and(self.value(item, schema, &Named::in_list(named.key, &place)));
            }
        }
        shape.and(self.count(items.len(), ["minItems", "maxItems"], schema, named))
    }

    fn count(
        &mut self,
        n: usize,
        bounds: [&str; 2],
        schema: SchemaView,
        named: &Named<'_>,
    ) -> Shape {
        let [least, most] = bounds.map(|name| schema.keyword(name).and_then(Json::as_u64));
        if least.is_none_or(|least| n as u64 >= least) && most.is_none_or(|most| n as u64 <= most) {
            return Shape::Sound;
        }
        let has =
            if n == 0 { "is empty".to_owned() } else { format!("has {}", text::count(n, "entry")) };
        let message = format!("{} {has}; it takes {}", named.subject, describe(schema));
        self.report(Diagnostic::new(Code::OutOfRange, named.place.clone(), message))
    }

    fn scalar(&mut self, node: &Node, schema: SchemaView, named: &Named<'_>) -> Shape {
        let NodeValue::Scalar(value) = &node.value else { return Shape::Broken };
        if !schema.words().is_empty() {
            return self.word(node, schema, named);
        }
        let subject = &named.subject;
        if let Some(range) = value.as_f64().and_then(|number| wording::range_missed(number, schema))
        {
            let message = format!("{subject} must be {range}, not {}", written(value));
            return self.report(Diagnostic::new(Code::OutOfRange, node.span.clone(), message));
        }
        if value.as_str().is_some_and(str::is_empty) && schema.keyword("minLength").is_some() {
            let message = format!("{subject} must not be empty");
            return self.report(Diagnostic::new(Code::OutOfRange, node.span.clone(), message));
        }
        Shape::Sound
    }

    /// Checks a string that must be one of a few words.
    fn word(&mut self, node: &Node, schema: SchemaView, named: &Named<'_>) -> Shape {
        let NodeValue::Scalar(Yaml::String(word)) = &node.value else {
            return self.wrong_type(node, schema, named);
        };
        let words = schema.words();
        if words.contains(&word.as_str()) {
            return Shape::Sound;
        }
        let message = format!("{} cannot be `{word}`", named.subject);
        if schema.tags().iter().any(|(tag, _)| tag.eq_ignore_ascii_case(word))
            && let Some(hint) = wording::how_to_mend(node, schema, named.key)
        {
            let diagnostic = Diagnostic::new(Code::UnknownChoice, node.span.clone(), message);
            return self.report(diagnostic.hint(hint));
        }
        let takes_more = schema.branches().iter().any(|branch| branch.words().is_empty());
        let hint = if takes_more {
            match text::nearest(word, words.iter().copied(), 1)[..] {
                [nearest] => format!("did you mean `{nearest}`? It takes {}", describe(schema)),
                _ => format!("it takes {}", describe(schema)),
            }
        } else {
            wording::nearest_or_all(word, words.into_iter())
        };
        self.report(Diagnostic::new(Code::UnknownChoice, node.span.clone(), message).hint(hint))
    }

    fn wrong_type(&mut self, node: &Node, schema: SchemaView, named: &Named<'_>) -> Shape {
        let is_of_names = schema.any_property().is_some();
        let wanted = if is_of_names { "a mapping of names".to_owned() } else { describe(schema) };
        let message = format!("{} must be {wanted}, not {}", named.subject, describe_node(node));
        let is_empty = matches!(&node.value, NodeValue::Scalar(Yaml::Null));
        let span = if is_empty { named.place } else { &node.span };
        let diagnostic = Diagnostic::new(Code::WrongType, span.clone(), message);
        self.report(match wording::how_to_mend(node, schema, named.key) {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        })
    }

    fn report(&mut self, diagnostic: Diagnostic) -> Shape {
        self.diagnostics.push(diagnostic);
        Shape::Broken
    }
}

/// The hint for an override that chooses something else than the file.
fn replaced(first: &Entry, second: &Entry, named: &Named<'_>) -> Option<String> {
    let (key, choice) = (named.key, &second.key);
    (first.key_span.source != second.key_span.source).then(|| {
        format!(
            "to choose `{choice}`, replace the whole value: `-S '….{key}={{ {choice}: {{ … }} }}'`"
        )
    })
}

/// The hint for a key that was written beside the choice it belongs to.
fn below_a_tag(key: &str, tags: &[(&str, SchemaView)]) -> Option<String> {
    let is_choice = tags.iter().any(|(tag, _)| *tag == key);
    let (tag, _) = tags.iter().find(|(_, schema)| !is_choice && schema.property(key).is_some())?;
    Some(format!("write `{key}` under `{tag}`: `{tag}: {{ {key}: … }}`"))
}

/// Whether a mapping has a key that a schema requires, with a value of its type if `with_value`.
fn has_required_key(node: &Node, schema: SchemaView, with_value: bool) -> bool {
    let NodeValue::Mapping(entries) = &node.value else { return false };
    let required = schema.required();
    entries.iter().any(|Entry { key, value, .. }| {
        let fits = || schema.property(key).is_some_and(|schema| fits_kind(value, schema));
        required.contains(&key.as_str()) && (!with_value || fits())
    })
}

fn fits_kind(node: &Node, schema: SchemaView) -> bool {
    let of_words = (!schema.words().is_empty()).then_some("string");
    let Some(kind) = schema.kind().or(of_words) else { return true };
    match (&node.value, kind) {
        (NodeValue::Mapping(_), "object") | (NodeValue::Sequence(_), "array") => true,
        (NodeValue::Scalar(value), "string") => value.is_string(),
        (NodeValue::Scalar(value), "boolean") => value.is_bool(),
        (NodeValue::Scalar(value), "integer") => value.is_u64() || value.is_i64(),
        (NodeValue::Scalar(value), "number") => value.as_f64().is_some_and(f64::is_finite),
        _ => false,
    }
}
