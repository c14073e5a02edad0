//! The outputs of the teacher of a stage for its training images, which are computed once.

use std::collections::{BTreeMap, BTreeSet};

use super::context::RunContext;
use super::session::Session;
use crate::base::digest::Digest;
use crate::cache::directory::{Bucket, CacheDirectory, Found};
use crate::dataset::pixels::PixelRoom;
use crate::exec::error::RunError;
use crate::exec::plan::program;
use crate::exec::prepare::teacher::{Teacher, ToTeach};
use crate::spec::StageSpec;
use crate::train::TrainError;
use crate::train::teacher::Teaching;

/// Number of images between looks at whether the run is canceled.
const AT_ONCE: usize = 256;

/// The most bytes that cached outputs take; the oldest are removed first.
const ROOM: u64 = 1 << 30;

/// The outputs of a teacher by the digest of the image.
type Outputs = BTreeMap<Digest, Vec<f32>>;

/// What the teacher of a stage predicts for the training images at some positions; `None` without a
/// teacher. `epoch` is the first one of the stage.
pub(super) fn of_stage(
    stage: &StageSpec,
    context: &RunContext,
    session: &Session,
    train: &[usize],
    epoch: usize,
) -> Result<Option<Teaching>, RunError> {
    let spec = stage.train().and_then(|train| train.teacher.as_ref());
    let teacher = context.teachers.get(&stage.name);
    let Some((spec, teacher)) = spec.zip(teacher) else { return Ok(None) };
    let dataset = context.dataset_of(stage);
    let (samples, classes) = (&dataset.samples, &dataset.classes);
    let shelf = Shelf::new(session, teacher, classes);
    let (ranks, peers) = (&session.ranks, session.ranks.peers());
    // Ranks look up different caches, and have to miss the same outputs.
    let mut known = decoded(&peers.broadcast(&shelf.read()), classes.len());
    let mut missing: BTreeMap<Digest, usize> =
        train.iter().map(|&position| (samples[position].digest, position)).collect();
    missing.retain(|digest, _| !known.contains_key(digest));
    let missing: Vec<usize> = missing.into_values().collect();
    let counting = session.tally.begin("predicting with the teacher", "images", missing.len());
    let room = PixelRoom { memory: 0, disk: 0, root: session.caches.pixels.root.clone() };
    for positions in missing.chunks(AT_ONCE) {
        if ranks.agreed().is_set() {
            shelf.write(&known);
            let stage = stage.name.clone();
            return Err(TrainError::Cancelled { stage, epoch }.into());
        }
        let own = &positions[peers.share(positions.len())];
        let images = ToTeach { dataset, positions: own, room: &room, n_threads: session.n_threads };
        let outputs =
            if own.is_empty() { Ok(vec![]) } else { teacher.outputs_for(classes, &images) };
        let outputs = peers.gather_numbers(&ranks.meet(outputs)?.concat());
        let outputs = outputs.chunks_exact(classes.len()).map(<[f32]>::to_vec);
        known.extend(positions.iter().map(|&position| samples[position].digest).zip(outputs));
        session.tally.add_many(positions.len());
    }
    drop(counting);
    if !missing.is_empty() {
        shelf.write(&known);
    }
    let mut outputs = vec![vec![]; samples.len()];
    for &position in train {
        outputs[position].clone_from(&known[&samples[position].digest]);
    }
    Ok(Some(Teaching::new(spec, outputs, context.dataset.samples.len())))
}

/// Where the outputs of a teacher are cached, on the first rank.
struct Shelf {
    directory: Option<CacheDirectory>,
    key: Digest,
}

impl Shelf {
    /// For outputs in the order of the `classes` of a dataset.
    fn new(session: &Session, teacher: &Teacher, classes: &[String]) -> Self {
        let root = session.caches.stages.as_deref().filter(|_| session.ranks.is_first());
        let key = Digest::of_written(|text| {
            write!(text, "{} {} {classes:?}", program::identity(), teacher.digest)
        });
        Self { directory: root.map(|root| CacheDirectory::new(root, Bucket::Teachers)), key }
    }

    /// The outputs that are cached, encoded. A damaged entry counts as none.
    fn read(&self) -> Vec<u8> {
        let Some(directory) = &self.directory else { return vec![] };
        let Found::Entry(bytes) = directory.find(self.key) else { return vec![] };
        directory.touch(self.key);
        bytes
    }

    /// Caches outputs. A directory that cannot be written is reported when the result of the stage is
    /// cached.
    fn write(&self, outputs: &Outputs) {
        let Some(directory) = &self.directory else { return };
        let bytes: Vec<u8> = outputs
            .iter()
            .flat_map(|(digest, outputs)| {
                let outputs = outputs.iter().flat_map(|output| output.to_le_bytes());
                digest.as_bytes().iter().copied().chain(outputs).collect::<Vec<u8>>()
            })
            .collect();
        if directory.write(self.key, &bytes).is_ok() {
            let _ = directory.shrink(ROOM, &BTreeSet::new());
        }
    }
}

/// Outputs as [`Shelf::write`] encodes them, `n` for each image.
fn decoded(bytes: &[u8], n: usize) -> Outputs {
    let records = bytes.chunks_exact(size_of::<Digest>() + n * size_of::<f32>());
    let record = |record: &[u8]| {
        let (digest, outputs) = record.split_first_chunk()?;
        let outputs = outputs.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        Some((Digest::of_digest_bytes(*digest), outputs.collect()))
    };
    records.filter_map(record).collect()
}
