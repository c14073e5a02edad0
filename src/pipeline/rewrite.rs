//! Writes values into the text of a pipeline, so that its comments and its order stay.

use std::path::Path;

use serde_json::Value as Json;

use super::document::{Node, NodeValue, SourceKind};
use super::load::{self, Loaded, PipelineInput};
use super::sweep::SECTION;
use super::{overrides, parse, resolved};
use crate::base::fs;
use crate::base::key_path::{KeyPath, Segment};
use crate::base::names;
use crate::spec::{HARMLESS, Setting};

impl Loaded {
    /// The text of the pipeline that has other values and no search, for a file in `home`, an
    /// absolute directory: that of the file with the values written into it, or every value of the
    /// pipeline if that cannot be done. `arm` is the pipeline with these values.
    pub fn text_with(&self, settings: &[Setting], arm: &Self, home: &Path) -> String {
        let places = arm.places(home);
        let own = self.edited(settings, &places).filter(|text| arm.is_same_as(text, home));
        own.unwrap_or_else(|| {
            let text = resolved::render(&arm.spec, &arm.document);
            let moved = places.iter().try_fold(text.clone(), |text, (path, place)| {
                put(&text, path.segments(), &Json::from(place.as_str()))
            });
            moved.unwrap_or(text)
        })
    }

    /// The text of the file with overrides, values and places written into it, without the search.
    fn edited(&self, settings: &[Setting], places: &[(KeyPath, String)]) -> Option<String> {
        let mut text = self.document.sources()[0].text.clone();
        for given in &self.input.overrides {
            let (key, value) = given.split_once('=')?;
            // Caches and logs are those of this machine.
            if ["cache", "log"].contains(&key.trim().split('.').next().unwrap_or_default()) {
                continue;
            }
            let value = parse::parse(value, 0, &mut vec![]).ok()?.to_value();
            text = set(&text, key, &serde_json::to_value(value).ok()?)?;
        }
        for Setting { key, value } in settings {
            text = set(&text, key, value)?;
        }
        for (path, place) in places {
            text = put(&text, path.segments(), &Json::from(place.as_str()))?;
        }
        // A comment that names the schema for editors is relative to the file.
        let is_kept = |line: &&str| !line.starts_with("# yaml-language-server:");
        text = text.split_inclusive('\n').filter(is_kept).collect();
        without_section(&text)
    }

    /// Where the files of the pipeline are: absolute paths as they are, others relative to a directory.
    fn places(&self, home: &Path) -> Vec<(KeyPath, String)> {
        let values = serde_json::to_value(&self.spec).unwrap_or_default();
        let folder = self.input.current_dir.join(&self.input.folder);
        let moved = self.located.iter().filter_map(|path| {
            // What is recorded is relative to the directory of the pipeline.
            // These are not part of the spec.
            let own = match &*path.to_string() {
                "cache.features" => Some(&self.caches.features),
                "log.tensorboard" => Some(&self.logs.tensorboard),
                _ => None,
            };
            let written = match own {
                Some(own) => {
                    // One of an option is not in the text.
                    let source = self.document.find(path)?.source;
                    let is_in_text = self.document.sources()[source].kind == SourceKind::File;
                    &*own.as_ref().filter(|_| is_in_text)?.written
                }
                None => find(&values, path)?.as_str()?,
            };
            let place = names::path_of(written);
            if place.is_absolute() {
                return Some((path.clone(), written.to_owned()));
            }
            let absolute = folder.join(place);
            let relative = fs::relative_to(&absolute, home).unwrap_or(absolute);
            Some((path.clone(), names::text_of_path(&relative)))
        });
        moved.collect()
    }

    /// Whether a text is a pipeline with the same results as this one.
    fn is_same_as(&self, text: &str, home: &Path) -> bool {
        let input = PipelineInput {
            file: home.join("pipeline.yaml"),
            folder: home.to_path_buf(),
            overrides: vec![],
            current_dir: home.to_path_buf(),
        };
        let Ok(other) = load::from_text(text, &input) else { return false };
        let lasting = |loaded: &Self| {
            let mut values = serde_json::to_value(&loaded.spec).unwrap_or_default();
            let harmless = HARMLESS.iter().map(|keys| KeyPath::of(keys));
            harmless.chain(loaded.located.iter().cloned()).for_each(|path| {
                remove(&mut values, &path);
            });
            values
        };
        lasting(self) == lasting(&other) && self.places(home) == other.places(home)
    }
}

/// The value at a path.
fn find<'a>(values: &'a Json, path: &KeyPath) -> Option<&'a Json> {
    path.segments().iter().try_fold(values, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
    })
}

/// Removes the value at a path of keys.
fn remove(values: &mut Json, path: &KeyPath) {
    let Some((Segment::Key(last), above)) = path.segments().split_last() else { return };
    let place = above.iter().try_fold(values, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    });
    if let Some(Json::Object(entries)) = place {
        entries.remove(last);
    }
}

/// Writes the value of an override into a text.
fn set(text: &str, key: &str, value: &Json) -> Option<String> {
    let root = parse::parse(text, 0, &mut vec![]).ok()?;
    put(text, overrides::path_of(&root, key)?.segments(), value)
}

/// Writes a value into a text: in place of the one at its path, or as a new key.
fn put(text: &str, path: &[Segment], value: &Json) -> Option<String> {
    let root = parse::parse(text, 0, &mut vec![]).ok()?;
    let mut node = &root;
    for (depth, segment) in path.iter().enumerate() {
        let next = match (segment, &node.value) {
            (Segment::Key(key), _) => node.entry(key).map(|entry| &entry.value),
            (Segment::Index(index), NodeValue::Sequence(items)) => items.get(*index),
            (Segment::Index(_), _) => None,
        };
        match next {
            Some(next) => node = next,
            None => return insert(text, node, &path[depth..], value),
        }
    }
    let mut text = text.to_owned();
    text.replace_range(node.span.range.clone(), &flow(value));
    Some(text)
}

/// Adds a key to a mapping, with mappings inside of each other for a longer path.
fn insert(text: &str, mapping: &Node, path: &[Segment], value: &Json) -> Option<String> {
    let keys: Option<Vec<&String>> = path
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => Some(key),
            Segment::Index(_) => None,
        })
        .collect();
    let (first, rest) = keys.as_ref()?.split_first()?;
    let value = rest.iter().rev().fold(flow(value), |value, key| format!("{{ {key}: {value} }}"));
    let start = mapping.span.range.start;
    let (at, new) = match mapping.entries().first() {
        _ if text[start..].starts_with('{') => {
            let comma = if mapping.entries().is_empty() { "" } else { "," };
            (start + 1, format!(" {first}: {value}{comma}"))
        }
        Some(entry) => {
            let at = entry.key_span.range.start;
            let indent = at - text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            (at, format!("{first}: {value}\n{}", " ".repeat(indent)))
        }
        None => return None,
    };
    let mut text = text.to_owned();
    text.insert_str(at, &new);
    Some(text)
}

/// A value in one line of YAML.
fn flow(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {}", flow(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Json::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a text needs no quotes, whatever is around it.
fn is_plain(text: &str) -> bool {
    let is_word =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') || text.starts_with("../");
    let is_text = serde_yaml::from_str::<serde_yaml::Value>(text).is_ok_and(|v| v.is_string());
    is_word && is_text && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
}

/// A text without its search: the lines from its key to its last value.
fn without_section(text: &str) -> Option<String> {
    let root = parse::parse(text, 0, &mut vec![]).ok()?;
    let Some(entry) = root.entry(SECTION) else { return Some(text.to_owned()) };
    let start = entry.key_span.range.start;
    let is_line = start == 0 || text[..start].ends_with('\n');
    let end = entry.value.span.range.end.max(entry.key_span.range.end);
    let end = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    is_line.then(|| {
        let rest = text[end..].trim_start_matches('\n');
        let before = &text[..start];
        if rest.is_empty() { format!("{}\n", before.trim_end()) } else { format!("{before}{rest}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: [&str; 13] = [
        "# Recipe",
        "dataset: { directory: pictures, image_size: 32 } # small",
        "stages:",
        "  a:",
        "    train:",
        "      # Few.",
        "      epochs: 3 # of ten",
        "      optimizer: { adam: {} }",
        "sweep:",
        "  over:",
        "    stages.a.epochs: [3, 4]",
        "# Tasks follow.",
        "name: b",
    ];

    #[test]
    fn values_are_written_where_they_belong() {
        for (key, value, line) in [
            ("stages.a.epochs", Json::from(12), "      epochs: 12 # of ten"),
            ("stages.a.optimizer.learning_rate", 1e-4.into(), "{ adam: { learning_rate: 0.0001} }"),
            ("stages.a.batch_norm", "frozen".into(), "      batch_norm: frozen\n      epochs: 3"),
            ("dataset.directory", "../my images".into(), "{ directory: \"../my images\", image"),
            ("dataset.split.seed", 4.into(), "{ split: { seed: 4 }, directory: pictures"),
            ("augmentation", serde_json::json!([]), "augmentation: []\ndataset:"),
        ] {
            let text = set(&TEXT.join("\n"), key, &value).unwrap();
            assert!(text.contains(line), "{key}: {text}");
            assert!(text.contains("# Few.") && text.starts_with("# Recipe"), "{text}");
        }
    }

    #[test]
    fn the_search_is_cut_out() {
        let text = without_section(&TEXT.join("\n")).unwrap();
        assert!(text.ends_with("{ adam: {} }\n# Tasks follow.\nname: b"), "{text}");
        assert_eq!(without_section("a: 1\nsweep: {}").unwrap(), "a: 1\n");
    }
}
