//! The JSON schema of pipeline files that the loader checks, generated from the raw types, and a view
//! of it. `editor` makes the published schema from it.

use std::sync::LazyLock;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::raw::RawPipeline;

/// The schema of pipeline files.
pub fn pipeline_schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut schema = SchemaGenerator::default().into_root_schema_for::<RawPipeline>();
        RecursiveTransform(tidy).transform(&mut schema);
        schema.into()
    });
    &SCHEMA
}

/// Optional keys are left out and never null. Formats such as `uint64` add nothing to `minimum`.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("format");
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [single] = &types[..] {
            let single = single.clone();
            object.insert("type".to_owned(), single);
        }
    }
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type") != Some(&"null".into()));
    if let [Value::Object(single)] = &branches[..] {
        let single = single.clone();
        object.remove("anyOf");
        object.extend(single);
    }
}

/// A schema with its references resolved.
#[derive(Clone, Copy, Debug)]
pub(super) struct SchemaView(&'static Value);

impl SchemaView {
    /// The schema of a whole pipeline.
    pub(super) fn root() -> Self {
        Self::follow(pipeline_schema())
    }

    fn follow(value: &'static Value) -> Self {
        match value.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
            Some(pointer) => {
                let target = pipeline_schema().pointer(pointer);
                Self::follow(target.expect("references of a generated schema lead somewhere"))
            }
            None => Self(value),
        }
    }

    /// The value of a keyword.
    pub(super) fn keyword(self, name: &str) -> Option<&'static Value> {
        self.0.get(name)
    }

    /// Whether any value fits.
    pub(super) fn takes_anything(self) -> bool {
        *self.0 == Value::Bool(true)
    }

    /// The type, if the schema has one.
    pub(super) fn kind(self) -> Option<&'static str> {
        self.keyword("type").and_then(Value::as_str)
    }

    /// The keys of a mapping with their schemas.
    pub(super) fn properties(self) -> Vec<(&'static str, Self)> {
        let properties = self.keyword("properties").and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), Self::follow(value)))
            .collect()
    }

    /// The schema of the value under `key`, which may be declared for this name or for any name.
    pub(super) fn property(self, key: &str) -> Option<Self> {
        let named = self.properties().into_iter().find(|(name, _)| *name == key);
        named.map(|(_, schema)| schema).or_else(|| self.any_property())
    }

    /// The first sentence of the documentation of the value under `key`.
    pub(super) fn meaning_of(self, key: &str) -> Option<&'static str> {
        let text = self.documentation_of(key)?;
        text.split(". ").next().map(|sentence| sentence.trim_end_matches('.'))
    }

    /// The documentation of the value under `key`: that of the key, or else that of its type.
    pub(super) fn documentation_of(self, key: &str) -> Option<&'static str> {
        let property = self.keyword("properties")?.get(key)?;
        let own = property.get("description").and_then(Value::as_str);
        own.or_else(|| Self::follow(property).documentation())
    }

    /// The default of the value under `key`.
    pub(super) fn default_of(self, key: &str) -> Option<&'static Value> {
        self.keyword("properties")?.get(key)?.get("default")
    }

    /// The documentation of the schema.
    pub(super) fn documentation(self) -> Option<&'static str> {
        self.keyword("description").and_then(Value::as_str)
    }

    /// The schema of the values under keys of any name.
    pub(super) fn any_property(self) -> Option<Self> {
        self.keyword("additionalProperties").filter(|value| value.is_object()).map(Self::follow)
    }

    /// The keys that a mapping must have.
    pub(super) fn required(self) -> Vec<&'static str> {
        let keys = self.keyword("required").and_then(Value::as_array);
        keys.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The schema of the items of a list.
    pub(super) fn items(self) -> Option<Self> {
        self.keyword("items").map(Self::follow)
    }

    /// The alternatives of a choice; empty if the schema is not a choice.
    pub(super) fn branches(self) -> Vec<Self> {
        let branches = self.keyword("oneOf").or_else(|| self.keyword("anyOf"));
        branches.and_then(Value::as_array).into_iter().flatten().map(Self::follow).collect()
    }

    /// The words that a string may be, from `enum` or from alternatives of one word each.
    pub(super) fn words(self) -> Vec<&'static str> {
        let listed = self.keyword("enum").and_then(Value::as_array).into_iter().flatten();
        let constant = self.keyword("const").into_iter();
        let own = listed.chain(constant).filter_map(Value::as_str);
        let branches = self.branches().into_iter().flat_map(Self::words);
        own.chain(branches).collect()
    }

    /// The alternatives that are chosen by a key, such as `adam: …` and `sgd: …`.
    pub(super) fn tags(self) -> Vec<(&'static str, Self)> {
        let mappings = self.branches().into_iter().filter(|branch| branch.kind() == Some("object"));
        let tags: Option<Vec<_>> = mappings
            .map(|branch| match (&branch.required()[..], branch.properties().as_slice()) {
                ([required], [(key, schema)]) if required == key => Some((*key, *schema)),
                _ => None,
            })
            .collect();
        tags.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keywords that the loader checks. Any other keyword would be checked by editors but not
    /// by the loader.
    const CHECKED: [&str; 19] = [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "oneOf",
        "anyOf",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minItems",
        "maxItems",
        "minLength",
        "minProperties",
        "$ref",
        "$defs",
    ];
    const NOTES: [&str; 4] = ["title", "description", "default", "$schema"];

    #[test]
    fn the_schema_uses_only_keywords_that_the_loader_checks() {
        fn walk(schema: &Value) {
            for (keyword, value) in schema.as_object().into_iter().flatten() {
                let is_known =
                    CHECKED.contains(&keyword.as_str()) || NOTES.contains(&keyword.as_str());
                assert!(is_known, "the loader does not check `{keyword}`");
                match keyword.as_str() {
                    "properties" | "$defs" => value.as_object().unwrap().values().for_each(walk),
                    "items" | "additionalProperties" => walk(value),
                    "oneOf" | "anyOf" => value.as_array().unwrap().iter().for_each(walk),
                    _ => {}
                }
            }
        }
        walk(pipeline_schema());
    }

    #[test]
    fn no_key_may_be_null() {
        assert!(!pipeline_schema().to_string().contains("\"null\""));
    }
}
