//! The resolved pipeline as text: every value with its origin.
//!
//! The text is itself a pipeline that loads to the same spec. Origins are comments.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_yaml::Value;

use super::document::{Document, Source, SourceKind};
use super::parse;
use crate::base::key_path::KeyPath;
use crate::base::leaves;
use crate::spec::PipelineSpec;

/// Column at which comments begin, if the value is short enough.
const COMMENT_COLUMN: usize = 52;

/// Renders the spec of a document.
pub fn render(spec: &PipelineSpec, document: &Document) -> String {
    let value =
        serde_yaml::with::singleton_map_recursive::serialize(spec, serde_yaml::value::Serializer)
            .expect("a spec is plain data");
    let mut writer = Writer { document, text: String::new() };
    writer.text.push_str("# Every value of this run and where it came from. Paths are relative to the directory of the\n");
    writer.text.push_str("# pipeline file.\n");
    writer.entries(&value, &KeyPath::root(), 0);
    writer.text
}

/// A resolved pipeline as it was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Values of the pipeline.
    pub values: serde_json::Value,
    /// Origin of each value, as given in the text.
    pub origins: BTreeMap<KeyPath, String>,
}

/// Reads a text that [`render`] wrote in this or another version. `None` if it is not YAML.
pub fn read(text: &str) -> Option<Recorded> {
    let root = parse::parse(text, 0, &mut vec![]).ok()?;
    let values = serde_json::to_value(root.to_value()).ok()?;
    let source = Source { kind: SourceKind::File, name: String::new(), text: text.to_owned() };
    let document = Document::new(vec![source], root);
    let origins = leaves::leaves(&values)
        .into_keys()
        .filter_map(|path| {
            let line = text.get(document.find(&path)?.range.end..)?.lines().next()?;
            let origin = line.split_once("# ")?.1.to_owned();
            Some((path, origin))
        })
        .collect();
    Some(Recorded { values, origins })
}

struct Writer<'a> {
    document: &'a Document,
    text: String,
}

impl Writer<'_> {
    /// Writes the entries of a mapping or list, one per line.
    fn entries(&mut self, value: &Value, path: &KeyPath, indent: usize) {
        match value {
            Value::Mapping(mapping) => {
                for (key, value) in mapping {
                    let key = scalar(key);
                    self.entry(&format!("{key}:"), value, &path.key(&key), indent);
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.entry("-", item, &path.index(index), indent);
                }
            }
            _ => {}
        }
    }

    fn entry(&mut self, head: &str, value: &Value, path: &KeyPath, indent: usize) {
        let start = format!("{}{head}", " ".repeat(indent));
        match value {
            Value::Mapping(mapping) if head == "-" && mapping.len() == 1 => {
                for (key, value) in mapping {
                    let key = scalar(key);
                    self.entry(&format!("- {key}:"), value, &path.key(&key), indent);
                }
            }
            Value::Mapping(mapping) if !mapping.is_empty() => {
                self.text.push_str(&start);
                self.text.push('\n');
                let deeper = if head.starts_with("- ") { indent + 4 } else { indent + 2 };
                self.entries(value, path, deeper);
            }
            Value::Sequence(items)
                if items.iter().any(|item| item.is_mapping() || item.is_sequence()) =>
            {
                self.text.push_str(&start);
                self.text.push('\n');
                self.entries(value, path, indent + 2);
            }
            value => {
                let line = format!("{start} {}", inline(value));
                let origin = origin(self.document, path);
                let padding = COMMENT_COLUMN.saturating_sub(line.chars().count()).max(1);
                let _ = writeln!(self.text, "{line}{}# {origin}", " ".repeat(padding));
            }
        }
    }
}

/// The origin of a value: where it was written, or how it was derived.
pub fn origin(document: &Document, path: &KeyPath) -> String {
    let Some(span) = document.find(path) else {
        let weights = KeyPath::of(&["model", "weights"]);
        if path.to_string().starts_with("model.weights.") && document.find(&weights).is_some() {
            return origin(document, &weights);
        }
        return derivation(path).unwrap_or("default").to_owned();
    };
    let source = &document.sources()[span.source];
    let (line, _) = source.position(span.range.start);
    let written = source.text.get(span.range.clone()).unwrap_or_default().trim();
    match source.kind {
        SourceKind::Override => format!("override -S {}", source.text.trim()),
        SourceKind::File if is_index(path, written) => {
            format!("line {line}, written as index {written}")
        }
        SourceKind::File => format!("line {line}"),
    }
}

/// The origin of a value that was not written but derived from others.
fn derivation(path: &KeyPath) -> Option<&'static str> {
    match path.to_string().as_str() {
        "name" => Some("derived: the file name"),
        "dataset.split.train" => Some("derived: the remainder of the split"),
        "dataset.split.seed" => Some("derived: the pipeline's seed"),
        path if path.starts_with("model.base.preprocessing") => {
            Some("derived: JSON in the directory of the ONNX file or above")
        }
        path if path.ends_with(".train.from") => Some("derived: the stage above"),
        _ => None,
    }
}

/// Whether a layer was written as an index, which is recorded as a name.
fn is_index(path: &KeyPath, written: &str) -> bool {
    path.to_string().ends_with(".unfreeze_from") && written.parse::<u64>().is_ok()
}

fn inline(value: &Value) -> String {
    match value {
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(_) => "{}".to_owned(),
        value => scalar(value),
    }
}

fn scalar(value: &Value) -> String {
    let text = serde_yaml::to_string(value).expect("a scalar is YAML").trim_end().to_owned();
    if value.is_f64() { readable_float(&text) } else { text }
}

/// A number with an exponent as YAML 1.1 defines it too, whose readers take `1e-7` for a string: with
/// a point and a sign.
fn readable_float(text: &str) -> String {
    let Some((digits, exponent)) = text.split_once('e') else { return text.to_owned() };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers_for_readers_of_yaml_1_1_too() {
        let cases = [
            (1e-7, "1.0e-7"),
            (2.5e-9, "2.5e-9"),
            (1e20, "1.0e+20"),
            (0.001, "0.001"),
            (3.0, "3.0"),
        ];
        for (number, text) in cases {
            assert_eq!(scalar(&number.into()), text);
            assert_eq!(serde_yaml::from_str::<f64>(text).unwrap(), number);
        }
    }
}
