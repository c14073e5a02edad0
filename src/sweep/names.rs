//! Keys and values of a sweep as readers see them.

use serde_json::Value;

/// A value as it is written in a pipeline.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        Value::Object(entries) if !entries.is_empty() => {
            let entries = entries.iter().map(|(key, value)| format!("{key}: {}", written(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The shortest ends of dotted keys that tell them apart.
pub(super) fn short_keys(keys: &[String]) -> Vec<String> {
    let end = |key: &String, n: usize| -> String {
        let steps: Vec<&str> = key.split('.').collect();
        steps[steps.len() - n.min(steps.len())..].join(".")
    };
    let short = |key: &String| {
        let n_steps = key.split('.').count();
        let n = (1..=n_steps)
            .find(|n| keys.iter().filter(|other| end(other, *n) == end(key, *n)).count() == 1);
        end(key, n.unwrap_or(n_steps))
    };
    keys.iter().map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_look_as_in_a_pipeline() {
        let value = serde_json::json!({ "adam": { "learning_rate": 0.1, "betas": [1, "b"] } });
        assert_eq!(written(&value), "{ adam: { learning_rate: 0.1, betas: [1, b] } }");
        assert_eq!(written(&serde_json::json!({})), "{}");
    }

    #[test]
    fn keys_are_as_short_as_they_can_be() {
        let keys = ["stages.a.train.epochs", "stages.b.train.epochs", "seed"].map(str::to_owned);
        assert_eq!(short_keys(&keys), ["a.train.epochs", "b.train.epochs", "seed"]);
    }
}
