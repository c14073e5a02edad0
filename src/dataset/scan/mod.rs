//! Lists the images of a dataset: files in one directory per class, in directories for the parts of
//! a split, rows of a table, or images that a generator draws.

mod classes;
mod files;
mod folders;
mod groups;
mod layout;
mod limit;
mod listing;
mod parts;
mod table;

use std::sync::Arc;

use alpaca_random::SeedStream;

pub use self::folders::scan_some;
pub use self::listing::{Candidate, Listing, Origin};
use super::error::DatasetError;
use super::generator::ImageGenerator;
use super::labels::Labels;
use super::part::Part;
use crate::spec::{DatasetSource, DatasetSpec, GeneratorSpec, SplitSpec, TargetSpec};

/// Lists the images of a dataset, of files or drawn.
///
/// # Errors
/// When a directory or table cannot be read, a directory is not laid out as a dataset or has other
/// classes than the training set, a part of the split is given but should be drawn, and when an image
/// belongs to no group.
pub fn list(spec: &DatasetSpec) -> Result<Listing, DatasetError> {
    let mut listing = match &spec.source {
        DatasetSource::Directory { directory } => folders::scan(&directory.path)?,
        DatasetSource::Parts(directories) => parts::list_given(directories)?,
        DatasetSource::Table(table) => table::list(table, spec.target)?,
        DatasetSource::Generator { generator } => {
            draw_up(generator, &Arc::new(ImageGenerator::new(generator, spec.image_size)))
        }
    };
    let is_table = matches!(spec.source, DatasetSource::Table(_));
    if spec.target == TargetSpec::Classes && !is_table {
        // Files of one image are united once their contents are known.
        listing.labels = Labels::of_single_classes(listing.classes.len());
    }
    if let Some(wanted) = &spec.classes {
        classes::choose(&mut listing, wanted, is_table)?;
    }
    if let Some(limit) = spec.limit {
        let stream = SeedStream::new(spec.split.seed).child("limit");
        limit::limit(&mut listing.candidates, limit, spec.target, stream);
    }
    if let Some(pattern) = &spec.split.groups {
        groups::assign(&mut listing.candidates, pattern)?;
    }
    check_given(&listing.candidates, &spec.split)?;
    Ok(listing)
}

/// Checks that no part of the split is both given and to be drawn.
fn check_given(candidates: &[Candidate], split: &SplitSpec) -> Result<(), DatasetError> {
    let has_none_to_draw = candidates.iter().all(|candidate| candidate.part.is_some());
    let is_given = |part: Part| {
        has_none_to_draw || candidates.iter().any(|candidate| candidate.part == Some(part))
    };
    if split.test > 0.0 && is_given(Part::Test) {
        return Err(DatasetError::GivenSplit { key: "test" });
    }
    if split.folds.is_some() && is_given(Part::Validation) {
        return Err(DatasetError::GivenSplit { key: "folds" });
    }
    Ok(())
}

/// The images that are to be drawn.
fn draw_up(spec: &GeneratorSpec, generator: &Arc<ImageGenerator>) -> Listing {
    let classes: Vec<String> = (0..spec.classes).map(|class| generator.class_name(class)).collect();
    let n_digits = spec.images.saturating_sub(1).to_string().len();
    let candidates = (0..spec.classes)
        .flat_map(|class| (0..spec.images).map(move |number| (class, number)))
        .map(|(class, number)| {
            let path = format!("{}/{number:0n_digits$}", classes[class]);
            let generator = Arc::clone(generator);
            Candidate::new(path, class, Origin::Drawn { generator, number })
        })
        .collect();
    let labels = Labels::Class;
    Listing { classes, labels, candidates, split_by: None, warnings: vec![] }
}

#[cfg(test)]
mod tests {
    use crate::base::fs;

    /// A directory with these files, and directories whose names end with a slash.
    pub(super) fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            let folder = if file.ends_with('/') { &path } else { path.parent().unwrap() };
            std::fs::create_dir_all(folder).unwrap();
            if !file.ends_with('/') {
                fs::write_atomic(&path, b"x").unwrap();
            }
        }
        root
    }
}
