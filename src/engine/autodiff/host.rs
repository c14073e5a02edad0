//! Copies tensors from their device to host memory.

use burn::tensor::TensorData;

use crate::engine::EngineError;

/// The values of a tensor, in host memory.
pub(super) fn host_values(data: TensorData) -> Result<Vec<f32>, EngineError> {
    data.try_into_vec::<f32>()
        .map_err(|error| EngineError::Failed { engine: "autodiff", reason: format!("{error:?}") })
}
