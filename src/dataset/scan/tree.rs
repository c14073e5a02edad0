//! The tree of directories of a dataset: on disk, or inside of an archive.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, ClassFiles, Entries, file_name, name_of};
use super::listing::{Candidate, Origin};
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::dataset::archive::{Archive, Opened};
use crate::dataset::decode;
use crate::dataset::error::DatasetError;
use crate::dataset::system;

/// A tree of directories.
pub(super) trait Tree {
    /// What is directly inside a directory.
    ///
    /// # Errors
    /// When it cannot be read.
    fn entries(&self, directory: &Path) -> Result<Entries, DatasetError>;

    /// The names of the directories inside a directory, without those that are passed over.
    fn directories_in(&self, folder: &Path) -> Vec<String>;

    /// Lists the files of a class. Returns the directories that are skipped but may have been meant.
    ///
    /// # Errors
    /// When a directory cannot be read.
    fn list_class(
        &self,
        of: &ClassFiles<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<Vec<PathBuf>, DatasetError>;

    /// Whether a file is an image.
    fn is_image(&self, file: &Path) -> bool;
}

/// A warning about images next to the class directories, which belong to no class.
pub(super) fn loose_images(tree: &dyn Tree, loose: &[PathBuf]) -> Option<String> {
    let images = loose.iter().filter(|path| tree.is_image(path));
    let images: Vec<String> = images.map(|path| name_of(path)).collect();
    (!images.is_empty()).then(|| {
        let (verb, each) = if images.len() == 1 { ("is", "it") } else { ("are", "each") };
        format!(
            "{} next to the class directories {verb} not used; move {each} into the directory of its \
             class:\n{}",
            text::count(images.len(), "image"),
            text::first_lines(&images, 5)
        )
    })
}

/// Directories on disk.
pub(super) struct Disk;

impl Tree for Disk {
    fn entries(&self, directory: &Path) -> Result<Entries, DatasetError> {
        Entries::of(directory)
    }

    fn directories_in(&self, folder: &Path) -> Vec<String> {
        files::directories_in(folder).collect()
    }

    fn list_class(
        &self,
        of: &ClassFiles<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<Vec<PathBuf>, DatasetError> {
        files::list_class(of, candidates)
    }

    fn is_image(&self, file: &Path) -> bool {
        !fs::is_no_plain_file(file)
            && (decode::has_image_name(&file_name(file).to_string_lossy())
                || decode::is_image_file(file))
    }
}

/// Directories inside of an archive. Their paths begin with the path of the archive.
pub(super) struct ArchiveTree {
    path: PathBuf,
    archive: Arc<Archive>,
    /// Names as in [`Opened`], sorted.
    names: Vec<(String, Option<u32>)>,
    /// Names that lead out of the archive, and links that lead nowhere.
    lost: Vec<String>,
}

impl ArchiveTree {
    /// A warning about names that are not used.
    pub(super) fn lost(&self) -> Option<String> {
        (!self.lost.is_empty()).then(|| {
            format!(
                "{} of the archive not used, since they lead out of it or nowhere:\n{}",
                text::count(self.lost.len(), "name"),
                text::first_lines(&self.lost, 5)
            )
        })
    }

    pub(super) fn new(opened: Opened) -> Self {
        let Opened { archive, mut names, lost, .. } = opened;
        names.sort_by(|a, b| a.0.cmp(&b.0));
        Self { path: archive.path().to_path_buf(), archive: Arc::new(archive), names, lost }
    }

    /// The directory of the dataset: the only one at the top, and so on, as long as it has other
    /// directories and there are no images beside it.
    pub(super) fn root(&self) -> Result<PathBuf, DatasetError> {
        let mut root = self.path.clone();
        loop {
            let entries = self.entries(&root)?;
            let [inner] = &entries.folders[..] else { return Ok(root) };
            if entries.loose.iter().any(|file| self.is_image(file))
                || self.directories_in(inner).is_empty()
            {
                return Ok(root);
            }
            root.clone_from(inner);
        }
    }

    /// Whether it seems to be a WebDataset shard.
    pub(super) fn has_samples(&self) -> bool {
        let has = |extension: &str| {
            let names = self.names.iter().map(|(name, _)| Path::new(name));
            names.map(Path::extension).any(|found| found == Some(extension.as_ref()))
        };
        let is_flat = !self.names.iter().any(|(name, _)| name.contains('/'));
        has("cls") || (is_flat && has("json"))
    }

    /// Whether nothing is below a directory.
    pub(super) fn is_empty(&self, directory: &Path) -> bool {
        self.below(directory).next().is_none()
    }

    /// The names below a directory, without the name of the directory.
    fn below(&self, directory: &Path) -> impl Iterator<Item = (&str, Option<u32>)> {
        let inside = directory.strip_prefix(&self.path).unwrap_or(directory);
        let mut prefix = files::text_below(inside);
        if !prefix.is_empty() {
            prefix.push('/');
        }
        let start = self.names.partition_point(|(name, _)| *name < prefix);
        let named = self.names[start..]
            .iter()
            .map_while(move |(name, number)| Some((name.strip_prefix(&prefix)?, *number)));
        named.filter(|(name, _)| !name.is_empty())
    }
}

impl Tree for ArchiveTree {
    fn entries(&self, directory: &Path) -> Result<Entries, DatasetError> {
        let mut folders = BTreeSet::new();
        let mut entries = Entries { folders: vec![], loose: vec![], passed_over: vec![] };
        for (name, number) in self.below(directory) {
            if let Some((folder, _)) = name.split_once('/') {
                folders.insert(folder);
            } else if number.is_some() {
                let path = directory.join(names::path_of(name));
                let is_passed_over = system::is_passed_over(file_name(&path));
                if is_passed_over { &mut entries.passed_over } else { &mut entries.loose }
                    .push(path);
            }
        }
        let paths = folders.into_iter().map(|folder| directory.join(names::path_of(folder)));
        let (passed_over, folders): (Vec<_>, Vec<_>) =
            paths.partition(|path| system::is_passed_over(file_name(path)));
        entries.passed_over.extend(passed_over);
        entries.folders = folders;
        entries.folders.sort();
        Ok(entries)
    }

    fn directories_in(&self, folder: &Path) -> Vec<String> {
        let names = self.below(folder).filter_map(|(name, _)| Some(name.split_once('/')?.0));
        let names: BTreeSet<&str> = names.collect();
        let visible = names
            .into_iter()
            .filter(|name| !system::is_passed_over(names::path_of(name).as_os_str()));
        visible.map(str::to_owned).collect()
    }

    fn list_class(
        &self,
        of: &ClassFiles<'_>,
        candidates: &mut Vec<Candidate>,
    ) -> Result<Vec<PathBuf>, DatasetError> {
        let &ClassFiles { root, prefix, folder, class, part } = of;
        let below = folder.strip_prefix(&root.directory).unwrap_or(folder);
        let start = format!("{prefix}{}/", files::text_below(below));
        let mut passed_over = BTreeSet::new();
        for (name, number) in self.below(folder) {
            let mut path = folder.to_path_buf();
            let skipped = name.split('/').find_map(|step| {
                path.push(names::path_of(step));
                system::is_passed_over(file_name(&path)).then(|| path.clone())
            });
            match (skipped, number) {
                (Some(path), _) if system::may_be_meant(file_name(&path)) => {
                    passed_over.insert(path);
                }
                (Some(_), _) | (None, None) => {}
                (None, Some(number)) => {
                    let origin = Origin::Member(Arc::clone(&self.archive), number);
                    let path = format!("{start}{name}");
                    candidates.push(Candidate { part, ..Candidate::new(path, class, origin) });
                }
            }
        }
        Ok(passed_over.into_iter().collect())
    }

    fn is_image(&self, file: &Path) -> bool {
        decode::has_image_name(&file_name(file).to_string_lossy())
    }
}
