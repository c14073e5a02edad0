//! Lists the images of WebDataset shards: tar archives in which the files of a sample follow each
//! other and have one name, with an extension for each: `000017.jpg`, `000017.cls`.

mod shard;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use self::shard::{Sample, Samples, Shard};
use super::files;
use super::gathered::Gathered;
use super::layout;
use super::listing::{Candidate, Listing, Origin, SharedNames};
use super::pattern;
use super::rows;
use crate::base::names;
use crate::dataset::archive::Archive;
use crate::dataset::error::DatasetError;
use crate::dataset::part::Part;
use crate::spec::{ColumnsSpec, Location, ShardsSpec, TargetSpec};

/// A shard of a part of the split.
struct File {
    path: PathBuf,
    /// What its images' paths begin with.
    name: String,
    part: Option<Part>,
}

/// Lists the images of shards. What is in each shard is kept in the cache at `cache`.
///
/// # Errors
/// When a shard cannot be read, or with all samples that have no image or label, and with those that
/// repeat another.
pub(super) fn list(
    spec: &ShardsSpec,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<Listing, DatasetError> {
    let (Found { candidates, labels, .. }, label_name, by) = read_all(spec, target, cache)?;
    if let Some(what) = rows::lacks(candidates.iter(), &labels, "sample") {
        return Err(unusable(spec, vec![what]));
    }
    rows::finish(candidates, labels, &label_name, by)
}

/// Lists the images of the shards at a location without their parts of a split. There may be a single
/// class.
///
/// # Errors
/// As [`list`].
pub(super) fn list_some(
    shards: Location,
    columns: ColumnsSpec,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<Listing, DatasetError> {
    let (train_shards, validation_shards, test_shards) = (None, None, None);
    let shards = Some(shards);
    let spec = &ShardsSpec { shards, train_shards, validation_shards, test_shards, columns };
    let (Found { candidates, labels, .. }, label_name, _) = read_all(spec, target, cache)?;
    if let Some(what) = labels.unclear() {
        return Err(unusable(spec, vec![what]));
    }
    rows::finish_some(candidates.into_iter(), labels, &label_name)
}

/// Reads all shards. Also returns the name of the field with the label, and what gives the parts of
/// the split.
fn read_all(
    spec: &ShardsSpec,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<(Found, String, Option<String>), DatasetError> {
    let files = files_of(spec)?;
    let read = |file: &File| shard::read(&file.path, &spec.columns, target, cache);
    let mut found = Found::new(Gathered::new(target, spec.columns.separator.clone()));
    let (mut label_name, mut split_name) = (None, None);
    // A shard takes more memory while it is read than its images take later.
    let mut n_left = files.len();
    for files in files.chunks(2 * rayon::current_num_threads()) {
        let shards: Vec<Result<Shard, DatasetError>> = files.par_iter().map(read).collect();
        for (file, shard) in files.iter().zip(shards) {
            let Shard { archive, samples, label, split, problems } = shard?;
            let problems = problems.into_iter().map(|problem| format!("{}: {problem}", file.name));
            found.problems.extend(problems);
            // Shards are often of one size.
            if found.candidates.capacity() < found.candidates.len() + samples.len() {
                found.candidates.reserve_exact(n_left * samples.len());
            }
            n_left -= 1;
            found.add(file, &Arc::new(archive), &samples);
            label_name = label_name.or(label);
            split_name = split_name.or(split);
        }
    }
    if !found.problems.is_empty() {
        return Err(unusable(spec, found.problems));
    }
    let by = match split_name {
        _ if spec.shards.is_none() => Some("the shards of each part".to_owned()),
        name => name.map(|name| format!("key `{name}`")),
    };
    Ok((found, label_name.unwrap_or_default(), by))
}

fn unusable(spec: &ShardsSpec, problems: Vec<String>) -> DatasetError {
    let path = spec.locations().next().map_or(PathBuf::new(), |first| first.path.clone());
    let help = vec![
        "a sample is an image and a label: `000017.jpg` and `000017.cls`, or a key of \
         `000017.json` that `columns: { label: KEY }` names"
            .to_owned(),
    ];
    DatasetError::Archive { path, problems, help }
}

/// The locations of shards, with the part of the split of each.
fn patterns(spec: &ShardsSpec) -> impl Iterator<Item = (Option<Part>, &Location)> {
    let of = [
        (None, &spec.shards),
        (Some(Part::Train), &spec.train_shards),
        (Some(Part::Validation), &spec.validation_shards),
        (Some(Part::Test), &spec.test_shards),
    ];
    of.into_iter().filter_map(|(part, location)| Some((part, location.as_ref()?)))
}

/// The files of all patterns.
fn files_of(spec: &ShardsSpec) -> Result<Vec<File>, DatasetError> {
    let mut files = vec![];
    for (part, location) in patterns(spec) {
        let Location { path, .. } = location;
        let expanded = pattern::expand(path).map_err(|why| DatasetError::Archive {
            path: path.clone(),
            problems: vec![why],
            help: vec![],
        })?;
        if let [directory] = &expanded[..]
            && directory.is_dir()
        {
            let problems = vec!["it is a directory; shards are tar archives".to_owned()];
            let help = vec![format!(
                "for the shards in it, write `shards: \"{}/*.tar\"`; for one directory per class, \
                 `directory: {0}`",
                files::shown(directory)
            )];
            return Err(DatasetError::Archive { path: path.clone(), problems, help });
        }
        let missing: Vec<String> = expanded
            .iter()
            .filter(|file| !file.exists())
            .map(|file| format!("there is no file `{}`", files::shown(file)))
            .collect();
        if !missing.is_empty() {
            let (path, help) = (path.clone(), vec![]);
            return Err(DatasetError::Archive { path, problems: missing, help });
        }
        let base = pattern::base(path);
        let prefix = part.map_or(String::new(), |part| format!("{}/", part.name()));
        files.extend(expanded.into_iter().map(|file| {
            let name = files::text_below(file.strip_prefix(&base).unwrap_or(&file));
            File { name: format!("{prefix}{name}"), path: file, part }
        }));
    }
    Ok(files)
}

/// The samples of all shards, and what is wrong with some.
struct Found {
    candidates: Vec<Candidate>,
    labels: Gathered,
    groups: SharedNames,
    problems: Vec<String>,
}

impl Found {
    fn new(labels: Gathered) -> Self {
        let (candidates, groups, problems) = (vec![], SharedNames::default(), vec![]);
        Self { candidates, labels, groups, problems }
    }

    fn add(&mut self, file: &File, archive: &Arc<Archive>, samples: &Samples) {
        for (number, sample) in samples.iter().enumerate() {
            let Sample { name, label, split, group, weight } = sample;
            let path = format!("{}/{name}", file.name);
            let mut wrong = |what: String| self.problems.push(format!("{path}: {what}"));
            let part = match (file.part, layout::part_named(split)) {
                (Some(part), _) | (None, Some(part)) => Some(part),
                (None, None) if split.is_empty() => None,
                (None, None) => {
                    wrong(format!("`{split}` is not a set; write train, validation or test"));
                    continue;
                }
            };
            let label = label.filter(|label| !label.is_empty() || self.labels.may_be_empty());
            let label = label.ok_or_else(|| "it has no label".to_owned());
            let label = match label.and_then(|label| self.labels.add(label)) {
                Ok(label) => label,
                Err(what) => {
                    wrong(what);
                    continue;
                }
            };
            let group =
                (!group.is_empty()).then(|| self.groups.get(&names::text_of(group.as_ref())));
            let weight = match rows::weight(weight) {
                Ok(weight) => weight,
                Err(what) => {
                    self.problems.push(format!("{path}: {what}"));
                    continue;
                }
            };
            let origin = Origin::Member(Arc::clone(archive), number as u32);
            let new = Candidate::new(path, label, origin);
            self.candidates.push(Candidate { part, group, weight, is_named: true, ..new });
        }
    }
}
