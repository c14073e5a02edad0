//! Weights that libraries have published: which exist, their URLs, and their digests as far as they
//! are published.
//!
//! Only digests that the publisher gives are used. The names of torchvision's files contain the
//! first eight digits of their SHA-256. Keras and timm publish none.

use super::architecture;
use super::weights::error::WeightsError;
use super::weights::import::WeightsFile;
use crate::base::digest::Digest;
use crate::spec::{Architecture, PublishedSpec, Source, TopSpec, TorchvisionVersion};

/// Image sizes in pixels that Keras trained its weights at.
pub const KERAS_SIZES: [usize; 5] = [96, 128, 160, 192, 224];
/// Image size in pixels for which Keras has weights of every width.
pub const KERAS_LARGEST: usize = 224;
/// Widths for which Keras has weights of all sizes.
const KERAS_WIDTHS: [f64; 4] = [0.35, 0.5, 0.75, 1.0];
/// Widths for which Keras has weights of the largest size only.
const KERAS_WIDE: [f64; 2] = [1.3, 1.4];
/// The widths of timm's weights, with the names of its models.
const TIMM: [(f64, &str); 3] = [
    (0.5, "mobilenetv2_050.lamb_in1k"),
    (1.0, "mobilenetv2_100.ra_in1k"),
    (1.4, "mobilenetv2_140.ra_in1k"),
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
        if file.naming().source() != Some(self.source) {
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
#[error("{} has published no {}{size}", source_of.name(), shown(*architecture, *width))]
pub struct NotPublished {
    source_of: Source,
    architecture: Architecture,
    width: f64,
    size: String,
}

impl NotPublished {
    /// The weights that exist.
    pub fn hint(&self) -> String {
        if !self.architecture.has_width() {
            return "timm has them: write `weights: imagenet`".to_owned();
        }
        "keras has the widths 0.35, 0.5, 0.75 and 1.0 trained at 96, 128, 160, 192 and 224, and 1.3 \
         and 1.4 trained at 224; torchvision has 1.0; timm has 0.5, 1.0 and 1.4"
            .to_owned()
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
    let none = |size: String| NotPublished { source_of: spec.source, architecture, width, size };
    let file = |name: String, url: String, sha256_start: Option<&'static str>| PublishedFile {
        source: spec.source,
        name,
        url,
        sha256_start,
        sha256: spec.sha256.clone(),
        digest: None,
        architecture,
        width,
        top,
    };
    let timm = |model: &str| {
        let url = format!("https://huggingface.co/timm/{model}/resolve/main/model.safetensors");
        Ok(file(format!("{model}.safetensors"), url, None))
    };
    if let Some(model) = timm_lite(architecture) {
        return if spec.source == Source::Timm { timm(model) } else { Err(none(String::new())) };
    }
    match spec.source {
        Source::Keras => {
            let size = spec.trained_at.unwrap_or(KERAS_LARGEST);
            let is_there = KERAS_WIDTHS.contains(&width) && KERAS_SIZES.contains(&size)
                || KERAS_WIDE.contains(&width) && size == KERAS_LARGEST;
            if !is_there {
                return Err(none(format!(" trained on images of {size} pixels")));
            }
            // Python writes 1.0 where Rust writes 1.
            let alpha = format!("{width:?}");
            let end = if top == TopSpec::New { "_no_top" } else { "" };
            let name =
                format!("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}{end}.h5");
            let folder =
                "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2";
            let url = format!("{folder}/{name}");
            Ok(file(name, url, None))
        }
        Source::Torchvision if width == 1.0 => {
            let start = match spec.version {
                Some(TorchvisionVersion::V1) => "b0353104",
                Some(TorchvisionVersion::V2) | None => "7ebf99e0",
            };
            let name = format!("mobilenet_v2-{start}.pth");
            let url = format!("https://download.pytorch.org/models/{name}");
            Ok(file(name, url, Some(start)))
        }
        Source::Torchvision => Err(none(String::new())),
        Source::Timm => {
            let found = TIMM.iter().find(|(of, _)| *of == width);
            let (_, model) = found.ok_or_else(|| none(String::new()))?;
            timm(model)
        }
    }
}

/// The best of timm's models of an EfficientNet-Lite: timm trained only the smallest itself. Its
/// name decides the convention.
fn timm_lite(architecture: Architecture) -> Option<&'static str> {
    match architecture {
        Architecture::MobilenetV2 => None,
        Architecture::EfficientnetLite0 => Some("efficientnet_lite0.ra_in1k"),
        Architecture::EfficientnetLite1 => Some("tf_efficientnet_lite1.in1k"),
        Architecture::EfficientnetLite2 => Some("tf_efficientnet_lite2.in1k"),
        Architecture::EfficientnetLite3 => Some("tf_efficientnet_lite3.in1k"),
        Architecture::EfficientnetLite4 => Some("tf_efficientnet_lite4.in1k"),
    }
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
