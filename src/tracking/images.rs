//! The images of a run, as long as they are those that the run used.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::names;
use crate::dataset::thumbnail::Thumbnails;
use crate::pipeline::load::{self, PipelineInput};
use crate::run_dir::{layout, read, verify};

/// The dataset of a run as it is now, and the digests of its images when the run used them.
#[derive(Debug)]
pub struct RunImages {
    thumbnails: Thumbnails,
    digests: BTreeMap<String, String>,
}

impl RunImages {
    /// The images of a finished run; `None` if their place is not known any more. What archives contain is
    /// looked up in the cache at `cache`.
    pub fn of(directory: &Path, cache: Option<&Path>) -> Option<Self> {
        let manifest = verify::read_manifest(directory).ok()?;
        read::check(&directory.join(layout::RESOLVED)).ok()?;
        let input = PipelineInput {
            file: directory.join(layout::RESOLVED),
            folder: names::path_of(&manifest.volatile.pipeline_directory),
            overrides: vec![],
            current_dir: PathBuf::new(),
        };
        let spec = load::load(&input).ok()?.spec.dataset;
        let splits = read::table(&directory.join(layout::SPLITS)).ok()?;
        let (path, digest) = splits.column("path").zip(splits.column("digest"))?;
        let rows = splits.rows.into_iter();
        let digests = rows.map(|mut row| {
            let digest = std::mem::take(&mut row[digest]);
            (std::mem::take(&mut row[path]), digest)
        });
        Some(Self { thumbnails: Thumbnails::of(&spec, cache), digests: digests.collect() })
    }

    /// An image by its path in tables, as a JPEG file that fits into a square of `side` pixels. `None` if it
    /// is not there, or is not the one that the run used.
    pub fn find(&self, path: &str, side: u32) -> Option<Vec<u8>> {
        self.thumbnails.find_same(path, self.digests.get(path)?, side)
    }
}
