//! Instruction sets: detection, and kernels compiled for each set.

use std::fmt;
use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use super::simd::Neon;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512, PLAIN, WITH_BF16, WITH_VNNI};
use super::simd::{ByteSimd, Portable};
use super::{
    bf16, curve, depthwise, depthwise_gradient, elements, gradient, int8, normalise, product,
    quantization, winograd,
};

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// No specific set. Sums are not fused, so results differ in their last bits.
    Portable,
    /// AVX2 with FMA, on x86-64 processors since about 2013.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F and BW, on newer x86-64 processors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Those, and instructions for products of bytes, on x86-64 processors since about 2019.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// Those, and instructions for `bfloat16`, on x86-64 processors since about 2022.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    /// NEON, on every 64-bit ARM processor.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl InstructionSet {
    /// The sets that this processor supports, the fastest last.
    pub fn available() -> &'static [Self] {
        static AVAILABLE: OnceLock<Vec<InstructionSet>> = OnceLock::new();
        AVAILABLE.get_or_init(|| {
            let mut sets = vec![Self::Portable];
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                    sets.push(Self::Avx512);
                    if is_x86_feature_detected!("avx512vnni") {
                        sets.push(Self::Avx512Vnni);
                        if is_x86_feature_detected!("avx512bf16") {
                            sets.push(Self::Avx512Bf16);
                        }
                    }
                }
            }
            #[cfg(target_arch = "aarch64")]
            sets.push(Self::Neon);
            sets
        })
    }

    /// The fastest set that this processor supports.
    pub fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }

    /// The name of the set in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => "avx512bf16",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
        }
    }

    /// Whether it has instructions for products of `bfloat16` numbers.
    pub fn has_bf16(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => true,
            _ => false,
        }
    }

    /// Whether it has instructions for products of bytes.
    pub fn has_int8(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni | Self::Avx512Bf16 => true,
            _ => false,
        }
    }

    /// What decides the bits of results. Sets of the same arithmetic give the same bits: every number
    /// is computed by the same operations in the same order, in more or fewer lanes.
    pub fn arithmetic(self) -> &'static str {
        match self {
            Self::Portable => "portable arithmetic",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 | Self::Avx512Vnni | Self::Avx512Bf16 => "x86-64 with FMA",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "64-bit ARM",
        }
    }
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Runs an expression with `$simd` as the type of an instruction set. The processor supports it,
/// because [`Kernels`](super::Kernels) exist only for available sets.
macro_rules! with_set {
    ($set:expr, $simd:ident => $work:expr) => {
        match $set {
            $crate::set::InstructionSet::Portable => {
                type $simd = $crate::simd::Portable;
                $work
            }
            #[cfg(target_arch = "x86_64")]
            $crate::set::InstructionSet::Avx2 => {
                type $simd = $crate::simd::Avx2;
                $work
            }
            #[cfg(target_arch = "x86_64")]
            $crate::set::InstructionSet::Avx512
            | $crate::set::InstructionSet::Avx512Vnni
            | $crate::set::InstructionSet::Avx512Bf16 => {
                type $simd = $crate::simd::Avx512<{ $crate::simd::PLAIN }>;
                $work
            }
            #[cfg(target_arch = "aarch64")]
            $crate::set::InstructionSet::Neon => {
                type $simd = $crate::simd::Neon;
                $work
            }
        }
    };
}
pub(super) use with_set;

/// As [`with_set`], for kernels of `bfloat16` numbers.
macro_rules! with_bf16_set {
    ($set:expr, $simd:ident => $work:expr) => {
        match $set {
            #[cfg(target_arch = "x86_64")]
            $crate::set::InstructionSet::Avx512Bf16 => {
                type $simd = $crate::simd::Avx512<{ $crate::simd::WITH_BF16 }>;
                $work
            }
            set => $crate::set::with_set!(set, $simd => $work),
        }
    };
}
pub(super) use with_bf16_set;

/// As [`with_set`], for kernels of bytes.
macro_rules! with_byte_set {
    ($set:expr, $simd:ident => $work:expr) => {
        match $set {
            #[cfg(target_arch = "x86_64")]
            $crate::set::InstructionSet::Avx512Vnni | $crate::set::InstructionSet::Avx512Bf16 => {
                type $simd = $crate::simd::Avx512<{ $crate::simd::WITH_VNNI }>;
                $work
            }
            set => $crate::set::with_set!(set, $simd => $work),
        }
    };
}
pub(super) use with_byte_set;

/// Declares [`Micro`] and implements it for every instruction set by compiling each kernel with the
/// features of the set.
macro_rules! compile {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $([$($constant:ident: $type:ty),+])? ($job:ty) = $($path:ident)::+;
    )+) => {
        /// The parts of kernels that are compiled for an instruction set.
        ///
        /// # Safety
        /// The processor has the instruction set, and the pointers of a job are valid for its
        /// sizes.
        pub(super) trait Micro: ByteSimd {
            $(
                $(#[doc = $doc])+
                unsafe fn $name $(<$(const $constant: $type),+>)? (job: &$job);
            )+
        }

        compile!(@set Portable, [] $($name [$($($constant: $type),+)?] $job, $($path)::+;)+);
        #[cfg(target_arch = "x86_64")]
        compile!(@set Avx2, ["avx2,fma"] $($name [$($($constant: $type),+)?] $job, $($path)::+;)+);
        #[cfg(target_arch = "x86_64")]
        compile!(@set Avx512<PLAIN>, ["avx2,fma,avx512f,avx512bw"] $($name [$($($constant: $type),+)?] $job, $($path)::+;)+);
        #[cfg(target_arch = "x86_64")]
        compile!(@set Avx512<WITH_VNNI>, ["avx2,fma,avx512f,avx512bw,avx512vnni"] $($name [$($($constant: $type),+)?] $job, $($path)::+;)+);
        #[cfg(target_arch = "x86_64")]
        compile!(@set Avx512<WITH_BF16>, ["avx2,fma,avx512f,avx512bw,avx512bf16"] $($name [$($($constant: $type),+)?] $job, $($path)::+;)+);
        #[cfg(target_arch = "aarch64")]
        compile!(@set Neon, ["neon"] $($name [$($($constant: $type),+)?] $job, $($path)::+;)+);
    };
    (@set $set:ty, $features:tt $($name:ident $constants:tt $job:ty, $($path:ident)::+;)+) => {
        impl Micro for $set {
            $(compile!(@kernel $set, $features, $name, $constants, $job, $($path)::+);)+
        }
    };
    (@kernel $set:ty, [$($feature:literal)?], $name:ident, [$($constant:ident: $type:ty),*],
     $job:ty, $($path:ident)::+) => {
        unsafe fn $name<$(const $constant: $type),*>(job: &$job) {
            $(#[target_feature(enable = $feature)])?
            unsafe fn compiled<$(const $constant: $type),*>(job: &$job) {
                // SAFETY: the caller guarantees the same conditions.
                unsafe { $($path)::+::<$set, $($constant),*>(job) }
            }
            // SAFETY: the caller guarantees the same conditions.
            unsafe { compiled::<$($constant),*>(job) }
        }
    };
}

compile! {
    /// Some rows of a panel of `NV` vectors; `TAIL`: the last vector is not full; `BYTES`: the length
    /// of a number.
    product_panel[NV: usize, TAIL: bool, BYTES: usize](product::PanelJob) = product::panel;
    /// Numbers rounded to `bfloat16`.
    round(bf16::RoundJob) = bf16::round_all;
    /// Numbers as bytes.
    quantize(quantization::QuantizeJob) = quantization::quantize_all;
    /// Lines of a panel of `NV` vectors, as bytes.
    product_quads[NV: usize](int8::quads::QuadsJob) = int8::quads::panel;
    /// Lines of outputs of a depthwise convolution of bytes, `LEFT` pixels of padding to the left.
    depthwise_bytes[K: usize, STRIDE: usize, LEFT: usize](int8::depthwise::ByteRowsJob<'_>)
        = int8::depthwise::rows;
    /// Transforms one panel of 3x3 filters.
    winograd_filters(winograd::FiltersJob<'_>) = winograd::transform_filters;
    /// Transforms tiles of a 3x3 convolution.
    winograd_input(winograd::InputJob) = winograd::transform_input;
    /// Transforms products back to outputs of a 3x3 convolution.
    winograd_output(winograd::OutputJob) = winograd::transform_output;
    /// Adds to a weight gradient, `NV` vectors of its columns.
    gradient_panel[NV: usize, TAIL: bool](gradient::PanelJob) = gradient::panel;
    /// A weight gradient as a tree of pieces, `NV` vectors of its columns.
    gradient_tree[NV: usize, TAIL: bool](gradient::TreeJob<'_>) = gradient::tree;
    /// A line of outputs of a depthwise convolution, or two; `BF16`: rounded to `bfloat16`.
    depthwise_rows[K: usize, STRIDE: usize, LINES: usize, BF16: bool](depthwise::RowsJob)
        = depthwise::rows;
    /// Adds one output row's part to a depthwise weight gradient.
    depthwise_gradient_row[K: usize, STRIDE: usize](depthwise_gradient::WeightJob)
        = depthwise_gradient::weight_row;
    /// One row of a depthwise input gradient with a stride.
    depthwise_input_row[K: usize, STRIDE: usize](depthwise_gradient::InputJob)
        = depthwise_gradient::input_row;
    /// Gates rows and sums their columns.
    gate_rows(elements::GateJob) = elements::gate_rows;
    /// Sums of columns and of their squares.
    moments(normalise::MomentsJob) = normalise::moments_of;
    /// Rows scaled, shifted and clipped.
    normalise(normalise::NormaliseJob) = normalise::normalise_rows;
    /// Sums of gradients, and of their products with the centered input.
    slopes(normalise::SlopesJob) = normalise::slopes_of;
    /// The backward pass of a normalization.
    normalise_back(normalise::BackJob) = normalise::normalise_back_rows;
    /// Multiply-adds without memory accesses; `BYTES`: the length of a number.
    multiply[BYTES: usize](elements::MultiplyJob) = elements::multiply;
    /// Smooth activations, or products with their derivatives.
    curve(curve::CurveJob) = curve::run;
    /// A step of Adam.
    adam(elements::AdamJob) = elements::adam;
}
