//! Schemas and values in words, and hints for common mistakes in YAML.

use serde_json::Value as Json;
use serde_yaml::Value as Yaml;

use super::slips;
use crate::base::text;
use crate::pipeline::document::{Node, NodeValue};
use crate::pipeline::schema::SchemaView;

/// The hint for `<<: *defaults`.
pub(super) const NO_MERGE_KEYS: &str = "YAML merge keys are not part of YAML 1.2; write the keys out, \
                                        or use an alias for a whole value";

/// Describes the values that a schema accepts, as the object of "must be".
pub(in crate::pipeline) fn describe(schema: SchemaView) -> String {
    let tags = schema.tags();
    let words = schema.words().into_iter().map(|word| format!("`{word}`"));
    if !tags.is_empty() {
        let names = text::any_of(tags.iter().map(|(tag, _)| *tag));
        let mapping =
            format!("a mapping with {}{names}", if tags.len() > 1 { "one of " } else { "" });
        let numbers = schema.branches().into_iter();
        let numbers = numbers.filter(|branch| matches!(branch.kind(), Some("integer" | "number")));
        let all = words.chain(numbers.map(describe)).chain([mapping]);
        return text::join(all.collect::<Vec<String>>(), "or");
    }
    let types =
        schema.branches().into_iter().filter(|branch| branch.words().is_empty()).map(describe);
    let parts: Vec<String> = words.chain(types).collect();
    if !parts.is_empty() {
        return text::join(parts, "or");
    }
    let bound = |name| schema.keyword(name).and_then(Json::as_u64);
    match (schema.kind(), bound("minItems"), bound("minProperties")) {
        (Some("array"), Some(n), _) => {
            let is_least = bound("maxItems") != Some(n);
            let least = if is_least { "at least " } else { "" };
            format!("a list of {least}{}", text::count(n as usize, item_noun(schema)))
        }
        (Some("array"), ..) => "a list".to_owned(),
        (Some("object"), _, Some(n)) => format!("at least {}", text::count(n as usize, "entry")),
        (Some("object"), ..) if schema.any_property().is_some() => {
            "a mapping of names to values".to_owned()
        }
        (Some("object"), ..) if !schema.required().is_empty() => {
            format!("a mapping with {}", text::all_of(schema.required()))
        }
        (Some("object"), ..) => "a mapping of keys and values".to_owned(),
        (Some("integer"), ..) => "a whole number".to_owned(),
        (Some("number"), ..) => "a number".to_owned(),
        (Some("boolean"), ..) => "`true` or `false`".to_owned(),
        _ => "a string".to_owned(),
    }
}

fn item_noun(schema: SchemaView) -> &'static str {
    match schema.items().and_then(SchemaView::kind) {
        Some("integer") => "whole number",
        Some("number") => "number",
        _ => "value",
    }
}

/// Describes a value in the file, as the object of "not".
pub(super) fn describe_node(node: &Node) -> String {
    match &node.value {
        NodeValue::Mapping(_) => "a mapping".to_owned(),
        NodeValue::Sequence(items) => format!("a list of {}", text::count(items.len(), "value")),
        NodeValue::Scalar(Yaml::Null) => "left empty".to_owned(),
        NodeValue::Scalar(value @ Yaml::String(_)) => format!("the string {}", written(value)),
        NodeValue::Scalar(value) => written(value),
    }
}

/// A scalar as it is written in YAML.
pub(super) fn written(value: &Yaml) -> String {
    match value {
        Yaml::String(text) => format!("`{text}`"),
        value => serde_yaml::to_string(value).unwrap_or_default().trim().to_owned(),
    }
}

/// The range of the schema, if a number is outside it.
pub(super) fn range_missed(number: f64, schema: SchemaView) -> Option<String> {
    let bound = |name| schema.keyword(name).and_then(Json::as_f64);
    let is_inside = bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
        && bound("exclusiveMinimum").is_none_or(|above| number > above)
        && bound("exclusiveMaximum").is_none_or(|below| number < below);
    if is_inside { None } else { range(schema) }
}

/// The range of a number, if its schema has one.
pub(in crate::pipeline) fn range(schema: SchemaView) -> Option<String> {
    let bound = |name| schema.keyword(name).and_then(Json::as_f64);
    let [least, most] = ["minimum", "maximum"].map(bound);
    let [above, below] = ["exclusiveMinimum", "exclusiveMaximum"].map(bound);
    Some(match (least, most, above, below) {
        (Some(least), Some(most), ..) if least == most => format!("{least}"),
        (Some(least), Some(most), ..) => format!("between {least} and {most}"),
        (Some(least), _, _, Some(below)) => format!("at least {least} and below {below}"),
        (Some(least), ..) => format!("at least {least}"),
        (_, Some(most), Some(above), _) => format!("above {above} and at most {most}"),
        (_, _, Some(above), Some(below)) => format!("above {above} and below {below}"),
        (_, _, Some(above), None) => format!("above {above}"),
        (_, Some(most), ..) => format!("at most {most}"),
        (_, _, _, Some(below)) => format!("below {below}"),
        (None, None, None, None) => return None,
    })
}

/// A hint with the name that was probably meant, and all names.
pub(super) fn nearest_or_all<'a>(
    word: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let all = match names.clone().count() {
        1 => format!("the only choice is {}", text::any_of(names.clone())),
        _ => format!("the choices are {}", text::all_of(names.clone())),
    };
    match text::nearest(word, names, 1)[..] {
        [nearest] => format!("did you mean `{nearest}`? {}{}", all[..1].to_uppercase(), &all[1..]),
        _ => all,
    }
}

/// A hint on how to write the number that a text holds, if it holds one.
fn number_in_text(text: &str) -> Option<String> {
    let number = text.trim_end_matches('%').parse::<f64>().ok()?;
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    Some(if text.ends_with('%') {
        format!("write {} (a fraction of one)", number / 100.0)
    } else if is_whole && text.parse::<u64>().is_err() {
        format!("numbers go up to {}", u64::MAX)
    } else {
        format!("write {text} without quotes")
    })
}

/// How to write a choice that was given as a word.
fn as_a_tag(word: &str, schema: SchemaView, key: &str) -> Option<String> {
    let tags = schema.tags();
    let tag = tags.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(word));
    let Some((tag, schema)) = tag else { return slips::choice(word, &tags) };
    let needs = schema.required().first().map(|key| format!(" {key}: … ")).unwrap_or_default();
    let value =
        if schema.kind() == Some("object") { format!("{{{needs}}}") } else { "…".to_owned() };
    Some(format!("write `{tag}: {value}` under `{key}`"))
}

/// How to write a value that stands for a list of choices: an empty list, or a list of one.
fn entry_of_list(value: &Yaml, schema: SchemaView, key: &str) -> Option<String> {
    let word = written(value).trim_matches('`').to_lowercase();
    let may_be_empty = schema.keyword("minItems").is_none();
    if may_be_empty && ["none", "null", "false", "off", "no", "nothing"].contains(&word.as_str()) {
        return Some(format!("for none, write `{key}: []`"));
    }
    let items = schema.items()?;
    let names = items.tags().into_iter().map(|(tag, _)| tag).collect::<Vec<_>>();
    let entry = as_a_tag(&word, items, key);
    Some(entry.unwrap_or_else(|| {
        format!("it is a list of {}; for none, write `{key}: []`", text::any_of(names))
    }))
}

/// A hint on how to write a boolean that was written as a string.
fn boolean_in_text(text: &str) -> Option<String> {
    let value = match text.to_lowercase().as_str() {
        "true" | "false" => return Some(format!("write {text} without quotes")),
        "yes" | "on" => "true",
        "no" | "off" => "false",
        _ => return None,
    };
    Some(format!("in YAML 1.2 `{text}` is a string; write `{value}`"))
}

/// A hint on how to write the value that was probably meant, for a value of the wrong type.
pub(super) fn how_to_mend(node: &Node, schema: SchemaView, key: &str) -> Option<String> {
    let takes = |kinds: &[&str]| {
        let own = schema.kind().into_iter();
        own.chain(schema.branches().into_iter().filter_map(SchemaView::kind))
            .any(|kind| kinds.contains(&kind))
    };
    if let NodeValue::Scalar(value @ Yaml::Number(_)) = &node.value
        && takes(&["object"])
        && let Some(hint) = slips::in_mapping(key, &written(value))
    {
        return Some(hint);
    }
    match &node.value {
        NodeValue::Sequence(_) if key == "class_weights" => Some(
            "name the class of each weight: `class_weights: { alpaca: 2.0, llama: 1.0 }`"
                .to_owned(),
        ),
        NodeValue::Sequence(_) if schema.any_property().is_some() => {
            Some("give each stage a name: `transfer: { train: { … } }`".to_owned())
        }
        NodeValue::Mapping(_) if takes(&["array"]) => {
            Some("put a dash in front of each entry".to_owned())
        }
        NodeValue::Scalar(Yaml::String(text)) if takes(&["boolean"]) => boolean_in_text(text),
        NodeValue::Scalar(Yaml::String(text)) if takes(&["number", "integer"]) => {
            number_in_text(text)
        }
        NodeValue::Scalar(value)
            if schema.items().is_some_and(|items| !items.tags().is_empty()) =>
        {
            entry_of_list(value, schema, key)
        }
        NodeValue::Scalar(value)
            if schema.items().is_some_and(|items| super::fits_kind(node, items)) =>
        {
            let value = serde_yaml::to_string(value).ok()?;
            let n = schema.keyword("minItems").and_then(Json::as_u64).unwrap_or(1).max(1);
            let entries = vec![value.trim(); n as usize].join(", ");
            Some(format!("write `{key}: [{entries}]`"))
        }
        NodeValue::Scalar(Yaml::Number(number))
            if takes(&["string"]) && ["train", "validation", "test"].contains(&key) =>
        {
            Some(format!("fractions go under `split`: write `split: {{ {key}: {number} }}`"))
        }
        NodeValue::Scalar(Yaml::Number(number)) if takes(&["string"]) => {
            Some(number_as_text(&number.to_string(), schema, key))
        }
        NodeValue::Scalar(Yaml::String(word)) => as_a_tag(word, schema, key),
        NodeValue::Scalar(Yaml::Number(number)) if takes(&["object"]) => {
            let &[required] = &schema.required()[..] else { return None };
            Some(format!("write `{key}: {{ {required}: {number} }}`"))
        }
        NodeValue::Scalar(Yaml::Number(number)) if takes(&["integer"]) => {
            let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
            Some(format!("write {number}"))
        }
        _ => None,
    }
}

/// How to write a number where text is expected, which may be a number with a unit.
fn number_as_text(number: &str, schema: SchemaView, key: &str) -> String {
    let description = schema.keyword("description").and_then(Json::as_str).unwrap_or_default();
    let example = description.split_once(", as in `").and_then(|(_, rest)| rest.split_once('`'));
    match example {
        Some((example, _)) if example.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("write it with a unit, as in `{key}: {example}`")
        }
        _ => format!("to mean the text, write it in quotes: '{number}'"),
    }
}
