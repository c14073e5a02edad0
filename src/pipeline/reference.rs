//! The reference of pipeline files and problem codes as Markdown, generated from the schema and the
//! codes.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::SchemaView;
use super::shape::wording::{describe, range};
use crate::spec::problem::Code;

/// The reference of pipeline files: every key with its type, default and meaning.
pub fn pipeline_reference() -> String {
    let mut page = Page { text: String::new() };
    page.text.push_str(
        "# The pipeline file\n\n\
         <!-- Generated from the types that read the file: UPDATE=1 cargo test -->\n\n",
    );
    page.paragraph(SchemaView::root().documentation());
    page.keys(SchemaView::root(), "");
    page.text
}

/// The reference of problem codes.
pub fn codes_reference() -> String {
    let mut text = "# Problem codes\n\n\
                    <!-- Generated from the list of codes: UPDATE=1 cargo test -->\n\n\
                    Each problem has a code that can be searched for. A code never changes its meaning.\n\n\
                    | code | what is wrong |\n| --- | --- |\n"
        .to_owned();
    for code in Code::ALL {
        let _ = writeln!(text, "| `{code}` | {} |", code.meaning());
    }
    text
}

struct Page {
    text: String,
}

impl Page {
    fn paragraph(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            let _ = writeln!(self.text, "{text}\n");
        }
    }

    /// A table of the keys of a mapping, then a section for each that has keys of its own.
    fn keys(&mut self, schema: SchemaView, path: &str) {
        let properties = schema.properties();
        if !properties.is_empty() {
            self.text.push_str("| key | takes | default | meaning |\n| --- | --- | --- | --- |\n");
        }
        let required = schema.required();
        for &(key, value) in &properties {
            let default = if required.contains(&key) {
                "required".to_owned()
            } else {
                schema.default_of(key).map_or_else(|| "–".to_owned(), inline)
            };
            let meaning = schema.documentation_of(key).unwrap_or_default().replace('\n', " ");
            let takes = link(value, &join(path, key));
            let _ = writeln!(self.text, "| `{key}` | {takes} | {default} | {meaning} |");
        }
        self.text.push('\n');
        for (key, value) in properties {
            self.section(value, &join(path, key));
        }
        if let Some(value) = schema.any_property() {
            self.section(value, &join(path, "NAME"));
        }
    }

    /// A section for a value that is not a scalar.
    fn section(&mut self, schema: SchemaView, path: &str) {
        if let Some(items) = schema.items().filter(|items| !items.tags().is_empty()) {
            self.section(items, &format!("{path}[]"));
        }
        for (tag, value) in schema.tags() {
            let branches = schema.branches();
            let branch = branches.iter().find(|branch| branch.required() == [tag]);
            let is_mapping = !value.properties().is_empty();
            let _ = writeln!(self.text, "## `{}`\n", join(path, tag));
            self.paragraph(branch.and_then(|branch| branch.documentation()));
            if is_mapping {
                self.keys(value, &join(path, tag));
            } else {
                self.words(value);
            }
        }
        if !schema.properties().is_empty() {
            let _ = writeln!(self.text, "## `{path}`\n");
            self.paragraph(schema.documentation());
            self.keys(schema, path);
        } else if let Some(value) = schema.any_property() {
            self.section(value, &join(path, "NAME"));
        } else if schema.branches().iter().any(|branch| branch.documentation().is_some())
            && schema.tags().is_empty()
        {
            let branches = schema.branches();
            let mappings: Vec<_> =
                branches.iter().filter(|branch| !branch.properties().is_empty()).collect();
            if !schema.words().is_empty() || !mappings.is_empty() {
                let _ = writeln!(self.text, "## `{path}`\n");
                self.words(schema);
            }
            for mapping in mappings {
                self.keys(*mapping, path);
            }
        }
    }

    /// A list of the words that a value may be, each with its meaning.
    fn words(&mut self, schema: SchemaView) {
        for branch in schema.branches() {
            let name = match branch.words()[..] {
                [word] => format!("`{word}`"),
                _ => takes(branch),
            };
            let meaning = branch.documentation().unwrap_or_default();
            let _ = writeln!(self.text, "- {name}: {meaning}");
        }
        self.text.push('\n');
    }
}

/// The type of a value, with a link to its section if it has one.
fn link(schema: SchemaView, path: &str) -> String {
    if schema.properties().is_empty() {
        return takes(schema);
    }
    let anchor: String = path.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    format!("[these keys](#{})", anchor.to_lowercase())
}

/// The type of a value, with the range of a number.
fn takes(schema: SchemaView) -> String {
    match range(schema) {
        Some(range) => format!("{}, {range}", describe(schema)),
        None => describe(schema),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A default as it is written in a pipeline file.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_number) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            format!("`[{}]`", items.join(", "))
        }
        Value::Object(_) | Value::Array(_) => "–".to_owned(),
        Value::String(text) => format!("`{text}`"),
        value => format!("`{value}`"),
    }
}
