//! The group of each image, found in its path.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::listing::{Candidate, Group, SharedNames};
use crate::base::text;
use crate::dataset::error::DatasetError;
use crate::dataset::part::Part;

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

/// The given parts of the images of each group; `None` for images that are to be drawn.
fn parts(candidates: &[Candidate]) -> BTreeMap<Group, BTreeSet<Option<Part>>> {
    let mut parts: BTreeMap<Group, BTreeSet<Option<Part>>> = BTreeMap::new();
    for candidate in candidates {
        if let Some(group) = &candidate.group {
            parts.entry(group.clone()).or_default().insert(candidate.part);
        }
    }
    parts
}

/// Puts images without a given part into the given part of their group.
pub(super) fn follow(candidates: &mut [Candidate]) {
    let parts = parts(candidates);
    for candidate in candidates.iter_mut().filter(|candidate| candidate.part.is_none()) {
        let parts = candidate.group.as_ref().and_then(|group| parts.get(group));
        candidate.part = parts.and_then(|parts| parts.iter().flatten().next().copied());
    }
}

/// A warning about groups whose images are given in several parts.
pub(super) fn spread(candidates: &[Candidate]) -> Option<String> {
    let groups = parts(candidates).into_iter().filter(|(_, parts)| parts.len() > 1);
    let groups: Vec<String> = groups.map(|(group, _)| group.to_string()).collect();
    (!groups.is_empty()).then(|| {
        format!(
            "the given sets share images of {}, so metrics may be too good:\n{}",
            text::count(groups.len(), "group"),
            text::first_lines(&groups, 5)
        )
    })
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

    #[test]
    fn images_follow_their_group_into_the_set_that_is_given() {
        let candidate = |group: &str, part| {
            let new = Candidate::of_file("a.jpg", 0);
            Candidate { group: Some(Group::from(group)), part, ..new }
        };
        let (train, test) = (Some(Part::Train), Some(Part::Test));
        let mut all = [
            candidate("x", train),
            candidate("x", None),
            candidate("y", test),
            candidate("y", train),
            candidate("z", None),
        ];
        follow(&mut all);
        let warning = spread(&all).unwrap();
        assert!(warning.contains("1 group") && warning.contains('y'), "{warning}");
        let parts: Vec<Option<Part>> = all.iter().map(|candidate| candidate.part).collect();
        assert_eq!(parts, [train, train, test, train, None]);
    }
}
