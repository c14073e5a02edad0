//! Runs ONNX files with tract.

use std::io::Cursor;
use std::sync::Arc;

use tract_onnx::prelude::{
    Datum, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable,
    Tensor as TractTensor, TractResult, TypedRunnableModel, tvec,
};

use crate::base::guard;
use crate::base::tensor::Tensor;

/// A file that tract cannot run.
#[derive(Debug, thiserror::Error)]
#[error("tract cannot run the file: {0}")]
pub struct GraphError(String);

impl GraphError {
    fn new(error: &tract_onnx::prelude::TractError) -> Self {
        Self(format!("{error:#}"))
    }
}

/// The result of `work`, which calls tract with a file that anybody may have written. A panic is an
/// error as well.
fn of_tract<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, GraphError> {
    match guard::catch(work) {
        Some(result) => result.map_err(|error| GraphError::new(&error)),
        None => Err(GraphError("it stopped on an error of its own (a panic)".to_owned())),
    }
}

/// A file that has been read but not yet prepared for inputs of one shape.
pub struct Model {
    model: InferenceModel,
}

/// A model prepared for inputs of one shape.
pub struct Runnable {
    plan: Arc<TypedRunnableModel>,
}

impl Model {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not an ONNX file, or has operators that tract does not support.
    pub fn read(bytes: &[u8]) -> Result<Self, GraphError> {
        let model = of_tract(|| tract_onnx::onnx().model_for_read(&mut Cursor::new(bytes)))?;
        Ok(Self { model })
    }

    /// Prepares it for images as bytes, `[n, height, width, 3]`.
    ///
    /// # Errors
    /// When tract fails.
    pub fn for_pixels(&self, shape: [usize; 4]) -> Result<Runnable, GraphError> {
        self.ready(InferenceFact::dt_shape(u8::datum_type(), shape))
    }

    /// Prepares it for scaled values, `[n, 3, height, width]`.
    ///
    /// # Errors
    /// When tract fails.
    pub fn for_numbers(&self, shape: [usize; 4]) -> Result<Runnable, GraphError> {
        self.ready(InferenceFact::dt_shape(f32::datum_type(), shape))
    }

    /// The outputs that are integers and the same for all images of a shape. `None` for others.
    ///
    /// # Errors
    /// When tract fails.
    pub fn fixed_integers(&self, shape: [usize; 4]) -> Result<Vec<Option<Vec<i64>>>, GraphError> {
        let fact = InferenceFact::dt_shape(f32::datum_type(), shape);
        of_tract(|| {
            let model = self.of_input(fact)?.into_typed()?;
            let outputs = model.outputs.iter().map(|output| {
                let tensor = model.outlet_fact(*output).ok()?.konst.as_ref()?;
                let values = tensor.cast_to::<i64>().ok()?;
                let values = values.to_plain_array_view::<i64>().ok()?;
                Some(values.iter().copied().collect())
            });
            Ok(outputs.collect())
        })
    }

    fn ready(&self, fact: InferenceFact) -> Result<Runnable, GraphError> {
        let plan = of_tract(|| self.of_input(fact)?.into_optimized()?.into_runnable())?;
        Ok(Runnable { plan })
    }

    /// The graph with this input. A graph of constants alone has none.
    fn of_input(&self, fact: InferenceFact) -> TractResult<InferenceModel> {
        let model = self.model.clone();
        if model.inputs.is_empty() { Ok(model) } else { model.with_input_fact(0, fact) }
    }
}

impl Runnable {
    /// The output for images as bytes.
    ///
    /// # Errors
    /// When tract fails.
    pub fn pixels(&self, shape: [usize; 4], values: &[u8]) -> Result<Tensor, GraphError> {
        self.run(|| TractTensor::from_shape(&shape, values))
    }

    /// The output for scaled values.
    ///
    /// # Errors
    /// When tract fails.
    pub fn numbers(&self, shape: [usize; 4], values: &[f32]) -> Result<Tensor, GraphError> {
        self.run(|| TractTensor::from_shape(&shape, values))
    }

    fn run(&self, input: impl FnOnce() -> TractResult<TractTensor>) -> Result<Tensor, GraphError> {
        of_tract(|| {
            let outputs = self.plan.run(tvec!(input()?.into()))?;
            let view = outputs[0].to_plain_array_view::<f32>()?;
            Ok(Tensor::new(view.shape(), view.iter().copied().collect()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_tract_is_an_error() {
        let said = of_tract(|| Ok([1, 2][std::hint::black_box(2)])).unwrap_err().to_string();
        assert_eq!(said, "tract cannot run the file: it stopped on an error of its own (a panic)");
    }
}
