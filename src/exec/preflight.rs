//! What can be known about a run before it starts, in milliseconds: whether the dataset directory
//! has classes, whether the weights fit the model, and whether this build has the device.

use crate::base::digest::Digest;
use crate::base::key_path::KeyPath;
use crate::dataset::scan::{self, Listing};
use crate::engine::autodiff::Layers;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::model::weights::file::WeightsError;
use crate::model::weights::import::WeightsFile;
use crate::spec::problem::{Code, Problem};
use crate::spec::{Convention, Location, PipelineSpec, WeightsSpec};

/// A run that can start.
pub struct Prepared {
    /// The files of the dataset.
    pub listing: Listing,
    /// The classifier.
    pub network: Network,
    /// The weights of the base model, if they come from a file.
    pub base_weights: Option<BaseWeights>,
    /// What runs the trainable part.
    pub layers: Layers,
}

/// Weights that were read from a file.
pub struct BaseWeights {
    /// The file.
    pub source: Location,
    /// The digest of the file.
    pub digest: Digest,
    /// The weights.
    pub weights: Weights,
}

/// Looks at the dataset directory and the weights of a pipeline.
///
/// # Errors
/// With everything that is wrong with them.
pub fn prepare(spec: &PipelineSpec) -> Result<Prepared, Vec<Problem>> {
    let mut problems = vec![];
    let listing = scan::scan(&spec.dataset.directory.path)
        .map_err(|error| {
            let at = KeyPath::of(&["dataset", "directory"]);
            problems.push(Problem::new(error.code(), at, error.to_string()).hints(error.hints()));
        })
        .ok();
    // The base model is the same for any number of classes, so weights can be judged without them.
    let n_classes = listing.as_ref().map_or(2, |listing| listing.classes.len());
    let file = match &spec.model.weights {
        WeightsSpec::None => None,
        WeightsSpec::File(location) => WeightsFile::open(&location.path)
            .map_err(|error| problems.push(weights_problem(&error)))
            .ok()
            .map(|file| (location, file)),
    };
    // Weights, graph and preprocessing are one thing.
    let convention = file.as_ref().map_or_else(Convention::default, |(_, file)| file.convention());
    let network = Network::build(&spec.model, convention, spec.dataset.image_size, n_classes)
        .expect("the engines have units for every layer of the base models");
    let base_weights = file.and_then(|(location, file)| {
        let weights = file.weights(&network.base_parameters());
        let weights = weights.map_err(|error| problems.push(weights_problem(&error))).ok()?;
        Some(BaseWeights { source: location.clone(), digest: file.digest(), weights })
    });
    let layers = Layers::of(spec.device);
    if layers.is_none() {
        let message = "this build of alpaca-run has no `libtorch` device";
        let problem = Problem::new(Code::DeviceUnavailable, KeyPath::of(&["device"]), message);
        problems.push(problem.hint(
            "build it with the feature `libtorch` (docs/devices.md says how), or write `device: cpu`",
        ));
    }
    match (listing, layers) {
        (Some(listing), Some(layers)) if problems.is_empty() => {
            Ok(Prepared { listing, network, base_weights, layers })
        }
        _ => Err(problems),
    }
}

fn weights_problem(error: &WeightsError) -> Problem {
    let code = match error {
        WeightsError::Mismatch { .. } => Code::WeightsMismatch,
        WeightsError::File(_) | WeightsError::Format { .. } => Code::WeightsFile,
    };
    Problem::new(code, KeyPath::of(&["model", "weights"]), error.to_string()).hints(error.hints())
}
