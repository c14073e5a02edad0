//! Tells apart the networks that timm publishes under the same tensor names.
//!
//! timm has EfficientNet-Lite twice: `tf_efficientnet_lite0` has TensorFlow's weights, padding,
//! epsilon and preprocessing, and `efficientnet_lite0` was trained by timm with its own. The tensors
//! do not tell which it is, but timm's name of the model does. It is in the `config.json` that timm
//! publishes beside a file, or the file is called after it.

use std::path::Path;

use crate::base::{fs, names};
use crate::model::weights::error::WeightsError;
use crate::spec::{Architecture, Convention};

/// Largest `config.json` that is read, in bytes.
const LARGEST_CONFIG: u64 = 1 << 20;
/// The prefix of weights that were converted from TensorFlow.
const FROM_TENSORFLOW: &str = "tf_";

/// The convention of a file, by its name or by the `config.json` beside it.
pub(super) fn convention(
    path: &Path,
    architecture: Architecture,
) -> Result<Convention, WeightsError> {
    let stem = path.file_stem().map(|stem| names::text_of_path(Path::new(stem)));
    let model = stem.as_deref().and_then(of_model).or_else(|| of_model(&in_config(path)?));
    model.ok_or_else(|| WeightsError::UnknownTimm { path: path.to_path_buf(), architecture })
}

/// The convention of a model of timm, if its name is one of an EfficientNet-Lite.
fn of_model(name: &str) -> Option<Convention> {
    let (convention, family) = match name.strip_prefix(FROM_TENSORFLOW) {
        Some(family) => (Convention::Keras, family),
        None => (Convention::Torch, name),
    };
    family.starts_with("efficientnet_lite").then_some(convention)
}

/// The name of the model in the `config.json` beside a file.
fn in_config(path: &Path) -> Option<String> {
    let bytes = fs::read_bounded(&path.parent()?.join("config.json"), LARGEST_CONFIG).ok()?;
    let config: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    Some(config.get("architecture")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_model_decides_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| {
            convention(&folder.path().join(name), Architecture::EfficientnetLite0).ok()
        };
        assert_eq!(of("tf_efficientnet_lite0.in1k.safetensors"), Some(Convention::Keras));
        assert_eq!(of("efficientnet_lite0_ra-37913777.pth"), Some(Convention::Torch));
        assert_eq!(of("model.safetensors"), None);
        let config = r#"{"architecture": "tf_efficientnet_lite1", "num_classes": 1000}"#;
        fs::write_atomic(&folder.path().join("config.json"), config.as_bytes()).unwrap();
        assert_eq!(of("model.safetensors"), Some(Convention::Keras));
    }
}
