//! Lists the files of a dataset directory, which has one subdirectory per class, or the images of a
//! generated dataset. Every visible file below a class directory is a candidate.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use super::decode;
use super::error::DatasetError;
use super::generator::ImageGenerator;
use super::layout::{self, ClassDirectory, Verdict};
use super::system;
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::spec::{DatasetSource, DatasetSpec, GeneratorSpec};

/// A file that may be an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Path below the dataset directory, with forward slashes, as [`names`] writes paths. It is the
    /// identity of the image.
    pub path: String,
    /// Position of its class among the sorted class names.
    pub class: usize,
    /// Source of its pixels.
    pub origin: Origin,
}

/// The source of the pixels of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, with a path that can be opened.
    File(PathBuf),
    /// A generator that draws it.
    Drawn {
        /// Generator.
        generator: Arc<ImageGenerator>,
        /// Number of the image in its class.
        number: usize,
    },
}

/// The files of a dataset directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Names of the classes, sorted.
    pub classes: Vec<String>,
    /// Files, sorted by path.
    pub candidates: Vec<Candidate>,
    /// Warnings about the directory.
    pub warnings: Vec<String>,
}

/// Lists the images of a dataset, of files or drawn.
///
/// # Errors
/// As [`scan`].
pub fn list(spec: &DatasetSpec) -> Result<Listing, DatasetError> {
    match &spec.source {
        DatasetSource::Directory(directory) => scan(&directory.path),
        DatasetSource::Generator(generator) => {
            Ok(draw_up(generator, &Arc::new(ImageGenerator::new(generator, spec.image_size))))
        }
    }
}

/// The images that are to be drawn.
fn draw_up(spec: &GeneratorSpec, generator: &Arc<ImageGenerator>) -> Listing {
    let classes: Vec<String> = (0..spec.classes).map(|class| generator.class_name(class)).collect();
    let n_digits = spec.images.saturating_sub(1).to_string().len();
    let candidates = (0..spec.classes)
        .flat_map(|class| (0..spec.images).map(move |number| (class, number)))
        .map(|(class, number)| Candidate {
            path: format!("{}/{number:0n_digits$}", classes[class]),
            class,
            origin: Origin::Drawn { generator: Arc::clone(generator), number },
        })
        .collect();
    Listing { classes, candidates, warnings: vec![] }
}

/// Lists a dataset directory. Hidden names (`.ipynb_checkpoints`, `.DS_Store`) and files of systems
/// and photo programs are skipped. Links are followed.
///
/// # Errors
/// When the directory cannot be read, a link points back to a parent, there are fewer than two
/// class directories, they are the parts of a split, two have the same name, or one has no files.
pub fn scan(directory: &Path) -> Result<Listing, DatasetError> {
    scan_classes(directory, 2)
}

/// As [`scan`], for a directory that may have a single class.
///
/// # Errors
/// As [`scan`].
pub fn scan_some(directory: &Path) -> Result<Listing, DatasetError> {
    scan_classes(directory, 1)
}

fn scan_classes(directory: &Path, least: usize) -> Result<Listing, DatasetError> {
    let entries = fs::read_dir_sorted(directory).map_err(|error| DatasetError::Directory {
        path: directory.to_path_buf(),
        source: error.source,
    })?;
    let (passed_over, visible): (Vec<PathBuf>, Vec<PathBuf>) =
        entries.into_iter().partition(|path| system::is_passed_over(file_name(path)));
    let (folders, loose): (Vec<PathBuf>, Vec<PathBuf>) =
        visible.into_iter().partition(|path| path.is_dir());
    check_layout(directory, &folders, &loose, least)?;
    let mut candidates = vec![];
    let mut empty = vec![];
    let mut directories = vec![];
    let mut passed_over = passed_over;
    for (class, folder) in folders.iter().enumerate() {
        let before = candidates.len();
        passed_over.extend(list_class(directory, folder, class, &mut candidates)?);
        if candidates.len() == before {
            empty.push(name_of(folder));
        }
        directories.push(contents(folder, &candidates[before..]));
    }
    let mut warnings = vec![];
    match layout::judge(&directories) {
        Verdict::Split { train, others } => {
            return Err(split_layout(directory, &directories, &train, &others, least));
        }
        Verdict::Doubtful(why) => warnings.push(why),
        Verdict::Classes => {}
    }
    if !empty.is_empty() {
        return Err(DatasetError::EmptyClass { classes: empty });
    }
    let classes: Vec<String> = folders.iter().map(|path| name_of(path)).collect();
    warnings.extend(check_names(&classes)?);
    warnings.extend(loose_pictures(&loose));
    warnings.extend(meant(directory, &passed_over));
    candidates.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Listing { classes, candidates, warnings })
}

fn check_layout(
    directory: &Path,
    folders: &[PathBuf],
    loose: &[PathBuf],
    least: usize,
) -> Result<(), DatasetError> {
    let names: Vec<String> = folders.iter().map(|path| name_of(path)).collect();
    let mut help = vec![];
    let what = match &names[..] {
        [] if loose.is_empty() => "is empty".to_owned(),
        [] => format!("contains {} but no class directories", text::count(loose.len(), "file")),
        [one] if least > 1 => {
            let inner = fs::read_dir_sorted(&folders[0]).unwrap_or_default();
            let classes = inner
                .iter()
                .filter(|path| path.is_dir() && !system::is_passed_over(file_name(path)));
            if classes.count() > 1 {
                let inner = shown(&folders[0]);
                help.push(format!(
                    "if the classes are inside it, pass it: `-S dataset.directory={inner}`"
                ));
            }
            format!("contains only one class directory, `{one}`; a classifier needs at least two")
        }
        _ => return Ok(()),
    };
    let mut seen: Vec<String> = folders
        .iter()
        .chain(loose)
        .map(|path| format!("{}{}", name_of(path), if path.is_dir() { "/" } else { "" }))
        .collect();
    seen.sort();
    Err(DatasetError::Layout { path: directory.to_path_buf(), what, seen, help })
}

/// The direct contents of a class directory.
fn contents(folder: &Path, candidates: &[Candidate]) -> ClassDirectory {
    let mut found = ClassDirectory { name: name_of(folder), ..ClassDirectory::default() };
    for candidate in candidates {
        let mut below = candidate.path.split('/').skip(1);
        match (below.next(), below.next()) {
            (Some(inner), Some(_)) => {
                if !found.inner.contains(inner) {
                    found.inner.insert(inner.to_owned());
                }
            }
            _ => found.n_files += 1,
        }
    }
    found
}

/// The error for a dataset that is already split, with hints on how to use its parts.
fn split_layout(
    directory: &Path,
    directories: &[ClassDirectory],
    train: &str,
    others: &[String],
    least: usize,
) -> DatasetError {
    let inside = |name: &str| shown(&directory.join(names::path_of(name)));
    let other = inside(&others[0]);
    let has_classes =
        directories.iter().any(|found| found.name == train && !found.inner.is_empty());
    let mut help = if least > 1 {
        vec![
            format!(
                "train on the training directory: `-S dataset.directory={}`, or write it in the \
                 pipeline; validation images are drawn from it (`split`)",
                inside(train)
            ),
            format!(
                "then evaluate on the other: `alpaca-run evaluate RUN --data {other}`, or a stage with \
                 `evaluate: {{ directory: {other} }}`"
            ),
        ]
    } else {
        vec![format!("evaluate on one of them: `{other}`")]
    };
    if !has_classes {
        help.push(format!("in `{}`, put the images into one directory per class", inside(train)));
    }
    let names = text::all_of(std::iter::once(train).chain(others.iter().map(String::as_str)));
    let what = format!("is already split: {names} would be read as classes");
    DatasetError::Layout { path: directory.to_path_buf(), what, seen: vec![], help }
}

/// Checks class names. The same name in two encodings is an error, names that look the same are
/// warnings.
fn check_names(classes: &[String]) -> Result<Vec<String>, DatasetError> {
    let same = pairs(classes, names::normal);
    if !same.is_empty() {
        return Err(DatasetError::SameName { pairs: same });
    }
    Ok(pairs(classes, names::look)
        .into_iter()
        .map(|(a, b)| {
            format!("the class names {} and {} are hard to tell apart", spelt(&a), spelt(&b))
        })
        .collect())
}

/// Names that have the same key `of`, each with the first such name.
fn pairs(names: &[String], of: fn(&str) -> String) -> Vec<(String, String)> {
    let mut first_with = BTreeMap::new();
    let mut pairs = vec![];
    for name in names {
        match first_with.get(&of(name)) {
            Some(first) => pairs.push((String::clone(first), name.clone())),
            None => drop(first_with.insert(of(name), name.clone())),
        }
    }
    pairs
}

/// A name, also in escaped form if it has characters that look like others.
fn spelt(name: &str) -> String {
    match names::spelt_out(name) {
        spelt if spelt == name => format!("`{name}`"),
        spelt => format!("`{name}` (`{spelt}`)"),
    }
}

/// A warning about images next to the class directories, which belong to no class.
fn loose_pictures(loose: &[PathBuf]) -> Option<String> {
    let pictures: Vec<String> = loose
        .iter()
        .filter(|path| {
            !fs::is_no_plain_file(path)
                && (decode::has_image_name(&file_name(path).to_string_lossy())
                    || decode::is_image_file(path))
        })
        .map(|path| name_of(path))
        .collect();
    (!pictures.is_empty()).then(|| {
        let (verb, each) = if pictures.len() == 1 { ("is", "it") } else { ("are", "each") };
        format!(
            "{} next to the class directories {verb} not used; move {each} into the directory of its \
             class:\n{}",
            text::count(pictures.len(), "image"),
            text::first_lines(&pictures, 5)
        )
    })
}

/// Warnings about directories that are skipped but might be classes.
fn meant(root: &Path, passed_over: &[PathBuf]) -> Vec<String> {
    const MOST: usize = 5;
    let meant = passed_over.iter().filter(|path| system::may_be_meant(file_name(path)));
    let warnings = meant.filter(|path| path.is_dir()).take(MOST).map(|path| {
        format!(
            "`{}` is skipped: photo programs store thumbnails in directories of this name; if its \
             images belong to the dataset, rename it",
            names::text_of_path(path.strip_prefix(root).unwrap_or(path))
        )
    });
    warnings.collect()
}

/// Lists the files of a class. Returns the directories that are skipped but may have been meant.
fn list_class(
    root: &Path,
    folder: &Path,
    class: usize,
    candidates: &mut Vec<Candidate>,
) -> Result<Vec<PathBuf>, DatasetError> {
    let mut passed_over = vec![];
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    let visible = walk.into_iter().filter_entry(|entry| {
        let is_visible = entry.depth() == 0 || !system::is_passed_over(entry.file_name());
        if !is_visible && system::may_be_meant(entry.file_name()) {
            passed_over.push(entry.path().to_path_buf());
        }
        is_visible
    });
    for entry in visible {
        let file = match entry {
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) => entry.into_path(),
            Err(error) => match lost_file(&error) {
                Some(file) => file,
                None => return Err(DatasetError::Walk { reason: walk_reason(&error) }),
            },
        };
        let below = file.strip_prefix(root).unwrap_or(&file);
        let path = if cfg!(windows) {
            let parts: Vec<String> = below.iter().map(names::text_of).collect();
            parts.join("/")
        } else {
            names::text_of_path(below)
        };
        candidates.push(Candidate { path, class, origin: Origin::File(file) });
    }
    Ok(passed_over)
}

/// Whether a path is a link to a missing file. It counts as an unreadable image, not as an
/// unreadable directory.
fn lost_file(error: &walkdir::Error) -> Option<PathBuf> {
    let is_gone = error.io_error()?.kind() == std::io::ErrorKind::NotFound;
    error.path().filter(|path| is_gone && path.is_symlink()).map(Path::to_path_buf)
}

fn walk_reason(error: &walkdir::Error) -> String {
    let path = error.path().map(names::text_of_path).unwrap_or_default();
    match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => {
            format!("the link `{path}` points back to `{}`", names::text_of_path(ancestor))
        }
        (None, Some(io)) => format!("`{path}`: {io}"),
        (None, None) => format!("`{path}`"),
    }
}

fn file_name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

fn name_of(path: &Path) -> String {
    names::text_of(file_name(path))
}

/// A path as it may be typed in a shell.
fn shown(path: &Path) -> String {
    names::text_of_path(&fs::normalise(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if !file.ends_with('/') {
                fs::write_atomic(&path, b"x").unwrap();
            }
        }
        root
    }

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
        let listing = scan(root.path()).unwrap();
        assert_eq!(listing.classes, ["a", "b"]);
        let paths: Vec<_> = listing.candidates.iter().map(|c| (c.path.as_str(), c.class)).collect();
        assert_eq!(paths, [("a/x.jpg", 0), ("b/2.jpg", 1), ("b/deep/1.jpg", 1)]);
    }

    #[test]
    fn other_layouts_are_named() {
        let what = |files: &[&str]| scan(folder(files).path()).unwrap_err().to_string();
        assert!(what(&["1.jpg", "2.jpg"]).ends_with("contains 2 files but no class directories"));
        assert!(what(&["one/1.jpg"]).contains("one class directory, `one`"));
        assert!(what(&["train/a/1.jpg", "val/a/1.jpg"]).contains("is already split"));
        assert!(what(&["a/1.jpg", "b/.keep"]).contains("without images: `b`"));
    }

    #[test]
    fn a_split_is_refused_with_what_to_write() {
        let root =
            folder(&["train_set/a/1.jpg", "train_set/b/1.jpg", "val_set/a/1.jpg", "labels/x.csv"]);
        let error = scan(root.path()).unwrap_err();
        let hints = error.hints().join("\n");
        assert!(error.to_string().contains("`train_set` and `val_set`"), "{error}");
        let train = root.path().join("train_set").display().to_string();
        assert!(hints.contains(&format!("`-S dataset.directory={train}`")), "{hints}");
        assert!(
            hints.contains("alpaca-run evaluate RUN --data ") && hints.contains("val_set"),
            "{hints}"
        );
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
        let listing = scan(root.path()).unwrap();
        assert_eq!(listing.classes, ["a", "b"]);
        let paths: Vec<&str> = listing.candidates.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["a/1.jpg", "b/1.jpg"]);
        assert_eq!(listing.warnings, Vec::<String>::new());
        let root = folder(&["a/1.jpg", "b/1.jpg", "Thumbs/1.jpg", "b/up/Thumbs/1.jpg"]);
        let warnings = scan(root.path()).unwrap().warnings;
        let names = ["`Thumbs` is skipped", "`b/up/Thumbs` is skipped"];
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings.iter().zip(names).all(|(warning, name)| warning.starts_with(name)));
    }

    #[test]
    fn images_beside_the_classes_are_told() {
        let root = folder(&["a/1.jpg", "b/1.jpg", "2.jpg", "3.PNG", "notes.txt", ".4.jpg"]);
        fs::write_atomic(&root.path().join("nameless"), b"\xff\xd8\xff\xe0 and so on").unwrap();
        let warnings = scan(root.path()).unwrap().warnings;
        assert!(warnings[0].starts_with("3 images next to the class directories"), "{warnings:?}");
        assert!(warnings[0].contains("3.PNG") && warnings[0].contains("nameless"), "{warnings:?}");
    }

    #[test]
    fn two_ways_to_write_a_name_are_one_class() {
        let root = folder(&["cafe\u{301}/1.jpg", "caf\u{e9}/1.jpg", "tea/1.jpg"]);
        let error = scan(root.path()).unwrap_err();
        let hints = error.notes().join("\n");
        assert!(hints.contains("cafe\\u{301}") && hints.contains("caf\\u{e9}"), "{hints}");
        let root = folder(&["Cat/1.jpg", "cat /1.jpg", "cow/1.jpg"]);
        let warnings = scan(root.path()).unwrap().warnings;
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
        let listing = scan(root.path()).unwrap();
        let paths: Vec<&str> = listing.candidates.iter().map(|c| c.path.as_str()).collect();
        let expected =
            ["a/1.jpg", "a/\\\\xFF.jpg", "a/\\x1B[31m\\x0A.jpg", "a/\\xFE.jpg", "a/\\xFF.jpg"];
        assert_eq!(paths[..5], expected);
        for candidate in &listing.candidates {
            let Origin::File(file) = &candidate.origin else { panic!("a file") };
            assert_eq!(&root.path().join(names::path_of(&candidate.path)), file);
        }
    }
}
