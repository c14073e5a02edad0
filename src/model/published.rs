//! Weights that libraries have published: which exist, their URLs, and their digests as far as they
//! are published.
//!
//! Only digests that the publisher gives are used. The names of torchvision's files contain the
//! first eight digits of their SHA-256. Keras and timm publish none.

use super::architecture;
use super::timm;
use super::weights::error::WeightsError;
use super::weights::import::WeightsFile;
use crate::base::digest::Digest;
use crate::base::text;
use crate::spec::{Architecture, PublishedSpec, Source, TopSpec, TorchvisionVersion};

/// Image sizes in pixels that Keras trained its weights at.
pub const KERAS_SIZES: [usize; 5] = [96, 128, 160, 192, 224];
/// Image size in pixels for which Keras has weights of every width.
pub const KERAS_LARGEST: usize = 224;
/// Widths for which Keras has weights of all sizes.
const KERAS_WIDTHS: [f64; 4] = [0.35, 0.5, 0.75, 1.0];
/// Widths for which Keras has weights of the largest size only.
const KERAS_WIDE: [f64; 2] = [1.3, 1.4];
/// torchvision's files: network, its name there, and the first digits of the SHA-256 of the weights
/// `IMAGENET1K_V1` and `IMAGENET1K_V2`.
const TORCHVISION: [(Architecture, &str, &str, Option<&str>); 7] = [
    (Architecture::MobilenetV2, "mobilenet_v2", "b0353104", Some("7ebf99e0")),
    (Architecture::MobilenetV3Small, "mobilenet_v3_small", "047dcff4", None),
    (Architecture::MobilenetV3Large, "mobilenet_v3_large", "8738ca79", Some("5c1a4163")),
    (Architecture::EfficientnetB0, "efficientnet_b0_rwightman", "7f5810bc", None),
    (Architecture::Resnet18, "resnet18", "f37072fd", None),
    (Architecture::Resnet34, "resnet34", "b627a593", None),
    (Architecture::Resnet50, "resnet50", "0676ba61", Some("11ad3fa6")),
];

/// A file that a library has published.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedFile {
    /// Library that published it.
    pub source: Source,
    /// Name it is cached under, unique among the files of the library.
    pub name: String,
    /// URL of the file.
    pub url: String,
    /// First digits of its SHA-256 in lower case, if the publisher gives them.
    pub sha256_start: Option<&'static str>,
    /// Full SHA-256 in lower case, if the pipeline gives it.
    pub sha256: Option<String>,
    /// Digest of the file that a recorded run used.
    pub digest: Option<Digest>,
    /// Network that its weights are for.
    pub architecture: Architecture,
    /// Width of the network; 1 if its family has no other.
    pub width: f64,
    /// Whether its classifier is needed.
    pub top: TopSpec,
}

impl PublishedFile {
    /// The reason why a file cannot be this one; `None` if it can.
    pub fn differs(&self, file: &WeightsFile) -> Option<String> {
        if !file.naming().is_of(self.source) {
            return Some(format!(
                "its tensor names are those of {}, not of {}",
                file.naming().library(),
                self.source.name()
            ));
        }
        if let Some(digest) = self.digest.filter(|digest| *digest != file.digest()) {
            return Some(format!(
                "the run used a file with the digest {digest}, but this one has {}",
                file.digest()
            ));
        }
        let error = self.read(file).err()?;
        let hints = error.hints();
        let first = hints.first().and_then(|hint| hint.lines().next()).unwrap_or_default();
        let network = shown(self.architecture, self.width);
        Some(format!("it does not fit {network}: {}", first.trim_end_matches(':')))
    }

    /// Reads everything that is needed from a file.
    fn read(&self, file: &WeightsFile) -> Result<(), WeightsError> {
        let convention = file.convention(self.architecture)?;
        let graph = architecture::outline(self.architecture, convention, self.width);
        file.weights(self.architecture, &graph.parameters())?;
        if self.top == TopSpec::Pretrained {
            file.classifier()?;
        }
        Ok(())
    }
}

/// A network in a message, with its width if its family has several.
pub fn shown(architecture: Architecture, width: f64) -> String {
    if architecture.has_width() {
        format!("{} of width {width}", architecture.title())
    } else {
        architecture.title().to_owned()
    }
}

/// Weights that were never published.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{} has published no {}{detail}", source_of.name(), shown(*architecture, *width))]
pub struct NotPublished {
    source_of: Source,
    architecture: Architecture,
    width: f64,
    /// What else was asked for.
    detail: String,
}

impl NotPublished {
    /// The weights that exist.
    pub fn hint(&self) -> String {
        let mut found = vec![];
        if self.architecture == Architecture::MobilenetV2 {
            let widths = "the widths 0.35, 0.5, 0.75 and 1.0 trained at 96, 128, 160, 192 and 224, \
                          and 1.3 and 1.4 trained at 224";
            found.push(format!("keras has {widths}"));
        }
        if let Some((.., newer)) = torchvision(self.architecture) {
            let versions = if newer.is_some() { "`v1` and `v2`" } else { "`v1`" };
            let width = if self.architecture.has_width() { "width 1.0, " } else { "" };
            found.push(format!("torchvision has {width}{versions}"));
        }
        let mut widths: Vec<String> = vec![];
        for model in timm::models_of(self.architecture) {
            let width = format!("{:?}", model.width);
            if !widths.contains(&width) {
                widths.push(width);
            }
        }
        if self.architecture.has_width() {
            found.push(format!("timm has the widths {}", text::join(widths, "and")));
        } else {
            found.push("timm has it: write `weights: imagenet`".to_owned());
        }
        found.join("; ")
    }
}

/// The library whose weights `imagenet` stands for.
pub fn usual_source(architecture: Architecture) -> Source {
    if architecture == Architecture::MobilenetV2 { Source::Keras } else { Source::Timm }
}

/// The file with the weights of a network; `width` is 1 if its family has no other.
///
/// # Errors
/// When the library has published none.
pub fn find(
    architecture: Architecture,
    width: f64,
    spec: &PublishedSpec,
    top: TopSpec,
) -> Result<PublishedFile, NotPublished> {
    let none =
        |detail: String| NotPublished { source_of: spec.source, architecture, width, detail };
    let (name, url, sha256_start) = match spec.source {
        Source::Keras => {
            let (name, url) = of_keras(architecture, width, spec, top).map_err(none)?;
            (name, url, None)
        }
        Source::Torchvision => {
            let found = torchvision(architecture).filter(|_| width == 1.0);
            let (_, network, older, newer) = found.ok_or_else(|| none(String::new()))?;
            let start = match spec.version {
                Some(TorchvisionVersion::V1) => older,
                None => newer.unwrap_or(older),
                Some(TorchvisionVersion::V2) => {
                    newer.ok_or_else(|| none(" of version `v2`".to_owned()))?
                }
            };
            let name = format!("{network}-{start}.pth");
            let url = format!("https://download.pytorch.org/models/{name}");
            (name, url, Some(start))
        }
        Source::Timm => {
            let model = timm::models_of(architecture).find(|model| model.width == width);
            let model = model.ok_or_else(|| none(String::new()))?;
            (model.file_name(), model.url(), None)
        }
    };
    let (source, sha256) = (spec.source, spec.sha256.clone());
    Ok(PublishedFile {
        source,
        name,
        url,
        sha256_start,
        sha256,
        digest: None,
        architecture,
        width,
        top,
    })
}

/// The newest version of torchvision's weights of a network.
pub fn newest_version(architecture: Architecture) -> Option<TorchvisionVersion> {
    let (.., newer) = torchvision(architecture)?;
    Some(if newer.is_some() { TorchvisionVersion::V2 } else { TorchvisionVersion::V1 })
}

/// The entry of a network among torchvision's files.
fn torchvision(
    architecture: Architecture,
) -> Option<(Architecture, &'static str, &'static str, Option<&'static str>)> {
    TORCHVISION.into_iter().find(|(of, ..)| *of == architecture)
}

/// Name and URL of a file of Keras; what it lacks if there is none.
fn of_keras(
    architecture: Architecture,
    width: f64,
    spec: &PublishedSpec,
    top: TopSpec,
) -> Result<(String, String), String> {
    if architecture != Architecture::MobilenetV2 {
        return Err(String::new());
    }
    let size = spec.trained_at.unwrap_or(KERAS_LARGEST);
    let is_there = KERAS_WIDTHS.contains(&width) && KERAS_SIZES.contains(&size)
        || KERAS_WIDE.contains(&width) && size == KERAS_LARGEST;
    if !is_there {
        return Err(format!(" trained on images of {size} pixels"));
    }
    // Python writes 1.0 where Rust writes 1.
    let alpha = format!("{width:?}");
    let end = if top == TopSpec::New { "_no_top" } else { "" };
    let name = format!("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}{end}.h5");
    let folder = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2";
    let url = format!("{folder}/{name}");
    Ok((name, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(source: Source, width: f64, trained_at: Option<usize>) -> Option<String> {
        let spec = PublishedSpec { source, version: None, trained_at, sha256: None };
        let found = find(Architecture::MobilenetV2, width, &spec, TopSpec::New);
        found.ok().map(|file| file.name)
    }

    #[test]
    fn files_have_the_names_their_libraries_gave_them() {
        let keras = |width: &str, size| {
            Some(format!(
                "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{size}_no_top.h5"
            ))
        };
        assert_eq!(name(Source::Keras, 0.35, Some(160)), keras("0.35", 160));
        assert_eq!(name(Source::Keras, 1.0, Some(96)), keras("1.0", 96));
        assert_eq!(name(Source::Keras, 1.4, None), keras("1.4", 224));
        assert_eq!(name(Source::Keras, 1.4, Some(160)), None);
        assert_eq!(name(Source::Torchvision, 1.0, None).unwrap(), "mobilenet_v2-7ebf99e0.pth");
        assert_eq!(name(Source::Torchvision, 0.5, None), None);
        assert_eq!(name(Source::Timm, 0.5, None).unwrap(), "mobilenetv2_050.lamb_in1k.safetensors");
        assert_eq!(name(Source::Timm, 0.35, None), None);
    }
}
