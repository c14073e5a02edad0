//! Test cases: operations with their inputs, and the same functions in double precision without
//! vectors, strips or threads.

use std::sync::Mutex;

use alpaca_kernels::{Activation, Depthwise, Kernels, Padding, Window};
use alpaca_random::Generator;
use proptest::prelude::*;
use proptest::sample::select;

use crate::engine::layers::*;

/// A map `[n, h, w, c]` in double precision.
#[derive(Clone)]
struct Map {
    values: Vec<f64>,
    shape: [usize; 4],
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    AllChannels,
    Depthwise,
}

/// A convolution `(x W) ∘ s + b` with its shortcut, if any, and activation.
fn convolve(
    x: &Map,
    window: Window,
    affine: &[Vec<f64>],
    kind: Kind,
    activation: Activation,
) -> Map {
    let [n, h, w, k] = x.shape;
    let (oh, ow) = window.output(h, w);
    let c = affine[1].len();
    let mut out = Map { values: vec![0.0; n * oh * ow * c], shape: [n, oh, ow, c] };
    for (at, value) in out.values.iter_mut().enumerate() {
        let (column, rest) = (at % c, at / c);
        let (ox, oy, image) = (rest % ow, rest / ow % oh, rest / ow / oh);
        for place in 0..window.kernel * window.kernel {
            let y = (oy * window.stride + place / window.kernel).wrapping_sub(window.padding.top);
            let x_ = (ox * window.stride + place % window.kernel).wrapping_sub(window.padding.left);
            if y < h && x_ < w {
                let from = ((image * h + y) * w + x_) * k;
                *value += if kind == Kind::Depthwise {
                    x.values[from + column] * affine[0][place * c + column]
                } else {
                    let product =
                        |q: usize| x.values[from + q] * affine[0][(place * k + q) * c + column];
                    (0..k).map(product).sum::<f64>()
                };
            }
        }
        *value = *value * affine[1][column] + affine[2][column];
        *value += affine.get(3).map_or(0.0, |shortcut| shortcut[at]);
        *value = activation.value(*value);
    }
    out
}

fn sum(mut a: Map, b: &[f64]) -> Map {
    a.values.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

const POINT: Window =
    Window { kernel: 1, stride: 1, padding: Padding { top: 0, bottom: 0, left: 0, right: 0 } };

type Twin = Box<dyn Fn(&[Vec<f64>]) -> Vec<f64>>;

/// An operation, its inputs, and the same function in double precision.
pub(super) struct Case {
    pub(super) operation: Box<dyn Operation>,
    pub(super) n: usize,
    pub(super) inputs: Vec<Vec<f32>>,
    twin: Twin,
}

pub(super) fn random(generator: &mut Generator, n: usize, low: f32, high: f32) -> Vec<f32> {
    (0..n).map(|_| generator.between(low, high)).collect()
}

/// Weights, scale and shift that give outputs on both sides of both activation bounds.
fn affine(generator: &mut Generator, k: usize, c: usize) -> [Vec<f32>; 3] {
    [
        random(generator, k * c, -1.0, 1.0),
        random(generator, c, 0.5, 3.0),
        random(generator, c, -2.0, 4.0),
    ]
}

fn wide(inputs: &[Vec<f32>]) -> Vec<Vec<f64>> {
    inputs.iter().map(|input| input.iter().map(|&value| f64::from(value)).collect()).collect()
}

#[track_caller]
fn assert_close(what: &str, ours: &[f32], twin: &[f64]) {
    assert_eq!(ours.len(), twin.len(), "{what}");
    let largest = twin.iter().fold(1e-2f64, |largest, value| largest.max(value.abs()));
    let errors = ours.iter().zip(twin).map(|(&ours, twin)| (f64::from(ours) - twin).abs());
    let worst = errors.fold(0.0, f64::max) / largest;
    assert!(worst < 2e-4, "{what}: off by {worst:.1e} of {largest}");
}

impl Case {
    pub(super) fn check(&self, generator: &mut Generator) {
        let inputs: Vec<&[f32]> = self.inputs.iter().map(Vec::as_slice).collect();
        let output = self.operation.forward(self.n, &inputs);
        let wide_inputs = wide(&self.inputs);
        let shape = self.operation.output_shape();
        assert_eq!(output.len(), self.n * shape.iter().product::<usize>());
        let twin = (self.twin)(&wide_inputs);
        assert_close("forward", &output, &twin);
        // If rounding puts a value on the other side of the kink of an activation, gradients differ.
        let side = |value: f64| (value > 0.0, value >= 6.0);
        if output.iter().zip(&twin).any(|(&ours, &twin)| side(ours.into()) != side(twin)) {
            return;
        }
        let dy = random(generator, output.len(), -1.0, 1.0);
        let saved: &[f32] = if self.operation.reads_output() { &output } else { &[] };
        let mut pass =
            Backward { n: self.n, inputs: &inputs, output: saved, dy: &dy, wants_input: true };
        let gradients = self.operation.backward(&pass);
        assert_eq!(gradients.len(), inputs.len());
        for (position, gradient) in gradients.iter().enumerate() {
            let [above, below] = self.differences(&wide_inputs, position, &dy);
            let what = format!("the gradient of input {position}");
            let gradient = gradient.as_ref().unwrap();
            // Near the kink of an activation the two differ. Rounding decides on which side ours is,
            // and the steps cross it only in part.
            let nearest = gradient.iter().zip(above.iter().zip(&below)).map(|(&ours, (a, b))| {
                let (least, most) = (a.min(*b), a.max(*b));
                let margin = (most - least) / 2.0;
                f64::from(ours).clamp(least - margin, most + margin)
            });
            assert_close(&what, gradient, &nearest.collect::<Vec<_>>());
        }
        pass.wants_input = false;
        let without = self.operation.backward(&pass);
        assert_eq!(without[0], None);
        assert_eq!(without[1..], gradients[1..]);
    }

    /// Differences of `dy · y` to above and to below.
    fn differences(&self, inputs: &[Vec<f64>], position: usize, dy: &[f32]) -> [Vec<f64>; 2] {
        const STEP: f64 = 4e-6;
        let loss = |inputs: &[Vec<f64>]| -> f64 {
            (self.twin)(inputs).iter().zip(dy).map(|(y, &dy)| y * f64::from(dy)).sum()
        };
        let mut moved = inputs.to_vec();
        let here = loss(&moved);
        (0..inputs[position].len())
            .map(|i| {
                let value = inputs[position][i];
                moved[position][i] = value + STEP;
                let above = loss(&moved);
                moved[position][i] = value - STEP;
                let below = loss(&moved);
                moved[position][i] = value;
                ((above - here) / STEP, (here - below) / STEP)
            })
            .collect::<(Vec<f64>, Vec<f64>)>()
            .into()
    }
}

pub(super) fn activations() -> impl Strategy<Value = Activation> {
    select(vec![Activation::Linear, Activation::Relu, Activation::Relu6])
}

pub(super) fn pointwise(
    kernels: Kernels,
    generator: &mut Generator,
    (n, size, k, c): (usize, [usize; 2], usize, usize),
    (activation, with_shortcut, n_pieces): (Activation, bool, usize),
) -> Case {
    let mut inputs = vec![random(generator, n * size[0] * size[1] * k, -1.0, 1.0)];
    inputs.extend(affine(generator, k, c));
    if with_shortcut {
        inputs.push(random(generator, n * size[0] * size[1] * c, -1.0, 1.0));
    }
    let shape = [n, size[0], size[1], k];
    Case {
        operation: Box::new(Pointwise {
            kernels,
            size,
            n_inputs: k,
            n_outputs: c,
            activation,
            share: Share::alone(n_pieces),
        }),
        n,
        inputs,
        twin: Box::new(move |inputs| {
            let x = Map { values: inputs[0].clone(), shape };
            convolve(&x, POINT, &inputs[1..], Kind::AllChannels, activation).values
        }),
    }
}

pub(super) fn spatial(
    kernels: Kernels,
    generator: &mut Generator,
    (n, shape, c): (usize, [usize; 3], usize),
    window: Window,
    (activation, is_depthwise, n_pieces): (Activation, bool, usize),
) -> Case {
    let kind = if is_depthwise { Kind::Depthwise } else { Kind::AllChannels };
    let c = if is_depthwise { shape[2] } else { c };
    let k = window.kernel * window.kernel * if is_depthwise { 1 } else { shape[2] };
    let mut inputs = vec![random(generator, n * shape.iter().product::<usize>(), -1.0, 1.0)];
    inputs.extend(affine(generator, k, c));
    // Every other dense convolution has a shortcut.
    if !is_depthwise && generator.between(0.0, 1.0) < 0.5 {
        let (height, width) = window.output(shape[0], shape[1]);
        inputs.push(random(generator, n * height * width * c, -1.0, 1.0));
    }
    let operation: Box<dyn Operation> = if is_depthwise {
        let shape = Depthwise::new(shape, window);
        Box::new(DepthwiseConvolution { kernels, shape, activation, share: Share::alone(n_pieces) })
    } else {
        Box::new(Convolution {
            kernels,
            shape,
            window,
            n_outputs: c,
            activation,
            share: Share::alone(n_pieces),
        })
    };
    let [h, w, channels] = shape;
    Case {
        operation,
        n,
        inputs,
        twin: Box::new(move |inputs| {
            let x = Map { values: inputs[0].clone(), shape: [n, h, w, channels] };
            convolve(&x, window, &inputs[1..], kind, activation).values
        }),
    }
}

pub(super) fn block(
    kernels: Kernels,
    generator: &mut Generator,
    (n, size, k, e): (usize, [usize; 2], usize, usize),
    window: Window,
    (has_expansion, activation, n_pieces): (bool, Activation, usize),
) -> Case {
    let has_shortcut = window.output(size[0], size[1]) == (size[0], size[1]);
    let e = if has_expansion { e } else { k };
    let c = if has_shortcut { k } else { k + 3 };
    let mut inputs = vec![random(generator, n * size[0] * size[1] * k, -1.0, 1.0)];
    if has_expansion {
        inputs.extend(affine(generator, k, e));
    }
    inputs.extend(affine(generator, window.kernel * window.kernel, e));
    inputs.extend(affine(generator, e, c));
    let operation = InvertedResidual {
        kernels,
        shape: Depthwise::new([size[0], size[1], e], window),
        n_inputs: k,
        n_outputs: c,
        has_expansion,
        has_shortcut,
        activation,
        share: Share::alone(n_pieces),
    };
    Case {
        operation: Box::new(operation),
        n,
        inputs,
        twin: Box::new(move |inputs| {
            let x = Map { values: inputs[0].clone(), shape: [n, size[0], size[1], k] };
            let (first, rest) = inputs[1..].split_at(if has_expansion { 3 } else { 0 });
            let y = if has_expansion {
                convolve(&x, POINT, first, Kind::AllChannels, activation)
            } else {
                x.clone()
            };
            let y = convolve(&y, window, &rest[..3], Kind::Depthwise, activation);
            let y = convolve(&y, POINT, &rest[3..], Kind::AllChannels, Activation::Linear);
            if has_shortcut { sum(y, &x.values).values } else { y.values }
        }),
    }
}

/// A batch normalization; the shortcut is its last input.
pub(super) fn normalisation(
    kernels: Kernels,
    generator: &mut Generator,
    (n, [height, width], c): (usize, [usize; 2], usize),
    (activation, has_shortcut, n_pieces): (Activation, bool, usize),
) -> Case {
    let len = n * height * width * c;
    // Means far from zero and far from each other.
    let mut inputs = vec![
        random(generator, len, 2.0, 6.0),
        random(generator, c, 0.5, 3.0),
        random(generator, c, -1.0, 4.0),
    ];
    if has_shortcut {
        inputs.push(random(generator, len, -1.0, 1.0));
    }
    Case {
        operation: Box::new(Normalisation {
            kernels,
            shape: [height, width, c],
            epsilon: 1e-3,
            activation,
            share: Share::alone(n_pieces),
            statistics: Mutex::default(),
        }),
        n,
        inputs,
        twin: Box::new(move |inputs| {
            let (x, count) = (&inputs[0], (n * height * width) as f64);
            let mean = |of: &dyn Fn(f64) -> f64, column: usize| {
                x.iter().skip(column).step_by(c).map(|value| of(*value)).sum::<f64>() / count
            };
            let means: Vec<f64> = (0..c).map(|column| mean(&|value| value, column)).collect();
            let variances: Vec<f64> = (0..c)
                .map(|column| mean(&|value| (value - means[column]).powi(2), column))
                .collect();
            let value = |(i, x): (usize, &f64)| {
                let column = i % c;
                let deviation = (variances[column] + 1e-3).sqrt();
                let y = (x - means[column]) / deviation * inputs[1][column] + inputs[2][column];
                activation.value(y + inputs.get(3).map_or(0.0, |shortcut| shortcut[i]))
            };
            x.iter().enumerate().map(value).collect()
        }),
    }
}

/// A sum of two maps.
pub(super) fn sums(
    kernels: Kernels,
    generator: &mut Generator,
    (n, [height, width], c): (usize, [usize; 2], usize),
    activation: Activation,
) -> Case {
    let len = n * height * width * c;
    Case {
        operation: Box::new(Sum { kernels, shape: [height, width, c], activation }),
        n,
        inputs: vec![random(generator, len, -4.0, 4.0), random(generator, len, -4.0, 6.0)],
        twin: Box::new(move |inputs| {
            let pairs = inputs[0].iter().zip(&inputs[1]);
            pairs.map(|(a, b)| activation.value(a + b)).collect()
        }),
    }
}

/// A smooth activation.
pub(super) fn curve(
    kernels: Kernels,
    generator: &mut Generator,
    (n, [height, width], c): (usize, [usize; 2], usize),
    activation: Activation,
) -> Case {
    let x = random(generator, n * height * width * c, -6.0, 6.0);
    Case {
        operation: Box::new(Curve { kernels, shape: [height, width, c], activation }),
        n,
        inputs: vec![x],
        twin: Box::new(move |inputs| inputs[0].iter().map(|x| activation.value(*x)).collect()),
    }
}

/// A map times one factor per image and channel.
pub(super) fn scaling(
    generator: &mut Generator,
    (n, [height, width], c): (usize, [usize; 2], usize),
) -> Case {
    let x = random(generator, n * height * width * c, -2.0, 2.0);
    Case {
        operation: Box::new(Scaling { shape: [height, width, c] }),
        n,
        inputs: vec![x, random(generator, n * c, -1.0, 1.0)],
        twin: Box::new(move |inputs| {
            let place = |at: usize| at / (height * width * c) * c + at % c;
            let pairs = inputs[0].iter().enumerate();
            pairs.map(|(at, x)| x * inputs[1][place(at)]).collect()
        }),
    }
}

/// A max pooling of distinct values.
pub(super) fn greatest_of(
    generator: &mut Generator,
    (n, shape @ [h, w, c]): (usize, [usize; 3]),
    window: Window,
) -> Case {
    let len = n * h * w * c;
    let mut x: Vec<f32> = (0..len).map(|i| i as f32 / len as f32 - 0.5).collect();
    for last in (1..len).rev() {
        x.swap(last, (generator.uniform() * last as f32) as usize);
    }
    Case {
        operation: Box::new(MaxPooling { shape, window }),
        n,
        inputs: vec![x],
        twin: Box::new(move |inputs| {
            let (oh, ow) = window.output(h, w);
            let value = |at: usize| {
                let (channel, rest) = (at % c, at / c);
                let (ox, oy, image) = (rest % ow, rest / ow % oh, rest / ow / oh);
                let mut greatest = f64::NEG_INFINITY;
                for place in 0..window.kernel * window.kernel {
                    let y = (oy * window.stride + place / window.kernel)
                        .wrapping_sub(window.padding.top);
                    let x = (ox * window.stride + place % window.kernel)
                        .wrapping_sub(window.padding.left);
                    if y < h && x < w {
                        greatest = greatest.max(inputs[0][((image * h + y) * w + x) * c + channel]);
                    }
                }
                greatest
            };
            (0..n * oh * ow * c).map(value).collect()
        }),
    }
}

pub(super) fn same(kernel: usize, stride: usize, size: [usize; 2]) -> Window {
    Window { kernel, stride, padding: Padding::same(size[0], size[1], kernel, stride) }
}
