//! Tests that compare operations with the same functions in double precision, and their gradients
//! with central differences of these.

mod case;

use alpaca_kernels::{Activation, Depthwise, Kernels, Padding, Precision};
use alpaca_random::{Generator, SeedStream};
use proptest::prelude::*;
use proptest::sample::select;

use self::case::*;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pointwise_convolutions_and_their_gradients(
        shape in (1..4usize, [1..4usize, 1..4usize], 1..9usize, 1..9usize),
        options in (activations(), any::<bool>(), 1..5usize),
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
        options in (activations(), any::<bool>(), 1..4usize),
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
    fn sums_and_their_gradients(
        shape in (1..4usize, [1..5usize, 1..5usize], 1..20usize),
        activation in activations(),
        seed: u64,
    ) {
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            sums(kernels, generator, shape, activation).check(generator);
        }
    }

    #[test]
    fn smooth_activations_and_their_gradients(
        shape in (1..4usize, [1..5usize, 1..5usize], 1..20usize),
        activation in select(vec![
            Activation::HardSwish,
            Activation::HardSigmoid,
            Activation::Silu,
            Activation::Sigmoid,
        ]),
        seed: u64,
    ) {
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            curve(kernels, generator, shape, activation).check(generator);
        }
    }

    #[test]
    fn scalings_and_their_gradients(
        shape in (1..4usize, [1..5usize, 1..5usize], 1..20usize),
        seed: u64,
    ) {
        scaling(&mut SeedStream::new(seed).generator(), shape).check(
            &mut SeedStream::new(seed).generator(),
        );
    }

    #[test]
    fn max_poolings_and_their_gradients(
        (n, size, c) in (1..3usize, [3..9usize, 3..9usize], 1..6usize),
        (kernel, stride, pads) in (2..=3usize, 1..=3usize, any::<bool>()),
        seed: u64,
    ) {
        let mut window = same(kernel, stride, size);
        if !pads {
            window.padding = Padding::default();
        }
        let generator = &mut SeedStream::new(seed).generator();
        greatest_of(generator, (n, [size[0], size[1], c]), window).check(generator);
    }

    #[test]
    fn normalisations_and_their_gradients(
        // Two values are normalized to -1 and 1, so the gradient is zero except for rounding.
        shape in (1..5usize, [2..4usize, 2..4usize], 1..20usize),
        options in (activations(), any::<bool>(), 1..4usize),
        seed: u64,
    ) {
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            normalisation(kernels, generator, shape, options).check(generator);
        }
    }

    #[test]
    fn blocks_and_their_gradients(
        shape in (1..3usize, [2..8usize, 2..8usize], 1..5usize, 1..9usize),
        stride in 1..=2usize,
        options in (any::<bool>(), select(vec![Activation::Relu, Activation::Relu6]), 1..4usize),
        seed: u64,
    ) {
        for kernels in Kernels::all() {
            let generator = &mut SeedStream::new(seed).generator();
            block(kernels, generator, shape, same(3, stride, shape.1), options).check(generator);
        }
    }
}

/// Compares a block large enough for several strips, row blocks and tasks with its single layers:
/// both give the same bits.
/// A pointwise convolution with two micro-batches.
fn point(
    kernels: Kernels,
    size: [usize; 2],
    [n_inputs, n_outputs]: [usize; 2],
    activation: Activation,
) -> Pointwise {
    Pointwise { kernels, size, n_inputs, n_outputs, activation, share: Share::alone(2) }
}

#[test]
fn a_block_is_its_layers_one_after_the_other() {
    for (size, k, e, stride) in [([40, 36], 8, 48, 1), ([41, 36], 16, 40, 2)] {
        let kernels = Kernels::best();
        let generator = &mut SeedStream::new(3).generator();
        let n = 3;
        let Case { operation, inputs, .. } = block(
            kernels,
            generator,
            (n, size, k, e),
            same(3, stride, size),
            (true, Activation::Relu6, 2),
        );
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let [oh, ow, c] = operation.output_shape();
        let relu6 = Activation::Relu6;
        let expand = point(kernels, size, [k, e], relu6);
        let depthwise = DepthwiseConvolution {
            kernels,
            shape: Depthwise::new([size[0], size[1], e], same(3, stride, size)),
            activation: relu6,
            share: Share::alone(2),
        };
        let project = point(kernels, [oh, ow], [e, c], Activation::Linear);
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

/// A layer of each kind, large enough for several threads.
fn layers_for_threads(kernels: Kernels, generator: &mut Generator) -> Vec<Case> {
    let size = [24, 20];
    vec![
        pointwise(kernels, generator, (7, [5, 5], 200, 140), (Activation::Relu6, false, 16)),
        pointwise(kernels, generator, (7, [20, 20], 24, 40), (Activation::Relu6, false, 16)),
        spatial(
            kernels,
            generator,
            (7, [24, 20, 3], 16),
            same(3, 2, size),
            (Activation::Relu6, false, 16),
        ),
        spatial(
            kernels,
            generator,
            (7, [24, 20, 32], 0),
            same(3, 2, size),
            (Activation::Relu, true, 16),
        ),
        spatial(
            kernels,
            generator,
            (7, [9, 8, 40], 36),
            same(3, 1, [9, 8]),
            (Activation::Relu, false, 16),
        ),
        block(
            kernels,
            generator,
            (7, size, 8, 48),
            same(3, 1, size),
            (true, Activation::Relu6, 16),
        ),
        curve(kernels, generator, (7, size, 40), Activation::Silu),
        scaling(generator, (7, size, 40)),
        normalisation(kernels, generator, (7, size, 40), (Activation::Relu6, false, 16)),
    ]
}

/// The gradients and the output of each of these layers.
fn results(kernels: Kernels, n_threads: usize) -> Vec<(InputGradients, Vec<f32>)> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    pool.install(|| {
        let generator = &mut SeedStream::new(5).generator();
        let cases = layers_for_threads(kernels, generator);
        let mut all = vec![];
        for Case { operation, n, inputs, .. } in cases {
            let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
            let output = operation.forward(n, &inputs);
            let dy = random(generator, output.len(), -1.0, 1.0);
            let pass = Backward { n, inputs: &inputs, output: &output, dy: &dy, wants_input: true };
            all.push((operation.backward(&pass), output));
        }
        all
    })
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for precision in [Precision::F32, Precision::Bf16] {
        let kernels = Kernels::best().in_precision(precision);
        let expected = results(kernels, 1);
        for n_threads in [2, 3, 7] {
            assert!(results(kernels, n_threads) == expected, "{precision:?}, {n_threads} threads");
        }
    }
}

/// Rounding moves a number by up to 0.4 %; where it moves an output across zero, it also opens or closes
/// its gate.
#[test]
fn layers_in_bfloat16_are_close_to_those_in_single_precision() {
    let distance = |ours: &[f32], theirs: &[f32]| {
        let differences = ours.iter().zip(theirs).map(|(a, b)| f64::from(a - b).powi(2));
        let squares = theirs.iter().map(|value| f64::from(*value).powi(2));
        (differences.sum::<f64>() / squares.sum::<f64>()).sqrt()
    };
    let [rounded, exact] = [Precision::Bf16, Precision::F32]
        .map(|precision| results(Kernels::best().in_precision(precision), 2));
    for (layer, ((ours, y), (theirs, expected))) in rounded.iter().zip(&exact).enumerate() {
        let error = distance(y, expected);
        assert!(error < 0.01, "output of layer {layer}: {error}");
        for (input, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            let [ours, theirs] = [ours, theirs].map(|values| values.as_ref().unwrap());
            let error = distance(ours, theirs);
            assert!(error < 0.1, "gradient of input {input} of layer {layer}: {error}");
        }
    }
}
