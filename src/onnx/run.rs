//! Runs ONNX files with tract.

use std::io::Cursor;
use std::sync::Arc;

use tract_onnx::prelude::{
    Datum, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable,
    Tensor as TractTensor, TypedRunnableModel, tvec,
};

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
        let model = tract_onnx::onnx().model_for_read(&mut Cursor::new(bytes));
        Ok(Self { model: model.map_err(|error| GraphError::new(&error))? })
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
        let model = self.model.clone().with_input_fact(0, fact);
        let model = model.and_then(InferenceModelExt::into_typed);
        let model = model.map_err(|error| GraphError::new(&error))?;
        let outputs = model.outputs.iter().map(|output| {
            let tensor = model.outlet_fact(*output).ok()?.konst.as_ref()?;
            let values = tensor.cast_to::<i64>().ok()?;
            let values = values.to_plain_array_view::<i64>().ok()?;
            Some(values.iter().copied().collect())
        });
        Ok(outputs.collect())
    }

    fn ready(&self, fact: InferenceFact) -> Result<Runnable, GraphError> {
        let model = self.model.clone().with_input_fact(0, fact);
        let plan = model.and_then(|model| model.into_optimized()?.into_runnable());
        Ok(Runnable { plan: plan.map_err(|error| GraphError::new(&error))? })
    }
}

impl Runnable {
    /// The output for images as bytes.
    ///
    /// # Errors
    /// When tract fails.
    pub fn pixels(&self, shape: [usize; 4], values: &[u8]) -> Result<Tensor, GraphError> {
        let input = TractTensor::from_shape(&shape, values);
        self.run(input.map_err(|error| GraphError::new(&error))?)
    }

    /// The output for scaled values.
    ///
    /// # Errors
    /// When tract fails.
    pub fn numbers(&self, shape: [usize; 4], values: &[f32]) -> Result<Tensor, GraphError> {
        let input = TractTensor::from_shape(&shape, values);
        self.run(input.map_err(|error| GraphError::new(&error))?)
    }

    fn run(&self, input: TractTensor) -> Result<Tensor, GraphError> {
        let outputs =
            self.plan.run(tvec!(input.into())).map_err(|error| GraphError::new(&error))?;
        let view = outputs[0].to_plain_array_view::<f32>();
        let view = view.map_err(|error| GraphError::new(&error))?;
        Ok(Tensor::new(view.shape(), view.iter().copied().collect()))
    }
}
