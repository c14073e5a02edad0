//! Reads safetensors files: a header with names, types and offsets, then bytes. The library checks
//! that tensors follow each other without gaps or overlaps and match their shapes.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors};

use super::{Kind, TensorFile, numbers};
use crate::base::text;
use crate::model::weights::error::FormatError;
use crate::model::weights::file::CONVENTION;
use crate::spec::Convention;

/// Longest header of a safetensors file in bytes, as its library allows.
const MOST_HEADER: usize = 100_000_000;

/// A safetensors file.
pub(super) struct Safe {
    bytes: Vec<u8>,
    shapes: BTreeMap<String, Vec<usize>>,
    convention: Option<Convention>,
}

impl Safe {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, FormatError> {
        let file = SafeTensors::deserialize(&bytes).map_err(|error| {
            missing(&bytes).unwrap_or_else(|| {
                FormatError::new(format!("it is not a safetensors file: {error}"))
            })
        })?;
        let shapes =
            file.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec())).collect();
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| FormatError::new(error.to_string()))?;
        let said = header.metadata().as_ref().and_then(|metadata| metadata.get(CONVENTION));
        let convention =
            said.and_then(|name| Convention::ALL.into_iter().find(|c| c.name() == name));
        Ok(Self { bytes, shapes, convention })
    }
}

/// The error of a file that is shorter than its header says.
fn missing(bytes: &[u8]) -> Option<FormatError> {
    let start = bytes.first_chunk::<8>()?;
    let n_header =
        usize::try_from(u64::from_le_bytes(*start)).ok().filter(|n| *n <= MOST_HEADER)?;
    let Some(header) = bytes.get(8..8 + n_header) else {
        return Some(FormatError::cut_off("it ends in its header"));
    };
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    let ends = header.values().filter_map(|about| about.get("data_offsets")?.get(1)?.as_u64());
    let n_bytes = ends.max()?.checked_add(8 + n_header as u64)?;
    let found = bytes.len() as u64;
    (n_bytes > found).then(|| {
        let [found, n_bytes] = [found, n_bytes].map(|n| text::thousands(n as usize));
        FormatError::cut_off(format!("it has {found} bytes of {n_bytes}"))
    })
}

impl TensorFile for Safe {
    fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.shapes
    }

    fn convention(&self) -> Option<Convention> {
        self.convention
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, FormatError> {
        let failed = |error| FormatError::new(format!("tensor {name}: {error}"));
        let file = SafeTensors::deserialize(&self.bytes).map_err(failed)?;
        let view = file.tensor(name).map_err(failed)?;
        let kind = match view.dtype() {
            Dtype::F32 => Kind::F32,
            Dtype::F64 => Kind::F64,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            other => {
                return Err(FormatError::new(format!("tensor {name} has {other:?}, not floats")));
            }
        };
        Ok(numbers(view.data(), kind))
    }
}
