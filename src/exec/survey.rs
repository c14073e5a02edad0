//! Looks at the dataset of a pipeline before anything trains on it.

use std::path::Path;

use crate::dataset::error::DatasetError;
use crate::dataset::scan;
use crate::dataset::survey;
pub use crate::dataset::survey::{Alike, ClassSurvey, Place, Sizes, Survey};
use crate::report;
use crate::spec::{DatasetSource, PipelineSpec};

/// What the dataset holds.
///
/// # Errors
/// When it cannot be listed or holds no picture.
pub fn look(spec: &PipelineSpec) -> Result<Survey, DatasetError> {
    let listing = scan::list(&spec.dataset)?;
    survey::survey(listing, &spec.dataset.split, spec.dataset.image_size)
}

/// The same as a page.
pub fn page(title: &str, survey: &Survey, spec: &PipelineSpec) -> String {
    let folder: Option<&Path> = match &spec.dataset.source {
        DatasetSource::Directory(directory) => Some(&directory.path),
        DatasetSource::Generator(_) => None,
    };
    report::survey::render(title, survey, folder)
}
