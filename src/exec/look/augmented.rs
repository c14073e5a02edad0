//! Shows what the augmentation of a pipeline makes of its images.

use std::path::Path;

use alpaca_random::SeedStream;

use crate::base::tensor::Tensor;
use crate::dataset::augment::Augmenter;
use crate::dataset::augment::mixing::Mixture;
use crate::dataset::resize::Resizer;
use crate::dataset::scan::{self, Candidate};
use crate::dataset::{decode, thumbnail};
use crate::exec::error::RunError;
use crate::run_dir::html;
use crate::run_dir::plot::sheet::{self, Tile};
use crate::spec::{AugmentationSpec, MixingSpec, PipelineSpec, StageSpec};

/// The most images on a sheet.
const MOST_IMAGES: usize = 3;

/// Images in a row of the sheet.
const IN_A_ROW: u64 = 6;

/// Draws a sheet, as SVG: some images with versions that the changes of each stage make of them, one
/// image with versions that each change alone makes, and mixtures of images. `None` if no stage changes
/// or mixes images, or if no image can be read.
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
    let mut mixings: Vec<(&StageSpec, MixingSpec)> = vec![];
    for stage in &spec.stages {
        let mixing = stage.train().and_then(|train| train.mixing);
        let is_new = |mixing: &MixingSpec| mixings.iter().all(|(_, other)| other != mixing);
        mixings.extend(mixing.filter(is_new).map(|mixing| (stage, mixing)));
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
    for &(stage, mixing) in &mixings {
        let changes = spec.augmentation_of(stage).0;
        let name = if mixings.len() > 1 { &stage.name } else { "mixed" };
        tiles.extend(mixed(&images, changes, mixing, name));
    }
    let summary = if mixings.is_empty() {
        "some images as training sees them, then one with each change alone"
    } else {
        "some images as training sees them, one with each change alone, and mixtures of images"
    };
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

/// Two rows of mixtures of images, as the stage would make them of a batch that it mixes.
fn mixed(
    images: &[Image<'_>],
    changes: &[AugmentationSpec],
    mixing: MixingSpec,
    name: &str,
) -> Vec<Tile> {
    let [first, _, ..] = images else { return vec![] };
    let size = first.spec.dataset.image_size;
    let always = MixingSpec { probability: 1.0, ..mixing };
    let n_batches = (2 * IN_A_ROW).div_ceil(images.len() as u64);
    let tiles = (0..n_batches).flat_map(|version| {
        let stream = first.stream.child("mixing").at(version);
        let mut values = vec![];
        for image in images {
            let mut one = vec![];
            let mut augmenter = Augmenter::new(changes, size);
            augmenter.apply(&image.pixels, &mut one, image.stream.at(version));
            values.extend(one);
        }
        let mut batch = Tensor::new(&[images.len(), size.height, size.width, 3], values);
        let mixture = Mixture::draw(&always, size, stream);
        let share = mixture.as_ref().map_or(1.0, |mixture| mixture.share);
        mixture.iter().for_each(|mixture| mixture.apply(&mut batch));
        let len = batch.values().len() / images.len();
        let rows: Vec<Vec<f32>> = batch.values().chunks_exact(len).map(<[f32]>::to_vec).collect();
        let caption = format!("{:.0} % its own", 100.0 * share);
        images
            .iter()
            .zip(rows)
            .map(move |(image, values)| image.tile(&bytes(&values), [name, &caption]))
    });
    tiles.take(2 * IN_A_ROW as usize).collect()
}

/// Whole numbers from 0 to 255 of pixels.
fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|&value| (value + 0.5) as u8).collect()
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
            self.tile(&bytes(&values), lines)
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
