//! Surveys the dataset of a pipeline without training on it.

use std::path::Path;

use rayon::prelude::*;

use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
pub use crate::dataset::copies::MOST_PAIRS;
use crate::dataset::error::DatasetError;
use crate::dataset::known::KnownImages;
use crate::dataset::pixels::PixelRoom;
use crate::dataset::scan;
use crate::dataset::split;
use crate::dataset::survey;
pub use crate::dataset::survey::{
    Alike, ClassSurvey, NumberSurvey, Place, SeveralSurvey, Sizes, Survey,
};
use crate::dataset::thumbnail::Thumbnails;
use crate::exec::error::RunError;
use crate::exec::prepare::images_read::ImagesRead;
use crate::report;
use crate::run_dir::suspects::Suspects;
use crate::spec::{DatasetSpec, PipelineSpec};

/// Surveys the dataset, and counts its files. What is found is kept in the cache at `cache`, so that
/// unchanged files are not read again.
///
/// # Errors
/// When the dataset cannot be listed or contains no images.
pub fn look(
    spec: &PipelineSpec,
    cache: Option<&Path>,
    tally: &Tally,
) -> Result<Survey, DatasetError> {
    let listing = scan::list(&spec.dataset, cache)?;
    let known = KnownImages::of(&spec.dataset.source, cache);
    let DatasetSpec { split, .. } = &spec.dataset;
    let unites_copies = spec.dataset.unites_copies();
    let unlabeled = scan::list_unlabeled(&spec.dataset.unlabeled)?;
    let pixels = spec.dataset.pixels();
    let found = survey::survey(listing, split, pixels, unites_copies, &known, tally)?;
    let n_unlabeled = unlabeled.par_iter().filter(|candidate| candidate.is_image()).count();
    Ok(Survey { n_unlabeled: (n_unlabeled > 0).then_some(n_unlabeled), ..found })
}

/// Reads and divides the dataset as a run does, without training.
///
/// # Errors
/// When a run would refuse the dataset.
pub fn try_split(spec: &PipelineSpec, cache: Option<&Path>, tally: &Tally) -> Result<(), RunError> {
    let listing = scan::list(&spec.dataset, cache)?;
    let room = PixelRoom { memory: 0, disk: 0, root: cache.map(Path::to_path_buf) };
    let cancel = Cancel::new();
    let read = ImagesRead::examine(spec, listing, (&room, None), None, tally, &cancel)?;
    let (dataset, _) = read.dataset_and_pixels();
    split::split(&dataset, &spec.dataset.split, spec.dataset.duplicates)?;
    Ok(())
}

/// Renders a survey as an HTML page.
pub fn page(
    title: &str,
    survey: &Survey,
    suspects: Option<&Suspects>,
    spec: &PipelineSpec,
    cache: Option<&Path>,
) -> String {
    report::survey::render(title, survey, suspects, &Thumbnails::of(&spec.dataset, cache))
}
