//! Products of bytes: numbers of 8 bits, and sums of 32 bits, which are exact.
//!
//! A value is a byte with a scale and a zero point for its channel
//! ([`Quantization`](crate::Quantization)); a weight is a signed byte with a scale for its output channel
//! (Jacob et al. 2018, arXiv 1712.05877, section 2.1; Krishnamoorthi 2018, arXiv 1806.08342, section
//! 2.2). Scales of inputs are part of the weights, so that each channel has its own. A sum becomes a
//! number by one conversion and one multiply-add, so that all sets with fused multiply-adds give the same
//! bits.
//!
//! Rounded weights change the mean of the outputs. What they change for the mean of the inputs is taken off
//! the bias (Nagel et al. 2019, arXiv 1906.04721, section 4.2).
//!
//! The values between the layers of a block never become numbers: [`quads`] writes the first layer's
//! outputs as bytes, four neighboring pixels in a word, [`depthwise`] reads them and writes bytes, and a
//! product reads these.

pub(super) mod depthwise;
pub(super) mod quads;
#[cfg(test)]
mod twin;
pub(super) mod weights;
