//! Shows what the augmentation of a pipeline makes of its images.

use std::path::Path;

use alpaca_random::SeedStream;

use crate::dataset::augment::Augmenter;
use crate::dataset::resize::Resizer;
use crate::dataset::scan::{self, Candidate};
use crate::dataset::{decode, thumbnail};
use crate::exec::error::RunError;
use crate::run_dir::html;
use crate::run_dir::plot::sheet::{self, Tile};
use crate::spec::{AugmentationSpec, PipelineSpec};

/// The most images on a sheet.
const MOST_IMAGES: usize = 3;

/// Images in a row of the sheet.
const IN_A_ROW: u64 = 6;

/// Draws a sheet, as SVG: some images with versions that the changes of each stage make of them, and
/// one image with versions that each change alone makes. `None` if no stage changes images, or if
/// no image can be read.
///
/// # Errors
/// When the dataset cannot be listed.
pub fn sheet(spec: &PipelineSpec, cache: Option<&Path>) -> Result<Option<String>, RunError> {
    let mut lists: Vec<(&str, &[AugmentationSpec])> = vec![];
    for stage in &spec.stages {
        let (changes, _) = spec.augmentation_of(stage);
        if !changes.is_empty() && lists.iter().all(|(_, others)| *others != changes) {
            lists.push((&stage.name, changes));
        }
    }
    let listing = scan::list(&spec.dataset, cache)?;
    let stream = SeedStream::new(spec.seed).child("sheet");
    let mut candidates: Vec<&Candidate> = listing.candidates.iter().collect();
    candidates.sort_by_cached_key(|candidate| stream.child(&candidate.path).sort_key());
    let images = candidates.into_iter().filter_map(|candidate| {
        let pixels = pixels(candidate, spec)?;
        Some(Image { path: &candidate.path, pixels, spec, stream: stream.child(&candidate.path) })
    });
    let images: Vec<Image<'_>> = images.take(MOST_IMAGES).collect();
    let mut tiles = vec![];
    for &(stage, changes) in &lists {
        let stage = if lists.len() > 1 { stage } else { "" };
        for image in &images {
            tiles.push(image.tile(&image.pixels, ["original", ""]));
            tiles.extend(image.versions(changes, ["augmented", stage]).skip(1));
        }
        if let (Some(image), true) = (images.first(), changes.len() > 1) {
            let alone = |change| image.versions(std::slice::from_ref(change), [change.name(), ""]);
            tiles.extend(changes.iter().flat_map(alone));
        }
    }
    let summary = "some images as training sees them, then one with each change alone";
    Ok((!tiles.is_empty()).then(|| sheet::render("Augmentation", summary, &tiles)))
}

/// The pixels of an image at the size of the pipeline, if it can be read.
fn pixels(candidate: &Candidate, spec: &PipelineSpec) -> Option<Vec<u8>> {
    if let Some((generator, number)) = candidate.drawn() {
        return Some(generator.draw(candidate.label, number));
    }
    let image = decode::decode(&candidate.read().ok()?, spec.dataset.alpha).ok()?;
    Some(Resizer::of(spec.dataset.pixels()).resize(&image))
}

struct Image<'a> {
    path: &'a str,
    pixels: Vec<u8>,
    spec: &'a PipelineSpec,
    stream: SeedStream,
}

impl Image<'_> {
    /// A row of versions that `changes` make.
    fn versions(
        &self,
        changes: &[AugmentationSpec],
        lines: [&str; 2],
    ) -> impl Iterator<Item = Tile> {
        let mut augmenter = Augmenter::new(changes, self.spec.dataset.image_size);
        let mut values = vec![];
        (0..IN_A_ROW).map(move |version| {
            augmenter.apply(&self.pixels, &mut values, self.stream.at(version));
            // Whole numbers from 0 to 255.
            let pixels: Vec<u8> = values.iter().map(|&value| (value + 0.5) as u8).collect();
            self.tile(&pixels, lines)
        })
    }

    fn tile(&self, pixels: &[u8], lines: [&str; 2]) -> Tile {
        Tile {
            data: html::jpeg(&thumbnail::encode(pixels, self.spec.dataset.image_size)),
            lines: lines.map(str::to_owned),
            title: self.path.to_owned(),
        }
    }
}
