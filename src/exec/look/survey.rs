//! Surveys the dataset of a pipeline without training on it.

use std::path::Path;

pub use crate::dataset::copies::MOST_PAIRS;
use crate::dataset::error::DatasetError;
use crate::dataset::scan;
use crate::dataset::survey;
pub use crate::dataset::survey::{Alike, ClassSurvey, Place, Sizes, Survey};
use crate::report;
use crate::spec::{DatasetSource, PipelineSpec};

/// Surveys the dataset. `begin` is called with the number of files, and returns a function that is
/// called after each.
///
/// # Errors
/// When the dataset cannot be listed or contains no images.
pub fn look<T: Fn() + Sync>(
    spec: &PipelineSpec,
    begin: impl FnOnce(usize) -> T,
) -> Result<Survey, DatasetError> {
    let listing = scan::list(&spec.dataset)?;
    let tell = begin(listing.candidates.len());
    survey::survey(listing, &spec.dataset.split, spec.dataset.image_size, &tell)
}

/// Renders a survey as an HTML page.
pub fn page(title: &str, survey: &Survey, spec: &PipelineSpec) -> String {
    let folder: Option<&Path> = match &spec.dataset.source {
        DatasetSource::Directory(directory) => Some(&directory.path),
        DatasetSource::Generator(_) => None,
    };
    report::survey::render(title, survey, folder)
}
