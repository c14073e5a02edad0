//! Features of images that were computed before, by `shard features`. They never decide a result: a
//! stage with the same frozen part takes them in place of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alpaca_kernels::Precision;
use serde::Deserialize;
use serde_json::json;

use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::cache::feature_file::{self, FeatureKeys};
use crate::dataset::known::Likenesses;
use crate::dataset::likeness::Likeness;
use crate::exec::plan::program;
use crate::model::cut::Cut;
use crate::model::fuse::Unit;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::run_dir::layout;
use crate::spec::PixelSpec;

/// What a manifest of features calls them.
pub const WORK: &str = "features";

/// The directory of files of features, below that of their manifest, and the ending of their names.
pub const PLACE: (&str, &str) = ("shards", "features");

/// A directory of features.
#[derive(Debug)]
pub struct ComputedFeatures {
    /// The directory.
    pub directory: PathBuf,
    /// The files, with the digest of each.
    files: Vec<(PathBuf, Digest)>,
    /// What decides them; `None` without images.
    keys: Option<FeatureKeys>,
    /// The likeness of each image.
    likenesses: Arc<Likenesses>,
}

/// A directory of features cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ComputedError {
    /// There is no such directory.
    #[error("there is no directory `{}`", names::text_of_path(.0))]
    Missing(PathBuf),
    /// Its features are not complete.
    #[error(
        "the features in `{}` are not complete: start `alpaca-run shard features` again, or `alpaca-run \
         jobs resume` after `--detach`",
        names::text_of_path(.0)
    )]
    Unfinished(PathBuf),
    /// It is a directory of something else.
    #[error("`{}` has no features of `alpaca-run shard features`", names::text_of_path(.0))]
    None(PathBuf),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The part of a manifest that is read here.
#[derive(Deserialize)]
struct Manifest {
    work: String,
    shards: Vec<Shard>,
}

#[derive(Deserialize)]
struct Shard {
    name: String,
    output: Digest,
}

impl ComputedFeatures {
    /// Opens a directory that `shard features` wrote.
    ///
    /// # Errors
    /// When it is not such a directory, or a file of it cannot be read.
    pub fn open(directory: &Path) -> Result<Self, ComputedError> {
        let none = || ComputedError::None(directory.to_path_buf());
        if !directory.is_dir() {
            return Err(ComputedError::Missing(directory.to_path_buf()));
        }
        let has_shards = directory.join(PLACE.0).is_dir();
        let text = fs::read_text(&directory.join(layout::MANIFEST)).map_err(|_| {
            let unfinished = ComputedError::Unfinished(directory.to_path_buf());
            if has_shards { unfinished } else { none() }
        })?;
        let manifest: Manifest = serde_json::from_str(&text).map_err(|_| none())?;
        if manifest.work != WORK {
            return Err(none());
        }
        let (mut keys, mut likenesses, mut files) = (None, BTreeMap::new(), vec![]);
        for Shard { name, output } in manifest.shards {
            let path = directory.join(PLACE.0).join(format!("{name}.{}", PLACE.1));
            let list = feature_file::read_list(&path)?;
            keys = keys.or((!list.images.is_empty()).then_some(list.keys));
            let images = list
                .images
                .into_iter()
                .filter_map(|(digest, note)| Some((digest, Likeness::of_bytes(&note)?)));
            likenesses.extend(images);
            files.push((path, output));
        }
        let likenesses = Arc::new(likenesses);
        Ok(Self { directory: directory.to_path_buf(), files, keys, likenesses })
    }

    /// The images that are known to be readable, if they become pixels by the same rules.
    pub(crate) fn likenesses(&self, pixels: PixelSpec) -> Option<Arc<Likenesses>> {
        let is_same = self.keys.is_some_and(|keys| keys.pixels == pixels_key(pixels));
        is_same.then(|| Arc::clone(&self.likenesses))
    }

    /// Whether they are those of a frozen part.
    pub(crate) fn are_of(&self, keys: FeatureKeys) -> bool {
        self.keys == Some(keys)
    }

    /// Passes the features of images to `take`, `len` numbers each. `wanted` has the digests of their
    /// files, each with what to call them. Returns how many images there are.
    ///
    /// # Errors
    /// When a file cannot be read, or is not the one that was written; when `take` fails.
    pub(crate) fn read(
        &self,
        mut wanted: BTreeMap<Digest, Vec<usize>>,
        len: usize,
        mut take: impl FnMut(usize, &[f32]) -> Result<(), FileError>,
    ) -> Result<usize, FileError> {
        let mut n = 0;
        for (path, digest) in &self.files {
            if wanted.is_empty() {
                break;
            }
            let list = feature_file::read_list(path)?;
            if !list.images.iter().any(|(image, _)| wanted.contains_key(image)) {
                continue;
            }
            if list.len != len {
                let reason = format!("it has {} numbers for an image instead of {len}", list.len);
                return Err(FileError::new("read", path, std::io::Error::other(reason)));
            }
            feature_file::read_all(path, *digest, |image, values| {
                // Copies of an image have the same features.
                let numbers = wanted.remove(&image).unwrap_or_default();
                n += numbers.len();
                numbers.into_iter().try_for_each(|number| take(number, values))
            })?;
        }
        Ok(n)
    }
}

/// What decides the features that a frozen part computes. `file` is the digest of the file that the base
/// model comes from.
pub(crate) fn keys(
    network: &Network,
    cut: &Cut,
    weights: &Weights,
    pixels: PixelSpec,
    file: Option<Digest>,
) -> FeatureKeys {
    let units = &network.units[cut.frozen.clone()];
    let layers = units.iter().flat_map(|unit| &unit.layers);
    let parameters = layers.flat_map(|&layer| network.graph.parameters_of(layer));
    let mut digests: BTreeMap<String, Digest> = BTreeMap::new();
    for parameter in parameters {
        let digest = weights.get(&parameter.name).digest();
        digests.insert(parameter.name, digest);
    }
    let pixels = pixels_key(pixels);
    // The mean of a map has axes of length one if hidden layers follow; its numbers are the same.
    let squeezed = |shape: &[usize]| shape.iter().copied().filter(|n| *n != 1).collect::<Vec<_>>();
    let features = Digest::of_written(|text| {
        for unit in units {
            let Unit { name, kind, input, layers, input_shape, output_shape } = unit;
            let shapes = [input_shape, output_shape].map(|shape| squeezed(shape));
            writeln!(text, "{name} {kind:?} {input:?} {layers:?} {shapes:?}")?;
        }
        let (built_by, boundary) = ((network.convention, network.preprocessing), &cut.boundary);
        if network.precision != Precision::F32 {
            writeln!(text, "{:?}", network.precision)?;
        }
        if network.n_int8_units > 0 {
            writeln!(text, "int8 {}", network.n_int8_units.min(cut.frozen.end))?;
        }
        write!(text, "{pixels} {built_by:?} {boundary:?} {digests:?} {file:?}")
    });
    FeatureKeys { pixels, features }
}

fn pixels_key(pixels: PixelSpec) -> Digest {
    Digest::of(json!([program::identity(), pixels]).to_string().as_bytes())
}
