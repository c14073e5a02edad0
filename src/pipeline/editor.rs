//! The schema of pipeline files as editors use it: the schema that the loader checks, arranged so
//! that hover texts, completions and messages are about the keys, and with rules that the loader
//! checks elsewhere.
//!
//! Editors show the description of the innermost schema that a value matches, complete a mapping with
//! every key that has a default, and name types after definitions. So alternatives have no
//! descriptions of their own here, defaults are in the descriptions, and definitions are named after
//! keys.

use serde_json::{Map, Value, json};

use super::resolve::{LONGEST_NAME, NAME_RULE};
use super::schema;

/// The identity of the schema. It changes with the version of the format.
const ID: &str = "urn:alpaca-run:pipeline:1";

/// The names that `resolve` accepts for runs and stages.
const NAME: &str = r"^[\p{Alphabetic}\p{N}_-][\p{Alphabetic}\p{N}_.-]*$";

type Object = Map<String, Value>;

/// The schema as JSON text that ends in a newline.
pub fn schema_text() -> String {
    let source = schema::pipeline_schema();
    let mut schema = arranged(source, source);
    add_rules(&mut schema);
    let text = serde_json::to_string_pretty(&schema).expect("a schema is plain JSON");
    format!("{text}\n")
}

/// A schema and everything below it, arranged for editors. References lead into `root`.
fn arranged(schema: &Value, root: &Value) -> Value {
    match schema {
        Value::Object(object) => Value::Object(arranged_object(object, root)),
        Value::Array(items) => items.iter().map(|item| arranged(item, root)).collect(),
        plain => plain.clone(),
    }
}

/// A definition. Those that refer to it have its description.
fn definition(schema: &Value, root: &Value) -> Value {
    let mut schema = arranged(schema, root);
    schema.as_object_mut().expect("a definition is a mapping").remove("description");
    schema
}

fn arranged_object(object: &Object, root: &Value) -> Object {
    let mut new = Object::new();
    for (key, value) in object {
        let value = match (key.as_str(), value) {
            ("description", Value::String(text)) => one_line_per_paragraph(text).into(),
            ("$ref", Value::String(path)) => reference(path).into(),
            ("$defs", Value::Object(definitions)) => {
                let definitions = definitions.iter();
                definitions.map(|(name, value)| (key_of(name), definition(value, root))).collect()
            }
            // Values are data, not schemas.
            ("default" | "examples" | "enum" | "const", value) => value.clone(),
            (_, value) => arranged(value, root),
        };
        new.insert(key.clone(), value);
    }
    if new.get("minimum") == new.get("maximum")
        && let (Some(only), _) = (new.remove("minimum"), new.remove("maximum"))
    {
        new.insert("const".to_owned(), only);
    }
    if let Some(path) = object.get("$ref").and_then(Value::as_str)
        && !new.contains_key("description")
        && let Some(Value::String(text)) = target(path, root).get("description")
    {
        new.insert("description".to_owned(), one_line_per_paragraph(text).into());
    }
    if let Some(default) = new.remove("default") {
        describe_default(&mut new, &default);
    }
    for kind in ["oneOf", "anyOf"] {
        if let Some(Value::Array(source)) = object.get(kind)
            && let Some(Value::Array(branches)) = new.remove(kind)
        {
            add_alternatives(&mut new, source, branches, root);
        }
    }
    new
}

/// Moves a default to the description. A plain value is also what the key is completed with.
fn describe_default(schema: &mut Object, default: &Value) {
    if default.is_object() || default.is_array() {
        return;
    }
    let shown = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = format!("{text} Default: `{shown}`.");
    }
    if !schema.contains_key("$ref") {
        let snippet = json!([{ "label": shown, "body": default }]);
        schema.insert("defaultSnippets".to_owned(), snippet);
    }
}

/// Adds the alternatives of a value: its words as one `enum`, choices by a key as one mapping that
/// takes one of the keys, and the rest. `source` has the alternatives before they were arranged.
fn add_alternatives(schema: &mut Object, source: &[Value], branches: Vec<Value>, root: &Value) {
    let (mut words, mut meanings) = (vec![], vec![]);
    let mut keys = Object::new();
    let mut rest = vec![];
    for (source, mut branch) in source.iter().zip(branches) {
        let named = words_of(source, root);
        if let Some((key, property)) = choice(&branch) {
            keys.insert(key, property);
        } else if named.is_empty() {
            let is_mapping = branch["type"] == "object" || branch.get("$ref").is_some();
            if let (false, Some(branch)) = (is_mapping, branch.as_object_mut()) {
                branch.remove("description");
            }
            rest.push(branch);
        } else {
            for (word, meaning) in named {
                words.push(word);
                meanings.push(Value::from(meaning));
            }
        }
    }
    if !keys.is_empty() {
        rest.insert(
            0,
            json!({
                "type": "object", "properties": keys, "additionalProperties": false,
                // Editors complete nothing in a mapping with a limit of its own.
                "allOf": [{ "minProperties": 1, "maxProperties": 1 }]
            }),
        );
    }
    if !words.is_empty() {
        let mut listed = json!({ "type": "string", "enum": words });
        if meanings.iter().any(|meaning| meaning != "") {
            listed["markdownEnumDescriptions"] = meanings.into();
        }
        rest.insert(0, listed);
    }
    match <[Value; 1]>::try_from(rest) {
        Ok([Value::Object(single)]) => schema.extend(single),
        Ok(single) => drop(schema.insert("anyOf".to_owned(), Value::from_iter(single))),
        Err(several) => drop(schema.insert("anyOf".to_owned(), several.into())),
    }
}

/// The key of a mapping that has exactly one, and the schema of its value, with the description of
/// the mapping.
fn choice(branch: &Value) -> Option<(String, Value)> {
    let properties = branch.get("properties")?.as_object()?;
    let (key, property) = properties.iter().next().filter(|_| properties.len() == 1)?;
    let mut property = property.clone();
    if let Some(description) = branch.get("description") {
        property["description"] = description.clone();
    }
    Some((key.clone(), property))
}

/// The words that an alternative consists of, with their descriptions.
fn words_of(branch: &Value, root: &Value) -> Vec<(Value, String)> {
    let meaning = one_line_per_paragraph(branch["description"].as_str().unwrap_or_default());
    if let Some(path) = branch["$ref"].as_str() {
        return words_of(target(path, root), root);
    }
    match (&branch["const"], &branch["enum"], &branch["oneOf"]) {
        (Value::String(word), ..) => vec![(word.as_str().into(), meaning)],
        (_, Value::Array(words), _) => {
            words.iter().map(|word| (word.clone(), String::new())).collect()
        }
        (_, _, Value::Array(branches)) => {
            let words: Vec<_> = branches.iter().map(|branch| words_of(branch, root)).collect();
            if words.iter().any(Vec::is_empty) { vec![] } else { words.concat() }
        }
        _ => vec![],
    }
}

/// The keys of a dataset that say where its images come from.
const SOURCES: [&str; 7] =
    ["directory", "train", "table", "archive", "shards", "train_shards", "generator"];

/// Adds rules that depend on several keys, or that the loader checks after the schema.
fn add_rules(schema: &mut Value) {
    schema["$id"] = ID.into();
    // Editors would show it above every text.
    schema.as_object_mut().expect("a schema is a mapping").remove("title");
    let name = json!({
        "pattern": NAME,
        "maxLength": LONGEST_NAME,
        "patternErrorMessage": format!("Names consist of {NAME_RULE}."),
    });
    let name = name.as_object().expect("it is a mapping");
    schema["properties"]["stages"]["propertyNames"] = name.clone().into();
    let properties = &mut schema["properties"]["name"];
    properties.as_object_mut().expect("`name` has a schema").extend(name.clone());
    let definitions = &mut schema["$defs"];
    let required = SOURCES.map(|key| json!({ "required": [key] }));
    definitions["dataset"]["anyOf"] = Value::from_iter(required);
    // Each source excludes those before it.
    let excludes = (1..SOURCES.len()).map(|at| {
        let others = SOURCES[..at].iter().map(|key| ((*key).to_owned(), false.into()));
        (SOURCES[at].to_owned(), json!({ "properties": others.collect::<Map<String, Value>>() }))
    });
    definitions["dataset"]["dependentSchemas"] = excludes.collect::<Map<String, Value>>().into();
    definitions["dataset"]["dependentRequired"] = json!({
        "validation": ["train"], "test": ["train"], "root": ["table"],
        "validation_shards": ["train_shards"], "test_shards": ["train_shards"],
    });
    definitions["split"]["dependentRequired"] = json!({ "fold": ["folds"], "repeats": ["folds"] });
    definitions["train"]["dependentSchemas"] = json!({
        "freeze": { "properties": { "unfreeze_from": false, "unfreeze_last": false } },
        "unfreeze_from": { "properties": { "unfreeze_last": false } },
    });
    let weights = &mut definitions["model"]["properties"]["weights"];
    weights["examples"] = json!(["builtin", "imagenet", "none"]);
}

/// The name of a definition: the name of its type as a key.
fn key_of(name: &str) -> String {
    let mut key = String::new();
    for c in name.trim_start_matches("Raw").chars() {
        if c.is_uppercase() && !key.is_empty() {
            key.push('_');
        }
        key.extend(c.to_lowercase());
    }
    key
}

/// The definition that a reference leads to.
fn target<'a>(path: &str, root: &'a Value) -> &'a Value {
    let target = root.pointer(path.trim_start_matches('#'));
    target.expect("references of a generated schema lead somewhere")
}

fn reference(path: &str) -> String {
    let (place, name) = path.rsplit_once('/').expect("references lead to definitions");
    format!("{place}/{}", key_of(name))
}

/// Joins the lines of each paragraph, since editors show line ends.
fn one_line_per_paragraph(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
