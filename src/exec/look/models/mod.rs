//! Lists the networks: size, cost, accuracy, and where their weights are.

mod facts;

use std::path::{Path, PathBuf};
use std::time::Duration;

use alpaca_kernels::Kernels;
use alpaca_random::SeedStream;

pub use self::facts::Facts;
use super::bench;
use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::engine;
use crate::exec::error::RunError;
use crate::fetch;
use crate::metrics::rates;
use crate::model::architecture;
use crate::model::fuse::{self, Unit};
use crate::model::initial;
use crate::model::network::Network;
use crate::model::published::{self, PublishedFile};
use crate::model::timm;
use crate::model::weights::builtin;
use crate::model::weights::import::WeightsFile;
use crate::spec::{
    Architecture, BaseModel, Convention, HeadSpec, ImageSize, Initializer, ModelSpec, Pooling,
    Precision, PublishedSpec, Source, TopSpec, TorchvisionVersion, WeightsSpec,
};

/// Images per batch when speed is measured.
pub const BATCH_SIZE: usize = 32;

/// A network and all its weights.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// The network.
    pub architecture: Architecture,
    /// Number of its blocks.
    pub n_blocks: usize,
    /// The widths that weights exist for, from narrow to wide; one entry if its family has no other.
    pub widths: Vec<WidthInfo>,
}

/// A network of one width, without its classifier.
#[derive(Clone, Debug)]
pub struct WidthInfo {
    /// The network.
    pub architecture: Architecture,
    /// Its width, if its family has several.
    pub width: Option<f64>,
    /// Number of weights, without the statistics of normalizations.
    pub n_parameters: usize,
    /// Multiply-adds for one image of the usual size.
    pub multiply_adds: f64,
    /// All weights that exist, the built-in ones first, then those of the usual library.
    pub weights: Vec<WeightsInfo>,
}

/// Weights of a network.
#[derive(Clone, Debug)]
pub struct WeightsInfo {
    /// The published file; `None` if they are built in.
    pub file: Option<PublishedFile>,
    /// How the network is built for them.
    pub convention: Convention,
    /// Published facts about them.
    pub facts: Facts,
    /// The value of `weights` in a pipeline that selects them. `None` if only the path of the file
    /// does.
    pub selected_by: Option<WeightsSpec>,
    /// Where they are.
    pub place: WeightsPlace,
}

/// Where weights are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsPlace {
    /// In this program.
    Builtin,
    /// In the cache.
    Cached(PathBuf),
    /// Not on this machine. A download would be stored at this path; `None` without a cache.
    Missing(Option<PathBuf>),
    /// In the cache, but not the expected file.
    Unusable(PathBuf, String),
}

impl WidthInfo {
    /// The weights to recommend: the first that were trained on ImageNet.
    pub fn usual(&self) -> Option<&WeightsInfo> {
        self.weights.iter().find(|weights| weights.is_of_imagenet())
    }

    /// The usual accuracy with the image side that it holds for: at the usual size of the network
    /// if it is known, otherwise at the largest.
    pub fn accuracy(&self) -> Option<(usize, f64)> {
        let known = self.usual()?.facts.accuracies;
        let side = self.architecture.usual_side();
        known.iter().find(|(size, _)| *size == side).or(known.last()).copied()
    }
}

impl WeightsInfo {
    /// Whether they were trained on ImageNet.
    pub fn is_of_imagenet(&self) -> bool {
        self.facts.trained_on.starts_with("ImageNet")
    }
}

/// Describes a network, with the weights that are in the cache at `root`.
pub fn describe(architecture: Architecture, root: Option<&Path>) -> ModelInfo {
    let graph = architecture::outline(architecture, Convention::default(), 1.0);
    let widths = widths(architecture).into_iter().map(|width| of_width(architecture, width, root));
    ModelInfo {
        architecture,
        n_blocks: graph.blocks().len(),
        widths: widths.filter(|found| !found.weights.is_empty()).collect(),
    }
}

/// The widths that there may be weights for, in order; 1 if the family has no other.
fn widths(architecture: Architecture) -> Vec<f64> {
    let mut widths: Vec<f64> = timm::models_of(architecture).map(|model| model.width).collect();
    if architecture.has_width() {
        widths.extend(published::keras_widths(architecture));
        widths.extend(builtin::of(architecture).and_then(|found| found.width));
    } else {
        widths.push(1.0);
    }
    widths.sort_by(f64::total_cmp);
    widths.dedup();
    widths
}

fn of_width(architecture: Architecture, width: f64, root: Option<&Path>) -> WidthInfo {
    let side = architecture.usual_side();
    let graph = architecture::build(architecture, Convention::default(), width, [side; 2]);
    let trained = graph.parameters().into_iter().filter(|p| p.role.is_trained_by_gradients());
    let units = fuse::fuse(&graph).expect("the layers of every named network can be fused");
    WidthInfo {
        architecture,
        width: architecture.has_width().then_some(width),
        n_parameters: trained.map(|parameter| parameter.n_values()).sum(),
        multiply_adds: units.iter().map(Unit::n_multiply_adds).sum(),
        weights: all_weights(architecture, width, root),
    }
}

/// All weights of a network of one width.
fn all_weights(architecture: Architecture, width: f64, root: Option<&Path>) -> Vec<WeightsInfo> {
    let mut found: Vec<WeightsInfo> = of_builtin(architecture, width).into_iter().collect();
    let mut sources = Source::ALL;
    let usual = published::usual_source(architecture, width);
    sources.sort_by_key(|source| *source != usual);
    for source in sources {
        found.extend(match source {
            Source::Keras => of_keras(architecture, width, root),
            Source::Torchvision => of_torchvision(architecture, width, root),
            Source::Timm => of_timm(architecture, width, root),
        });
    }
    found
}

fn of_builtin(architecture: Architecture, width: f64) -> Option<WeightsInfo> {
    builtin::of(architecture).filter(|found| found.width.unwrap_or(1.0) == width)?;
    let convention = WeightsFile::builtin(architecture)?.convention(architecture, 1.0).ok()?;
    Some(WeightsInfo {
        file: None,
        convention,
        facts: facts::of_builtin(architecture),
        selected_by: Some(WeightsSpec::Builtin),
        place: WeightsPlace::Builtin,
    })
}

fn of_keras(architecture: Architecture, width: f64, root: Option<&Path>) -> Vec<WeightsInfo> {
    let of_size = |size: &usize| {
        let spec = PublishedSpec { trained_at: Some(*size), ..any_of(Source::Keras) };
        let file = published::find(architecture, width, &spec, TopSpec::New).ok()?;
        let facts = facts::of_keras(architecture, width, *size);
        let convention = Convention::of_keras(architecture);
        Some(published_weights(file, convention, facts, Some(spec), root))
    };
    published::keras_sizes(architecture).iter().rev().filter_map(of_size).collect()
}

fn of_torchvision(architecture: Architecture, width: f64, root: Option<&Path>) -> Vec<WeightsInfo> {
    let of_version = |version| {
        let spec = PublishedSpec { version: Some(version), ..any_of(Source::Torchvision) };
        let file = published::find(architecture, width, &spec, TopSpec::New).ok()?;
        let facts = facts::of_torchvision(&file.name);
        let convention = Convention::of_torchvision(architecture);
        Some(published_weights(file, convention, facts, Some(spec), root))
    };
    [TorchvisionVersion::V2, TorchvisionVersion::V1].into_iter().filter_map(of_version).collect()
}

fn of_timm(architecture: Architecture, width: f64, root: Option<&Path>) -> Vec<WeightsInfo> {
    let spec = any_of(Source::Timm);
    let Ok(selected) = published::find(architecture, width, &spec, TopSpec::New) else {
        return vec![];
    };
    let models = timm::models_of(architecture).filter(|model| model.width == width);
    let infos = models.map(|model| {
        let (name, url) = (model.file_name(), model.url());
        let selects = (name == selected.name).then(|| spec.clone());
        let file = PublishedFile { name, url, ..selected.clone() };
        published_weights(file, model.convention, facts::of_timm(model), selects, root)
    });
    infos.collect()
}

fn any_of(source: Source) -> PublishedSpec {
    PublishedSpec { source, version: None, trained_at: None, sha256: None }
}

fn published_weights(
    file: PublishedFile,
    convention: Convention,
    facts: Facts,
    selects: Option<PublishedSpec>,
    root: Option<&Path>,
) -> WeightsInfo {
    let path = root.map(|root| fetch::path_of(root, &file));
    let place = match root.map(|root| fetch::find(root, &file)) {
        Some(Ok(Some(kept))) => WeightsPlace::Cached(kept.path),
        Some(Ok(None)) | None => WeightsPlace::Missing(path),
        Some(Err(error)) => WeightsPlace::Unusable(path.unwrap_or_default(), error.to_string()),
    };
    let selected_by = selects.map(WeightsSpec::Published);
    WeightsInfo { file: Some(file), convention, facts, selected_by, place }
}

/// The instruction set that speed is measured with.
pub fn instruction_set() -> &'static str {
    Kernels::best().set().name()
}

/// Images per second of a frozen base model with random weights, at its usual image size: the median
/// of passes that take at least `least` together.
///
/// # Errors
/// When an engine fails.
///
/// # Panics
/// When a layer cannot be fused, which tests rule out.
pub fn images_per_second(info: &WidthInfo, least: Duration) -> Result<f64, RunError> {
    let side = info.architecture.usual_side();
    let convention = info.usual().map_or_else(Convention::default, |weights| weights.convention);
    let initializer = Initializer::default();
    let spec = ModelSpec {
        base: BaseModel::Named(info.architecture),
        width: info.width,
        weights: WeightsSpec::Random(initializer),
        top: TopSpec::New,
        head: HeadSpec { pooling: Pooling::Average, hidden: vec![], dropout: 0.0 },
        precision: Precision::F32,
    };
    let size = ImageSize { height: side, width: side };
    let network = Network::build(&spec, convention, size, 2);
    let network = network.expect("the layers of every named network can be fused");
    let stream = SeedStream::new(0);
    let parameters = network.base_parameters();
    let weights = initial::initialise(&network, &parameters, initializer, stream.child("weights"));
    let cut = network.cut(network.n_base_layers);
    let extractor = engine::extractor(&network, &cut, &weights)?;
    let mut generator = stream.child("images").generator();
    let n_values = BATCH_SIZE * side * side * 3;
    let values = (0..n_values).map(|_| generator.between(-1.0, 1.0)).collect();
    let batch = Batch {
        images: Tensor::new(&[BATCH_SIZE, side, side, 3], values),
        samples: (0..BATCH_SIZE).collect(),
    };
    let times = bench::repeated(least, || {
        std::hint::black_box(extractor.extract(&batch)?);
        Ok(())
    })?;
    let [_, median, _] = rates::rates(BATCH_SIZE, times);
    Ok(median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_has_weights_of_imagenet_and_costs_what_its_authors_say() {
        for architecture in Architecture::ALL {
            let info = describe(architecture, None);
            assert!(!info.widths.is_empty() && info.n_blocks > 3, "{architecture:?}");
            for width in &info.widths {
                assert!(width.usual().is_some(), "{architecture:?} {:?}", width.width);
            }
        }
        // torchvision's `num_params` and `_ops` without the classifier of 1,000 classes.
        for (architecture, n_features, n_parameters, gmacs) in [
            (Architecture::MobilenetV2, 1280, 3_504_872, 0.301),
            (Architecture::Resnet18, 512, 11_689_512, 1.814),
            (Architecture::Resnet34, 512, 21_797_672, 3.664),
            (Architecture::Resnet50, 2048, 25_557_032, 4.089),
        ] {
            let info = describe(architecture, None);
            let plain = info.widths.iter().find(|of| of.width.unwrap_or(1.0) == 1.0).unwrap();
            assert_eq!(plain.n_parameters, n_parameters - (n_features + 1) * 1000);
            let all = plain.multiply_adds / 1e9 + n_features as f64 * 1e-6;
            assert!((all - gmacs).abs() < 0.001, "{architecture:?}: {all}");
        }
    }

    #[test]
    fn built_in_weights_are_the_usual_ones_only_if_imagenet_trained_them() {
        let lite0 = &describe(Architecture::EfficientnetLite0, None).widths[0];
        assert_eq!(lite0.usual().unwrap().place, WeightsPlace::Builtin);
        assert_eq!(lite0.accuracy(), Some((224, 75.1)));
        let narrow = &describe(Architecture::MobilenetV2, None).widths[0];
        assert_eq!((narrow.width, narrow.accuracy()), (Some(0.35), Some((224, 60.3))));
        assert_eq!(narrow.weights[0].place, WeightsPlace::Builtin);
        assert_eq!(narrow.usual().unwrap().place, WeightsPlace::Missing(None));
    }

    #[test]
    fn weights_are_selected_as_in_a_pipeline() {
        let info = describe(Architecture::EfficientnetLite0, None);
        let selected: Vec<bool> =
            info.widths[0].weights.iter().map(|of| of.selected_by.is_some()).collect();
        assert_eq!(selected, [true, true, false]);
        let info = describe(Architecture::MobilenetV2, None);
        let numbers: Vec<usize> = info.widths.iter().map(|of| of.weights.len()).collect();
        assert_eq!(numbers, [6, 6, 5, 8, 1, 2]);
    }
}
