//! The output for one shard, and a record of what it was made of.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::cluster::work::{ShardFile, ShardFormat, ShardModel};
use crate::exec::plan::program;
use crate::exec::prepare::computed;

/// The directory of the outputs for each shard.
pub(super) const FOLDER: &str = computed::PLACE.0;

/// What the output for a shard was made of.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Record {
    /// The name of the shard.
    pub(super) name: String,
    /// The digest of everything but the shard: program, model and options.
    pub(super) job: Digest,
    /// The digest of the shard.
    pub(super) shard: Digest,
    /// Size of the shard in bytes.
    bytes: u64,
    /// When the shard last changed, in nanoseconds since 1970.
    modified: u128,
    /// The digest of the output.
    pub(super) output: Digest,
    /// Number of images in the output.
    pub(super) n_images: usize,
    /// Number of files that are not readable images.
    pub(super) n_bad: usize,
    /// Number of images that the model was trained on.
    pub(super) n_trained_on: usize,
}

/// How many images there are in an output.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) images: usize,
    pub(super) bad: usize,
    pub(super) trained_on: usize,
}

impl Record {
    /// The record of a shard if its output was made by the same model of the same shard.
    pub(super) fn found(home: &Path, model: &ShardModel, shard: &ShardFile) -> Option<Self> {
        let text = fs::read_text(&path(home, shard, "json")).ok()?;
        let record: Self = serde_json::from_str(&text).ok()?;
        let is_same = record.job == job(model)
            && (record.bytes, record.modified) == (shard.bytes, shard.modified)
            && Digest::of_file(&output(home, model, shard))
                .is_ok_and(|digest| digest == record.output);
        is_same.then_some(record)
    }

    /// Writes the output for a shard, and its record last.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn write(
        home: &Path,
        model: &ShardModel,
        (shard, digest): (&ShardFile, Digest),
        content: &[u8],
        counts: Counts,
    ) -> Result<(), FileError> {
        let record = Self {
            name: shard.name.clone(),
            job: job(model),
            shard: digest,
            bytes: shard.bytes,
            modified: shard.modified,
            output: Digest::of(content),
            n_images: counts.images,
            n_bad: counts.bad,
            n_trained_on: counts.trained_on,
        };
        let text = serde_json::to_string_pretty(&record).expect("a record is plain data");
        for (path, bytes) in
            [(output(home, model, shard), content), (path(home, shard, "json"), text.as_bytes())]
        {
            fs::create_dir_all(path.parent().unwrap_or(home))?;
            // Two processes may write the same shard at once.
            let temporary = fs::with_ending(&path, &format!("{}.partial", fs::unique()));
            fs::write_renamed(&temporary, &path, |file| {
                file.write_all(bytes).and_then(|()| file.sync_all())
            })?;
        }
        Ok(())
    }
}

/// Number of shards with a record that are not among `shards`.
pub(super) fn n_others(home: &Path, shards: &[ShardFile]) -> Result<usize, FileError> {
    let own: BTreeSet<PathBuf> = shards.iter().map(|shard| path(home, shard, "json")).collect();
    let found = fs::files_below(&home.join(FOLDER))?;
    let records = found.iter().filter(|file| file.extension().is_some_and(|end| end == "json"));
    Ok(records.filter(|file| !own.contains(*file)).count())
}

/// The output for a shard.
pub(super) fn output(home: &Path, model: &ShardModel, shard: &ShardFile) -> PathBuf {
    let ending = match model.format {
        ShardFormat::Csv => "csv",
        ShardFormat::Parquet => "parquet",
        ShardFormat::Features => computed::PLACE.1,
    };
    path(home, shard, ending)
}

fn path(home: &Path, shard: &ShardFile, ending: &str) -> PathBuf {
    home.join(FOLDER).join(format!("{}.{ending}", shard.name))
}

/// The digest of everything but the shard that decides an output.
pub(super) fn job(model: &ShardModel) -> Digest {
    let ShardModel { work, format, digest, skip_bad, model: _ } = model;
    Digest::of(json!([program::identity(), work, format, digest, skip_bad]).to_string().as_bytes())
}
