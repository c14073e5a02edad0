//! Checks of JSON schemas that were written by hand.

use std::path::Path;

use alpaca_run::{event, run_dir::manifest};
use serde_json::Value;

/// Every object of a schema that lists its properties.
fn objects(schema: &Value) -> Vec<&Value> {
    let inner = match schema {
        Value::Object(entries) => entries.values().flat_map(objects).collect(),
        Value::Array(items) => items.iter().flat_map(objects).collect(),
        _ => vec![],
    };
    let own = schema.get("properties").is_some_and(Value::is_object);
    if own { [vec![schema], inner].concat() } else { inner }
}

/// Every property is required and no others are allowed, in at least `n_objects` objects.
#[track_caller]
pub fn assert_strict(schema: &Value, n_objects: usize) {
    let objects = objects(schema);
    assert!(objects.len() >= n_objects, "{} objects", objects.len());
    for object in objects {
        let mut required: Vec<String> = serde_json::from_value(object["required"].clone()).unwrap();
        let mut properties: Vec<&String> =
            object["properties"].as_object().unwrap().keys().collect();
        required.sort();
        properties.sort();
        assert_eq!(properties, required.iter().collect::<Vec<_>>());
        assert_eq!(object["additionalProperties"], false);
    }
}

/// A document is valid.
#[track_caller]
pub fn assert_valid(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0], "{document}");
}

/// The manifest and the events of a run directory are valid.
#[track_caller]
pub fn assert_run_is_valid(directory: &Path) {
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let schema = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    assert_valid(&schema(manifest::SCHEMA), &schema(&read("manifest.json")));
    let events = schema(event::SCHEMA);
    read("events.jsonl").lines().for_each(|line| assert_valid(&events, &schema(line)));
}
