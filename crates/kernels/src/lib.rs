//! The kernels of both engines: matrix products, depthwise convolutions and their gradients, for
//! every instruction set.
//!
//! [`simd`] has vectors, [`product`], [`winograd`], [`gradient`], [`depthwise`], [`normalise`],
//! [`curve`] and [`elements`] kernels that are generic over them, [`set`] compiles these for each
//! instruction set. [`Kernels`] is the safe front: a set that the processor has, and methods on slices
//! that check sizes. Nothing here knows threads, except for packing and sums of large matrices; callers
//! divide the work.
//!
//! All matrices are row-major, channels innermost.
#![expect(
    unsafe_code,
    clippy::multiple_unsafe_ops_per_block,
    reason = "vectors and pointers; each block states why all of its operations are sound"
)]
#![expect(
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "a vector must not pass through a function that was not compiled for its set"
)]

mod activation;
mod aligned;
mod allocator;
mod bf16;
mod curve;
mod depthwise;
mod depthwise_gradient;
mod elements;
mod gradient;
mod int8;
mod normalise;
mod output;
mod packed;
mod pieces;
mod product;
mod quantization;
mod set;
mod simd;
mod tile;
#[cfg(test)]
mod twin;
mod window;
mod winograd;

use std::ops::Range;

pub use activation::Activation;
pub use aligned::with_scratch;
pub use allocator::{Reporting, give_back, keep_memory};
pub use depthwise::{Depthwise, DepthwiseFilter, Filtered, Rows};
pub use depthwise_gradient::ReversedWeights;
pub use elements::{AdamNumbers, Gate};
pub use int8::depthwise::{ByteDepthwise, FilteredBytes};
pub use int8::weights::MOST_ROWS as MOST_INT8_ROWS;
pub use normalise::{CHAIN, NormRows, NormSlope, ScaleShift};
pub use output::{Filling, Out, filled};
pub use packed::Packed;
pub use pieces::{Addend, MOST_PIECES, Pieces, join_subtrees, subtrees, tree_sum};
pub use product::Epilogue;
pub use quantization::{ChannelRange, Quantization};
pub use set::InstructionSet;
pub use window::{Padding, Window, Windows};
pub use winograd::{PLACES, WinogradFilters};

use packed::Format;
use set::{with_bf16_set, with_byte_set, with_set};

/// The numbers that matrix products multiply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32`.
    #[default]
    F32,
    /// Both factors are rounded to `bfloat16`; sums are `f32`. Results have the same bits on every
    /// processor, with an instruction for it or without.
    Bf16,
}

/// The kernels of one instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    set: InstructionSet,
    precision: Precision,
}

impl Kernels {
    /// The kernels of the fastest set of this processor.
    pub fn best() -> Self {
        Self { set: InstructionSet::best(), precision: Precision::F32 }
    }

    /// The kernels of every set of this processor.
    pub fn all() -> impl Iterator<Item = Self> {
        InstructionSet::available().iter().map(|&set| Self { set, precision: Precision::F32 })
    }

    /// The same, with products of matrices that it packs in `precision`.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The instruction set.
    pub fn set(self) -> InstructionSet {
        self.set
    }

    /// Packs `matrix` `[k, n]`, each column multiplied by its `scale`.
    pub fn pack(self, matrix: &[f32], n: usize, scale: Option<&[f32]>) -> Packed {
        self.pack_pieces(matrix, n, matrix.len() / n, scale)
    }

    /// Packs `matrix` `[k, n]` for windows of pieces of `piece` numbers, each column multiplied by its
    /// `scale`.
    pub fn pack_pieces(
        self,
        matrix: &[f32],
        n: usize,
        piece: usize,
        scale: Option<&[f32]>,
    ) -> Packed {
        let packed = with_set!(self.set, S => Packed::new::<S>(matrix, n, scale));
        self.rounded(packed, piece)
    }

    /// Packs the transpose of `matrix` `[n, k]`, after multiplying its columns by `scale`.
    pub fn pack_transposed(self, matrix: &[f32], k: usize, scale: Option<&[f32]>) -> Packed {
        let packed = with_set!(self.set, S => Packed::transposed::<S>(matrix, k, scale));
        self.rounded(packed, k)
    }

    fn rounded(self, packed: Packed, piece: usize) -> Packed {
        match self.precision {
            Precision::F32 => packed,
            Precision::Bf16 => packed.in_pairs(piece),
        }
    }

    /// `out[rows, n] = epilogue(x[rows, k] · weights)`.
    ///
    /// # Panics
    /// When a slice does not have the size of its matrix, as in all methods.
    pub fn product<'a>(
        self,
        x: &[f32],
        weights: &Packed,
        epilogue: Epilogue<'_>,
        out: impl Into<Out<'a>>,
    ) {
        let out = out.into();
        assert_eq!(x.len() * weights.n, out.len() * weights.k);
        self.product_of_windows(Windows::rows(x, weights.k), weights, epilogue, out);
    }

    /// `out[windows, n] = epilogue(windows[windows, k] · weights)`: a convolution.
    pub fn product_of_windows<'a>(
        self,
        x: Windows<'_>,
        weights: &Packed,
        epilogue: Epilogue<'_>,
        out: impl Into<Out<'a>>,
    ) {
        let out = out.into();
        match weights.format {
            Format::Numbers => {
                with_set!(self.set, S => product::product::<S>(x, weights, epilogue, out));
            }
            Format::Pairs { .. } => with_bf16_set!(self.set, S => {
                product::product_of_rounded::<S, 2>(x, weights, epilogue, out);
            }),
            Format::Quads(_) => with_byte_set!(self.set, S => {
                product::product_of_rounded::<S, 1>(x, weights, epilogue, out);
            }),
        }
    }

    /// A product of the outputs of depthwise convolutions of several maps:
    /// `out = epilogue(filtered · weights)`.
    pub fn product_of_filtered<'a>(
        self,
        inputs: impl ExactSizeIterator<Item = Rows<'a>>,
        filtered: Filtered<'_>,
        weights: &Packed,
        epilogue: Epilogue<'_>,
        out: Out<'_>,
    ) {
        let Filtered { shape, filter, rows, memory: filtered } = filtered;
        let len = rows.len() * shape.output_row();
        assert_eq!(filtered.len(), inputs.len() * len);
        let is_even = shape.channels.is_multiple_of(2);
        let is_paired = matches!(weights.format, Format::Pairs { .. });
        if !is_paired || filter.activation.is_curve() || !is_even {
            for (input, filtered) in inputs.zip(filtered.chunks_exact_mut(len)) {
                self.depthwise(shape, input, filter, rows.clone(), filtered);
            }
            return self.product(filtered, weights, epilogue, out);
        }
        let n = filtered.len();
        let filtered = &mut bf16::as_bf16(filtered)[..n];
        with_bf16_set!(self.set, S => {
            for (input, filtered) in inputs.zip(filtered.chunks_exact_mut(len)) {
                depthwise::forward_to_bf16::<S>(shape, input, filter, &rows, filtered);
            }
            product::product_of_bf16::<S>(filtered, weights, epilogue, out);
        });
    }

    /// Packs `matrix` `[k, n]` as bytes, for windows of pieces of `piece` numbers that are stored with
    /// `input`, one entry for each channel of a pixel. `k` is at most [`MOST_INT8_ROWS`].
    pub fn pack_int8(self, matrix: &[f32], n: usize, piece: usize, input: Quantization) -> Packed {
        with_set!(self.set, S => Packed::quads::<S>(matrix, n, piece, input))
    }

    /// Packs a depthwise convolution of bytes with a `ReLU` or `ReLU6`: weights
    /// `[kernel · kernel, channels]`, bias `[channels]`, and how its inputs and its outputs are stored.
    pub fn pack_int8_depthwise(
        self,
        shape: &Depthwise,
        weights: &[f32],
        bias: &[f32],
        input: &Quantization,
        output: &Quantization,
    ) -> ByteDepthwise {
        with_set!(self.set, S => ByteDepthwise::new::<S>(shape, weights, bias, input, output))
    }

    /// Writes lines of the input of a depthwise convolution: `bytes = windows · weights + bias`, where
    /// weights and bias are in units of its bytes. The windows are those of whole lines.
    pub fn product_to_bytes(
        self,
        x: Windows<'_>,
        weights: &Packed,
        bias: &[f32],
        depthwise: &ByteDepthwise,
        out: &mut [f32],
    ) {
        with_byte_set!(self.set, S => {
            int8::quads::product::<S>(x, weights, bias, depthwise, out);
        });
    }

    /// A product of output rows of depthwise convolutions of several maps:
    /// `out = epilogue(bytes · weights)`. The rows of `weights` are those of the padded channels.
    pub fn product_of_bytes<'a>(
        self,
        inputs: impl ExactSizeIterator<Item = Rows<'a>>,
        filtered: FilteredBytes<'_>,
        weights: &Packed,
        epilogue: Epilogue<'_>,
        out: Out<'_>,
    ) {
        let FilteredBytes { depthwise, rows } = filtered;
        let len = rows.len() * depthwise.output_row();
        with_scratch([(inputs.len() * len).div_ceil(4)], |[scratch]| {
            let bytes = &mut quantization::as_bytes(scratch)[..inputs.len() * len];
            with_byte_set!(self.set, S => {
                for (input, bytes) in inputs.zip(bytes.chunks_exact_mut(len)) {
                    int8::depthwise::forward::<S>(depthwise, input, rows.clone(), bytes);
                }
                product::product_of_bytes::<S>(bytes, weights, epilogue, out);
            });
        });
    }

    /// Transforms 3x3 filters `[9, k, n]`, each column multiplied by its `scale` before.
    pub fn pack_winograd(
        self,
        filters: &[f32],
        n: usize,
        scale: Option<&[f32]>,
    ) -> WinogradFilters {
        let filters = with_set!(self.set, S => WinogradFilters::new::<S>(filters, n, scale));
        match self.precision {
            Precision::F32 => filters,
            Precision::Bf16 => filters.in_pairs(),
        }
    }

    /// Transforms the first `n_tiles` windows of 4x4 pixels to `out`, `[16, tiles, channels]`.
    pub fn winograd_input(self, tiles: Windows<'_>, n_tiles: usize, out: &mut [f32]) {
        with_set!(self.set, S => winograd::input::<S>(tiles, n_tiles, out));
    }

    /// Transforms products `[16, tiles, n]` to outputs `[maps, lines, columns, n]` of a 3x3
    /// convolution, with the epilogue. `tiles` are the number of maps, and of rows and columns of tiles in
    /// each; `size` are lines and columns of outputs.
    pub fn winograd_output<'a>(
        self,
        products: &[f32],
        tiles: [usize; 3],
        size: [usize; 2],
        epilogue: Epilogue<'_>,
        out: impl Into<Out<'a>>,
    ) {
        with_set!(self.set, S => {
            winograd::output::<S>(products, tiles, size, epilogue, out.into());
        });
    }

    /// Adds `xᵀ · dz` to `g` `[k, n]`, where `x` `[rows, k]` are windows and `dz` is `[rows, n]`.
    pub fn add_gradient(self, x: Windows<'_>, dz: &[f32], g: &mut [f32]) {
        with_set!(self.set, S => gradient::add::<S>(x, dz, g));
    }

    /// Sets `g` `[k, n]` to `xᵀ · dz`, as a tree of the pieces between `bounds`. `dz` `[rows, n]` is
    /// packed with [`pack`](Self::pack); rows outside the bounds do not count.
    pub fn gradient_of_pieces(self, x: Windows<'_>, dz: &Packed, bounds: &[usize], g: &mut [f32]) {
        with_set!(self.set, S => gradient::tree_of_pieces::<S>(x, dz, bounds, g));
    }

    /// `dz` is `dy` where `gate` is open, zero elsewhere; the columns of `dz` are added to `sums`.
    /// Without a gate every gradient passes; without `dz` only the sums are written.
    pub fn gate(self, dy: &[f32], gate: Option<Gate<'_>>, dz: Option<Out<'_>>, sums: &mut [f32]) {
        with_set!(self.set, S => elements::gate::<S>(dy, gate, dz, sums));
    }

    /// [`gate`](Self::gate) in place: `dy` becomes `dz`.
    pub fn gate_in_place<'a>(
        self,
        dy: &'a mut [f32],
        gate: Option<Gate<'_>>,
        sums: &mut [f32],
    ) -> &'a mut [f32] {
        with_set!(self.set, S => elements::gate_in_place::<S>(dy, gate, sums));
        dy
    }

    /// Adds to `sums` and `squares` the columns of `x - pivot` and of its squares, for at most
    /// [`CHAIN`] rows.
    pub fn moments(self, x: &[f32], pivot: &[f32], sums: &mut [f32], squares: &mut [f32]) {
        with_set!(self.set, S => normalise::moments::<S>(x, pivot, sums, squares));
    }

    /// `y = activation(x · scale + shift + shortcut)`, where the shortcut is optional.
    pub fn normalise(
        self,
        x: &[f32],
        affine: ScaleShift<'_>,
        activation: Activation,
        shortcut: Option<&[f32]>,
        y: Out<'_>,
    ) {
        with_set!(self.set, S => normalise::normalise::<S>(x, affine, activation, shortcut, y));
    }

    /// Adds to `sums` and `products` the columns of `dz` and of `dz · (x - mean)`, for at most
    /// [`CHAIN`] rows.
    pub fn slopes(self, rows: NormRows<'_>, mean: &[f32], sums: &mut [f32], products: &mut [f32]) {
        with_set!(self.set, S => normalise::slopes::<S>(rows, mean, sums, products));
    }

    /// Writes the gradient of a normalization's input.
    pub fn normalise_back(self, rows: NormRows<'_>, slope: NormSlope<'_>, dx: Out<'_>) {
        with_set!(self.set, S => normalise::normalise_back::<S>(rows, slope, dx));
    }

    /// Writes the output rows `rows` of a depthwise convolution.
    pub fn depthwise<'a>(
        self,
        shape: &Depthwise,
        input: Rows<'_>,
        filter: DepthwiseFilter<'_>,
        rows: Range<usize>,
        out: impl Into<Out<'a>>,
    ) {
        with_set!(self.set, S => {
            depthwise::forward::<S>(shape, input, filter, rows, out.into());
        });
    }

    /// Adds to `g` the weight gradient of the output rows `rows` of a depthwise convolution.
    pub fn add_depthwise_gradient(
        self,
        shape: &Depthwise,
        input: Rows<'_>,
        dz: Rows<'_>,
        rows: Range<usize>,
        g: &mut [f32],
    ) {
        with_set!(self.set, S => depthwise_gradient::weights::<S>(shape, input, dz, rows, g));
    }

    /// Writes the gradient of a depthwise convolution's input rows `rows`.
    pub fn depthwise_input_gradient<'a>(
        self,
        shape: &Depthwise,
        reversed: ReversedWeights<'_>,
        dz: Rows<'_>,
        rows: Range<usize>,
        dx: impl Into<Out<'a>>,
    ) {
        with_set!(self.set, S => {
            depthwise_gradient::input::<S>(shape, reversed, dz, rows, dx.into());
        });
    }

    /// Replaces values by their activation, which is not one that clips.
    ///
    /// # Panics
    /// When it is, or there is none.
    pub fn activate(self, activation: Activation, values: &mut [f32]) {
        assert!(activation.is_curve(), "products and depthwise convolutions clip their outputs");
        // SAFETY: a slice has its length.
        with_set!(self.set, S => unsafe {
            curve::apply::<S>(activation, values.as_mut_ptr(), values.len());
        });
    }

    /// Multiplies `dy` with the derivative at `z` of an activation that does not clip.
    pub fn slope(self, activation: Activation, z: &[f32], dy: &mut [f32]) {
        with_set!(self.set, S => curve::slope::<S>(activation, z, dy));
    }

    /// Runs `n` rounds of multiply-adds without memory accesses. Returns the number of scalar
    /// multiply-adds.
    pub fn multiply_adds(self, n: usize) -> f64 {
        match self.precision {
            Precision::F32 => with_set!(self.set, S => elements::multiply_adds::<S, 4>(n)),
            Precision::Bf16 => with_bf16_set!(self.set, S => elements::multiply_adds::<S, 2>(n)),
        }
    }

    /// As [`multiply_adds`](Self::multiply_adds), of bytes.
    pub fn byte_multiply_adds(self, n: usize) -> f64 {
        with_byte_set!(self.set, S => elements::multiply_adds::<S, 1>(n))
    }

    /// One Adam step, with the means `first` and `second`.
    pub fn adam(
        self,
        numbers: AdamNumbers,
        values: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        with_set!(self.set, S => elements::adam_step::<S>(numbers, values, gradient, first, second));
    }
}
