//! Reads safetensors files: a header with names, types and offsets, then bytes. The library checks
//! that tensors follow each other without gaps or overlaps and match their shapes.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata, SafeTensors};

use super::{Kind, TensorFile, numbers};
use crate::base::text;
use crate::model::weights::error::FormatError;
use crate::model::weights::file::CONVENTION;
use crate::spec::Convention;

/// Longest header of a safetensors file in bytes, as its library allows.
const MOST_HEADER: usize = 100_000_000;

/// Length of the number that a file begins with.
const N_START: usize = 8;

/// A safetensors file.
pub(super) struct Safe {
    bytes: Vec<u8>,
    /// Parsed once: it is as long as the list of all tensors.
    header: Metadata,
    /// Where the values of the tensors begin.
    start: usize,
    shapes: BTreeMap<String, Vec<usize>>,
    convention: Option<Convention>,
}

impl Safe {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, FormatError> {
        let (n_header, header) = SafeTensors::read_metadata(&bytes).map_err(|error| {
            missing(&bytes).unwrap_or_else(|| {
                FormatError::new(format!("it is not a safetensors file: {error}"))
            })
        })?;
        let shape = |name: String| header.info(&name).map(|info| (name, info.shape.clone()));
        let shapes = header.offset_keys().into_iter().filter_map(shape).collect();
        let said = header.metadata().as_ref().and_then(|metadata| metadata.get(CONVENTION));
        let convention =
            said.and_then(|name| Convention::ALL.into_iter().find(|c| c.name() == name));
        Ok(Self { bytes, header, start: N_START + n_header, shapes, convention })
    }
}

/// The error of a file that is shorter than its header says.
fn missing(bytes: &[u8]) -> Option<FormatError> {
    let start = bytes.first_chunk::<8>()?;
    let n_header =
        usize::try_from(u64::from_le_bytes(*start)).ok().filter(|n| *n <= MOST_HEADER)?;
    let Some(header) = bytes.get(N_START..N_START + n_header) else {
        return Some(FormatError::cut_off("it ends in its header"));
    };
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    let ends = header.values().filter_map(|about| about.get("data_offsets")?.get(1)?.as_u64());
    let n_bytes = ends.max()?.checked_add((N_START + n_header) as u64)?;
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
        let info = self.header.info(name);
        let info = info.ok_or_else(|| FormatError::new(format!("it has no tensor {name}")))?;
        let kind = match info.dtype {
            Dtype::F32 => Kind::F32,
            Dtype::F64 => Kind::F64,
            Dtype::F16 => Kind::F16,
            Dtype::BF16 => Kind::Bf16,
            other => {
                return Err(FormatError::new(format!("tensor {name} has {other:?}, not floats")));
            }
        };
        let (from, to) = info.data_offsets;
        // The library has compared the offsets with the length of the file.
        Ok(numbers(&self.bytes[self.start + from..self.start + to], kind))
    }
}
