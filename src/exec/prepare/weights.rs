//! Finds, reads and checks the weights that a model starts from.

use std::path::{Path, PathBuf};

use alpaca_random::SeedStream;

use super::error;
use crate::base::digest::Digest;
use crate::base::key_path::KeyPath;
use crate::fetch::sha256::Sha256;
use crate::fetch::{self, Kept};
use crate::model::imagenet;
use crate::model::initial;
use crate::model::network::Network;
use crate::model::published::{self, PublishedFile};
use crate::model::weights::Weights;
use crate::model::weights::builtin;
use crate::model::weights::import::WeightsFile;
use crate::spec::problem::{Code, Problem};
use crate::spec::{Architecture, BaseModel, ModelSpec, PipelineSpec, WeightsSpec};

/// Weights that were read from a file.
#[derive(Clone)]
pub struct BaseWeights {
    /// The file as written in the pipeline.
    pub source: String,
    /// URL and SHA-256 of a published file.
    pub published: Option<(String, Sha256)>,
    /// The digest of the file.
    pub digest: Digest,
    /// The weights of the base model, and of the head if the pre-trained one is used.
    pub weights: Weights,
}

/// The published file that a model uses, if any.
pub fn published(model: &ModelSpec) -> Option<PublishedFile> {
    let WeightsSpec::Published(spec) = &model.weights else { return None };
    let BaseModel::Named(architecture) = model.base else { return None };
    let found = published::find(architecture, model.width(), spec, model.top);
    Some(found.expect("pipelines are checked against the published files"))
}

/// The weights before the first stage: those of the file, and random ones elsewhere.
pub(crate) fn initial_weights(
    spec: &PipelineSpec,
    network: &Network,
    base: Option<&BaseWeights>,
) -> Weights {
    let stream = SeedStream::new(spec.seed).child("weights");
    let parameters = network.graph.parameters();
    let initializer = spec.model.weights.initializer();
    let mut weights = initial::initialise(network, &parameters, initializer, stream);
    if let Some(base) = base {
        weights.extend(base.weights.clone());
    }
    weights
}

/// A weights file that was found.
pub(super) struct File {
    pub(super) source: String,
    pub(super) published: Option<(String, Sha256)>,
    pub(super) content: WeightsFile,
}

/// Opens the weights file that a model starts from, if any.
pub(super) fn open(model: &ModelSpec, cache: Option<&Path>) -> Result<Option<File>, Problem> {
    let (source, published, path): (String, _, PathBuf) = match &model.weights {
        WeightsSpec::Random(_) | WeightsSpec::InBase => return Ok(None),
        WeightsSpec::Builtin => {
            let BaseModel::Named(architecture) = model.base else { return Ok(None) };
            let content = WeightsFile::builtin(architecture);
            let content = content.expect("pipelines are checked against the built-in weights");
            return Ok(Some(File { source: "builtin".to_owned(), published: None, content }));
        }
        WeightsSpec::File(location) => (location.written.clone(), None, location.path.clone()),
        WeightsSpec::Published(_) => {
            let Some(file) = published(model) else { return Ok(None) };
            let Kept { path, sha256, .. } = find(&file, cache)?;
            (file.name, Some((file.url, sha256)), path)
        }
    };
    let content = WeightsFile::open(&path).map_err(|error| {
        let meant = error::meant(&path).filter(|_| !path.exists());
        let mut problem = error::weights_problem(&error);
        problem.hints.extend(meant);
        problem
    })?;
    Ok(Some(File { source, published, content }))
}

fn at() -> KeyPath {
    KeyPath::of(&["model", "weights"])
}

/// Finds a published file that was downloaded before.
fn find(file: &PublishedFile, cache: Option<&Path>) -> Result<Kept, Problem> {
    let Some(cache) = cache else {
        let message = "published weights need a cache directory, and none is known on this system";
        let problem = Problem::new(Code::WeightsUnavailable, at(), message);
        return Err(problem.hint("pass one with `--cache-dir`"));
    };
    let path = fetch::path_of(cache, file);
    match fetch::find(cache, file) {
        Ok(Some(kept)) => Ok(kept),
        Ok(None) => {
            let message = format!("`{}` has not been downloaded", file.name);
            let problem = Problem::new(Code::WeightsUnavailable, at(), message);
            Err(problem
                .hint(
                    "to download it, run `alpaca-run fetch PIPELINE` with the same `-S` options, without \
                     `--offline` and with ALPACA_OFFLINE unset",
                )
                .hint(fetch::by_hand(&path, &file.url))
                .hint(builtin::hint()))
        }
        Err(error) => {
            let hints = error.hints(cache, file);
            Err(Problem::caused(Code::WeightsFile, at(), &error).hints(hints))
        }
    }
}

/// Reads the weights of the base model of a network.
pub(super) fn read(
    file: &WeightsFile,
    architecture: Architecture,
    network: &Network,
) -> Result<Weights, Problem> {
    let found = file.weights(architecture, &network.base_parameters());
    found.map_err(|error| error::weights_problem(&error))
}

/// Reads the outputs for `classes` of the classifier in a file.
pub(super) fn pretrained_head(file: &WeightsFile, classes: &[String]) -> Result<Weights, Problem> {
    let outputs = imagenet::indices(classes).map_err(|error| {
        let at = KeyPath::of(&["model", "top"]);
        Problem::new(Code::NotInImagenet, at, error.to_string()).hints(error.hints())
    })?;
    let classifier = file.classifier().map_err(|error| error::weights_problem(&error))?;
    Ok(classifier.head_for(&outputs))
}
