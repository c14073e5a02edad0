//! The images of a dataset as they were read, with their pixels.

use std::sync::Arc;

use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::dataset::copies;
use crate::dataset::examine::{self, Dataset};
use crate::dataset::known::KnownImages;
use crate::dataset::pixels::{PixelRoom, Pixels};
use crate::dataset::scan::Listing;
use crate::dataset::thumbnail;
use crate::exec::error::RunError;
use crate::exec::prepare::computed::ComputedFeatures;
use crate::spec::{DatasetSpec, PipelineSpec};

/// Images that have been read.
#[derive(Clone)]
pub struct ImagesRead {
    dataset: Arc<Dataset>,
    pixels: Arc<Pixels>,
}

impl ImagesRead {
    /// Reads the images of a listing. Decoded images that are in memory since `before` are used. Images
    /// whose features were computed need not be decoded.
    pub(crate) fn examine(
        spec: &PipelineSpec,
        mut listing: Listing,
        (room, computed): (&PixelRoom, Option<&ComputedFeatures>),
        before: Option<&Self>,
        tally: &Tally,
        cancel: &Cancel,
    ) -> Result<Self, RunError> {
        let DatasetSpec { on_bad_image, duplicates, ref source, .. } = spec.dataset;
        let rules = spec.dataset.pixels();
        let pixels = match before {
            Some(before) if before.pixels.spec() == rules => Arc::clone(&before.pixels),
            _ => Arc::new(Pixels::new(rules, room.clone())),
        };
        let unlabeled = std::mem::take(&mut listing.unlabeled);
        let by_content = || computed.and_then(|computed| computed.likenesses(rules));
        let known = KnownImages::of(source, room.root.as_deref()).with_content(by_content());
        let mut dataset = examine::examine(listing, on_bad_image, &pixels, &known, tally, cancel)?;
        if spec.dataset.unites_copies() {
            copies::unite(&mut dataset);
        }
        copies::settle(&mut dataset, duplicates)?;
        let known = KnownImages::of_unlabeled(&spec.dataset.unlabeled, room.root.as_deref());
        let known = known.with_content(by_content());
        let reading = (&known, tally);
        examine::add_unlabeled(&mut dataset, unlabeled, on_bad_image, &pixels, reading, cancel)?;
        Ok(Self { dataset: Arc::new(dataset), pixels })
    }

    /// The image at a path as a JPEG file that fits into a square of `side` pixels. `None` if it is
    /// drawn, or not among the images.
    pub fn thumbnail(&self, path: &str, side: u32) -> Option<Vec<u8>> {
        let samples = &self.dataset.samples;
        let found = samples.binary_search_by(|sample| (*sample.candidate.path).cmp(path));
        let content = samples[found.ok()?].candidate.read().ok()?;
        thumbnail::thumbnail(&content, side, self.pixels.spec().alpha)
    }

    pub(crate) fn dataset_and_pixels(&self) -> (Arc<Dataset>, Arc<Pixels>) {
        (Arc::clone(&self.dataset), Arc::clone(&self.pixels))
    }
}
