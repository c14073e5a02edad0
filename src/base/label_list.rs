//! Several labels in one cell of a table.

/// What separates labels in tables that this program writes.
const SEPARATOR: char = '|';

/// What may separate labels in a table if the pipeline does not say.
pub const USUAL: [char; 2] = [SEPARATOR, ';'];

/// Labels as one cell, which [`read`] reads: `cat|dog`. If a label has characters that would be
/// misread, it is a list in JSON.
pub fn written<'a>(labels: impl IntoIterator<Item = &'a str>) -> String {
    let labels: Vec<&str> = labels.into_iter().collect();
    let is_plain =
        |label: &&str| !label.is_empty() && label.trim() == *label && !label.contains(USUAL);
    let joined = labels.join(&SEPARATOR.to_string());
    if labels.iter().all(is_plain) && !joined.starts_with('[') {
        return joined;
    }
    serde_json::to_string(&labels).expect("labels are text")
}

/// The labels in a cell, without repetitions: text between separators, or a list in JSON. Space
/// around them does not count, and a cell may be empty.
///
/// # Errors
/// When it begins like a list and is none, or a label is empty. The error is a sentence fragment.
pub fn read(cell: &str, separator: Option<&str>) -> Result<Vec<String>, String> {
    let cell = cell.trim();
    let parts: Vec<String> = match (cell, separator) {
        ("", _) => vec![],
        (cell, _) if cell.starts_with('[') => list(cell)?,
        (cell, Some(separator)) if separator.trim().is_empty() => {
            cell.split_whitespace().map(str::to_owned).collect()
        }
        (cell, Some(separator)) => {
            cell.split(separator).map(|part| part.trim().to_owned()).collect()
        }
        (cell, None) => cell.split(USUAL).map(|part| part.trim().to_owned()).collect(),
    };
    let mut labels: Vec<String> = vec![];
    for part in parts {
        if part.is_empty() {
            return Err(format!("`{cell}` has an empty label"));
        }
        if !labels.contains(&part) {
            labels.push(part);
        }
    }
    Ok(labels)
}

/// The texts and numbers of a list in JSON.
fn list(cell: &str) -> Result<Vec<String>, String> {
    let wrong =
        || format!("`{cell}` begins like a list in JSON, but is not one of words or numbers");
    let values: Vec<serde_json::Value> = serde_json::from_str(cell).map_err(|_| wrong())?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Ok(text.trim().to_owned()),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err(wrong()),
    };
    values.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for labels in [&[][..], &["cat"], &["cat", "not dog"], &["a|b", "c"], &["[x]"], &["a;b"]] {
            let cell = written(labels.iter().copied());
            assert_eq!(read(&cell, None).unwrap(), labels, "{cell}");
        }
        assert_eq!(written(["cat", "dog"]), "cat|dog");
    }

    #[test]
    fn cells_are_divided_by_their_separator() {
        let labels = |cell, separator| read(cell, separator).unwrap().join("/");
        assert_eq!(labels(" cat ; dog ", None), "cat/dog");
        assert_eq!(labels("clear  primary\twater", Some(" ")), "clear/primary/water");
        assert_eq!(labels("a, b,a", Some(",")), "a/b");
        assert_eq!(labels("[\"a; b\", 7]", Some(",")), "a; b/7");
        assert_eq!(labels("  ", None), "");
        for wrong in ["a||b", "['a', 'b']", "[[\"a\"]]", "a;"] {
            assert!(read(wrong, None).is_err(), "{wrong}");
        }
    }
}
