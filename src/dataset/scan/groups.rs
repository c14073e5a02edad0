//! The group of each image, found in its path.

use regex::Regex;

use super::listing::{Candidate, SharedNames};
use crate::dataset::error::DatasetError;

/// Puts each image into the group that a regular expression finds in its path: what its first pair
/// of parentheses matches, or else the whole match.
///
/// # Errors
/// When the expression cannot be read, or does not match the paths of all images.
pub(super) fn assign(candidates: &mut [Candidate], pattern: &str) -> Result<(), DatasetError> {
    let regex = Regex::new(pattern).map_err(|error| DatasetError::Pattern(error.to_string()))?;
    let mut names = SharedNames::default();
    let mut without = vec![];
    for candidate in candidates {
        let Some(found) = regex.captures(&candidate.path) else {
            without.push(candidate.path.to_string());
            continue;
        };
        let group = found.get(1).or_else(|| found.get(0)).map_or("", |group| group.as_str());
        candidate.group = Some(names.get(group));
    }
    if without.is_empty() {
        Ok(())
    } else {
        Err(DatasetError::NoGroup { images: without, pattern: pattern.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_the_first_parentheses_or_the_whole_match() {
        let candidate = |path: &str| Candidate::of_file(path, 0);
        let mut candidates = ["a/cow7_1.jpg", "a/cow7_2.jpg", "b/cow12_1.jpg"].map(candidate);
        for (pattern, expected) in [
            (r"([^/]+)_\d", ["cow7", "cow7", "cow12"]),
            (r"cow\d", ["cow7", "cow7", "cow1"]),
            (r"cow(?:7|(12))", ["cow7", "cow7", "12"]),
        ] {
            assign(&mut candidates, pattern).unwrap();
            let groups: Vec<&str> = candidates.iter().filter_map(|c| c.group.as_deref()).collect();
            assert_eq!(groups, expected, "{pattern}");
        }
        let error = assign(&mut candidates, "^a/").unwrap_err();
        assert!(error.notes()[0].contains("b/cow12_1.jpg"), "{:?}", error.notes());
    }
}
