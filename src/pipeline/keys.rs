//! Where the keys of a pipeline are set, for names that were written on the command line.

use super::schema::SchemaView;
use super::shape::slips;

/// How to set a value of a pipeline that was given as the option `--name`. `None` if a pipeline has
/// no such value.
pub fn how_to_set(name: &str) -> Option<String> {
    let key = name.trim_start_matches('-').replace('-', "_");
    let mut paths = vec![];
    collect(SchemaView::root(), "", &key, &mut paths);
    // The nearest to the root is the usual one.
    paths.sort_by_key(|path: &String| path.matches('.').count());
    let path = paths.into_iter().next();
    let set = path.map(|path| format!("set values of the pipeline with `-S`: `-S {path}=VALUE`"));
    set.or_else(|| slips::anywhere(&key).map(|hint| format!("in the pipeline file, {hint}")))
}

/// Collects the paths of a key as `-S` takes them, with `STAGE` for the name of a stage.
fn collect(schema: SchemaView, path: &str, key: &str, paths: &mut Vec<String>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, schema) in schema.properties() {
        if name == "sweep" {
            continue;
        }
        if name == key {
            paths.push(below(name));
        }
        collect(schema, &below(name), key, paths);
    }
    // A choice that the file makes can be left out.
    for (_, schema) in schema.tags() {
        collect(schema, path, key, paths);
    }
    if let Some(schema) = schema.any_property() {
        collect(schema, &below("STAGE"), key, paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_keys_are_recognized() {
        let cases = [
            ("--seed", "`-S seed=VALUE`"),
            ("--epochs", "`-S stages.STAGE.epochs=VALUE`"),
            ("--batch-size", "`-S dataset.batch_size=VALUE`"),
            ("--learning-rate", "`-S stages.STAGE.optimizer.learning_rate=VALUE`"),
            ("--weights", "`-S model.weights=VALUE`"),
            ("--lr", "in the pipeline file, write it under the optimizer"),
            ("--imgsz", "in the pipeline file, write the size of the images as `image_size: 160`"),
        ];
        for (name, hint) in cases {
            let found = how_to_set(name).unwrap_or_default();
            assert!(found.contains(hint), "{name}: {found}");
        }
        assert_eq!(how_to_set("--verbos"), None);
    }
}
