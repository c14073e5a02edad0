//! Lists images without labels, which are in no class and no part of the split.

use std::path::Path;
use std::sync::Arc;

use super::files::{self, ClassFiles, Entries};
use super::listing::{Candidate, Root};
use crate::dataset::error::DatasetError;
use crate::spec::Location;

/// Where paths of unlabeled images begin, so that they differ from those of the dataset.
pub const UNLABELED: &str = "unlabeled";

/// All visible files below some directories, sorted by path. The paths begin with `unlabeled/`, and
/// with `unlabeled-2/` for the second directory.
///
/// # Errors
/// When a directory cannot be read or contains no files.
pub fn list_unlabeled(directories: &[Location]) -> Result<Vec<Candidate>, DatasetError> {
    let mut candidates = vec![];
    for (at, Location { path, .. }) in directories.iter().enumerate() {
        // It would otherwise be read as a file.
        Entries::of(path)?;
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let overlaps = |other: &&Location| {
            let [own, other] = [real(path), real(&other.path)];
            own.starts_with(&other) || other.starts_with(&own)
        };
        if let Some(other) = directories[..at].iter().find(overlaps) {
            return Err(DatasetError::Layout {
                path: path.clone(),
                what: format!("has images that `{}` has too", other.written),
                seen: vec![],
                help: vec!["name each directory of unlabeled images once".to_owned()],
            });
        }
        let prefix = match at {
            0 => format!("{UNLABELED}/"),
            _ => format!("{UNLABELED}-{}/", at + 1),
        };
        let root = &Arc::new(Root { directory: path.clone(), prefix: prefix.len() });
        let before = candidates.len();
        let of = ClassFiles { root, prefix: &prefix, folder: path, class: 0, part: None };
        files::list_class(&of, &mut candidates)?;
        if candidates.len() == before {
            return Err(DatasetError::Layout {
                path: path.clone(),
                what: "is empty".to_owned(),
                seen: vec![],
                help: vec![
                    "name a directory with images, in whatever directories inside".to_owned(),
                ],
            });
        }
    }
    candidates.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::scan::tests::folder;

    #[test]
    fn files_of_all_directories_are_listed_and_found() {
        let [a, b] = [folder(&["x/2.jpg", "1.jpg", ".hidden.jpg"]), folder(&["1.jpg"])];
        let location = |path: &Path| Location { written: String::new(), path: path.to_path_buf() };
        let both = [location(a.path()), location(b.path())];
        let listed = list_unlabeled(&both).unwrap();
        let paths: Vec<&str> = listed.iter().map(|candidate| &*candidate.path).collect();
        assert_eq!(paths, ["unlabeled-2/1.jpg", "unlabeled/1.jpg", "unlabeled/x/2.jpg"]);
        assert!(listed.iter().all(|candidate| candidate.file().unwrap().exists()));
        let empty = folder(&[]);
        let error = list_unlabeled(&[location(empty.path())]).unwrap_err();
        assert!(error.to_string().ends_with("is empty"), "{error}");
        assert!(list_unlabeled(&[location(&a.path().join("nothing"))]).is_err());
        let twice = [location(a.path()), location(&a.path().join("."))];
        assert!(list_unlabeled(&twice).unwrap_err().to_string().contains("has images that"));
    }
}
