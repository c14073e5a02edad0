//! Lists a directory with one subdirectory per class. Every visible file below a class directory is
//! a candidate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, ClassFiles, Entries, name_of, shown};
use super::layout::{self, ClassDirectory, Verdict};
use super::listing::{Listing, Root};
use super::parts;
use super::tree::{self, Tree};
use crate::base::names;
use crate::base::text;
use crate::dataset::error::DatasetError;
use crate::dataset::labels::Labels;

/// Lists a dataset directory: one subdirectory per class, or one per part of a split with the
/// classes inside. Hidden names (`.ipynb_checkpoints`, `.DS_Store`) and files of systems and photo
/// programs are skipped. Links are followed.
///
/// # Errors
/// When the directory cannot be read, a link points back to a parent, there are fewer than two
/// class directories, two have the same name, one has no files, or the parts of a split do not have
/// the same classes.
pub(super) fn scan(tree: &dyn Tree, directory: &Path) -> Result<Listing, DatasetError> {
    let entries = tree.entries(directory)?;
    check_layout(tree, directory, &entries, 2)?;
    match layout::judge(&contents(tree, &entries)) {
        Verdict::Split(found) => parts::list_found(tree, directory, &found, &entries),
        Verdict::Doubtful(why) => list_classes(tree, directory, &entries, vec![why]),
        Verdict::Classes => list_classes(tree, directory, &entries, vec![]),
    }
}

/// Lists a directory with one subdirectory per class, which may have a single class.
///
/// # Errors
/// As for a dataset directory, and when the directory has the parts of a split.
pub(super) fn scan_some(tree: &dyn Tree, directory: &Path) -> Result<Listing, DatasetError> {
    let entries = tree.entries(directory)?;
    check_layout(tree, directory, &entries, 1)?;
    match layout::judge(&contents(tree, &entries)) {
        Verdict::Split(found) => {
            let names = || found.iter().map(|(name, _)| name.as_str());
            let inside = names().map(|name| shown(&directory.join(names::path_of(name))));
            Err(DatasetError::Layout {
                path: directory.to_path_buf(),
                what: format!("is split: {} would be read as classes", text::all_of(names())),
                seen: vec![],
                help: vec![format!("name one of them: {}", text::join(inside, "or"))],
            })
        }
        Verdict::Doubtful(why) => list_classes(tree, directory, &entries, vec![why]),
        Verdict::Classes => list_classes(tree, directory, &entries, vec![]),
    }
}

fn list_classes(
    tree: &dyn Tree,
    directory: &Path,
    entries: &Entries,
    mut warnings: Vec<String>,
) -> Result<Listing, DatasetError> {
    let (mut candidates, mut empty) = (vec![], vec![]);
    let mut passed_over = entries.passed_over.clone();
    let root = &Arc::new(Root { directory: directory.to_path_buf(), prefix: 0 });
    for (class, folder) in entries.folders.iter().enumerate() {
        let before = candidates.len();
        let of = ClassFiles { root, prefix: "", folder, class, part: None };
        passed_over.extend(tree.list_class(&of, &mut candidates)?);
        if candidates.len() == before {
            empty.push(name_of(folder));
        }
    }
    if !empty.is_empty() {
        return Err(DatasetError::EmptyClass { classes: empty });
    }
    let classes: Vec<String> = entries.folders.iter().map(|path| name_of(path)).collect();
    warnings.extend(files::check_names(&classes)?);
    warnings.extend(tree::loose_images(tree, &entries.loose));
    warnings.extend(files::meant(directory, &passed_over));
    candidates.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Listing::new(classes, Labels::Class, candidates, warnings))
}

fn check_layout(
    tree: &dyn Tree,
    directory: &Path,
    entries: &Entries,
    least: usize,
) -> Result<(), DatasetError> {
    let Some(what) = entries.lack(least) else { return Ok(()) };
    let mut help = vec![];
    if let [one] = &entries.folders[..]
        && tree.directories_in(one).len() > 1
    {
        let inner = shown(one);
        help.push(format!("if the classes are inside it, pass it: `-S dataset.directory={inner}`"));
    }
    Err(DatasetError::Layout { path: directory.to_path_buf(), what, seen: entries.seen(), help })
}

/// The directories that would be read as classes, with the directories inside each.
fn contents(tree: &dyn Tree, entries: &Entries) -> Vec<ClassDirectory> {
    let of = |folder: &PathBuf| ClassDirectory {
        name: name_of(folder),
        inner: tree.directories_in(folder).into_iter().collect(),
    };
    entries.folders.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::super::tree::Disk;
    use super::*;
    use crate::base::fs;
    use crate::dataset::scan::tests::folder;

    #[test]
    fn classes_are_sorted_and_hidden_names_passed_over() {
        let root = folder(&[
            "b/2.jpg",
            "b/deep/1.jpg",
            "a/x.jpg",
            "a/.hidden.jpg",
            ".ipynb_checkpoints/a/y.jpg",
            "a/.ipynb_checkpoints/z.jpg",
        ]);
        let listing = scan(&Disk, root.path()).unwrap();
        assert_eq!(listing.classes, ["a", "b"]);
        let paths: Vec<_> = listing.candidates.iter().map(|c| (&*c.path, c.label)).collect();
        assert_eq!(paths, [("a/x.jpg", 0), ("b/2.jpg", 1), ("b/deep/1.jpg", 1)]);
    }

    #[test]
    fn other_layouts_are_named() {
        let what = |files: &[&str]| scan(&Disk, folder(files).path()).unwrap_err().to_string();
        assert!(what(&["1.jpg", "2.jpg"]).ends_with("contains 2 files but no class directories"));
        assert!(what(&["one/1.jpg"]).contains("one class directory, `one`"));
        assert!(what(&["train/a/1.jpg", "val/a/1.jpg"]).contains("only one class directory, `a`"));
        assert!(what(&["a/1.jpg", "b/.keep"]).contains("without images: `b`"));
    }

    #[test]
    fn what_systems_leave_is_no_class_and_no_image() {
        let root = folder(&[
            "a/1.jpg",
            "a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
            "a/Thumbs.db",
            "b/1.jpg",
            "b/Previews.lrdata/2.jpg",
            "@eaDir/a@SynoEAStream",
            "#recycle/old/1.jpg",
            "$RECYCLE.BIN/1.jpg",
            "__MACOSX/a/._1.jpg",
            "lost+found/",
            "desktop.ini",
        ]);
        let listing = scan(&Disk, root.path()).unwrap();
        assert_eq!(listing.classes, ["a", "b"]);
        let paths: Vec<&str> = listing.candidates.iter().map(|c| &*c.path).collect();
        assert_eq!(paths, ["a/1.jpg", "b/1.jpg"]);
        assert_eq!(listing.warnings, Vec::<String>::new());
        let root = folder(&["a/1.jpg", "b/1.jpg", "Thumbs/1.jpg", "b/up/Thumbs/1.jpg"]);
        let warnings = scan(&Disk, root.path()).unwrap().warnings;
        let names = ["`Thumbs` is skipped", "`b/up/Thumbs` is skipped"];
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings.iter().zip(names).all(|(warning, name)| warning.starts_with(name)));
    }

    #[test]
    fn images_beside_the_classes_are_told() {
        let root = folder(&["a/1.jpg", "b/1.jpg", "2.jpg", "3.PNG", "notes.txt", ".4.jpg"]);
        fs::write_atomic(&root.path().join("nameless"), b"\xff\xd8\xff\xe0 and so on").unwrap();
        let warnings = scan(&Disk, root.path()).unwrap().warnings;
        assert!(warnings[0].starts_with("3 images next to the class directories"), "{warnings:?}");
        assert!(warnings[0].contains("3.PNG") && warnings[0].contains("nameless"), "{warnings:?}");
    }

    #[test]
    fn two_ways_to_write_a_name_are_one_class() {
        let root = folder(&["cafe\u{301}/1.jpg", "caf\u{e9}/1.jpg", "tea/1.jpg"]);
        let error = scan(&Disk, root.path()).unwrap_err();
        let hints = error.notes().join("\n");
        assert!(hints.contains("cafe\\u{301}") && hints.contains("caf\\u{e9}"), "{hints}");
        let root = folder(&["Cat/1.jpg", "cat /1.jpg", "cow/1.jpg"]);
        let warnings = scan(&Disk, root.path()).unwrap().warnings;
        assert!(warnings[0].contains("hard to tell apart"), "{warnings:?}");
    }

    #[cfg(unix)]
    #[test]
    fn names_of_any_bytes_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let root = folder(&["a/1.jpg", "b/1.jpg"]);
        for name in [&b"\xff.jpg"[..], b"\xfe.jpg", b"\\xFF.jpg", b"\x1b[31m\n.jpg"] {
            let path = root.path().join("a").join(OsStr::from_bytes(name));
            fs::write_atomic(&path, b"x").unwrap();
        }
        let listing = scan(&Disk, root.path()).unwrap();
        let paths: Vec<&str> = listing.candidates.iter().map(|c| &*c.path).collect();
        let expected =
            ["a/1.jpg", "a/\\\\xFF.jpg", "a/\\x1B[31m\\x0A.jpg", "a/\\xFE.jpg", "a/\\xFF.jpg"];
        assert_eq!(paths[..5], expected);
        for candidate in &listing.candidates {
            assert!(candidate.file().unwrap().exists(), "{}", candidate.path);
        }
    }
}
