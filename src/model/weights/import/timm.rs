//! Tells apart the models that timm publishes under the same tensor names (`model/timm.rs`).
//!
//! The tensors do not tell which model a file has, but timm's name of it does. It is in the
//! `config.json` that timm publishes beside a file, with the statistics of pixel values, or the file
//! is called after it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::base::{fs, names};
use crate::model::timm::{self, FROM_TENSORFLOW, TimmModel};
use crate::model::weights::error::WeightsError;
use crate::spec::{Architecture, Convention, Preprocessing};

/// Largest `config.json` that is read, in bytes.
const LARGEST_CONFIG: u64 = 1 << 20;
/// Largest difference between statistics that is rounding.
const ROUNDING: f32 = 1e-6;

/// The convention of a file, by the `config.json` beside it or by its name. `width` is that of the
/// network.
pub(super) fn convention(
    path: &Path,
    architecture: Architecture,
    width: f64,
) -> Result<Convention, WeightsError> {
    let stem = path.file_stem().map(|stem| names::text_of_path(Path::new(stem)));
    let config = config_of(path);
    let said = config.as_deref().map_or(Said::Nothing, |config| read(config, architecture));
    let by_config = match &said {
        Said::Convention(convention) => return Ok(*convention),
        Said::Unpublished(what) => {
            return Err(WeightsError::Unsupported {
                path: path.to_path_buf(),
                what: format!("the `config.json` beside it {what}"),
                hint: format!(
                    "weights of {} can be used if they were trained with the statistics of a \
                     published model; for others, export the network as an ONNX file and make it \
                     the base model, with its statistics under `preprocessing`",
                    architecture.title()
                ),
            });
        }
        Said::Name(name) => of_name(name, architecture, width),
        Said::Nothing | Said::Useless(_) => None,
    };
    let by_name = || stem.and_then(|stem| of_name(&stem, architecture, width));
    let found = by_config.or_else(by_name).or_else(|| the_only_one(architecture, width));
    found.ok_or_else(|| WeightsError::UnknownTimm {
        path: path.to_path_buf(),
        architecture,
        width,
        config: said.explain(),
    })
}

/// What a `config.json` tells about the network of the pipeline.
enum Said {
    /// There is no such file.
    Nothing,
    /// How it was built.
    Convention(Convention),
    /// Only the name of its model.
    Name(String),
    /// It is about another network, or cannot be read: why, as a predicate.
    Useless(String),
    /// Statistics with which no model of it was published, as a predicate.
    Unpublished(String),
}

impl Said {
    /// Why it does not decide.
    fn explain(&self) -> Option<String> {
        let what = match self {
            Self::Useless(what) => what.clone(),
            Self::Name(name) => {
                format!("names the model `{name}`, but has no `mean` under `pretrained_cfg`")
            }
            _ => return None,
        };
        Some(format!("the `config.json` beside it {what}"))
    }
}

/// The convention of a model by its name, with or without the tag: a tag that timm knows, or a name
/// that stands for one convention only.
fn of_name(name: &str, architecture: Architecture, width: f64) -> Option<Convention> {
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
    let own = name.strip_prefix(FROM_TENSORFLOW).unwrap_or(name);
    if !own.starts_with(&timm::family(architecture)?) {
        return None;
    }
    let is_converted = own.len() < name.len();
    let alike = || timm::alike(architecture, width, is_converted);
    let is_own_model = !is_converted && alike().next().is_none();
    unanimous(alike()).or_else(|| is_own_model.then(|| timm::own_convention(architecture)))
}

/// The convention of a network of which timm has no other.
fn the_only_one(architecture: Architecture, width: f64) -> Option<Convention> {
    let mut possible = timm::possible(architecture, width).into_iter().map(|(_, found)| found);
    let first = possible.next()?;
    possible.all(|convention| convention == first).then_some(first)
}

/// The convention of all of these models, if they agree.
fn unanimous<'a>(mut models: impl Iterator<Item = &'a TimmModel>) -> Option<Convention> {
    let first = models.next()?.convention;
    models.all(|model| model.convention == first).then_some(first)
}

/// The `config.json` beside a file, if there is one.
fn config_of(path: &Path) -> Option<PathBuf> {
    Some(path.parent()?.join("config.json")).filter(|config| config.exists())
}

/// What a `config.json` tells about a network.
fn read(config: &Path, architecture: Architecture) -> Said {
    let bytes = match fs::read_bounded(config, LARGEST_CONFIG) {
        Ok(bytes) => bytes,
        Err(error) => return Said::Useless(format!("cannot be read: {}", error.source)),
    };
    let config: Value = match serde_json::from_slice(&bytes) {
        Ok(config) => config,
        Err(error) => return Said::Useless(format!("is not valid JSON: {error}")),
    };
    let Some(name) = config.get("architecture").and_then(Value::as_str) else {
        return Said::Useless("names no `architecture`".to_owned());
    };
    let title = architecture.title();
    if !timm::is_of(name, architecture) {
        return Said::Useless(format!("is about `{name}`, which is not timm's name of {title}"));
    }
    let pretrained = config.get("pretrained_cfg");
    let statistics = |key: &str| pretrained.and_then(|config| config.get(key)).map(three);
    let mean = match statistics("mean") {
        None => return Said::Name(full_name(name, pretrained)),
        Some(None) => return Said::Useless("has a `mean` that is not three numbers".to_owned()),
        Some(Some(mean)) => mean,
    };
    let deviation = match statistics("std") {
        Some(None) => return Said::Useless("has a `std` that is not three numbers".to_owned()),
        Some(Some(deviation)) => Some(deviation),
        None => None,
    };
    by_statistics(name.starts_with(FROM_TENSORFLOW), mean, deviation).map_or_else(
        || {
            let deviation = deviation.map(|these| format!(" and the standard deviation {these:?}"));
            Said::Unpublished(format!(
                "states the mean {mean:?}{}, with which no weights of {title} were published",
                deviation.unwrap_or_default()
            ))
        },
        Said::Convention,
    )
}

/// The name of a model with its tag, if the configuration has one.
fn full_name(name: &str, pretrained: Option<&Value>) -> String {
    let tag = pretrained.and_then(|config| config.get("tag")).and_then(Value::as_str);
    match tag {
        Some(tag) if !tag.is_empty() && !name.contains('.') => format!("{name}.{tag}"),
        _ => name.to_owned(),
    }
}

/// The numbers of a list of three.
fn three(value: &Value) -> Option<[f32; 3]> {
    let numbers: Option<Vec<f32>> = value
        .as_array()?
        .iter()
        .map(|number| number.as_f64().map(|number| number as f32))
        .collect();
    numbers?.try_into().ok()
}

/// The convention of a model of timm: its origin tells the padding and epsilon, the statistics of
/// its images the pixel values.
fn by_statistics(
    is_converted: bool,
    mean: [f32; 3],
    deviation: Option<[f32; 3]>,
) -> Option<Convention> {
    let is = |preprocessing: Preprocessing| {
        let (its_mean, its_deviation) = preprocessing.statistics();
        let near = |these: [f32; 3], those: [f32; 3]| {
            these.iter().zip(those).all(|(this, that)| (this - that).abs() < ROUNDING)
        };
        near(mean, its_mean) && deviation.is_none_or(|deviation| near(deviation, its_deviation))
    };
    let conventions = if is_converted {
        [Convention::Keras, Convention::Tensorflow]
    } else {
        [Convention::TorchInception, Convention::Torch]
    };
    conventions.into_iter().find(|convention| is(convention.preprocessing()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_model_decides() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str, architecture| {
            convention(&folder.path().join(name), architecture, 1.0).ok()
        };
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
                let found = convention(&folder.path().join(name), architecture, 1.0).ok();
                assert_eq!(found, Some(expected), "{name}");
            }
        }
    }

    #[test]
    fn the_configuration_beside_a_file_decides() {
        let folder = tempfile::tempdir().unwrap();
        let of = |config: &str, architecture| {
            fs::write_atomic(&folder.path().join("config.json"), config.as_bytes()).unwrap();
            convention(&folder.path().join("model.safetensors"), architecture, 1.0).ok()
        };
        let lite = r#"{"architecture": "tf_efficientnet_lite1", "num_classes": 1000}"#;
        assert_eq!(of(lite, Architecture::EfficientnetLite1), Some(Convention::Keras));
        let v4 = |mean: &str| {
            let config =
                r#"{"architecture": "mobilenetv4_conv_small", "pretrained_cfg": {"mean": "#;
            of(&format!("{config}{mean}}}}}"), Architecture::MobilenetV4ConvSmall)
        };
        assert_eq!(v4("[0.5, 0.5, 0.5]"), Some(Convention::TorchInception));
        assert_eq!(v4("[0.485, 0.456, 0.406]"), Some(Convention::Torch));
        assert_eq!(
            v4(r#"[0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]"#),
            Some(Convention::Torch)
        );
        for unknown in ["[0, 0, 0]", "[0.485, 0.5, 0.5]", r#"[0.5, 0.5, 0.5], "std": [1, 1, 1]"#] {
            assert_eq!(v4(unknown), None, "{unknown}");
        }
        let other = r#"{"architecture": "resnet50", "pretrained_cfg": {"mean": [0, 0, 0]}}"#;
        assert_eq!(of(other, Architecture::Resnet50), None);
        // A tag decides as the name of a file does.
        let tag = |tag: &str| {
            format!(r#"{{"architecture": "resnet34", "pretrained_cfg": {{"tag": "{tag}"}}}}"#)
        };
        assert_eq!(of(&tag("a1_in1k"), Architecture::Resnet34), Some(Convention::Torch));
        assert_eq!(of(&tag("mine"), Architecture::Resnet34), None);
    }

    #[test]
    fn what_a_configuration_says_is_told_if_it_does_not_decide() {
        let folder = tempfile::tempdir().unwrap();
        let of = |config: &str, name: &str| {
            fs::write_atomic(&folder.path().join("config.json"), config.as_bytes()).unwrap();
            convention(&folder.path().join(name), Architecture::Resnet34, 1.0)
        };
        for (config, expected) in [
            ("{", "is not valid JSON"),
            ("[]", "names no `architecture`"),
            (r#"{"architecture": "resnet50"}"#, "is about `resnet50`"),
            (r#"{"architecture": "resnet34"}"#, "names the model `resnet34`, but has no `mean`"),
        ] {
            let error = of(config, "model.pth").unwrap_err();
            let notes = error.notes().join("\n");
            assert!(notes.contains(expected), "{config}: {notes}");
            // The name of a file decides, whatever lies beside it.
            assert_eq!(of(config, "resnet34.a1_in1k.pth").unwrap(), Convention::Torch);
        }
        let unknown =
            r#"{"architecture": "resnet34", "pretrained_cfg": {"mean": [0.4, 0.4, 0.4]}}"#;
        let said = of(unknown, "resnet34.a1_in1k.pth").unwrap_err().to_string();
        assert!(said.contains("states the mean [0.4, 0.4, 0.4]"), "{said}");
    }

    #[test]
    fn the_width_decides_where_models_of_one_width_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let of = |width| {
            convention(&folder.path().join("model.pth"), Architecture::MobilenetV3Small, width)
        };
        assert_eq!(of(0.5).ok(), Some(Convention::Torch));
        for (width, names) in [
            (1.0, ["mobilenetv3_small_100.lamb_in1k", "tf_mobilenetv3_small_100.in1k"]),
            (0.75, ["mobilenetv3_small_075.lamb_in1k", "tf_mobilenetv3_small_075.in1k"]),
        ] {
            let hints = of(width).unwrap_err().hints().join("\n");
            assert!(names.iter().all(|name| hints.contains(name)), "{width}: {hints}");
        }
    }

    #[test]
    fn a_choice_names_at_least_two_models_and_those_of_torchvision() {
        let folder = tempfile::tempdir().unwrap();
        for architecture in Architecture::ALL {
            let Err(error) = convention(&folder.path().join("model.pth"), architecture, 1.0) else {
                continue;
            };
            let hints = error.hints().join("\n");
            assert!(hints.matches(".safetensors`").count() >= 2, "{architecture:?}: {hints}");
            assert_eq!(
                hints.contains("resnet34-b627a593.pth"),
                architecture == Architecture::Resnet34,
                "{hints}"
            );
            // Each of these names decides.
            let names = hints.split('`').filter(|text| text.ends_with(".safetensors"));
            for name in names {
                let found = convention(&folder.path().join(name), architecture, 1.0);
                assert!(found.is_ok(), "{name}: {found:?}");
            }
        }
    }
}
