//! Surveys the dataset of a pipeline without training on it.

use std::path::Path;

use crate::base::tally::Tally;
pub use crate::dataset::copies::MOST_PAIRS;
use crate::dataset::error::DatasetError;
use crate::dataset::scan;
use crate::dataset::survey;
pub use crate::dataset::survey::{
    Alike, ClassSurvey, NumberSurvey, Place, SeveralSurvey, Sizes, Survey,
};
use crate::report;
use crate::spec::{DatasetSource, DatasetSpec, PipelineSpec, TableSpec};

/// Surveys the dataset, and counts its files.
///
/// # Errors
/// When the dataset cannot be listed or contains no images.
pub fn look(spec: &PipelineSpec, tally: &Tally) -> Result<Survey, DatasetError> {
    let listing = scan::list(&spec.dataset)?;
    let DatasetSpec { split, .. } = &spec.dataset;
    survey::survey(listing, split, spec.dataset.pixels(), spec.dataset.unites_copies(), tally)
}

/// Renders a survey as an HTML page.
pub fn page(title: &str, survey: &Survey, spec: &PipelineSpec) -> String {
    let folder: Option<&Path> = match &spec.dataset.source {
        DatasetSource::Directory { directory } => Some(&directory.path),
        DatasetSource::Table(TableSpec { table, root, .. }) => {
            root.as_ref().map(|root| root.path.as_path()).or_else(|| table.path.parent())
        }
        DatasetSource::Parts(_) | DatasetSource::Generator { .. } => None,
    };
    report::survey::render(title, survey, folder, spec.dataset.alpha)
}
