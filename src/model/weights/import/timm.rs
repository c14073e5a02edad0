//! Tells apart the models that timm publishes under the same tensor names (`model/timm.rs`).
//!
//! The tensors do not tell which model a file has, but timm's name of it does. It is in the
//! `config.json` that timm publishes beside a file, with the statistics of pixel values, or the file
//! is called after it.

use std::path::Path;

use serde_json::Value;

use crate::base::{fs, names};
use crate::model::timm::{self, TimmModel};
use crate::model::weights::error::WeightsError;
use crate::spec::{Architecture, Convention};

/// Largest `config.json` that is read, in bytes.
const LARGEST_CONFIG: u64 = 1 << 20;
/// The prefix of weights that were converted from TensorFlow.
const FROM_TENSORFLOW: &str = "tf_";
/// Mean of pixel values from 0 to 1 in models that were trained on values from -1 to 1.
const INCEPTION_MEAN: f64 = 0.5;
/// Mean of the red values in `ImageNet`, as in models that were trained on standardized values.
const IMAGENET_MEAN: f64 = 0.485;

/// The convention of a file, by the `config.json` beside it or by its name.
pub(super) fn convention(
    path: &Path,
    architecture: Architecture,
) -> Result<Convention, WeightsError> {
    let stem = path.file_stem().map(|stem| names::text_of_path(Path::new(stem)));
    let config = config(path).unwrap_or_default();
    let found = if let Some(mean) = mean(&config) {
        with_mean(&config, mean)
    } else {
        let name = config.get("architecture").and_then(Value::as_str);
        let by_config = name.and_then(|name| of_name(name, architecture));
        let by_name = || stem.and_then(|stem| of_name(&stem, architecture));
        by_config.or_else(by_name).or_else(|| the_only_one(architecture))
    };
    found.ok_or_else(|| WeightsError::UnknownTimm { path: path.to_path_buf(), architecture })
}

/// The convention of a model by its name, with or without the tag: a tag that timm knows, or a name
/// that stands for one convention only.
fn of_name(name: &str, architecture: Architecture) -> Option<Convention> {
    let models = || timm::models_of(architecture);
    // Before timm used dots, it wrote `efficientnet_lite0_ra-37913777`.
    let begins = |model: &&TimmModel| {
        let rest = name.strip_prefix(model.name).and_then(|rest| rest.strip_prefix(['.', '_']));
        rest.is_some_and(|rest| rest.starts_with(model.tag.trim_end_matches("_in1k")))
    };
    if let Some(model) = models().find(begins) {
        return Some(model.convention);
    }
    // torchvision's names end with eight digits, before the ending of a file or of a download.
    let digits = models().find_map(|model| name.strip_prefix(model.name)?.strip_prefix('-'));
    let digits = digits.and_then(|text| text.split('.').next());
    if digits.is_some_and(|text| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Some(Convention::Torch);
    }
    let family = name.strip_prefix(FROM_TENSORFLOW).unwrap_or(name);
    if !family.starts_with(&timm_family(architecture)?) {
        return None;
    }
    let is_converted = family.len() < name.len();
    let alike = || models().filter(|model| model.name.starts_with(FROM_TENSORFLOW) == is_converted);
    let is_own_model = !is_converted && alike().next().is_none();
    unanimous(alike()).or_else(|| is_own_model.then_some(Convention::Torch))
}

/// The beginning of all names of a family's models, without [`FROM_TENSORFLOW`].
fn timm_family(architecture: Architecture) -> Option<String> {
    let model = timm::models_of(architecture).next()?;
    let name = model.name.strip_prefix(FROM_TENSORFLOW).unwrap_or(model.name);
    Some(name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned())
}

/// Whether timm has the network with TensorFlow's weights too.
fn has_twin(architecture: Architecture) -> bool {
    timm::models_of(architecture).any(|model| model.name.starts_with(FROM_TENSORFLOW))
}

/// The convention of a network of which timm has no other.
fn the_only_one(architecture: Architecture) -> Option<Convention> {
    if has_twin(architecture) { None } else { unanimous(timm::models_of(architecture)) }
}

/// The convention of all of these models, if they agree.
fn unanimous<'a>(mut models: impl Iterator<Item = &'a TimmModel>) -> Option<Convention> {
    let first = models.next()?.convention;
    models.all(|model| model.convention == first).then_some(first)
}

/// The `config.json` beside a file.
fn config(path: &Path) -> Option<Value> {
    let bytes = fs::read_bounded(&path.parent()?.join("config.json"), LARGEST_CONFIG).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The first mean of pixel values in timm's configuration of a model.
fn mean(config: &Value) -> Option<f64> {
    config.get("pretrained_cfg")?.get("mean")?.get(0)?.as_f64()
}

/// The convention of timm's configuration of a model: its name tells the padding and epsilon, its
/// mean the pixel values.
fn with_mean(config: &Value, mean: f64) -> Option<Convention> {
    let name = config.get("architecture")?.as_str()?;
    let is = |number: f64| (mean - number).abs() < 1e-6;
    match name.starts_with(FROM_TENSORFLOW) {
        true if is(INCEPTION_MEAN) => Some(Convention::Keras),
        false if is(INCEPTION_MEAN) => Some(Convention::TorchInception),
        true if is(IMAGENET_MEAN) => Some(Convention::Tensorflow),
        false if is(IMAGENET_MEAN) => Some(Convention::Torch),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_model_decides() {
        let folder = tempfile::tempdir().unwrap();
        let of =
            |name: &str, architecture| convention(&folder.path().join(name), architecture).ok();
        let lite0 = Architecture::EfficientnetLite0;
        assert_eq!(of("tf_efficientnet_lite0.in1k.safetensors", lite0), Some(Convention::Keras));
        assert_eq!(of("efficientnet_lite0_ra-37913777.pth", lite0), Some(Convention::Torch));
        assert_eq!(of("model.safetensors", lite0), None);
        let lite1 = Architecture::EfficientnetLite1;
        assert_eq!(of("efficientnet_lite1.mine.safetensors", lite1), Some(Convention::Torch));
        let v3 = Architecture::MobilenetV3Large;
        assert_eq!(of("mobilenetv3_large_100.ra_in1k.bin", v3), Some(Convention::Torch));
        assert_eq!(of("mobilenetv3_large_100.miil_in21k_ft_in1k.safetensors", v3), None);
        let v4 = Architecture::MobilenetV4ConvSmall;
        let file = |tag: &str| format!("mobilenetv4_conv_small.{tag}.safetensors");
        assert_eq!(of(&file("e2400_r224_in1k"), v4), Some(Convention::Torch));
        assert_eq!(of(&file("e3600_r256_in1k"), v4), Some(Convention::TorchInception));
        assert_eq!(of("mobilenetv4_conv_small.pth", v4), None);
        let (small, large) = (Architecture::Resnet34, Architecture::Resnet50);
        assert_eq!(of("resnet34-b627a593.pth", small), Some(Convention::Torch));
        assert_eq!(of("resnet34.ra4_e3600_r224_in1k.pth", small), Some(Convention::TorchInception));
        assert_eq!(of("model.pth", small), None);
        assert_eq!(of("model.pth", large), Some(Convention::Torch));
    }

    #[test]
    fn the_names_of_published_files_and_of_their_downloads_decide() {
        let of_timm = |model: &TimmModel| (model.architecture, model.file_name(), model.convention);
        let torchvision =
            ["resnet18-f37072fd.pth", "resnet34-b627a593.pth", "resnet50-11ad3fa6.pth"];
        let resnets = [Architecture::Resnet18, Architecture::Resnet34, Architecture::Resnet50];
        let of_torchvision = resnets
            .into_iter()
            .zip(torchvision)
            .map(|(architecture, name)| (architecture, name.to_owned(), Convention::Torch));
        let files = timm::MODELS.iter().map(of_timm).chain(of_torchvision);
        let folder = tempfile::tempdir().unwrap();
        for (architecture, name, expected) in files {
            for name in [&name, &format!("{name}.partial")] {
                let found = convention(&folder.path().join(name), architecture).ok();
                assert_eq!(found, Some(expected), "{name}");
            }
        }
    }

    #[test]
    fn the_configuration_beside_a_file_decides() {
        let folder = tempfile::tempdir().unwrap();
        let of = |config: &str, architecture| {
            fs::write_atomic(&folder.path().join("config.json"), config.as_bytes()).unwrap();
            convention(&folder.path().join("model.safetensors"), architecture).ok()
        };
        let lite = r#"{"architecture": "tf_efficientnet_lite1", "num_classes": 1000}"#;
        assert_eq!(of(lite, Architecture::EfficientnetLite1), Some(Convention::Keras));
        let v4 = |mean: f64| {
            let config =
                r#"{"architecture": "mobilenetv4_conv_small", "pretrained_cfg": {"mean": "#;
            of(&format!("{config}[{mean}, 0.5, 0.5]}}}}"), Architecture::MobilenetV4ConvSmall)
        };
        assert_eq!(v4(0.5), Some(Convention::TorchInception));
        assert_eq!(v4(0.485), Some(Convention::Torch));
        assert_eq!(v4(0.0), None);
        let other = r#"{"architecture": "resnet50", "pretrained_cfg": {"mean": [0, 0, 0]}}"#;
        assert_eq!(of(other, Architecture::Resnet50), None);
    }
}
