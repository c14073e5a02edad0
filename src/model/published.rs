//! Weights that libraries have published: which exist, their URLs, and their digests as far as they
//! are published.
//!
//! Only digests that the publisher gives are used. The names of torchvision's files contain the
//! first eight digits of their SHA-256. Keras gives the MD5 of some files, and timm publishes none.

use std::error::Error;

use super::architecture;
use super::timm;
use super::torchvision::{self, TorchvisionModel};
use super::weights::error::WeightsError;
use super::weights::import::WeightsFile;
use crate::base::digest::Digest;
use crate::base::text;
use crate::spec::{Architecture, PublishedSpec, Source, TopSpec, TorchvisionVersion};

/// Image size in pixels for which Keras has weights of every network and width.
pub const KERAS_LARGEST: usize = 224;
/// Widths of MobileNetV2 for which Keras has weights of the largest size only.
const KERAS_WIDE: [f64; 2] = [1.3, 1.4];
/// The MD5 of files of Keras (`WEIGHTS_HASHES` in `keras.applications` 3.15). It gives none for
/// MobileNetV1 and V2.
#[rustfmt::skip]
const KERAS_MD5: [(&str, &str); 8] = [
    ("weights_mobilenet_v3_small_224_0.75_float.h5", "cb65d4e5be93758266aa0a7f2c6708b7"),
    ("weights_mobilenet_v3_small_224_1.0_float.h5", "8768d4c2e7dee89b9d02b2d03d65d862"),
    ("weights_mobilenet_v3_large_224_0.75_float.h5", "765b44a33ad4005b3ac83185abf1d0eb"),
    ("weights_mobilenet_v3_large_224_1.0_float.h5", "59e551e166be033d707958cf9e29a6a7"),
    ("efficientnetb0.h5", "902e53a9f72be733fc0bcb005b3ebbac"),
    ("efficientnetb0_notop.h5", "50bc09e76180e00e4465e1a485ddc09d"),
    ("resnet50_weights_tf_dim_ordering_tf_kernels.h5", "2cb95161c43110f7111970584f804107"),
    ("resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "4d473c1dd8becc155b73f8504c6f6626"),
];
/// Where Keras's files are.
const KERAS_FOLDER: &str = "https://storage.googleapis.com/tensorflow/keras-applications";
/// Where Keras's files of EfficientNet are.
const KERAS_EFFICIENTNET: &str = "https://storage.googleapis.com/keras-applications";
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
    /// MD5 in lower case, if the publisher gives it.
    pub md5: Option<&'static str>,
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
        let network = self.architecture.title_of(self.width);
        let why = match &error {
            WeightsError::Mismatch { mismatch, .. } => mismatch.summary(),
            WeightsError::NoClassifier { .. } => "it has no classifier".to_owned(),
            WeightsError::Unsupported { what, .. } => what.clone(),
            _ => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        };
        Some(format!("it does not fit {network}: {why}"))
    }

    /// A hint for weights to use instead.
    pub fn instead(&self) -> &'static str {
        match self.top {
            TopSpec::New => "or use weights that need no download: `weights: builtin` or a file",
            TopSpec::Pretrained => {
                "or pass a file that includes the classifier: `--weights FILE`, or `weights: FILE` in \
                 a pipeline"
            }
        }
    }

    /// Reads everything that is needed from a file.
    fn read(&self, file: &WeightsFile) -> Result<(), WeightsError> {
        let convention = file.convention(self.architecture, self.width)?;
        let graph = architecture::outline(self.architecture, convention, self.width);
        file.weights(self.architecture, &graph.parameters())?;
        if self.top == TopSpec::Pretrained {
            file.classifier()?;
        }
        Ok(())
    }
}

/// Weights that were never published.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{} has published no {}{detail}", source_of.name(), architecture.title_of(*width))]
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
        found.extend(keras_offer(self.architecture).map(|offer| format!("keras has {offer}")));
        if let Some(TorchvisionModel { newer, .. }) = torchvision::model_of(self.architecture) {
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

/// The library whose weights `imagenet` stands for: Keras for MobileNetV2 and where timm has none.
pub fn usual_source(architecture: Architecture, width: f64) -> Source {
    let is_in_timm = timm::models_of(architecture).any(|model| model.width == width);
    let is_in_keras = keras_widths(architecture).contains(&width);
    if architecture == Architecture::MobilenetV2 || is_in_keras && !is_in_timm {
        Source::Keras
    } else {
        Source::Timm
    }
}

/// The widths of a network that Keras has weights of; 1 if its family has no other, and none if Keras
/// does not have the network.
pub fn keras_widths(architecture: Architecture) -> &'static [f64] {
    match architecture {
        Architecture::MobilenetV1 => &[0.25, 0.5, 0.75, 1.0],
        Architecture::MobilenetV2 => &architecture::PUBLISHED_WIDTHS,
        Architecture::MobilenetV3Small | Architecture::MobilenetV3Large => &[0.75, 1.0],
        Architecture::Resnet50 | Architecture::EfficientnetB0 => &[1.0],
        _ => &[],
    }
}

/// Image sizes in pixels that Keras trained its weights of a network at.
pub fn keras_sizes(architecture: Architecture) -> &'static [usize] {
    match architecture {
        Architecture::MobilenetV1 => &[128, 160, 192, KERAS_LARGEST],
        Architecture::MobilenetV2 => &[96, 128, 160, 192, KERAS_LARGEST],
        _ => &[KERAS_LARGEST],
    }
}

/// Keras's weights of a network in words.
fn keras_offer(architecture: Architecture) -> Option<&'static str> {
    Some(match architecture {
        Architecture::MobilenetV1 => {
            "the widths 0.25, 0.5, 0.75 and 1.0 trained at 128, 160, 192 and 224"
        }
        Architecture::MobilenetV2 => {
            "the widths 0.35, 0.5, 0.75 and 1.0 trained at 96, 128, 160, 192 and 224, and 1.3 and 1.4 \
             trained at 224"
        }
        Architecture::MobilenetV3Small | Architecture::MobilenetV3Large => {
            "the widths 0.75 and 1.0 trained at 224"
        }
        Architecture::Resnet50 | Architecture::EfficientnetB0 => "it, trained at 224",
        _ => return None,
    })
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
            let found = torchvision::model_of(architecture).filter(|_| width == 1.0);
            let model = found.ok_or_else(|| none(String::new()))?;
            let start = match spec.version {
                Some(TorchvisionVersion::V1) => model.older,
                None => model.newer.unwrap_or(model.older),
                Some(TorchvisionVersion::V2) => {
                    model.newer.ok_or_else(|| none(" of version `v2`".to_owned()))?
                }
            };
            let name = model.file_name(start);
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
    let md5 = KERAS_MD5.iter().find(|(of, _)| source == Source::Keras && *of == name);
    Ok(PublishedFile {
        source,
        name,
        url,
        sha256_start,
        md5: md5.map(|(_, digest)| *digest),
        sha256,
        digest: None,
        architecture,
        width,
        top,
    })
}

/// The newest version of torchvision's weights of a network.
pub fn newest_version(architecture: Architecture) -> Option<TorchvisionVersion> {
    let model = torchvision::model_of(architecture)?;
    Some(if model.newer.is_some() { TorchvisionVersion::V2 } else { TorchvisionVersion::V1 })
}

/// Name and URL of a file of Keras; what it lacks if there is none.
fn of_keras(
    architecture: Architecture,
    width: f64,
    spec: &PublishedSpec,
    top: TopSpec,
) -> Result<(String, String), String> {
    if !keras_widths(architecture).contains(&width) {
        return Err(String::new());
    }
    let size = spec.trained_at.unwrap_or(KERAS_LARGEST);
    let is_wide = architecture == Architecture::MobilenetV2 && KERAS_WIDE.contains(&width);
    if !keras_sizes(architecture).contains(&size) || is_wide && size != KERAS_LARGEST {
        return Err(format!(" trained on images of {size} pixels"));
    }
    let is_whole = top == TopSpec::Pretrained;
    // Python writes 1.0 where Rust writes 1.
    let alpha = format!("{width:?}");
    let kernels = "weights_tf_dim_ordering_tf_kernels";
    let (folder, name) = match architecture {
        Architecture::MobilenetV1 => {
            // 0.25 is written `2_5`, and 1.0 `1_0`.
            let alpha = match (width * 100.0).round() as usize {
                100 => "1_0",
                75 => "7_5",
                50 => "5_0",
                _ => "2_5",
            };
            let end = if is_whole { "" } else { "_no_top" };
            ("mobilenet", format!("mobilenet_{alpha}_{size}_tf{end}.h5"))
        }
        Architecture::MobilenetV2 => {
            let end = if is_whole { "" } else { "_no_top" };
            ("mobilenet_v2", format!("mobilenet_v2_{kernels}_{alpha}_{size}{end}.h5"))
        }
        // Files without the classifier lack the convolution after the pooling too.
        Architecture::MobilenetV3Small => {
            ("mobilenet_v3", format!("weights_mobilenet_v3_small_{size}_{alpha}_float.h5"))
        }
        Architecture::MobilenetV3Large => {
            ("mobilenet_v3", format!("weights_mobilenet_v3_large_{size}_{alpha}_float.h5"))
        }
        Architecture::Resnet50 => {
            let end = if is_whole { "" } else { "_notop" };
            ("resnet", format!("resnet50_{kernels}{end}.h5"))
        }
        _ => {
            let name = if is_whole { "efficientnetb0.h5" } else { "efficientnetb0_notop.h5" };
            return Ok((name.to_owned(), format!("{KERAS_EFFICIENTNET}/{name}")));
        }
    };
    let url = format!("{KERAS_FOLDER}/{folder}/{name}");
    Ok((name, url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Architecture as A;

    fn name(source: Source, width: f64, trained_at: Option<usize>) -> Option<String> {
        let spec = PublishedSpec { source, version: None, trained_at, sha256: None };
        let found = find(Architecture::MobilenetV2, width, &spec, TopSpec::New);
        found.ok().map(|file| file.name)
    }

    #[test]
    fn files_of_keras_have_its_names() {
        let url = |architecture, width, trained_at, top| {
            let spec =
                PublishedSpec { source: Source::Keras, version: None, trained_at, sha256: None };
            find(architecture, width, &spec, top).ok().map(|file| file.url)
        };
        let (new, whole) = (TopSpec::New, TopSpec::Pretrained);
        let at = |path: &str| Some(format!("https://storage.googleapis.com/{path}"));
        let in_folder = |path: &str| at(&format!("tensorflow/keras-applications/{path}"));
        for (architecture, width, size, top, expected) in [
            (
                A::MobilenetV1,
                0.25,
                Some(128),
                new,
                in_folder("mobilenet/mobilenet_2_5_128_tf_no_top.h5"),
            ),
            (A::MobilenetV1, 1.0, None, whole, in_folder("mobilenet/mobilenet_1_0_224_tf.h5")),
            (A::MobilenetV1, 1.25, None, new, None),
            (A::MobilenetV1, 0.5, Some(96), new, None),
            (
                A::MobilenetV3Large,
                0.75,
                None,
                new,
                in_folder("mobilenet_v3/weights_mobilenet_v3_large_224_0.75_float.h5"),
            ),
            (A::MobilenetV3Small, 0.5, None, new, None),
            (
                A::Resnet50,
                1.0,
                None,
                new,
                in_folder("resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
            ),
            (A::Resnet50, 1.0, Some(160), new, None),
            (A::EfficientnetB0, 1.0, None, whole, at("keras-applications/efficientnetb0.h5")),
            (A::Resnet18, 1.0, None, new, None),
        ] {
            assert_eq!(url(architecture, width, size, top), expected);
        }
    }

    #[test]
    fn a_file_of_another_network_is_refused_with_the_differences() {
        let spec =
            PublishedSpec { source: Source::Keras, version: None, trained_at: None, sha256: None };
        let wanted = find(A::MobilenetV1, 1.0, &spec, TopSpec::New).unwrap();
        let other = WeightsFile::builtin(A::MobilenetV2).unwrap();
        let why = wanted.differs(&other).unwrap();
        assert!(
            why.starts_with("it does not fit MobileNetV1 of width 1: 135 tensors missing (`"),
            "{why}"
        );
        assert!(why.contains("that the network does not have (`"), "{why}");
    }

    #[test]
    fn every_published_md5_is_of_a_file() {
        let spec = |trained_at| PublishedSpec {
            source: Source::Keras,
            version: None,
            trained_at: Some(trained_at),
            sha256: None,
        };
        let mut found = vec![];
        for architecture in A::ALL {
            for width in keras_widths(architecture) {
                for top in [TopSpec::New, TopSpec::Pretrained] {
                    let file = find(architecture, *width, &spec(KERAS_LARGEST), top).unwrap();
                    let is_of_mobilenet = matches!(architecture, A::MobilenetV1 | A::MobilenetV2);
                    assert_eq!(file.md5.is_none(), is_of_mobilenet, "{}", file.name);
                    found.extend(file.md5);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), KERAS_MD5.len());
    }

    #[test]
    fn imagenet_stands_for_keras_where_timm_has_no_weights() {
        for (architecture, width, expected) in [
            (A::MobilenetV1, 1.0, Source::Timm),
            (A::MobilenetV1, 0.25, Source::Keras),
            (A::MobilenetV1, 0.4, Source::Timm),
            (A::MobilenetV2, 1.0, Source::Keras),
            (A::MobilenetV3Small, 0.75, Source::Timm),
            (A::Resnet50, 1.0, Source::Timm),
        ] {
            assert_eq!(usual_source(architecture, width), expected, "{architecture:?} {width}");
        }
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
