//! Scalar twins of the kernels of bytes, which agree with them bit for bit where multiply-adds are fused.

use alpaca_random::{Generator, SeedStream};
use proptest::prelude::*;
use proptest::sample::select;

use super::weights::{weight, weight_scale};
use crate::quantization::{ChannelRange, LARGEST, Quantization, as_bytes, quantize, room};
use crate::{
    Activation, Depthwise, Epilogue, FilteredBytes, Kernels, Padding, Rows, Window, Windows,
};

fn numbers(generator: &mut Generator, n: usize, low: f32, high: f32) -> Vec<f32> {
    (0..n).map(|_| generator.between(low, high)).collect()
}

/// Ranges of channels, some of them much smaller than others.
fn ranges(generator: &mut Generator, n: usize, low: f32) -> Quantization {
    let range = |_| {
        let size = generator.between(0.1, 4.0);
        let high = size * generator.between(0.5, 1.0);
        ChannelRange { low: low * size, high, mean: generator.between(low * size, high) }
    };
    Quantization::of_ranges((0..n).map(range))
}

/// The bytes of values, one after the other.
fn bytes_of(values: &[f32], quantization: &Quantization) -> Vec<u8> {
    let channels = quantization.scale.len();
    let byte = |(at, value): (usize, &f32)| {
        let zero = quantization.zero_point[at % channels];
        let number = value.mul_add(1.0 / quantization.scale[at % channels], zero);
        number.round_ties_even().clamp(0.0, LARGEST) as u8
    };
    values.iter().enumerate().map(byte).collect()
}

/// Weights `[k, n]` in units of bytes of `k` channels: their bytes, and the scale of each column.
fn weights_of(matrix: &[f32], n: usize, input: &Quantization) -> (Vec<i8>, Vec<f64>) {
    let channels = input.scale.len();
    let of_byte: Vec<f64> = matrix
        .iter()
        .enumerate()
        .map(|(at, weight)| f64::from(*weight) * f64::from(input.scale[at / n % channels]))
        .collect();
    let scales: Vec<f64> = (0..n)
        .map(|column| {
            let column = of_byte[column..].iter().step_by(n);
            weight_scale(column.fold(0.0, |most, value| value.abs().max(most)))
        })
        .collect();
    let bytes = of_byte.iter().enumerate().map(|(at, value)| weight(*value, scales[at % n]));
    (bytes.collect(), scales)
}

/// `bytes [rows, k] · matrix [k, n]` as numbers, before the bias is added: sums, scale and shift.
fn product_twin(
    bytes: &[u8],
    matrix: &[f32],
    n: usize,
    input: &Quantization,
    bias: &[f32],
) -> Vec<f32> {
    let (k, channels) = (matrix.len() / n, input.scale.len());
    let (weights, scales) = weights_of(matrix, n, input);
    let mut out = vec![];
    for row in bytes.chunks_exact(k) {
        for column in 0..n {
            let weight = |i: usize| weights[i * n + column];
            let sum: i32 = (0..k).map(|i| i32::from(row[i]) * i32::from(weight(i))).sum();
            let zeros =
                (0..k).map(|i| f64::from(input.zero_point[i % channels]) * f64::from(weight(i)));
            let changes = (0..k).map(|i| {
                let scale = f64::from(input.scale[i % channels]);
                let exact = f64::from(matrix[i * n + column]) * scale;
                let change = f64::from(weight(i)) * scales[column] - exact;
                change * f64::from(input.mean[i % channels]) / scale
            });
            let shift = (-zeros.sum::<f64>() * scales[column] - changes.sum::<f64>()) as f32;
            out.push((sum as f32).mul_add(scales[column] as f32, bias[column] + shift));
        }
    }
    out
}

/// Kernels whose multiply-adds are fused, which is all that decides their bits.
fn fused() -> impl Iterator<Item = Kernels> {
    Kernels::all().filter(|kernels| kernels.set() != crate::InstructionSet::Portable)
}

fn check_product((rows, k, n): (usize, usize, usize), seed: u64, has_shortcut: bool) {
    let mut generator = SeedStream::new(seed).generator();
    let input = ranges(&mut generator, k, -0.7);
    let x = numbers(&mut generator, rows * k, -3.0, 3.0);
    let matrix = numbers(&mut generator, k * n, -1.0, 1.0);
    let bias = numbers(&mut generator, n, -1.0, 1.0);
    let shortcut = has_shortcut.then(|| numbers(&mut generator, rows * n, -1.0, 1.0));
    let expected: Vec<f32> = product_twin(&bytes_of(&x, &input), &matrix, n, &input, &bias)
        .into_iter()
        .enumerate()
        .map(|(at, value)| value + shortcut.as_ref().map_or(0.0, |shortcut| shortcut[at]))
        .map(|value| value.max(0.0))
        .collect();
    for kernels in Kernels::all() {
        let packed = kernels.pack_int8(&matrix, n, k, input.clone());
        let mut out = vec![f32::NAN; rows * n];
        let epilogue = Epilogue {
            bias: Some(&bias),
            shortcut: shortcut.as_deref(),
            activation: Activation::Relu,
            gate: None,
        };
        kernels.product(&x, &packed, epilogue, &mut out[..]);
        if kernels.set() == crate::InstructionSet::Portable {
            for (ours, twin) in out.iter().zip(&expected) {
                assert!((ours - twin).abs() < 1e-4 * k as f32, "portable: {ours}, not {twin}");
            }
        } else {
            assert!(out == expected, "{} differs from the twin", kernels.set());
        }
    }
}

/// A block of bytes, from numbers to numbers: a convolution or 1x1 convolution, a depthwise convolution and a
/// product.
fn check_block([height, width, k]: [usize; 3], e: usize, n: usize, window: Window, seed: u64) {
    let mut generator = SeedStream::new(seed).generator();
    let shape = Depthwise::new([height, width, e], window);
    let input = ranges(&mut generator, k, -0.5);
    let [expanded, filtered] = [(); 2].map(|()| ranges(&mut generator, e, 0.0));
    let x = numbers(&mut generator, height * width * k, -2.0, 3.0);
    // The outputs of the expansion are in units of bytes already.
    let expansion = numbers(&mut generator, k * e, -30.0, 30.0);
    let expansion_bias = numbers(&mut generator, e, -50.0, 100.0);
    let taps = numbers(&mut generator, window.kernel * window.kernel * e, -1.0, 1.0);
    let bias = numbers(&mut generator, e, -0.5, 1.0);

    let numbers_expanded =
        product_twin(&bytes_of(&x, &input), &expansion, e, &input, &expansion_bias);
    let bytes = |value: &f32| value.clamp(0.0, LARGEST).round_ties_even() as u8;
    let bytes_expanded: Vec<u8> = numbers_expanded.iter().map(bytes).collect();
    let bytes_filtered =
        depthwise_twin(&shape, &bytes_expanded, &taps, &bias, [&expanded, &filtered]);

    for kernels in fused() {
        let depthwise = kernels.pack_int8_depthwise(&shape, &taps, &bias, &expanded, &filtered);
        let weights = kernels.pack_int8(&expansion, e, k, input.clone());
        let windows = Windows {
            values: &x,
            size: [width, height],
            steps: [k, width * k, 0],
            pieces: [1, k, 0],
        };
        let mut words = vec![f32::from_bits(u32::MAX); height * depthwise.line_len()];
        kernels.product_to_bytes(windows, &weights, &expansion_bias, &depthwise, &mut words);

        let padded = depthwise.n_padded();
        let (out_height, out_width) = shape.output();
        let rows = |matrix: &[f32]| [matrix, &vec![0.0; (padded - e) * n][..]].concat();
        let projection = rows(&numbers(&mut SeedStream::new(seed).generator(), e * n, -1.0, 1.0));
        let stored = filtered.clone().padded(padded);
        let project = kernels.pack_int8(&projection, n, padded, stored.clone());
        let project_bias = vec![0.25; n];
        let bytes_padded: Vec<u8> = bytes_filtered
            .chunks_exact(e)
            .flat_map(|pixel| pixel.iter().copied().chain(vec![0; padded - e]))
            .collect();
        let expected = product_twin(&bytes_padded, &projection, n, &stored, &project_bias);
        // All at once, and in two strips.
        for bounds in [vec![0, out_height], vec![0, out_height.div_ceil(2), out_height]] {
            let mut out = vec![f32::NAN; out_height * out_width * n];
            let epilogue = Epilogue { bias: Some(&project_bias), ..Epilogue::NONE };
            for strip in bounds.windows(2).filter(|strip| strip[0] < strip[1]) {
                let input = std::iter::once(Rows { values: &words, first: 0 });
                let part = &mut out[strip[0] * out_width * n..strip[1] * out_width * n];
                let bytes = FilteredBytes { depthwise: &depthwise, rows: strip[0]..strip[1] };
                kernels.product_of_bytes(input, bytes, &project, epilogue, part.into());
            }
            assert!(out == expected, "{} differs from the twin", kernels.set());
        }
    }
}

fn depthwise_twin(
    shape: &Depthwise,
    x: &[u8],
    taps: &[f32],
    bias: &[f32],
    [input, output]: [&Quantization; 2],
) -> Vec<u8> {
    let (channels, Window { kernel, stride, padding }) = (shape.channels, shape.window);
    let (out_height, out_width) = shape.output();
    let mut out = vec![];
    for y in 0..out_height {
        for x_out in 0..out_width {
            for c in 0..channels {
                let column = taps[c..].iter().step_by(channels).map(|tap| f64::from(tap.abs()));
                let scale = weight_scale(column.fold(0.0, f64::max));
                let mut sum = 0;
                for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                    let row = (y * stride + ky).checked_sub(padding.top);
                    let column = (x_out * stride + kx).checked_sub(padding.left);
                    let (Some(row), Some(column)) = (row, column) else { continue };
                    if row < shape.height && column < shape.width {
                        let tap = weight(f64::from(taps[(ky * kernel + kx) * channels + c]), scale);
                        let byte = x[(row * shape.width + column) * channels + c];
                        sum += i32::from(byte) * i32::from(tap);
                    }
                }
                let per_unit = 1.0 / f64::from(output.scale[c]);
                let factor = (scale * f64::from(input.scale[c]) * per_unit) as f32;
                let changes = taps[c..].iter().step_by(channels).map(|tap| {
                    let tap = f64::from(*tap);
                    f64::from(weight(tap, scale)) * scale - tap
                });
                let change = changes.sum::<f64>() * f64::from(input.mean[c]);
                let bias = ((f64::from(bias[c]) - change) * per_unit) as f32;
                let number = (sum as f32).mul_add(factor, bias);
                out.push(number.clamp(0.0, LARGEST).round_ties_even() as u8);
            }
        }
    }
    out
}

fn window() -> impl Strategy<Value = Window> {
    (select(vec![3, 5]), 1..3usize, 0..3usize, 0..3usize).prop_map(|(kernel, stride, left, top)| {
        let padding = Padding { top, bottom: kernel / 2, left, right: kernel / 2 };
        Window { kernel, stride, padding }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn products_of_bytes_agree_with_their_twin_bit_for_bit(
        rows in 1..70usize, k in 1..90usize, n in 1..110usize, seed: u64, has_shortcut: bool
    ) {
        check_product((rows, k, n), seed, has_shortcut);
    }

    #[test]
    fn blocks_of_bytes_agree_with_their_twin_bit_for_bit(
        height in 4..12usize, width in 4..20usize, k in 1..20usize, e in 1..70usize, n in 1..20usize,
        window in window(), seed: u64
    ) {
        check_block([height, width, k], e, n, window, seed);
    }
}

#[test]
fn extreme_bytes_do_not_overflow() {
    // All weights and values at their bounds, which an instruction that saturates would cut.
    let (k, n) = (1280, 33);
    let input = Quantization::of_ranges(vec![ChannelRange { low: 0.0, high: 1.0, mean: 0.5 }; k]);
    let x = vec![2.0; 5 * k];
    for sign in [1.0, -1.0] {
        let matrix = vec![sign; k * n];
        for kernels in Kernels::all() {
            let packed = kernels.pack_int8(&matrix, n, k, input.clone());
            let mut out = vec![f32::NAN; 5 * n];
            kernels.product(&x, &packed, Epilogue::NONE, &mut out[..]);
            let off = |value: &f32| (value - sign * k as f32).abs();
            assert!(out.iter().all(|value| off(value) < 1e-3 * k as f32), "{}", kernels.set());
        }
    }
}

#[test]
fn zero_is_stored_exactly_and_values_outside_become_the_bounds() {
    let ranges = [[-1.0, 2.0], [0.5, 4.0], [0.0, 0.0]];
    let ranges = ranges.map(|[low, high]| ChannelRange { low, high, mean: 0.0 });
    let quantization = Quantization::of_ranges(ranges);
    assert_eq!(quantization.zero_point, [85.0, 0.0, 0.0]);
    let mut out = vec![0.0; room(6)];
    for kernels in Kernels::all() {
        let values = [0.0, 0.0, 0.0, -7.0, 7.0, 300.0];
        crate::with_byte_set!(kernels.set(), S => quantize::<S>(&values, &quantization, &mut out));
        assert_eq!(as_bytes(&mut out)[..6], [85, 0, 0, 0, 255, 255], "{}", kernels.set());
    }
}

/// The mean of the outputs is that with exact weights, however coarse the weights are.
#[test]
fn the_mean_of_outputs_does_not_change_with_rounded_weights() {
    let (rows, k, n) = (400, 24, 20);
    let mut generator = SeedStream::new(1).generator();
    let input = ranges(&mut generator, k, 0.0);
    // One large weight for each output makes the others coarse.
    let mut matrix = numbers(&mut generator, k * n, 0.0, 0.01);
    matrix[..n].fill(2.0);
    let x: Vec<f32> = (0..rows).flat_map(|_| input.mean.clone()).collect();
    let exact = |column: usize| {
        let products = (0..k).map(|i| f64::from(x[i]) * f64::from(matrix[i * n + column]));
        products.sum::<f64>()
    };
    for kernels in Kernels::all() {
        let packed = kernels.pack_int8(&matrix, n, k, input.clone());
        let mut out = vec![f32::NAN; rows * n];
        kernels.product(&x, &packed, Epilogue::NONE, &mut out[..]);
        for column in 0..n {
            // What is left is the rounding of the input.
            let off = (f64::from(out[column]) - exact(column)).abs();
            assert!(off < 2.0 * 4.0 / 255.0, "{}: {off}", kernels.set());
        }
    }
}
