//! Lists a dataset that is split already: a directory for each part, with one subdirectory per class
//! in each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, ClassFiles, Entries, name_of, shown};
use super::layout;
use super::listing::{Listing, Root};
use super::tree::{self, Disk, Tree};
use crate::base::names;
use crate::base::text;
use crate::dataset::error::DatasetError;
use crate::dataset::part::Part;
use crate::spec::PartsSpec;

/// The directory of a part.
struct PartDirectory {
    part: Part,
    /// Its name in messages.
    name: String,
    directory: PathBuf,
    /// Directory that the paths of images are relative to.
    root: PathBuf,
    /// What goes before these paths.
    prefix: String,
}

/// Lists the directories of a pipeline. Their images have the name of the part before their paths.
pub(super) fn list_given(spec: &PartsSpec) -> Result<Listing, DatasetError> {
    let given = [
        (Part::Train, Some(&spec.train)),
        (Part::Validation, spec.validation.as_ref()),
        (Part::Test, spec.test.as_ref()),
    ];
    let directories = given.into_iter().filter_map(|(part, location)| {
        let location = location?;
        Some(PartDirectory {
            part,
            name: location.written.clone(),
            directory: location.path.clone(),
            root: location.path.clone(),
            prefix: format!("{}/", part.name()),
        })
    });
    list(&Disk, &directories.collect::<Vec<_>>())
}

/// Lists the parts that were found in a directory.
pub(super) fn list_found(
    tree: &dyn Tree,
    root: &Path,
    found: &[(String, Option<Part>)],
    entries: &Entries,
) -> Result<Listing, DatasetError> {
    if let Some(what) = doubt(found) {
        let help = "write which is which, in place of `directory`: `train: DIR`, `validation: DIR` and \
                    `test: DIR` under `dataset`";
        let what = format!("seems to be split already, but {what}");
        let (path, help) = (root.to_path_buf(), vec![help.to_owned()]);
        return Err(DatasetError::Layout { path, what, seen: entries.seen(), help });
    }
    let directories = found.iter().filter_map(|(name, part)| {
        Some(PartDirectory {
            part: (*part)?,
            name: name.clone(),
            directory: root.join(names::path_of(name)),
            root: root.to_path_buf(),
            prefix: String::new(),
        })
    });
    let mut directories: Vec<PartDirectory> = directories.collect();
    directories.sort_by_key(|directory| directory.part);
    let mut listing = list(tree, &directories)?;
    let is_part = |name: &String| found.iter().any(|(found, _)| found == name);
    let others = entries.folders.iter().map(|path| name_of(path));
    let others: Vec<String> =
        others.filter(|name| !is_part(name) && !layout::is_companion(name)).collect();
    if !others.is_empty() {
        let others = text::all_of(others.iter().map(String::as_str));
        listing.warnings.push(format!("not used, since not part of the split: {others}"));
    }
    Ok(listing)
}

/// Why it is not clear which directory is which part.
fn doubt(found: &[(String, Option<Part>)]) -> Option<String> {
    if let Some((name, _)) = found.iter().find(|(_, part)| part.is_none()) {
        return Some(format!("which part is `{name}`?"));
    }
    let mut of: BTreeMap<Part, &str> = BTreeMap::new();
    for (name, part) in found {
        if let Some(first) = part.and_then(|part| of.insert(part, name)) {
            return Some(format!("`{first}` and `{name}` are the same part"));
        }
    }
    (!of.contains_key(&Part::Train)).then(|| "no directory is named as the training set".to_owned())
}

/// Lists parts of which the first is the training set.
fn list(tree: &dyn Tree, directories: &[PartDirectory]) -> Result<Listing, DatasetError> {
    let opened: Vec<Entries> =
        directories.iter().map(|of| class_folders(tree, of)).collect::<Result<_, _>>()?;
    let names_in = |entries: &Entries| entries.folders.iter().map(|path| name_of(path)).collect();
    let classes: Vec<String> = names_in(&opened[0]);
    let mut warnings = files::check_names(&classes)?;
    for (directory, entries) in directories.iter().zip(&opened).skip(1) {
        files::check_names(&names_in(entries))?;
        check_classes(&classes, &directories[0], &names_in(entries), directory)?;
    }
    let position: BTreeMap<String, usize> =
        classes.iter().enumerate().map(|(at, name)| (names::normal(name), at)).collect();
    let (mut candidates, mut empty) = (vec![], vec![]);
    for (directory, entries) in directories.iter().zip(&opened) {
        let PartDirectory { part, root, prefix, .. } = directory;
        let files = &Arc::new(Root { directory: root.clone(), prefix: prefix.len() });
        let mut passed_over = entries.passed_over.clone();
        for folder in &entries.folders {
            let before = candidates.len();
            let class = position[&names::normal(&name_of(folder))];
            let part = Some(*part);
            let of = ClassFiles { root: files, prefix, folder, class, part };
            passed_over.extend(tree.list_class(&of, &mut candidates)?);
            if candidates.len() == before {
                empty.push(format!("{}/{}", directory.name, name_of(folder)));
            }
        }
        warnings.extend(tree::loose_images(tree, &entries.loose));
        warnings.extend(files::meant(root, &passed_over));
    }
    if !empty.is_empty() {
        return Err(DatasetError::EmptyClass { classes: empty });
    }
    candidates.sort_by(|a, b| a.path.cmp(&b.path));
    let named = text::all_of(directories.iter().map(|directory| directory.name.as_str()));
    let noun = if directories.len() == 1 { "directory" } else { "directories" };
    Ok(Listing::split_already(classes, candidates, &format!("{noun} {named}"), warnings))
}

/// The class directories of a part, which may be inside one more directory.
fn class_folders(tree: &dyn Tree, of: &PartDirectory) -> Result<Entries, DatasetError> {
    let mut entries = tree.entries(&of.directory)?;
    while let ([inner], []) = (&entries.folders[..], &entries.loose[..])
        && tree.directories_in(inner).len() > 1
    {
        entries = tree.entries(inner)?;
    }
    let least = if of.part == Part::Train { 2 } else { 1 };
    let Some(what) = entries.lack(least) else { return Ok(entries) };
    let (path, seen) = (of.directory.clone(), entries.seen());
    Err(DatasetError::Layout { path, what, seen, help: vec![] })
}

/// Checks that a part has the classes of the training set.
fn check_classes(
    classes: &[String],
    training: &PartDirectory,
    found: &[String],
    of: &PartDirectory,
) -> Result<(), DatasetError> {
    let normal = |names: &[String]| -> BTreeSet<String> {
        names.iter().map(|name| names::normal(name)).collect()
    };
    let without = |names: &[String], known: &BTreeSet<String>| -> Vec<String> {
        names.iter().filter(|name| !known.contains(&names::normal(name))).cloned().collect()
    };
    let (missing, unknown) = (without(classes, &normal(found)), without(found, &normal(classes)));
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(DatasetError::OtherClasses {
        directory: shown(&of.directory),
        training: shown(&training.directory),
        missing,
        unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::super::folders::scan;
    use super::*;
    use crate::dataset::scan::tests::folder;
    use crate::spec::Location;

    fn found(listing: &Listing) -> Vec<(&str, usize, Option<Part>)> {
        listing.candidates.iter().map(|c| (&*c.path, c.label, c.part)).collect()
    }

    #[test]
    fn parts_are_recognized_by_their_names() {
        let root = folder(&[
            "Train/a/1.jpg",
            "Train/b/deep/2.jpg",
            "valid/a/1.jpg",
            "valid/b/1.jpg",
            "test set/a/1.jpg",
            "test set/b/1.jpg",
            "annotations/x.xml",
            "extra/3.jpg",
        ]);
        let listing = scan(&Disk, root.path()).unwrap();
        assert_eq!(listing.classes, ["a", "b"]);
        let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(Some);
        assert_eq!(
            found(&listing),
            [
                ("Train/a/1.jpg", 0, train),
                ("Train/b/deep/2.jpg", 1, train),
                ("test set/a/1.jpg", 0, test),
                ("test set/b/1.jpg", 1, test),
                ("valid/a/1.jpg", 0, validation),
                ("valid/b/1.jpg", 1, validation),
            ]
        );
        assert_eq!(listing.warnings, ["not used, since not part of the split: `extra`"]);
        let by = listing.split_by.unwrap();
        assert!(by.starts_with("directories `Train`, `valid` and `test set`"), "{by}");
    }

    #[test]
    fn validation_images_are_drawn_if_they_have_no_directory() {
        let root =
            folder(&["train/in/a/1.jpg", "train/in/b/1.jpg", "test/a/1.jpg", "test/b/1.jpg"]);
        let listing = scan(&Disk, root.path()).unwrap();
        let parts: Vec<Option<Part>> = listing.candidates.iter().map(|c| c.part).collect();
        assert_eq!(parts, [Some(Part::Test), Some(Part::Test), None, None]);
        assert!(listing.split_by.unwrap().contains("validation images are drawn"));
    }

    #[test]
    fn directories_of_a_pipeline_are_parts_whatever_their_names() {
        let root = folder(&["one/a/1.jpg", "one/b/1.jpg", "two/a/1.jpg", "two/b/1.jpg"]);
        let location = |name: &str| Location { written: name.into(), path: root.path().join(name) };
        let validation = Some(location("two"));
        let spec = PartsSpec { train: location("one"), validation, test: None };
        let listing = list_given(&spec).unwrap();
        let paths: Vec<&str> = listing.candidates.iter().map(|c| &*c.path).collect();
        let expected =
            ["train/a/1.jpg", "train/b/1.jpg", "validation/a/1.jpg", "validation/b/1.jpg"];
        assert_eq!(paths, expected);
    }

    #[test]
    fn parts_with_other_classes_are_refused() {
        let error = |files: &[&str]| scan(&Disk, folder(files).path()).unwrap_err();
        let both = error(&["train/a/1", "train/b/1", "val/b/1", "val/c/1"]);
        let said = format!("{both} {:?}", both.notes());
        assert!(said.contains("val") && said.contains("`a`") && said.contains("`c`"), "{said}");
        let empty = error(&["train/a/1", "train/b/1", "val/a/1", "val/b/"]);
        assert!(empty.to_string().contains("without images: `val/b`"), "{empty}");
        let flat = error(&["train/1.jpg", "val/2.jpg"]);
        assert!(flat.to_string().contains("contains 1 file but no class directories"), "{flat}");
        let two = error(&["train/a/1", "train/b/1", "test/a/1", "test/b/1", "unseen/a/1"]);
        assert!(two.to_string().contains("`test` and `unseen` are the same part"), "{two}");
        let none = error(&["val/a/1", "val/b/1", "test/a/1", "test/b/1"]);
        assert!(none.to_string().contains("no directory is named as the training set"), "{none}");
    }
}
