//! The images of a dataset as they were read, and whether their files are unchanged.

use std::sync::Arc;
use std::time::SystemTime;

use crate::base::cancel::Cancel;
use crate::base::fs;
use crate::base::tally::Tally;
use crate::dataset::copies;
use crate::dataset::examine::{self, Dataset};
use crate::dataset::labels::Labels;
use crate::dataset::pixels::{PixelRoom, Pixels};
use crate::dataset::scan::{Candidate, Listing, Origin};
use crate::dataset::thumbnail;
use crate::exec::error::RunError;
use crate::spec::{DatasetSpec, Duplicates, OnBadImage, PipelineSpec, PixelSpec};

/// Images that have been read.
#[derive(Clone)]
pub struct ImagesRead {
    /// The settings that determine how they are read.
    rules: (PixelSpec, OnBadImage, Duplicates),
    /// The labels as listed.
    labels: Labels,
    /// The images as listed; for a file, with its size and modification time.
    candidates: Vec<(Candidate, Option<(u64, SystemTime)>)>,
    dataset: Arc<Dataset>,
    pixels: Arc<Pixels>,
}

impl ImagesRead {
    /// Reads the images of a listing, unless they are unchanged since `known`.
    pub(crate) fn examine(
        spec: &PipelineSpec,
        listing: &Listing,
        room: &PixelRoom,
        known: Option<&Self>,
        tally: &Tally,
        cancel: &Cancel,
    ) -> Result<Self, RunError> {
        let DatasetSpec { on_bad_image, duplicates, .. } = spec.dataset;
        let rules = (spec.dataset.pixels(), on_bad_image, duplicates);
        let candidates = listing.candidates.iter().map(|candidate| {
            let found = match &candidate.origin {
                Origin::File(file) => fs::size_and_time(file).ok(),
                Origin::Drawn { .. } => None,
            };
            (candidate.clone(), found)
        });
        let candidates = candidates.collect();
        if let Some(known) = known
            && known.rules == rules
            && known.candidates == candidates
            && known.dataset.classes == listing.classes
            && known.labels == listing.labels
        {
            return Ok(known.clone());
        }
        let pixels = Arc::new(Pixels::new(spec.dataset.pixels(), room.clone()));
        let mut dataset = examine::examine(listing.clone(), on_bad_image, &pixels, tally, cancel)?;
        if spec.dataset.unites_copies() {
            copies::unite(&mut dataset);
        }
        copies::settle(&mut dataset, duplicates)?;
        let labels = listing.labels.clone();
        Ok(Self { rules, labels, candidates, dataset: Arc::new(dataset), pixels })
    }

    /// The image at a path as a JPEG file that fits into a square of `side` pixels. `None` if it is
    /// drawn, or not among the images.
    pub fn thumbnail(&self, path: &str, side: u32) -> Option<Vec<u8>> {
        let samples = &self.dataset.samples;
        let found = samples.binary_search_by(|sample| sample.candidate.path.as_str().cmp(path));
        match &samples[found.ok()?].candidate.origin {
            Origin::File(file) => thumbnail::thumbnail(file, side, self.rules.0.alpha),
            Origin::Drawn { .. } => None,
        }
    }

    pub(crate) fn dataset_and_pixels(&self) -> (Arc<Dataset>, Arc<Pixels>) {
        (Arc::clone(&self.dataset), Arc::clone(&self.pixels))
    }
}
