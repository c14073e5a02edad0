//! Tensors that leave their device.

use burn::tensor::TensorData;

use crate::engine::EngineError;

/// The values of a tensor that has left its device.
pub(super) fn host_values(data: TensorData) -> Result<Vec<f32>, EngineError> {
    data.try_into_vec::<f32>()
        .map_err(|error| EngineError::Failed { engine: "autodiff", reason: format!("{error:?}") })
}
