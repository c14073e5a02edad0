//! Tensors in host memory: a shape and its values, row-major.

use super::digest::Digest;

/// Transposes rows of `n_columns` values. Pixels with interleaved channels become one plane per
/// channel. With `n_columns` set to the number of pixels, planes become pixels again.
pub fn transposed(values: &[f32], n_columns: usize) -> Vec<f32> {
    let columns = (0..n_columns).flat_map(|column| values.iter().skip(column).step_by(n_columns));
    columns.copied().collect()
}

/// Values of type `f32` with a shape. The last axis is innermost.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Tensor {
    /// A tensor of `values` in the given shape.
    ///
    /// # Panics
    /// When the number of values is not the product of the shape.
    pub fn new(shape: &[usize], values: Vec<f32>) -> Self {
        assert_eq!(
            shape.iter().product::<usize>(),
            values.len(),
            "values do not fill the shape {shape:?}"
        );
        Self { shape: shape.to_vec(), values }
    }

    /// A tensor of zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Self::filled(shape, 0.0)
    }

    /// A tensor in which every entry is `value`.
    pub fn filled(shape: &[usize], value: f32) -> Self {
        Self::new(shape, vec![value; shape.iter().product()])
    }

    /// The length of each axis, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values, row-major and mutable.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// The values without the shape.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// The rows of the outermost axis, one slice each.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(
            self.values.len().max(1) / self.shape.first().copied().unwrap_or(1).max(1),
        )
    }

    /// The digest of the values.
    pub fn digest(&self) -> Digest {
        Digest::of_f32(&self.values)
    }
}

/// A shape for messages, such as `160×160×3`.
pub fn shape_text(shape: &[usize]) -> String {
    let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
    sides.join("×")
}
