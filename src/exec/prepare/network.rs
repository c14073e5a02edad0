//! Builds the classifier of a pipeline from its base model.

use std::path::Path;

use super::base_model::{self, Opened};
use super::error::weights_problem;
use super::weights::{self, BaseWeights, File};
use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::model::architecture;
use crate::model::freeze::{self, LayerRef};
use crate::model::imagenet;
use crate::model::network::{Base, Network};
use crate::model::weights::Weights;
use crate::model::weights::import::WeightsFile;
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    Architecture, BaseModel, Convention, FreezeSpec, PipelineSpec, Source, TopSpec, WeightsSpec,
};

/// Checks the file that a model refers to, if it refers to one.
///
/// # Errors
/// When the file cannot be used.
pub fn check_file(spec: &PipelineSpec) -> Result<(), Problem> {
    match spec.model.weights {
        WeightsSpec::File(_) | WeightsSpec::InBase => find_base(spec, None).map(drop),
        WeightsSpec::Random(_) | WeightsSpec::Builtin | WeightsSpec::Published(_) => Ok(()),
    }
}

/// Builds the classifier of a pipeline, with the weights that its base model starts from.
pub(super) fn built(
    spec: &PipelineSpec,
    base: FoundBase,
    classes: Option<&[String]>,
) -> Result<(Network, Option<BaseWeights>), Problem> {
    // The base model does not depend on the classes, so weights can be checked without them.
    let n_classes = classes.map_or(2, <[String]>::len);
    let n_outputs = spec.dataset.target.n_outputs(n_classes);
    match base {
        FoundBase::Random => Ok((network(spec, Convention::default(), n_outputs), None)),
        FoundBase::File { source, opened: Opened { base, weights, digest, .. } } => {
            let weights = BaseWeights { source, published: None, digest, weights };
            Ok((network(spec, base, n_outputs), Some(weights)))
        }
        FoundBase::Weights(architecture, File { source, published, content }) => {
            let (network, mut weights) =
                with_weights(spec, architecture, &content, n_outputs, OtherNetwork::in_pipeline)?;
            if let (TopSpec::Pretrained, Some(classes)) = (spec.model.top, classes) {
                weights.extend(weights::pretrained_head(&content, classes)?);
            }
            let digest = content.digest();
            Ok((network, Some(BaseWeights { source, published, digest, weights })))
        }
    }
}

/// Builds the classifier of a pipeline without its images: how many outputs it has is not known.
///
/// # Errors
/// When the weights are missing or do not fit.
pub(crate) fn without_images(
    spec: &PipelineSpec,
    cache: Option<&Path>,
) -> Result<(Network, Option<BaseWeights>), Problem> {
    built(spec, find_base(spec, cache)?, None)
}

/// Builds the classifier of a pipeline with the weights of a file for its base model. The weights
/// determine the convention of graph and preprocessing.
fn with_weights(
    spec: &PipelineSpec,
    architecture: Architecture,
    file: &WeightsFile,
    n_outputs: usize,
    hint: fn(&OtherNetwork) -> String,
) -> Result<(Network, Weights), Problem> {
    let convention = file.convention(architecture, spec.model.width());
    let convention = convention.map_err(|error| weights_problem(&error))?;
    let network = network(spec, convention, n_outputs);
    let weights = weights::read(file, architecture, &network).map_err(|problem| {
        problem.hints(OtherNetwork::of(architecture, file).as_ref().map(hint))
    })?;
    check_freeze(spec, &network)?;
    Ok((network, weights))
}

/// Checks that a network has the layers that stages train from. Keras leaves layers out of a
/// MobileNetV3 without classifier.
fn check_freeze(spec: &PipelineSpec, network: &Network) -> Result<(), Problem> {
    for stage in &spec.stages {
        if let FreezeSpec::Before { layer } = stage.freeze() {
            let at = KeyPath::of(&["stages", &stage.name, "train", "unfreeze_from"]);
            freeze::find_at(&network.graph, LayerRef::Name(layer), at)?;
        }
    }
    Ok(())
}

/// Builds the classifier of a pipeline without weights. Their file decides the convention, as far as
/// it can be read.
///
/// # Errors
/// When the base model is a file that cannot be used as one, or when it has no layer that a stage
/// trains from.
pub(crate) fn outline(spec: &PipelineSpec, n_classes: usize) -> Result<Network, Problem> {
    let n_outputs = spec.dataset.target.n_outputs(n_classes);
    let architecture = match &spec.model.base {
        BaseModel::Named(architecture) => *architecture,
        BaseModel::Onnx(onnx) => {
            let base = base_model::of_pipeline(onnx, spec)?.base;
            return Ok(network(spec, base, n_outputs));
        }
    };
    let convention = match &spec.model.weights {
        WeightsSpec::File(location) => {
            let file = WeightsFile::open(&location.path).ok();
            file.and_then(|file| file.convention(architecture, spec.model.width()).ok())
        }
        _ => weights::published(&spec.model).and_then(|file| match file.source {
            Source::Keras => Some(Convention::of_keras(architecture)),
            Source::Torchvision => Some(Convention::of_torchvision(architecture)),
            Source::Timm => None,
        }),
    };
    let network = network(spec, convention.unwrap_or_default(), n_outputs);
    check_freeze(spec, &network)?;
    Ok(network)
}

fn network(spec: &PipelineSpec, base: impl Into<Base>, n_outputs: usize) -> Network {
    Network::with_outputs(&spec.model, base, spec.dataset.image_size, n_outputs)
        .expect("the engines have units for every layer of the base models")
        .with_precision_of(spec)
}

/// The source of a base model before it is built.
pub(super) enum FoundBase {
    /// Random weights.
    Random,
    /// A network that this program implements, with weights from a file.
    Weights(Architecture, File),
    /// An ONNX file with the base model.
    File { source: String, opened: Opened },
}

/// Reads the ONNX file or the weights file of a base model.
pub(super) fn find_base(spec: &PipelineSpec, cache: Option<&Path>) -> Result<FoundBase, Problem> {
    match &spec.model.base {
        BaseModel::Onnx(onnx) => {
            let opened = base_model::of_pipeline(onnx, spec)?;
            Ok(FoundBase::File { source: onnx.onnx.written.clone(), opened })
        }
        BaseModel::Named(named) => Ok(match weights::open(&spec.model, cache)? {
            Some(file) => FoundBase::Weights(*named, file),
            None => FoundBase::Random,
        }),
    }
}

/// The network that weights are for, if it is another one than that of the pipeline or has another
/// width.
struct OtherNetwork {
    architecture: Architecture,
    width: Option<f64>,
    /// Whether only the width differs.
    is_own: bool,
}

impl OtherNetwork {
    fn of(own: Architecture, file: &WeightsFile) -> Option<Self> {
        let fits = |architecture: Architecture, width: f64| {
            let convention = file.convention(architecture, width).unwrap_or_default();
            let graph = architecture::outline(architecture, convention, width);
            file.fits(architecture, &graph.parameters())
        };
        let steps = (1..=40).map(|step| f64::from(step) * 0.05);
        let widths: Vec<f64> = architecture::PUBLISHED_WIDTHS.into_iter().chain(steps).collect();
        Architecture::ALL.into_iter().find_map(|architecture| {
            let widths = if architecture.has_width() { &widths[..] } else { &[1.0] };
            let width = widths.iter().copied().find(|width| fits(architecture, *width))?;
            // Not 0.6000000000000001.
            let width = architecture.has_width().then_some((width * 100.0).round() / 100.0);
            let is_own = architecture == own;
            (!is_own || width.is_some()).then_some(Self { architecture, width, is_own })
        })
    }

    /// What the weights are for.
    fn what(&self) -> String {
        match self.width {
            Some(width) if self.is_own => format!("these weights are for width {width}"),
            _ => format!("these weights are for {}", self.architecture.title()),
        }
    }

    /// The hint for a pipeline.
    fn in_pipeline(&self) -> String {
        let base = (!self.is_own).then(|| format!("`base: {}`", self.architecture.name()));
        let keys = base.into_iter().chain(self.width.map(|width| format!("`width: {width}`")));
        format!("{}: write {} under `model`", self.what(), text::join(keys, "and"))
    }

    /// The hint for options of `predict`.
    fn in_options(&self) -> String {
        let base = (!self.is_own).then(|| format!("--base {}", self.architecture.name()));
        let options = base.into_iter().chain(self.width.map(|width| format!("--width {width}")));
        format!("{}: pass `{}`", self.what(), options.collect::<Vec<_>>().join(" "))
    }
}

/// The network of a pipeline with an output for each of ImageNet's 1,000 classes, and its published
/// weights.
///
/// # Errors
/// When the weights are missing, do not fit, or have no classifier.
pub fn pretrained(
    spec: &PipelineSpec,
    cache: Option<&Path>,
) -> Result<(Network, Weights), Problem> {
    let n_classes = imagenet::N_CLASSES;
    let Some(File { content, .. }) = weights::open(&spec.model, cache)? else {
        let at = KeyPath::of(&["model", "weights"]);
        let message = "a network with random weights cannot predict classes";
        return Err(Problem::new(Code::Conflict, at, message));
    };
    let BaseModel::Named(architecture) = spec.model.base else {
        unreachable!("only networks that can be named have weights of their own")
    };
    let (network, mut weights) =
        with_weights(spec, architecture, &content, n_classes, OtherNetwork::in_options)?;
    let classifier = content.classifier().map_err(|error| weights_problem(&error))?;
    weights.extend(classifier.head_for(&(0..n_classes).collect::<Vec<_>>()));
    Ok((network, weights))
}
