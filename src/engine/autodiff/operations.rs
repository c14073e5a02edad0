//! Layers as ordinary tensor operations, with channels innermost. Every device can run them, and
//! faster implementations are tested against them.

use alpaca_kernels::{Activation, Padding, Window};
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Tensor, activation};

/// A convolution of `[n, h, w, k]` with a kernel `[kh, kw, k, c]`: `[n, oh, ow, c]`.
pub(super) fn convolution(x: Tensor<4>, kernel: Tensor<4>, window: &Window) -> Tensor<4> {
    let [n, h, w, k] = x.dims();
    let [kh, kw, _, c] = kernel.dims();
    if (kh, kw, window.stride) == (1, 1, 1) {
        return x.reshape([n * h * w, k]).matmul(kernel.reshape([k, c])).reshape([n, h, w, c]);
    }
    // HWIO to OIHW.
    spatial(x, kernel.permute([3, 2, 0, 1]), window, 1)
}

/// A convolution of each channel of `[n, h, w, c]` by itself with a kernel `[kh, kw, c, 1]`:
/// `[n, oh, ow, c]`.
pub(super) fn depthwise(x: Tensor<4>, kernel: Tensor<4>, window: &Window) -> Tensor<4> {
    let n_channels = x.dims()[3];
    // HWC1 to C1HW.
    spatial(x, kernel.permute([2, 3, 0, 1]), window, n_channels)
}

/// Calls the library's convolution, which needs channels before rows and columns.
fn spatial(x: Tensor<4>, kernel: Tensor<4>, window: &Window, n_groups: usize) -> Tensor<4> {
    let options = ConvOptions {
        stride: [window.stride; 2],
        padding: sides(window.padding),
        dilation: [1, 1],
        groups: n_groups,
    };
    conv2d(x.permute([0, 3, 1, 2]), kernel, None, options).permute([0, 2, 3, 1])
}

/// Pads rows above and below, and columns to the left and right.
fn sides(padding: Padding) -> [(usize, usize); 2] {
    [(padding.top, padding.bottom), (padding.left, padding.right)]
}

/// `x · scale + shift` for each channel: batch normalization with fixed statistics.
pub(super) fn affine(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
    let [n_channels] = scale.dims();
    let by_channel = |values: Tensor<1>| values.reshape([1, 1, 1, n_channels]);
    x * by_channel(scale) + by_channel(shift)
}

/// `x + shift` for each channel.
pub(super) fn shifted(x: Tensor<4>, shift: Tensor<1>) -> Tensor<4> {
    let [n_channels] = shift.dims();
    x + shift.reshape([1, 1, 1, n_channels])
}

/// The maximum of each channel in a window.
pub(super) fn max_pooling(x: Tensor<4>, window: &Window) -> Tensor<4> {
    let options = MaxPoolOptions {
        kernel_size: [window.kernel; 2],
        stride: [window.stride; 2],
        padding: sides(window.padding),
        dilation: [1, 1],
        ceil_mode: false,
    };
    max_pool2d(x.permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}

/// The function at the end of a convolution.
pub(super) fn activate(x: Tensor<4>, activation: Activation) -> Tensor<4> {
    match activation {
        Activation::Linear => x,
        Activation::Relu => activation::relu(x),
        // Not `clamp`: at zero it passes the gradient, where Keras does not.
        Activation::Relu6 => activation::relu(x).clamp_max(6.0),
        Activation::HardSwish => x.clone() * hard_sigmoid(x),
        Activation::HardSigmoid => hard_sigmoid(x),
        Activation::Silu => x.clone() * activation::sigmoid(x),
        Activation::Sigmoid => activation::sigmoid(x),
    }
}

/// `min(max(x + 3, 0), 6) / 6`.
fn hard_sigmoid(x: Tensor<4>) -> Tensor<4> {
    activation::relu(x + 3.0).clamp_max(6.0) / 6.0
}

/// The mean over all pixels: `[n, h, w, c]` to `[n, c]`.
pub(super) fn global_average(x: Tensor<4>) -> Tensor<2> {
    let [n, h, w, c] = x.dims();
    x.reshape([n, h * w, c]).mean_dim(1).reshape([n, c])
}

/// A fully connected layer: `[n, k]` with `[k, c]` and `[c]` to `[n, c]`.
pub(super) fn dense(x: Tensor<2>, kernel: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    x.matmul(kernel) + bias.unsqueeze()
}
