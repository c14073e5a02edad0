//! Reads safetensors files: a header with names, types and offsets, then bytes. The library checks
//! that tensors follow each other without gaps or overlaps and match their shapes.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors};

use super::{Kind, TensorFile, numbers};
use crate::model::weights::error::FormatError;
use crate::model::weights::file::CONVENTION;
use crate::spec::Convention;

/// A safetensors file.
pub(super) struct Safe {
    bytes: Vec<u8>,
    shapes: BTreeMap<String, Vec<usize>>,
    convention: Option<Convention>,
}

impl Safe {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, FormatError> {
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|error| FormatError::new(format!("it is not a safetensors file: {error}")))?;
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
