//! Imports weights of a base model from the files of other libraries.
//!
//! The first bytes determine the format of a file, and the names of its tensors determine the
//! library. Import is strict: every parameter must occur once and with its shape. Other tensors are
//! allowed only if they are known not to belong to the base model. Nothing in a file is executed,
//! and memory use is limited to the bytes of the file and the parameters.

mod classifier;
pub mod constants;
mod hdf5;
mod inner;
mod keras;
mod names;
mod onnx;
mod pickle;
mod safe;
mod timm;
mod torch;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use classifier::Classifier;
pub use names::{Layout, Naming};

use self::names::Place;
use super::Weights;
use super::builtin;
use super::error::{FormatError, Mismatch, WeightsError};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::tensor::{Tensor, shape_text};
use crate::base::text;
use crate::model::architecture;
use crate::model::graph::{Parameter, Role};
use crate::spec::{Architecture, Convention};

/// Largest file that is read, in bytes. It is many times as large as the largest network that can be
/// named.
const LARGEST: u64 = 1 << 30;

/// Tensors by name in a file.
trait TensorFile {
    /// The shape of each tensor.
    fn shapes(&self) -> &BTreeMap<String, Vec<usize>>;
    /// The convention of its tensors, as recorded in the file.
    fn convention(&self) -> Option<Convention> {
        None
    }
    /// The values of a tensor, last axis innermost.
    fn read(&self, name: &str) -> Result<Vec<f32>, FormatError>;
}

/// A weights file that was opened and recognized.
pub struct WeightsFile {
    path: PathBuf,
    digest: Digest,
    naming: Naming,
    file: Box<dyn TensorFile>,
}

impl WeightsFile {
    /// Opens a file and identifies its library.
    ///
    /// # Errors
    /// When it cannot be read, has an unknown format, or its tensors have the names of no known
    /// library.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        Self::of(path, Self::bytes(path)?, None)
    }

    /// Opens a file that a run wrote, which may contain only a head.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_run(path: &Path) -> Result<Self, WeightsError> {
        Self::of(path, Self::bytes(path)?, Some(Naming::Own))
    }

    fn bytes(path: &Path) -> Result<Vec<u8>, WeightsError> {
        let failed = |source| WeightsError::Format { path: path.to_path_buf(), source };
        if fs::is_no_plain_file(path) {
            return Err(failed(FormatError::new("it is a directory, a pipe or a device")));
        }
        let (n_bytes, _) =
            fs::size_and_time(path).map_err(|error| FileError { action: "read", ..error })?;
        if n_bytes > LARGEST {
            let (size, most) = (text::bytes(n_bytes), text::bytes(LARGEST));
            let what = format!("it is {size}; weight files over {most} are not read");
            return Err(failed(FormatError::new(what)));
        }
        Ok(fs::read(path)?)
    }

    /// The built-in weights of a network; `None` if it has none.
    pub fn builtin(architecture: Architecture) -> Option<Self> {
        let bytes = builtin::of(architecture)?.bytes;
        let file = Self::of(Path::new("builtin"), bytes.to_vec(), None);
        Some(file.expect("the file that was compiled in is a file of weights"))
    }

    /// Identifies the library of a file, unless it is given.
    fn of(path: &Path, bytes: Vec<u8>, naming: Option<Naming>) -> Result<Self, WeightsError> {
        let failed = |source| WeightsError::Format { path: path.to_path_buf(), source };
        let digest = Digest::of(&bytes);
        let file = inner::without_prefix(open(bytes).map_err(failed)?);
        let names = || file.shapes().keys().map(String::as_str);
        let is_own = file.convention().is_some() && names().any(|name| name.ends_with("/kernel"));
        let naming =
            naming.or_else(|| Naming::of(names())).or_else(|| is_own.then_some(Naming::Own));
        let naming = naming.ok_or_else(|| {
            let some: Vec<&str> = file.shapes().keys().take(3).map(String::as_str).collect();
            failed(FormatError::new(format!(
                "its tensor names are not those of a known library: {}",
                if some.is_empty() { "none at all".to_owned() } else { some.join(", ") }
            )))
        })?;
        Ok(Self { path: path.to_path_buf(), digest, naming, file })
    }

    /// The digest of the file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The library that names its tensors.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// How the authors of the weights built a network of a width. Weights of another network, which
    /// [`weights`](Self::weights) refuses, have none; then it is any.
    ///
    /// # Errors
    /// When neither the tensors nor the files around it tell, or when it has another structure than
    /// the network here.
    pub fn convention(
        &self,
        architecture: Architecture,
        width: f64,
    ) -> Result<Convention, WeightsError> {
        if let Some(convention) = self.file.convention() {
            return Ok(convention);
        }
        match self.naming {
            Naming::Keras | Naming::Keras3 => self.convention_of_keras(architecture),
            naming => match naming.convention(architecture) {
                Some(convention) => Ok(convention),
                None => timm::convention(&self.path, architecture, width).or_else(|error| {
                    let convention = Convention::of_torchvision(architecture);
                    let graph = architecture::outline(architecture, convention, width);
                    let is_other = !self.fits(architecture, &graph.parameters());
                    if is_other { Ok(convention) } else { Err(error) }
                }),
            },
        }
    }

    /// The name of each of `parameters` of a network in the file, and its layout there.
    pub fn places(
        &self,
        architecture: Architecture,
        parameters: &[Parameter],
    ) -> Vec<(String, Layout)> {
        let places = self.naming.places(architecture, parameters, self.file.shapes());
        places.into_iter().map(|place| (place.name, place.layout)).collect()
    }

    /// Whether the file has tensors of these parameters of a network, and no others.
    pub fn fits(&self, architecture: Architecture, parameters: &[Parameter]) -> bool {
        let places = self.naming.places(architecture, parameters, self.file.shapes());
        self.compare(&places, Some(architecture)).is_empty()
    }

    /// The weights of `parameters` of a network, under its layers' names and in Keras's layouts.
    ///
    /// # Errors
    /// With all differences, or when a tensor cannot be read.
    pub fn weights(
        &self,
        architecture: Architecture,
        parameters: &[Parameter],
    ) -> Result<Weights, WeightsError> {
        let places = self.naming.places(architecture, parameters, self.file.shapes());
        self.read(&places, Some(architecture))
    }

    /// The weights of `parameters`, whose names are those of the tensors: those of a file of this
    /// program.
    ///
    /// # Errors
    /// With all differences, or when a tensor cannot be read.
    pub fn own_weights(&self, parameters: &[Parameter]) -> Result<Weights, WeightsError> {
        self.read(&names::own_places(parameters), None)
    }

    fn read(
        &self,
        places: &[Place<'_>],
        architecture: Option<Architecture>,
    ) -> Result<Weights, WeightsError> {
        let mismatch = self.compare(places, architecture);
        if !mismatch.is_empty() {
            return Err(WeightsError::Mismatch { path: self.path.clone(), mismatch });
        }
        let failed = |source| WeightsError::Format { path: self.path.clone(), source };
        places
            .iter()
            .map(|Place { parameter, name, layout, minus }| {
                let mut values = self.values(name, parameter.role).map_err(failed)?;
                if let Some(name) = minus {
                    let other = self.values(name, Role::Bias).map_err(failed)?;
                    values.iter_mut().zip(other).for_each(|(value, other)| *value -= other);
                }
                let values = layout.to_keras(values, &self.file.shapes()[name]);
                Ok((parameter.name.clone(), Tensor::new(&parameter.shape, values)))
            })
            .collect()
    }

    /// The values of a tensor, which are valid weights of this role.
    fn values(&self, name: &str, role: Role) -> Result<Vec<f32>, FormatError> {
        let values = self.file.read(name)?;
        check_numbers(name, &values, role)?;
        Ok(values)
    }

    fn compare(&self, places: &[Place<'_>], architecture: Option<Architecture>) -> Mismatch {
        let shapes = self.file.shapes();
        let mut mismatch = Mismatch::default();
        let tensors = places.iter().flat_map(|place| {
            let names = [Some(&place.name), place.minus.as_ref()].into_iter().flatten();
            names.map(|name| (name, place.layout.of_keras(&place.parameter.shape)))
        });
        let expected: Vec<(&String, Vec<usize>)> = tensors.collect();
        for (name, expected) in &expected {
            let name = *name;
            match shapes.get(name) {
                None => mismatch.missing.push(name.clone()),
                Some(shape) if shape != expected => mismatch.different.push(format!(
                    "{name}: {} in the file, {} in the model",
                    shape_text(shape),
                    shape_text(expected)
                )),
                Some(_) => {}
            }
        }
        let is_beside = self.naming.beside(architecture, shapes);
        let expected: BTreeSet<&String> = expected.into_iter().map(|(name, _)| name).collect();
        let unexpected = shapes.keys().filter(|name| !expected.contains(name) && !is_beside(name));
        mismatch.unexpected = unexpected.cloned().collect();
        mismatch
    }
}

/// Checks that all values are finite and that no variance is negative.
fn check_numbers(name: &str, values: &[f32], role: Role) -> Result<(), FormatError> {
    let is_variance = role == Role::MovingVariance;
    let wrong = values.iter().find(|value| !value.is_finite() || is_variance && **value < 0.0);
    match wrong {
        None => Ok(()),
        Some(value) if value.is_finite() => {
            Err(FormatError::new(format!("tensor {name} contains a negative variance, {value}")))
        }
        Some(value) => Err(FormatError::new(format!(
            "tensor {name} contains {value}, which is not a valid weight"
        ))),
    }
}

/// Opens the bytes of a file in the format that they begin with.
fn open(bytes: Vec<u8>) -> Result<Box<dyn TensorFile>, FormatError> {
    if bytes.starts_with(b"PK\x03\x04") {
        Ok(Box::new(torch::Zipped::open(bytes)?))
    } else if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        Ok(Box::new(hdf5::Hdf5::open(bytes)?))
    } else if bytes.starts_with(&[0x80, 0x02]) {
        Ok(Box::new(torch::Legacy::open(bytes)?))
    } else if bytes.get(8) == Some(&b'{') {
        Ok(Box::new(safe::Safe::open(bytes)?))
    } else if bytes.first() == Some(&0x08) {
        // The version of the format comes first.
        Ok(Box::new(onnx::Onnx::open(&bytes)?))
    } else {
        Err(FormatError::new("it is not a safetensors, PyTorch (.pth), HDF5 (.h5) or ONNX file"))
    }
}

/// Converts little-endian bytes of a known type to 32-bit floats.
fn numbers(bytes: &[u8], kind: Kind) -> Vec<f32> {
    match kind {
        Kind::F32 => {
            let chunks = bytes.chunks_exact(4);
            chunks.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
        Kind::F64 => {
            let chunks = bytes.chunks_exact(8);
            chunks.map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")) as f32).collect()
        }
        Kind::Bf16 => {
            let chunks = bytes.chunks_exact(2);
            chunks.map(|b| f32::from_le_bytes([0, 0, b[0], b[1]])).collect()
        }
        Kind::F16 => {
            let halves = bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]));
            halves.collect::<Vec<_>>().to_f32_vec()
        }
    }
}

/// A number type of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32,
    F64,
    F16,
    Bf16,
}

impl Kind {
    fn n_bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::graph::Role;

    fn parameter(name: &str, shape: &[usize]) -> Parameter {
        Parameter { name: name.to_owned(), shape: shape.to_vec(), layer: 0, role: Role::Kernel }
    }

    fn write(tensors: &[(&str, Tensor)], convention: Convention) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let tensors = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone()));
        super::super::file::save(&path, &tensors.collect(), convention).unwrap();
        (folder, path)
    }

    #[test]
    fn weights_come_back_as_they_were_written() {
        let tensor = Tensor::new(&[2, 3], vec![0.0, -1.5, f32::MIN_POSITIVE, 3.0, 4.0, 1e30]);
        let tensors = [("Conv1/kernel", tensor.clone()), ("a/kernel", tensor.clone())];
        for convention in Convention::ALL {
            let (_folder, path) = write(&tensors, convention);
            let file = WeightsFile::open(&path).unwrap();
            let found = file.convention(Architecture::EfficientnetLite0, 1.0).unwrap();
            assert_eq!((file.naming(), found), (Naming::Keras, convention));
            let parameters = [parameter("a/kernel", &[2, 3]), parameter("Conv1/kernel", &[2, 3])];
            let weights = file.own_weights(&parameters).unwrap();
            assert_eq!([weights.get("a/kernel"), weights.get("Conv1/kernel")], [&tensor, &tensor]);
        }
    }

    #[test]
    fn modules_around_a_network_do_not_matter() {
        let tensor = Tensor::new(&[2], vec![1.0, -2.0]);
        let names = ["conv_stem.weight", "bn1.weight"];
        for prefix in ["", "module.", "model.", "_orig_mod.", "module._orig_mod.", "net.backbone."]
        {
            let names = names.map(|name| format!("{prefix}{name}"));
            let tensors = names.each_ref().map(|name| (name.as_str(), tensor.clone()));
            let (_folder, path) = write(&tensors, Convention::Torch);
            let file = WeightsFile::open(&path).unwrap();
            assert_eq!(file.naming(), Naming::Timm, "{prefix}");
            assert!(
                file.file.shapes().keys().all(|name| names.contains(&format!("{prefix}{name}")))
            );
            assert_eq!(file.file.read("bn1.weight").unwrap(), tensor.values(), "{prefix}");
        }
        // Other tensors are beside the network, so it is only a part of the file's.
        let beside = ["model.conv_stem.weight", "loss.weight"].map(|name| (name, tensor.clone()));
        let (_folder, path) = write(&beside, Convention::Torch);
        assert!(WeightsFile::open(&path).is_err());
    }

    #[test]
    fn every_difference_is_listed_at_once() {
        let tensor = || Tensor::zeros(&[2]);
        let tensors = ["Conv1/kernel", "extra", "short"].map(|name| (name, tensor()));
        let (_folder, path) = write(&tensors, Convention::Keras);
        let parameters =
            [parameter("Conv1/kernel", &[2]), parameter("short", &[3]), parameter("gone", &[1])];
        let file = WeightsFile::open(&path).unwrap();
        let Err(WeightsError::Mismatch { mismatch, .. }) = file.own_weights(&parameters) else {
            panic!("a file that does not fit was read")
        };
        assert_eq!(mismatch.missing, ["gone"]);
        assert_eq!(mismatch.unexpected, ["extra"]);
        assert_eq!(mismatch.different, ["short: 2 in the file, 3 in the model"]);
    }

    #[test]
    fn what_no_network_can_have_is_refused() {
        let mut variance = parameter("bn/moving_variance", &[2]);
        variance.role = Role::MovingVariance;
        let parameters = [parameter("Conv1/kernel", &[2]), variance];
        for (in_kernel, in_variance, said) in
            [(f32::NAN, 0.5, "NaN"), (f32::INFINITY, 0.5, "inf"), (-0.5, -0.5, "negative variance")]
        {
            let tensors = [("Conv1/kernel", in_kernel), ("bn/moving_variance", in_variance)]
                .map(|(name, number)| (name, Tensor::new(&[2], vec![0.5, number])));
            let (_folder, path) = write(&tensors, Convention::Keras);
            let found = WeightsFile::open(&path).unwrap().own_weights(&parameters);
            let Err(WeightsError::Format { source, .. }) = found else { panic!("{found:?}") };
            assert!(source.to_string().contains(said), "{source}");
        }
    }

    #[test]
    fn what_has_no_end_or_is_far_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large.h5");
        // Takes no room on the disk.
        std::fs::File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
        for (path, said) in [(large.as_path(), "are not read"), (folder.path(), "a directory")] {
            let Err(WeightsError::Format { source, .. }) = WeightsFile::open(path) else {
                panic!()
            };
            assert!(source.to_string().contains(said), "{source}");
        }
    }

    #[test]
    fn names_of_no_library_are_said() {
        let (_folder, path) = write(&[("layer.weight", Tensor::zeros(&[1]))], Convention::Keras);
        let Err(WeightsError::Format { source, .. }) = WeightsFile::open(&path) else { panic!() };
        assert!(source.to_string().contains("layer.weight"), "{source}");
    }

    #[test]
    fn halves_are_what_they_stand_for() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(numbers(&u16::to_le_bytes(bits), Kind::F16), [value], "{bits:#x}");
        }
        assert!(numbers(&0x7e00u16.to_le_bytes(), Kind::F16)[0].is_nan());
        assert_eq!(numbers(&[0x80, 0x3f], Kind::Bf16), [1.0]);
        assert_eq!(numbers(&1.5f64.to_le_bytes(), Kind::F64), [1.5]);
    }

    #[test]
    fn what_is_no_file_of_weights_is_refused() {
        let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        let lies = [
            &60u64.to_le_bytes()[..],
            br#"{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,4]}}      "#,
            b"1234",
        ]
        .concat();
        for bytes in
            [&b""[..], b"text", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", &[0x80, 0x02], &huge, &lies]
        {
            assert!(open(bytes.to_vec()).is_err(), "{bytes:?}");
        }
    }
}
