//! The options of a run besides its spec, and its result.

use std::path::PathBuf;
use std::sync::Arc;

use super::ranks::Ranks;
use crate::base::cancel::Cancel;
use crate::base::digest::Digest;
use crate::base::tally::Tally;
use crate::cache::pool::Pool;
use crate::cache::records::Room;
use crate::cache::shared::SharedStore;
use crate::dataset::pixels::PixelRoom;
use crate::exec::error::RunError;
use crate::exec::plan::store::StageStore;
use crate::exec::prepare::computed::ComputedFeatures;
use crate::run_dir::history::History;
use crate::run_dir::manifest::BestRecord;

/// Everything that a run needs besides its spec.
pub struct Session {
    /// The absolute directory that paths in the pipeline are relative to.
    pub pipeline_directory: PathBuf,
    /// Number of threads.
    pub n_threads: usize,
    /// The caches that may be used.
    pub caches: Caches,
    /// The features of earlier stages of this process.
    pub features: Pool,
    /// Stops the run after the current step, or the current image while reading; the run can then
    /// be resumed.
    pub cancel: Cancel,
    /// The processes that do runs together with this one.
    pub ranks: Ranks,
    /// Whether runs look for hints on what would have been better. It takes a moment for each stage that
    /// trains a head alone, and does not affect results.
    pub hints: bool,
    /// Counts what takes a while: reading images for the first time, predicting, comparing an
    /// exported file.
    pub tally: Tally,
}

/// The texts that a new run stores.
pub struct Texts<'a> {
    /// The pipeline file as written.
    pub pipeline: &'a str,
    /// The resolved pipeline.
    pub resolved: &'a str,
}

/// The caches of a run. They do not affect results.
#[derive(Clone, Debug)]
pub struct Caches {
    /// The root of the cache directory, for the results of stages.
    pub stages: Option<PathBuf>,
    /// The cache of the results of stages that other machines share.
    pub shared: Option<Arc<dyn SharedStore>>,
    /// Features that were computed before, for any stage that has the same.
    pub computed: Option<Arc<ComputedFeatures>>,
    /// The cache of decoded images.
    pub pixels: PixelRoom,
    /// The cache of the features of a stage.
    pub features: Room,
}

/// A finished run.
pub struct RunReport {
    /// The run directory.
    pub directory: PathBuf,
    /// Metrics of its stages.
    pub history: History,
    /// Its best epoch.
    pub best: BestRecord,
    /// The score of a constant guess on the validation set, as a sentence.
    pub guess: Option<String>,
    /// A sentence on the probabilities of the best weights, if they are not calibrated to the
    /// frequencies of the classes.
    pub about_probabilities: Option<String>,
    /// What would probably have been better.
    pub hints: Vec<String>,
    /// Tasks that failed after training.
    pub failed: Vec<FailedTask>,
}

/// A task that failed.
#[derive(Debug)]
pub struct FailedTask {
    /// Name of the task.
    pub task: String,
    /// The cause.
    pub error: RunError,
}

impl Caches {
    /// Creates caches that need little memory on any machine, and enough disk below `root` for a
    /// dataset of a hundred thousand small images. Features need less memory than pixels: each is
    /// read as one block, and computing it costs a hundred times as much as reading it.
    pub fn below(root: Option<PathBuf>) -> Self {
        const PIXELS: u64 = 256 << 20;
        const FEATURES: u64 = 32 << 20;
        const DISK: u64 = 8 << 30;
        Self {
            stages: root.clone(),
            shared: None,
            computed: None,
            pixels: PixelRoom { memory: PIXELS, disk: DISK, root: root.clone() },
            features: Room { memory: FEATURES, disk: DISK, folder: root },
        }
    }
}

impl Session {
    /// Whether the result of a stage is cached.
    pub fn has_result(&self, key: Digest) -> bool {
        self.store().is_some_and(|store| store.has(key))
    }

    /// The cached stage results of earlier runs. Only the first rank uses them.
    pub(crate) fn store(&self) -> Option<StageStore> {
        let stages = self.caches.stages.as_deref().filter(|_| self.ranks.is_first());
        stages.map(|root| StageStore::new(root, self.caches.shared.clone()))
    }
}
