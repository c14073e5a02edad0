//! A tree of values as a list of its leaves, and the differences between two such trees.

use std::collections::BTreeMap;

use serde_json::Value;

use super::key_path::KeyPath;

/// The leaves of a tree by their paths. Lists of plain values count as leaves, and empty trees have
/// none.
pub fn leaves(tree: &Value) -> BTreeMap<KeyPath, Value> {
    let mut found = BTreeMap::new();
    collect(tree, &KeyPath::root(), &mut found);
    found
}

fn collect(tree: &Value, path: &KeyPath, found: &mut BTreeMap<KeyPath, Value>) {
    match tree {
        Value::Object(entries) => {
            for (key, value) in entries {
                collect(value, &path.key(key), found);
            }
        }
        Value::Array(items) if items.iter().all(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &path.index(index), found);
            }
        }
        leaf => {
            found.insert(path.clone(), leaf.clone());
        }
    }
}

/// A leaf that differs between two trees.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Path of the leaf.
    pub path: KeyPath,
    /// Old value; `None` if there was none.
    pub before: Option<Value>,
    /// New value; `None` if there is none.
    pub now: Option<Value>,
}

/// The leaves that differ, in the order of their paths.
pub fn changes(before: &Value, now: &Value) -> Vec<Change> {
    let (mut before, now) = (leaves(before), leaves(now));
    let mut changes: Vec<Change> = now
        .into_iter()
        .filter_map(|(path, now)| {
            let before = before.remove(&path);
            (before.as_ref() != Some(&now)).then_some(Change { path, before, now: Some(now) })
        })
        .collect();
    changes.extend(before.into_iter().map(|(path, before)| Change {
        path,
        before: Some(before),
        now: None,
    }));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// Shows a leaf: text without quotes, and a dash if there is no value.
pub fn plain(leaf: Option<&Value>) -> String {
    match leaf {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| plain(Some(item))).collect();
            format!("[{}]", items.join(", "))
        }
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_named_by_its_path() {
        let before =
            json!({"a": {"b": 1, "c": [1, 2]}, "list": [{"x": 1}, {"y": "text"}], "e": {}});
        let now = json!({"a": {"b": 2, "c": [1, 2]}, "list": [{"x": 1}], "new": true, "e": {}});
        let said: Vec<String> = changes(&before, &now)
            .iter()
            .map(|change| {
                let [before, now] = [&change.before, &change.now].map(|leaf| plain(leaf.as_ref()));
                format!("{}: {before} -> {now}", change.path)
            })
            .collect();
        assert_eq!(said, ["a.b: 1 -> 2", "list[1].y: text -> -", "new: - -> true"]);
        assert_eq!(changes(&now, &now), []);
    }
}
