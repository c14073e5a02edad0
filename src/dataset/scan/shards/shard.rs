//! Reads one shard: its samples, with their labels.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::table::{Columns, text_of_json};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::stamp::Stamp;
use crate::cache::directory::{Bucket, CacheDirectory, Found};
use crate::dataset::archive::{self, Archive, Opened};
use crate::dataset::decode;
use crate::dataset::error::DatasetError;
use crate::spec::{ColumnsSpec, TargetSpec};

/// Version of the rules by which a shard is read.
const RULES: u32 = 3;
/// The field with the content of a `.cls` file.
const CLASS: &str = "cls";
/// Largest `.cls` or `.json` file that is read, in bytes.
const MOST_BYTES: usize = 16 << 20;

/// A sample of a shard that has an image.
pub(super) struct Sample<'a> {
    /// Name of the image in the shard.
    pub(super) name: &'a str,
    /// Label, if there is one. It may be empty.
    pub(super) label: Option<&'a str>,
    /// Part of the split; empty if it is not given.
    pub(super) split: &'a str,
    /// Group; empty if it has none.
    pub(super) group: &'a str,
    /// Weight in training; empty if it is 1.
    pub(super) weight: &'a str,
}

/// The samples of a shard, in few blocks of memory.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Samples {
    /// The names, each of which ends with a line feed.
    names: String,
    labels: Column,
    splits: Column,
    groups: Column,
    weights: Column,
}

/// Values of which many are the same.
#[derive(Default, Serialize, Deserialize)]
struct Column {
    values: Vec<Option<String>>,
    /// Which of them each sample has.
    of: Vec<u32>,
}

impl Column {
    /// Adds the value of a sample. `places` are those of the values.
    fn push(&mut self, value: Option<&str>, places: &mut BTreeMap<Option<String>, u32>) {
        let value = value.map(str::to_owned);
        let place = *places.entry(value.clone()).or_insert_with(|| {
            self.values.push(value);
            self.values.len() as u32 - 1
        });
        self.of.push(place);
    }

    fn get(&self, sample: usize) -> Option<&str> {
        self.values.get(*self.of.get(sample)? as usize)?.as_deref()
    }
}

impl Samples {
    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        self.labels.of.len()
    }

    /// The samples in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Sample<'_>> {
        self.names.lines().enumerate().map(|(number, name)| Sample {
            name,
            label: self.labels.get(number),
            split: self.splits.get(number).unwrap_or_default(),
            group: self.groups.get(number).unwrap_or_default(),
            weight: self.weights.get(number).unwrap_or_default(),
        })
    }
}

/// A shard.
pub(super) struct Shard {
    /// Its images, in the order of the samples.
    pub(super) archive: Archive,
    pub(super) samples: Samples,
    /// Name of the field with the label.
    pub(super) label: Option<String>,
    /// Name of the field with the part of the split.
    pub(super) split: Option<String>,
    /// What is wrong with samples.
    pub(super) problems: Vec<String>,
}

/// What is kept of a shard in the cache.
#[derive(Serialize, Deserialize)]
struct Record {
    samples: Samples,
    /// Position and size of each image.
    places: Vec<(u64, u64)>,
    label: Option<String>,
    split: Option<String>,
    problems: Vec<String>,
}

/// Reads a shard, or what the cache has of it.
///
/// # Errors
/// When it cannot be read, or has no field for the label.
pub(super) fn read(
    path: &Path,
    columns: &ColumnsSpec,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<Shard, DatasetError> {
    let stamp = Stamp::of(path)?;
    let directory = cache.map(|root| CacheDirectory::new(root, Bucket::Archives));
    let kept = directory.as_ref().zip(stamp).map(|(directory, stamp)| {
        let rules = format!("shard {RULES} {target:?} {columns:?}");
        (directory, Digest::of_parts(&[rules.as_bytes(), &stamp.to_bytes()]))
    });
    if let Some((directory, key)) = kept
        && let Found::Entry(bytes) = directory.find(key)
        && let Ok(record) = serde_json::from_slice::<Record>(&bytes)
    {
        let file = fs::open(path)?;
        let Record { samples, places, label, split, problems } = record;
        let archive = Archive::of_plain(path, file, stamp, places);
        return Ok(Shard { archive, samples, label, split, problems });
    }
    let opened = archive::open(path, cache)?;
    if !opened.is_tar {
        let problems = vec!["it is a zip archive; shards are tar archives".to_owned()];
        let help = vec!["for a zip archive of class directories, write `archive: FILE`".to_owned()];
        return Err(DatasetError::Archive { path: fs::normalise(path), problems, help });
    }
    let record = samples(path, &opened, columns, target)?;
    if let Some((directory, key)) = kept.filter(|_| !opened.is_unpacked) {
        // Without it the shard is read again.
        let bytes = serde_json::to_vec(&record).expect("a record is plain data");
        let _ = directory.write(key, &bytes);
    }
    let Record { samples, places, label, split, problems } = record;
    Ok(Shard { archive: opened.archive.only(places), samples, label, split, problems })
}

/// The fields of a sample by their names: the content of its `.cls` file, and the values of its
/// `.json` file.
type Fields = BTreeMap<String, String>;

/// A sample as its files are read.
#[derive(Default)]
struct Draft {
    image: Option<(String, u32)>,
    fields: Fields,
}

fn samples(
    path: &Path,
    opened: &Opened,
    columns: &ColumnsSpec,
    target: TargetSpec,
) -> Result<Record, DatasetError> {
    let repeated = opened.repeated.iter().map(|name| format!("`{name}` occurs more than once"));
    let mut problems: Vec<String> = repeated.collect();
    let drafts = drafts(opened, &mut problems);
    let mut names: Vec<String> = vec![];
    for name in drafts.iter().flat_map(|(_, draft)| draft.fields.keys()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if names.is_empty() && drafts.iter().any(|(key, _)| key.contains('/')) {
        let problems = vec!["no sample has a label".to_owned()];
        let help = vec![
            "for an archive of class directories, write `archive: FILE` in place of `shards`"
                .to_owned(),
        ];
        return Err(DatasetError::Archive { path: fs::normalise(path), problems, help });
    }
    let columns = if drafts.is_empty() {
        Columns::default()
    } else {
        Columns::of_fields(&names, columns, target).map_err(|(problems, help)| {
            DatasetError::Archive { path: fs::normalise(path), problems, help }
        })?
    };
    let mut record = Record {
        samples: Samples::default(),
        places: vec![],
        label: (!drafts.is_empty()).then(|| columns.label_name.clone()),
        split: columns.split_name.clone(),
        problems,
    };
    let mut places = [(); 4].map(|()| BTreeMap::new());
    for (key, Draft { image, fields }) in drafts {
        let Some((name, number)) = image else {
            record.problems.push(format!("`{key}` has no image"));
            continue;
        };
        let cells: Vec<&str> = columns
            .picked
            .iter()
            .map(|&at| fields.get(&names[at]).map_or("", String::as_str))
            .collect();
        let samples = &mut record.samples;
        samples.names.push_str(&name);
        samples.names.push('\n');
        let label = fields.get(&names[columns.label_column()]);
        let group = columns.group(&cells);
        let [labels, splits, groups, weights] = &mut places;
        samples.labels.push(label.map(String::as_str), labels);
        samples.splits.push(Some(columns.split(&cells)), splits);
        samples.groups.push(group, groups);
        samples.weights.push(Some(columns.weight(&cells)), weights);
        record.places.push(opened.archive.place(number));
    }
    Ok(record)
}

/// The samples of a shard by their keys, in the order of their first files. What is wrong is added
/// to `problems`.
fn drafts(opened: &Opened, problems: &mut Vec<String>) -> Vec<(String, Draft)> {
    let mut drafts: Vec<(String, Draft)> = vec![];
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (name, number) in &opened.names {
        let Some((key, extension)) = split_name(name) else { continue };
        let Some(number) = *number else { continue };
        let at = *known.entry(key.to_owned()).or_insert_with(|| {
            drafts.push((key.to_owned(), Draft::default()));
            drafts.len() - 1
        });
        let draft = &mut drafts[at].1;
        match extension {
            "cls" => match text(opened, number) {
                Ok(label) => drop(draft.fields.insert(CLASS.to_owned(), label.trim().to_owned())),
                Err(why) => problems.push(format!("`{name}` {why}")),
            },
            "json" => match text(opened, number).and_then(|text| values(&text)) {
                Ok(values) => draft.fields.extend(values),
                Err(why) => problems.push(format!("`{name}` {why}")),
            },
            // Masks and depth maps have longer extensions: `000017.seg.png`.
            _ if !extension.contains('.') && decode::has_image_name(name) => {
                if draft.image.is_some() {
                    problems.push(format!("`{key}` has more than one image"));
                } else {
                    draft.image = Some((name.clone(), number));
                }
            }
            _ => {}
        }
    }
    drafts
}

/// The key of a sample and the extension of a file of it: what precedes and what follows the first
/// dot of the file's name. `None` for hidden files.
fn split_name(name: &str) -> Option<(&str, &str)> {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = start + name[start..].find('.')?;
    (dot > start).then(|| (&name[..dot], &name[dot + 1..]))
}

fn text(opened: &Opened, number: u32) -> Result<String, String> {
    let bytes = opened.archive.start(number, MOST_BYTES).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// The values of a JSON object as text.
fn values(text: &str) -> Result<Fields, String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| format!("is not a JSON object: {error}"))?;
    Ok(object.into_iter().map(|(key, value)| (key, text_of_json(value))).collect())
}
