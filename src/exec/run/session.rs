//! What a run is told besides its spec, and what it gives back.

use std::path::PathBuf;

use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::cache::records::Room;
use crate::dataset::pixels::PixelRoom;
use crate::exec::error::RunError;
use crate::exec::plan::store::StageStore;
use crate::run_dir::history::History;
use crate::run_dir::manifest::BestRecord;

/// What a run needs besides its spec.
pub struct Session {
    /// The folder that paths in the pipeline are relative to; absolute.
    pub pipeline_directory: PathBuf,
    /// How many threads compute.
    pub n_threads: usize,
    /// What may be kept, and where.
    pub caches: Caches,
    /// Ends the run after the step in progress, or the image that is read; what has begun can then
    /// be resumed.
    pub cancel: Cancel,
    /// Counts the images while they are read for the first time.
    pub reading: Tally,
}

/// The texts that a new run keeps.
pub struct Texts<'a> {
    /// The pipeline file as written.
    pub pipeline: &'a str,
    /// The resolved pipeline.
    pub resolved: &'a str,
}

/// What a run may keep so that it is not computed twice. Not part of any result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caches {
    /// The root of the cache directory, for the results of stages.
    pub stages: Option<PathBuf>,
    /// For the pixels of pictures.
    pub pixels: PixelRoom,
    /// For the features of a stage.
    pub features: Room,
}

/// A finished run.
pub struct RunReport {
    /// The run directory.
    pub directory: PathBuf,
    /// What was measured.
    pub history: History,
    /// Its best epoch.
    pub best: BestRecord,
    /// The class that most validation images have, and their share.
    pub guess: Option<(String, f64)>,
    /// What could not be done with the models once they had trained.
    pub failed: Vec<FailedTask>,
}

/// A task that failed.
#[derive(Debug)]
pub struct FailedTask {
    /// Its name.
    pub task: String,
    /// Why.
    pub error: RunError,
}

impl Caches {
    /// Little enough memory for any machine, and as much disk below `root` as a dataset of a hundred
    /// thousand small images takes. Features need less memory than pixels: they are read in one
    /// piece each, and cost a hundred times as much to make as to read.
    pub fn below(root: Option<PathBuf>) -> Self {
        const PIXELS: u64 = 256 << 20;
        const FEATURES: u64 = 32 << 20;
        const DISK: u64 = 8 << 30;
        Self {
            stages: root.clone(),
            pixels: PixelRoom { memory: PIXELS, disk: DISK, root: root.clone() },
            features: Room { memory: FEATURES, disk: DISK, folder: root },
        }
    }
}

impl Session {
    /// The results of stages that earlier runs left.
    pub(crate) fn store(&self) -> Option<StageStore> {
        self.caches.stages.as_deref().map(StageStore::new)
    }
}
