//! The functions of operations in double precision, without vectors, strips or threads; and tests
//! that hold operations against them, their gradients against central differences of these.

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::base::random::{Generator, SeedStream};
use crate::engine::kernels::{Depthwise, Kernels};
use crate::model::fuse::Activation;
use crate::model::graph::{Padding, Window};

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

/// A convolution `(x W) ∘ s + b` and `ReLU6`, if `relu6`.
fn convolve(x: &Map, window: Window, affine: &[Vec<f64>], kind: Kind, relu6: bool) -> Map {
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
        if relu6 {
            *value = value.clamp(0.0, 6.0);
        }
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
struct Case {
    operation: Box<dyn Operation>,
    n: usize,
    inputs: Vec<Vec<f32>>,
    twin: Twin,
}

fn random(generator: &mut Generator, n: usize, low: f32, high: f32) -> Vec<f32> {
    (0..n).map(|_| generator.between(low, high)).collect()
}

/// Weights, scale and shift of a convolution whose outputs lie on both sides of both bounds.
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
    fn check(&self, generator: &mut Generator) {
        let inputs: Vec<&[f32]> = self.inputs.iter().map(Vec::as_slice).collect();
        let output = self.operation.forward(self.n, &inputs);
        let wide_inputs = wide(&self.inputs);
        let shape = self.operation.output_shape();
        assert_eq!(output.len(), self.n * shape.iter().product::<usize>());
        assert_close("forward", &output, &(self.twin)(&wide_inputs));
        let dy = random(generator, output.len(), -1.0, 1.0);
        let saved: &[f32] = if self.operation.reads_output() { &output } else { &[] };
        let mut pass =
            Backward { n: self.n, inputs: &inputs, output: saved, dy: &dy, wants_input: true };
        let gradients = self.operation.backward(&pass);
        assert_eq!(gradients.len(), inputs.len());
        for (position, gradient) in gradients.iter().enumerate() {
            let differences = self.differences(&wide_inputs, position, &dy);
            let what = format!("the gradient of input {position}");
            assert_close(&what, gradient.as_ref().unwrap(), &differences);
        }
        pass.wants_input = false;
        let without = self.operation.backward(&pass);
        assert_eq!(without[0], None);
        assert_eq!(without[1..], gradients[1..]);
    }

    /// Central differences of `dy · y`.
    fn differences(&self, inputs: &[Vec<f64>], position: usize, dy: &[f32]) -> Vec<f64> {
        const STEP: f64 = 1e-6;
        let loss = |inputs: &[Vec<f64>]| -> f64 {
            (self.twin)(inputs).iter().zip(dy).map(|(y, &dy)| y * f64::from(dy)).sum()
        };
        let mut moved = inputs.to_vec();
        (0..inputs[position].len())
            .map(|i| {
                let value = inputs[position][i];
                moved[position][i] = value + STEP;
                let above = loss(&moved);
                moved[position][i] = value - STEP;
                let below = loss(&moved);
                moved[position][i] = value;
                (above - below) / (2.0 * STEP)
            })
            .collect()
    }
}

fn activation(relu6: bool) -> Activation {
    if relu6 { Activation::Relu6 } else { Activation::Linear }
}

fn pointwise(
    kernels: Kernels,
    generator: &mut Generator,
    (n, size, k, c): (usize, [usize; 2], usize, usize),
    (relu6, with_shortcut, n_pieces): (bool, bool, usize),
) -> Case {
    let mut inputs = vec![random(generator, n * size[0] * size[1] * k, -1.0, 1.0)];
    inputs.extend(affine(generator, k, c));
    if with_shortcut {
        inputs.push(random(generator, n * size[0] * size[1] * c, -1.0, 1.0));
    }
    // A shortcut comes behind a linear convolution.
    let relu6 = relu6 && !with_shortcut;
    let shape = [n, size[0], size[1], k];
    Case {
        operation: Box::new(Pointwise {
            kernels,
            size,
            n_inputs: k,
            n_outputs: c,
            activation: activation(relu6),
            n_pieces,
        }),
        n,
        inputs,
        twin: Box::new(move |inputs| {
            let x = Map { values: inputs[0].clone(), shape };
            let y = convolve(&x, POINT, &inputs[1..4], Kind::AllChannels, relu6);
            inputs.get(4).map_or(y.clone(), |shortcut| sum(y, shortcut)).values
        }),
    }
}

fn spatial(
    kernels: Kernels,
    generator: &mut Generator,
    (n, shape, c): (usize, [usize; 3], usize),
    window: Window,
    (relu6, is_depthwise, n_pieces): (bool, bool, usize),
) -> Case {
    let kind = if is_depthwise { Kind::Depthwise } else { Kind::AllChannels };
    let c = if is_depthwise { shape[2] } else { c };
    let k = window.kernel * window.kernel * if is_depthwise { 1 } else { shape[2] };
    let mut inputs = vec![random(generator, n * shape.iter().product::<usize>(), -1.0, 1.0)];
    inputs.extend(affine(generator, k, c));
    let activation = activation(relu6);
    let operation: Box<dyn Operation> = if is_depthwise {
        let shape = Depthwise::new(shape, window);
        Box::new(DepthwiseConvolution { kernels, shape, activation, n_pieces })
    } else {
        Box::new(Convolution { kernels, shape, window, n_outputs: c, activation, n_pieces })
    };
    let [h, w, channels] = shape;
    Case {
        operation,
        n,
        inputs,
        twin: Box::new(move |inputs| {
            let x = Map { values: inputs[0].clone(), shape: [n, h, w, channels] };
            convolve(&x, window, &inputs[1..4], kind, relu6).values
        }),
    }
}

fn block(
    kernels: Kernels,
    generator: &mut Generator,
    (n, size, k, e): (usize, [usize; 2], usize, usize),
    window: Window,
    (has_expansion, n_pieces): (bool, usize),
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
        n_pieces,
    };
    Case {
        operation: Box::new(operation),
        n,
        inputs,
        twin: Box::new(move |inputs| {
            let x = Map { values: inputs[0].clone(), shape: [n, size[0], size[1], k] };
            let (first, rest) = inputs[1..].split_at(if has_expansion { 3 } else { 0 });
            let y = if has_expansion {
                convolve(&x, POINT, first, Kind::AllChannels, true)
            } else {
                x.clone()
            };
            let y = convolve(&y, window, &rest[..3], Kind::Depthwise, true);
            let y = convolve(&y, POINT, &rest[3..], Kind::AllChannels, false);
            if has_shortcut { sum(y, &x.values).values } else { y.values }
        }),
    }
}

/// A batch normalisation; the shortcut is its last input.
fn normalisation(
    kernels: Kernels,
    generator: &mut Generator,
    (n, [height, width], c): (usize, [usize; 2], usize),
    (relu6, has_shortcut, n_pieces): (bool, bool, usize),
) -> Case {
    let len = n * height * width * c;
    // Means far from zero, as far as they are from each other.
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
            activation: activation(relu6),
            n_pieces,
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
                let y = if relu6 { y.clamp(0.0, 6.0) } else { y };
                y + inputs.get(3).map_or(0.0, |shortcut| shortcut[i])
            };
            x.iter().enumerate().map(value).collect()
        }),
    }
}

fn same(kernel: usize, stride: usize, size: [usize; 2]) -> Window {
    Window { kernel, stride, padding: Padding::same(size[0], size[1], kernel, stride) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pointwise_convolutions_and_their_gradients(
        shape in (1..4usize, [1..4usize, 1..4usize], 1..9usize, 1..9usize),
        options in (any::<bool>(), any::<bool>(), 1..5usize),
        seed: u64,
    ) {
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            pointwise(kernels, generator, shape, options).check(generator);
        }
    }

    #[test]
    fn spatial_convolutions_and_their_gradients(
        (n, size, k, c) in (1..3usize, [3..8usize, 3..8usize], 1..6usize, 1..6usize),
        (is_wide, stride, pads) in (any::<bool>(), 1..=2usize, any::<bool>()),
        options in (any::<bool>(), any::<bool>(), 1..4usize),
        seed: u64,
    ) {
        let kernel = if is_wide && size[0].min(size[1]) >= 5 { 5 } else { 3 };
        let mut window = same(kernel, stride, size);
        if !pads {
            window.padding = Padding::default();
        }
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            spatial(kernels, generator, (n, [size[0], size[1], k], c), window, options)
                .check(generator);
        }
    }

    #[test]
    fn normalisations_and_their_gradients(
        shape in (1..5usize, [1..4usize, 2..4usize], 1..20usize),
        options in (any::<bool>(), any::<bool>(), 1..4usize),
        seed: u64,
    ) {
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            let (relu6, has_shortcut, n_pieces) = options;
            let options = (relu6, has_shortcut && !relu6, n_pieces);
            normalisation(kernels, generator, shape, options).check(generator);
        }
    }

    #[test]
    fn blocks_and_their_gradients(
        shape in (1..3usize, [2..8usize, 2..8usize], 1..5usize, 1..9usize),
        stride in 1..=2usize,
        options in (any::<bool>(), 1..4usize),
        seed: u64,
    ) {
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            block(kernels, generator, shape, same(3, stride, shape.1), options).check(generator);
        }
    }
}

/// Large enough for several strips, blocks of rows and tasks: against the layers one by one, which
/// give the same bits.
#[test]
fn a_block_is_its_layers_one_after_the_other() {
    for (size, k, e, stride) in [([40, 36], 8, 48, 1), ([41, 36], 16, 40, 2)] {
        let kernels = Kernels::best();
        let generator = &mut SeedStream::new(3).generator();
        let n = 3;
        let Case { operation, inputs, .. } =
            block(kernels, generator, (n, size, k, e), same(3, stride, size), (true, 2));
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let [oh, ow, c] = operation.output_shape();
        let relu6 = Activation::Relu6;
        let expand =
            Pointwise { kernels, size, n_inputs: k, n_outputs: e, activation: relu6, n_pieces: 2 };
        let depthwise = DepthwiseConvolution {
            kernels,
            shape: Depthwise::new([size[0], size[1], e], same(3, stride, size)),
            activation: relu6,
            n_pieces: 2,
        };
        let project = Pointwise {
            kernels,
            size: [oh, ow],
            n_inputs: e,
            n_outputs: c,
            activation: Activation::Linear,
            n_pieces: 2,
        };
        let shortcut = (stride == 1).then_some(inputs[0]);
        let expanded = expand.forward(n, &inputs[..4]);
        let filtered_inputs = [&[&expanded[..]], &inputs[4..7]].concat();
        let filtered = depthwise.forward(n, &filtered_inputs);
        let mut project_inputs = [&[&filtered[..]], &inputs[7..]].concat();
        project_inputs.extend(shortcut);
        let y = operation.forward(n, &inputs);
        assert!(y == project.forward(n, &project_inputs), "forward");

        let dy = random(generator, y.len(), -1.0, 1.0);
        let pass = |inputs, output, dy| Backward { n, inputs, output, dy, wants_input: true };
        let block = operation.backward(&pass(&inputs, &[], &dy));
        let projected = project.backward(&pass(&project_inputs, &[], &dy));
        let d_filtered = projected[0].as_ref().unwrap();
        let filtered_pass = pass(&filtered_inputs, &filtered, d_filtered);
        let from_depthwise = depthwise.backward(&filtered_pass);
        let d_expanded = from_depthwise[0].as_ref().unwrap();
        let from_expand = expand.backward(&pass(&inputs[..4], &expanded, d_expanded));
        for (position, layers) in [&from_expand[1..4], &from_depthwise[1..4], &projected[1..4]]
            .concat()
            .into_iter()
            .enumerate()
        {
            assert!(block[position + 1] == layers, "the gradient of parameter {position}");
        }
        let mut dx = from_expand[0].clone().unwrap();
        if stride == 1 {
            dx.iter_mut().zip(&dy).for_each(|(dx, dy)| *dx += dy);
        }
        assert!(block[0].as_ref() == Some(&dx), "the gradient of the input");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let results = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let generator = &mut SeedStream::new(5).generator();
            let kernels = Kernels::best();
            let size = [24, 20];
            let cases = [
                pointwise(kernels, generator, (7, [5, 5], 200, 140), (true, false, 16)),
                pointwise(kernels, generator, (7, [20, 20], 24, 40), (true, false, 16)),
                spatial(
                    kernels,
                    generator,
                    (7, [24, 20, 3], 16),
                    same(3, 2, size),
                    (true, false, 16),
                ),
                spatial(
                    kernels,
                    generator,
                    (7, [24, 20, 32], 0),
                    same(3, 2, size),
                    (true, true, 16),
                ),
                block(kernels, generator, (7, size, 8, 48), same(3, 1, size), (true, 16)),
                normalisation(kernels, generator, (7, size, 40), (true, false, 16)),
            ];
            let mut all = vec![];
            for Case { operation, n, inputs, .. } in cases {
                let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
                let output = operation.forward(n, &inputs);
                let dy = random(generator, output.len(), -1.0, 1.0);
                let pass =
                    Backward { n, inputs: &inputs, output: &output, dy: &dy, wants_input: true };
                all.push((operation.backward(&pass), output));
            }
            all
        })
    };
    let expected = results(1);
    for n_threads in [2, 3, 7] {
        assert!(results(n_threads) == expected, "{n_threads} threads");
    }
}
