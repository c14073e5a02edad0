//! Lists the images of a dataset: files in one directory per class, in directories for the parts of
//! a split, rows of a table, or images that a generator draws.

mod classes;
mod files;
mod folders;
mod gathered;
mod groups;
mod layout;
mod limit;
mod listing;
mod parts;
mod pattern;
mod rows;
mod shards;
mod table;
mod tree;
mod unlabeled;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alpaca_random::SeedStream;

pub use self::listing::{Candidate, Group, Listing, Origin, Weight};
use self::tree::{ArchiveTree, Disk, Tree as _};
pub use self::unlabeled::{UNLABELED, list_unlabeled};
use super::archive;
use super::error::DatasetError;
use super::generator::ImageGenerator;
use super::labels::Labels;
use super::part::Part;
use crate::base::names;
use crate::base::text;
use crate::spec::{
    ArchiveSpec, DatasetSource, DatasetSpec, DownloadSpec, GeneratorSpec, Location, SplitSpec,
    TableSpec, TargetSpec,
};

/// Lists the images of a dataset, of files or drawn. What archives contain is kept in the cache at
/// `cache`.
///
/// # Errors
/// When a directory or table cannot be read, a directory is not laid out as a dataset or has other
/// classes than the training set, a part of the split is given but should be drawn, and when an image
/// belongs to no group.
pub fn list(spec: &DatasetSpec, cache: Option<&Path>) -> Result<Listing, DatasetError> {
    let mut listing = match &spec.source {
        DatasetSource::Directory { directory } => {
            check_directory(&directory.path)?;
            folders::scan(&Disk, &directory.path)?
        }
        DatasetSource::Archive { archive } => list_archive(archive, cache)?,
        DatasetSource::Shards(shards) => shards::list(shards, spec.target, cache)?,
        DatasetSource::Parts(directories) => parts::list_given(directories)?,
        DatasetSource::Table(table) => table::list(table, spec.target, cache)?,
        DatasetSource::Generator { generator } => {
            draw_up(generator, &Arc::new(ImageGenerator::new(generator, spec.image_size)))
        }
    };
    if spec.unites_copies() {
        // Files of one image are united once their contents are known.
        listing.labels = Labels::of_single_classes(listing.classes.len());
    }
    if let Some(wanted) = &spec.classes {
        classes::choose(&mut listing, wanted, spec.source.gives_labels())?;
    }
    if let Some(limit) = spec.limit {
        let stream = SeedStream::new(spec.split.seed).child("limit");
        limit::limit(&mut listing.candidates, limit, spec.target, stream);
    }
    if let Some(pattern) = &spec.split.groups {
        if listing.candidates.iter().any(|candidate| candidate.group.is_some()) {
            listing.warnings.push(
                "groups are found in paths by `split.groups`; the column with groups is not used"
                    .to_owned(),
            );
        }
        groups::assign(&mut listing.candidates, pattern)?;
        listing.warnings.extend(groups::spread(&listing.candidates));
    }
    if spec.split.folds.is_some() {
        unite_for_folds(&mut listing);
    }
    check_given(&listing.candidates, &spec.split)?;
    Ok(listing)
}

/// Makes one set of the given training and validation sets, which is divided into folds.
fn unite_for_folds(listing: &mut Listing) {
    let given = listing.candidates.iter_mut().map(|candidate| &mut candidate.part);
    let mut n_validation = 0;
    for part in given.filter(|part| matches!(part, Some(Part::Train | Part::Validation))) {
        n_validation += usize::from(*part == Some(Part::Validation));
        *part = None;
    }
    if n_validation > 0 {
        let by = listing.split_by.take().unwrap_or_default();
        let by = by.split(';').next().unwrap_or_default().to_owned();
        listing.warnings.push(format!(
            "the training and validation sets of {by} are divided into folds together"
        ));
        listing.split_by =
            listing.candidates.iter().any(|image| image.part.is_some()).then_some(by);
    }
}

/// The files of a pattern such as `t-{000..099}.tar` or `t-*.tar`, in its order, and the directory
/// that they are all in.
///
/// # Errors
/// When it is not a pattern, has too many files, or none.
pub fn files_of_pattern(pattern: &Path) -> Result<(Vec<PathBuf>, PathBuf), String> {
    Ok((pattern::expand(pattern)?, pattern::base(pattern)))
}

/// Lists images to evaluate, which may be of a single class: a directory with one subdirectory per
/// class, an archive of such a directory or one inside of an archive (`photos.zip/test`), shards, or
/// a table with the columns of `source`. Its paths are below its own directory, or below the root of
/// `source`. What a table or shards say about parts of a split has no meaning.
///
/// # Errors
/// As [`list`], and when a directory has the parts of a split.
pub fn scan_some(
    path: &Path,
    source: Option<&DatasetSource>,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<Listing, DatasetError> {
    let location = Location { written: names::text_of_path(path), path: path.to_path_buf() };
    let columns = source.map(DatasetSource::columns).unwrap_or_default();
    let (has_name, is_pattern) = (table::has_name(path), pattern::is_pattern(path));
    if is_pattern && !has_name {
        return shards::list_some(location, columns, target, cache);
    }
    let outermost = path.ancestors().find(|path| path.exists());
    if let Some(archive) = outermost.filter(|path| !has_name && archive::is_archive(path)) {
        let tree = ArchiveTree::new(archive::open(archive, cache)?);
        return match archive == path {
            true if tree.has_samples() => shards::list_some(location, columns, target, cache),
            true => folders::scan_some(&tree, &tree.root()?),
            false => scan_inside(&tree, archive, path),
        };
    }
    if !is_pattern && !path.is_file() {
        return folders::scan_some(&Disk, path);
    }
    let table = TableSpec { table: location, columns, root: None };
    let listed = table::list_some(&table, target, cache);
    let root = match source {
        Some(DatasetSource::Table(TableSpec { root: root @ Some(_), .. })) => root.clone(),
        _ => return listed,
    };
    listed.or_else(|error| {
        table::list_some(&TableSpec { root, ..table }, target, cache).map_err(|_| error)
    })
}

/// Lists the images of a directory inside of an archive.
fn scan_inside(
    tree: &ArchiveTree,
    archive: &Path,
    directory: &Path,
) -> Result<Listing, DatasetError> {
    if tree.is_empty(directory) {
        let inside = directory.strip_prefix(archive).unwrap_or(directory);
        let has = text::all_of(tree.directories_in(archive).iter().map(String::as_str));
        let problem = format!("it has no directory `{}`; it has {has}", files::shown(inside));
        let (path, problems, help) = (archive.to_path_buf(), vec![problem], vec![]);
        return Err(DatasetError::Archive { path, problems, help });
    }
    folders::scan_some(tree, directory)
}

/// Checks that a path is not a file, which another key is for.
fn check_directory(path: &Path) -> Result<(), DatasetError> {
    if !path.is_file() {
        return Ok(());
    }
    let help = if archive::is_archive(path) {
        files::instead(path, "archive", "directory")
    } else {
        format!("if it lists images, {}", files::instead(path, "table", "directory"))
    };
    Err(DatasetError::Layout {
        path: path.to_path_buf(),
        what: "is a file".to_owned(),
        seen: vec![],
        help: vec![help],
    })
}

fn list_archive(spec: &ArchiveSpec, cache: Option<&Path>) -> Result<Listing, DatasetError> {
    let path = match spec {
        ArchiveSpec::File(location) => location.path.clone(),
        ArchiveSpec::Download(download) => downloaded(download, cache)?,
    };
    check_archive(&path)?;
    let tree = ArchiveTree::new(archive::open(&path, cache)?);
    let root = tree.root()?;
    let listed = folders::scan(&tree, &root).map_err(|error| match error {
        DatasetError::Layout { path, what, seen, mut help } => {
            if tree.has_samples() {
                help.push(
                    "for WebDataset samples, write `shards: FILE` in place of `archive`".to_owned(),
                );
            }
            DatasetError::Layout { path, what, seen, help }
        }
        error => error,
    });
    listed.map(|mut listing| {
        listing.warnings.extend(tree.lost());
        listing
    })
}

/// Checks that a path is not what another key is for.
fn check_archive(path: &Path) -> Result<(), DatasetError> {
    let (what, fitting) = if path.is_dir() {
        ("is a directory", "directory")
    } else if table::is_parquet(path) || table::has_name(path) {
        ("is a table", "table")
    } else {
        return Ok(());
    };
    let problems = vec![format!("it {what}, not a tar or zip archive")];
    let help = vec![files::instead(path, fitting, "archive")];
    Err(DatasetError::Archive { path: path.to_path_buf(), problems, help })
}

/// The path of an archive that was downloaded before.
fn downloaded(spec: &DownloadSpec, cache: Option<&Path>) -> Result<PathBuf, DatasetError> {
    let path = cache.map(|cache| spec.path_below(cache)).filter(|path| path.exists());
    path.ok_or_else(|| DatasetError::Archive {
        path: PathBuf::from(&spec.url),
        problems: vec!["it has not been downloaded".to_owned()],
        help: vec![
            "to download it, run `alpaca-run fetch PIPELINE`, without `--offline` and with \
             ALPACA_OFFLINE unset"
                .to_owned(),
        ],
    })
}

/// Checks that the test set is not both given and to be drawn.
fn check_given(candidates: &[Candidate], split: &SplitSpec) -> Result<(), DatasetError> {
    let has_none_to_draw = candidates.iter().all(|candidate| candidate.part.is_some());
    let is_given =
        has_none_to_draw || candidates.iter().any(|candidate| candidate.part == Some(Part::Test));
    if split.test > 0.0 && is_given { Err(DatasetError::GivenTest) } else { Ok(()) }
}

/// The images that are to be drawn.
fn draw_up(spec: &GeneratorSpec, generator: &Arc<ImageGenerator>) -> Listing {
    let classes: Vec<String> = (0..spec.classes).map(|class| generator.class_name(class)).collect();
    let n_digits = spec.images.saturating_sub(1).to_string().len();
    let candidates = (0..spec.classes)
        .flat_map(|class| (0..spec.images).map(move |number| (class, number)))
        .map(|(class, number)| {
            let path = format!("{}/{number:0n_digits$}", classes[class]);
            let generator = Arc::clone(generator);
            Candidate::new(path, class, Origin::Drawn { generator, number: number as u32 })
        })
        .collect();
    Listing::new(classes, Labels::Class, candidates, vec![])
}

#[cfg(test)]
mod tests {
    use crate::base::fs;

    /// A directory with these files, and directories whose names end with a slash.
    pub(super) fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            let folder = if file.ends_with('/') { &path } else { path.parent().unwrap() };
            std::fs::create_dir_all(folder).unwrap();
            if !file.ends_with('/') {
                fs::write_atomic(&path, b"x").unwrap();
            }
        }
        root
    }
}
