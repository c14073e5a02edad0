//! Checks a run in milliseconds before it starts: whether the dataset directory has classes,
//! whether the weights fit the model, and whether this build has the device.

pub(crate) mod base_model;
mod class_weights;
pub(crate) mod classes;
pub mod computed;
mod error;
pub(crate) mod images_read;
pub mod network;
pub mod overlap;
mod precision;
mod tasks;
pub mod teacher;
pub mod weights;

use std::path::Path;

use rayon::prelude::*;

use self::class_weights::check_class_weights;
use self::network::{built, find_base};
use self::tasks::check_tasks;
use self::teacher::{Teachers, check_teachers};
use self::weights::BaseWeights;
use crate::base::key_path::KeyPath;
use crate::dataset::error::DatasetError;
use crate::dataset::scan::{self, Listing};
use crate::engine::autodiff::Layers;
use crate::model::network::Network;
use crate::spec::problem::{Code, Problem};
use crate::spec::{DatasetSource, Location, PipelineSpec};

/// A run that can start.
#[derive(Clone)]
pub struct Prepared {
    /// The files of the dataset.
    pub listing: Listing,
    /// The classifier.
    pub network: Network,
    /// The weights of the base model, if they come from a file.
    pub base_weights: Option<BaseWeights>,
    /// The layers that run the trainable part.
    pub layers: Layers,
    /// The models that stages learn from.
    pub teachers: Teachers,
}

impl Prepared {
    /// Number of images, by the first bytes of each file. Whether they can be decoded is not known
    /// yet.
    pub fn n_images(&self) -> usize {
        let images = self.listing.candidates.par_iter().filter(|candidate| candidate.is_image());
        images.count()
    }

    /// Number of images without labels, by their first bytes.
    pub fn n_unlabeled(&self) -> usize {
        self.listing.unlabeled.par_iter().filter(|candidate| candidate.is_image()).count()
    }
}

/// Checks the dataset directory and the weights of a pipeline. Published weights are looked up in
/// the cache at `cache`, never on the network. `teachers` are those of its stages that could be opened,
/// or why one could not be.
///
/// # Errors
/// With all problems that are found.
pub fn prepare(
    spec: &PipelineSpec,
    cache: Option<&Path>,
    (teachers, mut problems): (Teachers, Vec<Problem>),
) -> Result<Prepared, Vec<Problem>> {
    let unlabeled = scan::list_unlabeled(&spec.dataset.unlabeled).map_err(|error| {
        let code = error.code().unwrap_or(Code::DatasetDirectory);
        let problem = Problem::caused(code, KeyPath::of(&["dataset", "unlabeled"]), &error);
        problems.push(problem.notes(error.notes()).hints(error.hints()));
    });
    let listing = scan::list(&spec.dataset, cache)
        .map_err(|error| {
            let at = place(&spec.dataset.source, &error);
            let code = error.code().unwrap_or(Code::DatasetDirectory);
            let problem = Problem::caused(code, at, &error);
            problems.push(problem.notes(error.notes()).hints(error.hints()));
        })
        .map(|listing| Listing { unlabeled: unlabeled.unwrap_or_default(), ..listing })
        .ok();
    let model = find_base(spec, cache).and_then(|base| {
        let classes = listing.as_ref().map(|listing| &listing.classes[..]);
        built(spec, base, classes)
    });
    let model = model.map_err(|problem| problems.push(problem)).ok();
    if let Some((network, _)) = &model {
        problems.extend(precision::check(spec, network));
    }
    if let Some(listing) = &listing {
        let is_opaque = model.as_ref().is_some_and(|(network, _)| network.is_opaque());
        check_class_weights(spec, &listing.classes, &mut problems);
        check_tasks(spec, &listing.classes, is_opaque, &mut problems);
        check_teachers(spec, listing, &teachers, &mut problems);
    }
    let layers = Layers::of(spec.device);
    if layers.is_none() {
        let message = "this build of alpaca-run has no `libtorch` device";
        let problem = Problem::new(Code::DeviceUnavailable, KeyPath::of(&["device"]), message);
        problems.push(problem.hint(
            "build it with the feature `libtorch` (see docs/devices.md), or write `device: cpu`",
        ));
    }
    match (listing, model, layers) {
        (Some(listing), Some((network, base_weights)), Some(layers)) if problems.is_empty() => {
            Ok(Prepared { listing, network, base_weights, layers, teachers })
        }
        _ => Err(problems),
    }
}

/// The value of a pipeline that an error of its dataset is about.
fn place(source: &DatasetSource, error: &DatasetError) -> KeyPath {
    let dataset = KeyPath::of(&["dataset"]);
    let split = dataset.key("split");
    let path = match error {
        DatasetError::NoGroup { .. } | DatasetError::Pattern(_) => return split.key("groups"),
        DatasetError::GivenTest => return split.key("test"),
        DatasetError::NoClass { .. } => return dataset.key("classes"),
        DatasetError::Directory { path, .. } | DatasetError::Layout { path, .. } => Some(path),
        _ => None,
    };
    let is_in = |location: &Option<Location>| {
        location.as_ref().zip(path).is_some_and(|(location, path)| path.starts_with(&location.path))
    };
    dataset.key(match source {
        DatasetSource::Parts(parts) if is_in(&parts.validation) => "validation",
        DatasetSource::Parts(parts) if is_in(&parts.test) => "test",
        DatasetSource::Parts(_) => "train",
        DatasetSource::Table(_) => "table",
        DatasetSource::Archive { .. } => "archive",
        DatasetSource::Shards(shards) if shards.shards.is_some() => "shards",
        DatasetSource::Shards(_) => "train_shards",
        DatasetSource::Directory { .. } | DatasetSource::Generator { .. } => "directory",
    })
}
