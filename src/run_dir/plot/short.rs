//! Shortens names that do not fit.

use std::collections::BTreeMap;

use crate::metrics::Metrics;

/// The maximum characters of a class name beside a chart.
pub(super) const MOST_CHARACTERS: usize = 18;

/// Shortens a name to at most `most` characters. It keeps the end too, because names with a common
/// prefix differ there.
pub(in crate::run_dir) fn short(name: &str, most: usize) -> String {
    let n = name.chars().count();
    if n <= most {
        return name.to_owned();
    }
    let n_last = most / 3;
    let first: String = name.chars().take(most - n_last - 1).collect();
    let last: String = name.chars().skip(n - n_last).collect();
    format!("{first}…{last}")
}

/// Shortens all class names to at most `most` characters each. Names that would become equal are
/// prefixed with the number of the class, starting at 1.
pub(super) fn class_names(metrics: &Metrics, most: usize) -> Vec<String> {
    let names: Vec<&str> = metrics.classes.iter().map(|class| class.name.as_str()).collect();
    told_apart(&names, most)
}

/// Shortens names to at most `most` characters each, so that they stay different.
pub(super) fn told_apart(names: &[&str], most: usize) -> Vec<String> {
    let shortened: Vec<String> = names.iter().map(|name| short(name, most)).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &shortened {
        *times.entry(name).or_insert(0) += 1;
    }
    let named = names.iter().enumerate().map(|(class, name)| {
        if times[shortened[class].as_str()] == 1 {
            return shortened[class].clone();
        }
        let number = format!("{} ", class + 1);
        format!("{number}{}", short(name, most - number.len()))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(short("llama", 5), "llama");
        assert_eq!(short("long-haired terrier", 10), "long-h…ier");
        assert_eq!(short("ééééééé", 6), "ééé…éé");
    }

    #[test]
    fn names_that_would_read_alike_have_numbers() {
        let names = ["terrier from the north", "llama", "terrier of all the north"];
        assert_eq!(told_apart(&names, 10), ["1 terri…th", "llama", "3 terri…th"]);
        assert_eq!(told_apart(&names, 24), names);
    }
}
