//! A scalar twin of each kernel in double precision, and tests that compare the kernels of every
//! instruction set with it on random shapes.

use alpaca_random::{Generator, SeedStream};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::{Padding, Window};

/// The largest allowed error, relative to the largest value, for chains of a few hundred
/// single-precision sums.
const CLOSE: f64 = 1e-5;

fn numbers(generator: &mut Generator, n: usize) -> Vec<f32> {
    (0..n).map(|_| generator.between(-1.0, 1.0)).collect()
}

#[track_caller]
fn assert_close(what: &str, kernels: Kernels, ours: &[f32], twin: &[f64]) {
    assert_eq!(ours.len(), twin.len());
    let largest = twin.iter().fold(1e-3f64, |largest, value| largest.max(value.abs()));
    let errors = ours.iter().zip(twin).map(|(&ours, twin)| (f64::from(ours) - twin).abs());
    let worst = errors.fold(0.0, f64::max) / largest;
    assert!(worst < CLOSE, "{what} with {}: off by {worst:.1e}", kernels.set());
}

/// All instruction sets with fused sums give the same bits.
#[track_caller]
fn assert_same_bits(what: &str, results: &[(Kernels, Vec<f32>)]) {
    let mut fused = results.iter().filter(|(k, _)| k.set() != InstructionSet::Portable);
    if let Some((first, expected)) = fused.next() {
        for (other, values) in fused {
            assert!(
                values == expected,
                "{what} differs between {} and {}",
                first.set(),
                other.set()
            );
        }
    }
}

/// All activations.
const ACTIVATIONS: [Activation; 7] = [
    Activation::Linear,
    Activation::Relu,
    Activation::Relu6,
    Activation::HardSwish,
    Activation::HardSigmoid,
    Activation::Silu,
    Activation::Sigmoid,
];

fn check_product(
    (rows, k, n): (usize, usize, usize),
    seed: u64,
    activation: Activation,
    extras: [bool; 3],
) {
    let generator = &mut SeedStream::new(seed).generator();
    let [x, w] = [rows * k, k * n].map(|len| numbers(generator, len));
    let [scale, bias] = [n, n].map(|len| numbers(generator, len));
    let [shortcut, gate] = [rows * n, rows * n].map(|len| numbers(generator, len));
    let [with_bias, with_shortcut, with_gate] = extras;
    let twin: Vec<f64> = (0..rows * n)
        .map(|i| {
            let (row, column) = (i / n, i % n);
            let products = (0..k).map(|q| f64::from(x[row * k + q]) * f64::from(w[q * n + column]));
            let sum = products.sum::<f64>() * f64::from(scale[column]);
            let mut value = sum + if with_bias { f64::from(bias[column]) } else { 0.0 };
            value += if with_shortcut { f64::from(shortcut[i]) } else { 0.0 };
            value = activation.value(value);
            if with_gate && gate[i] <= 0.0 { 0.0 } else { value }
        })
        .collect();
    let mut results = vec![];
    for kernels in Kernels::all() {
        let epilogue = Epilogue {
            bias: with_bias.then_some(&bias),
            activation,
            shortcut: with_shortcut.then_some(&shortcut),
            gate: Gate::of(Activation::Relu6, &gate).filter(|_| with_gate),
        };
        let mut out = vec![f32::NAN; rows * n];
        kernels.product(&x, &kernels.pack(&w, n, Some(&scale)), epilogue, &mut out[..]);
        assert_close("a product", kernels, &out, &twin);
        results.push((kernels, out));
    }
    assert_same_bits("a product", &results);
}

fn check_gradient(rows: usize, k: usize, n: usize, seed: u64, n_pieces: usize) {
    let generator = &mut SeedStream::new(seed).generator();
    let [x, dz] = [rows * k, rows * n].map(|len| numbers(generator, len));
    let twin: Vec<f64> = (0..k * n)
        .map(|i| {
            (0..rows).map(|r| f64::from(x[r * k + i / n]) * f64::from(dz[r * n + i % n])).sum()
        })
        .collect();
    let bounds = Pieces::new(rows, n_pieces).bounds(1);
    let mut results = vec![];
    for kernels in Kernels::all() {
        let mut tree = vec![f32::NAN; k * n];
        let packed = kernels.pack(&dz, n, None);
        kernels.gradient_of_pieces(Windows::rows(&x, k), &packed, &bounds, &mut tree);
        assert_close("a weight gradient", kernels, &tree, &twin);
        // The same, piece by piece into separate buffers, with the first rows of `G` computed
        // apart.
        let mut parts = vec![0.0; n_pieces * k * n];
        let first = k / 2;
        for (piece, part) in bounds.windows(2).zip(parts.chunks_exact_mut(k * n)) {
            let (upper, lower) = part.split_at_mut(first * n);
            let dz = &dz[piece[0] * n..piece[1] * n];
            let columns = |first: usize, n_columns: usize| Windows {
                values: &x[(piece[0] * k + first).min(x.len())..],
                pieces: [1, n_columns, 0],
                ..Windows::rows(&x, k)
            };
            if first > 0 {
                kernels.add_gradient(columns(0, first), dz, upper);
            }
            kernels.add_gradient(columns(first, k - first), dz, lower);
        }
        assert!(
            tree_sum(&parts, n_pieces) == tree,
            "both ways of adding pieces give the same bits"
        );
        results.push((kernels, tree));
    }
    assert_same_bits("a weight gradient", &results);
}

/// A depthwise convolution of one image and its gradients, without any vectors.
struct DepthwiseTwin {
    y: Vec<f64>,
    dx: Vec<f64>,
    g: Vec<f64>,
}

fn depthwise_twin(
    shape: &Depthwise,
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    dz: &[f32],
    activation: Activation,
) -> DepthwiseTwin {
    let (c, Window { kernel, stride, padding }) = (shape.channels, shape.window);
    let (out_height, out_width) = shape.output();
    let mut twin = DepthwiseTwin {
        y: vec![0.0; out_height * out_width * c],
        dx: vec![0.0; x.len()],
        g: vec![0.0; w.len()],
    };
    for (at, y) in twin.y.iter_mut().enumerate() {
        let (oy, ox, channel) = (at / c / out_width, at / c % out_width, at % c);
        *y = f64::from(bias[channel]);
        for (ky, kx) in (0..kernel * kernel).map(|place| (place / kernel, place % kernel)) {
            let iy = (oy * stride + ky).wrapping_sub(padding.top);
            let ix = (ox * stride + kx).wrapping_sub(padding.left);
            if iy < shape.height && ix < shape.width {
                let from = (iy * shape.width + ix) * c + channel;
                let weight = (ky * kernel + kx) * c + channel;
                *y += f64::from(x[from]) * f64::from(w[weight]);
                twin.dx[from] += f64::from(dz[at]) * f64::from(w[weight]);
                twin.g[weight] += f64::from(x[from]) * f64::from(dz[at]);
            }
        }
        *y = activation.value(*y);
    }
    twin
}

/// All rows of a map.
fn whole(values: &[f32]) -> Rows<'_> {
    Rows { values, first: 0 }
}

fn check_depthwise(shape: &Depthwise, seed: u64, activation: Activation) {
    let generator = &mut SeedStream::new(seed).generator();
    let n_weights = shape.window.kernel * shape.window.kernel * shape.channels;
    let (out_height, _) = shape.output();
    let x = numbers(generator, shape.height * shape.input_row());
    let [w, bias] = [n_weights, shape.channels].map(|len| numbers(generator, len));
    let dz = numbers(generator, out_height * shape.output_row());
    let flipped: Vec<f32> = w.chunks_exact(shape.channels).rev().flatten().copied().collect();
    let twin = depthwise_twin(shape, &x, &w, &bias, &dz, activation);
    let mut results = vec![];
    for kernels in Kernels::all() {
        let mut y = vec![f32::NAN; dz.len()];
        let rows = 0..out_height;
        let filter = DepthwiseFilter { weights: &w, bias: &bias, activation };
        kernels.depthwise(shape, whole(&x), filter, rows.clone(), &mut y[..]);
        assert_close("a depthwise convolution", kernels, &y, &twin.y);
        let mut g = vec![0.0; n_weights];
        kernels.add_depthwise_gradient(shape, whole(&x), whole(&dz), rows, &mut g);
        assert_close("a depthwise weight gradient", kernels, &g, &twin.g);
        let mut dx = vec![f32::NAN; x.len()];
        let reversed = ReversedWeights { weights: &w, flipped: &flipped };
        let rows = 0..shape.height;
        kernels.depthwise_input_gradient(shape, reversed, whole(&dz), rows, &mut dx[..]);
        assert_close("a depthwise input gradient", kernels, &dx, &twin.dx);
        results.push((kernels, [y, g, dx].concat()));
    }
    assert_same_bits("a depthwise convolution", &results);
}

fn check_strips(shape: &Depthwise) {
    let (out_height, _) = shape.output();
    for end in 1..=out_height {
        let settled = shape.settled(end);
        let first = shape.first_reader(settled);
        // Every output row that reads an unsettled input row is at or after `first`.
        for row in 0..out_height {
            let reads = shape.reads(&(row..row + 1));
            let touches_later = reads.clone().any(|y| y >= settled);
            assert!(!touches_later || row >= first, "row {row} of {shape:?} after {end}");
            let touches_settled = reads.clone().any(|y| y < settled);
            assert!(!touches_settled || row < end, "row {row} of {shape:?} after {end}");
        }
    }
}

fn window() -> impl Strategy<Value = Window> {
    (prop_oneof![Just(3), Just(5)], 1..=2usize, [const { 0..=1usize }; 4]).prop_map(
        |(kernel, stride, [top, bottom, left, right])| Window {
            kernel,
            stride,
            padding: Padding { top, bottom, left, right },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn products_agree_with_their_twin(
        shape in (1..40usize, 1..40usize, 1..60usize), seed: u64,
        activation in select(&ACTIVATIONS[..]), extras: [bool; 3],
    ) {
        // A smooth activation is the last part of an epilogue.
        let extras = if activation.is_curve() { [extras[0], false, false] } else { extras };
        check_product(shape, seed, activation, extras);
    }

    #[test]
    fn weight_gradients_agree_with_their_twin(
        (rows, k, n) in (0..60usize, 1..30usize, 1..60usize), seed: u64, n_pieces in 1..20usize,
    ) {
        check_gradient(rows, k, n, seed, n_pieces);
    }

    #[test]
    fn depthwise_convolutions_agree_with_their_twin(
        (height, width, channels) in (5..16usize, 5..24usize, 1..40usize), window in window(),
        seed: u64, activation in select(&ACTIVATIONS[..]),
    ) {
        let shape = Depthwise::new([height, width, channels], window);
        check_depthwise(&shape, seed, activation);
        check_strips(&shape);
    }
}

#[test]
fn large_products_are_cut_into_blocks_without_a_seam() {
    check_product((700, 60, 130), 1, Activation::Relu6, [true; 3]);
    check_gradient(700, 24, 144, 2, 16);
}

#[test]
fn a_gate_passes_what_lies_between_its_bounds() {
    let y = [0.0, 1.0, 6.0, f32::NAN, 3.0, -1.0, 7.0, 5.9, 1e-9];
    let dy = [1.0; 9];
    for kernels in Kernels::all() {
        let (mut dz, mut sums) = ([f32::NAN; 9], [0.5; 9]);
        kernels.gate(
            &dy,
            Gate::of(Activation::Relu6, &y),
            Some(dz.as_mut_slice().into()),
            &mut sums,
        );
        assert_eq!(dz, [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0], "{}", kernels.set());
        assert_eq!(sums, dz.map(|dz| dz + 0.5));
        kernels.gate(
            &dy,
            Gate::of(Activation::Relu, &y),
            Some(dz.as_mut_slice().into()),
            &mut sums,
        );
        assert_eq!(dz, [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0], "{}", kernels.set());
        let mut sums = [0.0; 3];
        kernels.gate(&dy, None, None, &mut sums);
        assert_eq!(sums, [3.0; 3]);
    }
}

#[test]
fn what_is_no_number_stays_none() {
    for kernels in Kernels::all() {
        for activation in ACTIVATIONS {
            let epilogue = Epilogue { activation, ..Epilogue::NONE };
            let mut out = [0.0; 20];
            let weights = kernels.pack(&[1.0; 20], 20, None);
            kernels.product(&[f32::NAN], &weights, epilogue, &mut out[..]);
            assert!(out.iter().all(|value| value.is_nan()), "{activation:?}, {}", kernels.set());
        }
    }
}

#[test]
fn smooth_activations_agree_with_their_twin_everywhere() {
    let z: Vec<f32> = (-2000..2000).map(|i| i as f32 / 20.0 + 0.013).collect();
    let far = [-1e9, -200.0, 200.0, 1e9, 0.0, -0.0];
    let z = [&z[..], &far[..]].concat();
    for activation in ACTIVATIONS.into_iter().filter(|activation| activation.is_curve()) {
        let value: Vec<f64> = z.iter().map(|&z| activation.value(f64::from(z))).collect();
        let slope: Vec<f64> = z.iter().map(|&z| activation.derivative(f64::from(z))).collect();
        let mut results = vec![];
        for kernels in Kernels::all() {
            let mut y = z.clone();
            kernels.activate(activation, &mut y);
            for (z, (ours, twin)) in z.iter().zip(y.iter().zip(&value)) {
                let error = (f64::from(*ours) - twin).abs() / twin.abs().max(1e-3);
                assert!(error < 1e-6, "{activation:?} of {z} with {}: {ours}", kernels.set());
            }
            let mut dz = vec![1.0; z.len()];
            kernels.slope(activation, &z, &mut dz);
            assert_close("a slope", kernels, &dz, &slope);
            results.push((kernels, [y, dz].concat()));
        }
        assert_same_bits("a smooth activation", &results);
    }
}

/// A number rounded to `bfloat16`.
fn rounded(value: f32) -> f32 {
    f32::from_bits(u32::from(bf16::bf16(value)) << 16)
}

/// Numbers in `bfloat16` have the same products and sums on all sets, with fused sums or without.
fn check_product_of_pairs(
    (rows, pieces, len, n): (usize, usize, usize, usize),
    seed: u64,
    with_shortcut: bool,
) {
    let generator = &mut SeedStream::new(seed).generator();
    let k = pieces * len;
    // Windows of pieces that are two lines of a map apart, and overlap.
    let (along, line) = (len.div_ceil(2), rows * len.div_ceil(2) + len);
    let mut x = numbers(generator, (pieces - 1) * line + (rows - 1) * along + len);
    // What lies behind the windows may be anything.
    x.extend([f32::NAN; 3]);
    let windows =
        Windows { values: &x, size: [rows, 1], steps: [along, 0, 0], pieces: [pieces, len, line] };
    let [w, bias] = [k * n, n].map(|len| numbers(generator, len));
    let shortcut = numbers(generator, rows * n);
    let twin: Vec<f64> = (0..rows * n)
        .map(|i| {
            let (row, column) = (i / n, i % n);
            let products = (0..k).map(|q| {
                let x = x[q / len * line + row * along + q % len];
                f64::from(rounded(x)) * f64::from(rounded(w[q * n + column]))
            });
            let sum = products.sum::<f64>() + f64::from(bias[column]);
            (sum + if with_shortcut { f64::from(shortcut[i]) } else { 0.0 }).max(0.0)
        })
        .collect();
    let mut expected: Option<Vec<f32>> = None;
    for kernels in Kernels::all().map(|kernels| kernels.in_precision(Precision::Bf16)) {
        let epilogue = Epilogue {
            bias: Some(&bias),
            activation: Activation::Relu,
            shortcut: with_shortcut.then_some(&shortcut),
            gate: None,
        };
        let mut out = vec![f32::NAN; rows * n];
        let weights = kernels.pack_pieces(&w, n, len, None);
        kernels.product_of_windows(windows, &weights, epilogue, &mut out[..]);
        assert_close("a product of pairs", kernels, &out, &twin);
        let expected = expected.get_or_insert_with(|| out.clone());
        assert!(&out == expected, "a product of pairs has other bits with {}", kernels.set());
    }
}

/// A product of depthwise outputs has the bits of both, one after the other.
fn check_filtered(shape: &Depthwise, n: usize, seed: u64, activation: Activation) {
    let generator = &mut SeedStream::new(seed).generator();
    let (height, len) = (shape.output().0, shape.output().0 * shape.output_row());
    let c = shape.channels;
    let n_weights = shape.window.kernel * shape.window.kernel * c;
    let maps = [0; 2].map(|_| numbers(generator, shape.height * shape.input_row()));
    let [w, bias, project] = [n_weights, c, c * n].map(|len| numbers(generator, len));
    let filter = DepthwiseFilter { weights: &w, bias: &bias, activation };
    for kernels in Kernels::all() {
        for precision in [Precision::F32, Precision::Bf16] {
            let kernels = kernels.in_precision(precision);
            let project = kernels.pack(&project, n, None);
            let mut filtered = vec![f32::NAN; 2 * len];
            for (x, out) in maps.iter().zip(filtered.chunks_exact_mut(len)) {
                kernels.depthwise(shape, whole(x), filter, 0..height, out);
            }
            let mut expected = vec![f32::NAN; 2 * len / c * n];
            kernels.product(&filtered, &project, Epilogue::NONE, &mut expected[..]);
            let mut out = vec![f32::NAN; expected.len()];
            let inputs = maps.iter().map(|x| whole(x));
            let memory = &mut filtered[..];
            let filtered = Filtered { shape, filter, rows: 0..height, memory };
            let room = (&mut out[..]).into();
            kernels.product_of_filtered(inputs, filtered, &project, Epilogue::NONE, room);
            assert!(out == expected, "{precision:?} with {}", kernels.set());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn products_of_pairs_agree_with_their_twin_bit_for_bit_on_all_sets(
        shape in (1..40usize, 1..4usize, 1..40usize, 1..60usize), seed: u64, with_shortcut: bool,
    ) {
        check_product_of_pairs(shape, seed, with_shortcut);
    }

    #[test]
    fn products_of_depthwise_outputs_have_the_bits_of_both(
        (height, width, channels) in (5..9usize, 5..12usize, 1..40usize), window in window(),
        n in 1..40usize, seed: u64, activation in select(&ACTIVATIONS[..]),
    ) {
        let shape = Depthwise::new([height, width, channels], window);
        check_filtered(&shape, n, seed, activation);
    }

    #[test]
    fn numbers_become_the_nearest_in_bfloat16_on_all_sets(bits in proptest::array::uniform32(0u32..)) {
        let special = [
            0.0, -0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN, f32::MAX,
            f32::MIN_POSITIVE, 1e-40, -1e-40, bf16::SMALLEST, -bf16::SMALLEST, 8e-16, 1.003_906_3,
            1.011_718_8,
        ];
        let values: Vec<f32> = bits.map(f32::from_bits).into_iter().chain(special).collect();
        for &value in values.iter().filter(|value| value.is_finite()) {
            let distance = |bits: u32| (f64::from(f32::from_bits(bits)) - f64::from(value)).abs();
            let below = value.to_bits() & 0xffff_0000;
            let above = below.wrapping_add(0x1_0000);
            let ours = u32::from(bf16::bf16(value)) << 16;
            if value.abs() < bf16::SMALLEST {
                prop_assert_eq!(ours, 0);
            } else if f32::from_bits(above).is_finite() {
                let is_even = |bits: u32| bits >> 16 & 1 == 0;
                let nearest = match distance(below).total_cmp(&distance(above)) {
                    std::cmp::Ordering::Less => below,
                    std::cmp::Ordering::Greater => above,
                    std::cmp::Ordering::Equal => if is_even(below) { below } else { above },
                };
                prop_assert_eq!(ours, nearest, "{}", value);
            }
        }
        let expected: Vec<u16> = values.iter().map(|&value| bf16::bf16(value)).collect();
        for (value, bits) in values.iter().zip(&expected) {
            prop_assert_eq!(value.is_nan(), f32::from_bits(u32::from(*bits) << 16).is_nan());
        }
        for kernels in Kernels::all() {
            for n in [values.len(), 5] {
                let mut out = vec![0; n];
                with_bf16_set!(kernels.set, S => bf16::round::<S>(&values[..n], &mut out));
                prop_assert_eq!(&out[..], &expected[..n], "{}", kernels.set());
            }
        }
    }
}

/// An instruction for pairs takes numbers that are not normal for zeros, so that none may occur.
#[test]
fn sums_of_products_of_tiny_numbers_have_the_same_bits_on_all_sets() {
    let tiny = [1e-14, -1e-15, 3e-30, 1e-38, 1e-45, -8.9e-16, 2e-15, 9e-16];
    let (x, w): (Vec<f32>, Vec<f32>) =
        (0..64).map(|i| (tiny[i % 8], tiny[(i / 8 + 3 * i) % 8])).unzip();
    let mut expected: Option<Vec<f32>> = None;
    for kernels in Kernels::all().map(|kernels| kernels.in_precision(Precision::Bf16)) {
        let mut out = vec![f32::NAN; 8 * 8];
        kernels.product(&x, &kernels.pack(&w, 8, None), Epilogue::NONE, &mut out[..]);
        let expected = expected.get_or_insert_with(|| out.clone());
        assert!(&out == expected, "{}", kernels.set());
        assert!(out.iter().any(|value| *value != 0.0));
    }
}
