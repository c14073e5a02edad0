//! Benchmarks of single kernels on shapes of MobileNetV2 1.0 at 160x160, for each instruction set
//! of this processor. Throughput is in multiply-adds, or in values for kernels without any.

use std::hint::black_box;

use alpaca_kernels::{
    Activation, AdamNumbers, Depthwise, DepthwiseFilter, Epilogue, Gate, Kernels, Padding,
    Precision, Rows, Window, Windows,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Rows, inputs and outputs of 1x1 convolutions: an early and a late expansion, a projection, and
/// the last convolution.
const PRODUCTS: [[usize; 3]; 4] = [[6400, 16, 96], [100, 96, 576], [100, 576, 96], [25, 320, 1280]];

/// Height (and width), channels and stride of depthwise convolutions.
const DEPTHWISE: [[usize; 3]; 4] = [[80, 96, 2], [40, 144, 1], [10, 576, 1], [10, 576, 2]];

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect()
}

fn name(kernels: Kernels, shape: [usize; 3]) -> BenchmarkId {
    BenchmarkId::new(kernels.set().name(), shape.map(|n| n.to_string()).join("x"))
}

fn products(c: &mut Criterion) {
    for (title, precision) in
        [("product", Precision::F32), ("product in bfloat16", Precision::Bf16)]
    {
        let mut group = c.benchmark_group(title);
        for kernels in Kernels::all().map(|kernels| kernels.in_precision(precision)) {
            for [rows, k, n] in PRODUCTS {
                let (x, bias) = (numbers(rows * k), numbers(n));
                let weights = kernels.pack(&numbers(k * n), n, None);
                let mut out = vec![0.0; rows * n];
                let epilogue =
                    Epilogue { bias: Some(&bias), activation: Activation::Relu6, ..Epilogue::NONE };
                group.throughput(Throughput::Elements((rows * k * n) as u64));
                group.bench_function(name(kernels, [rows, k, n]), |b| {
                    b.iter(|| kernels.product(black_box(&x), &weights, epilogue, &mut out[..]));
                });
            }
        }
    }
}

fn gradients(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradient of weights");
    for kernels in Kernels::all() {
        for [rows, k, n] in PRODUCTS {
            let (x, dz) = (numbers(rows * k), numbers(rows * n));
            let mut g = vec![0.0; k * n];
            group.throughput(Throughput::Elements((rows * k * n) as u64));
            group.bench_function(name(kernels, [rows, k, n]), |b| {
                b.iter(|| {
                    kernels.add_gradient(Windows::rows(black_box(&x), k), &dz, &mut g);
                });
            });
        }
    }
}

fn shape([side, channels, stride]: [usize; 3]) -> Depthwise {
    let before = usize::from(stride == 1);
    let padding = Padding { top: before, bottom: 1, left: before, right: 1 };
    Depthwise::new([side, side, channels], Window { kernel: 3, stride, padding })
}

fn depthwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("depthwise");
    for kernels in Kernels::all() {
        for dimensions in DEPTHWISE {
            let (shape, channels) = (shape(dimensions), dimensions[1]);
            let (rows, columns) = shape.output();
            let x = numbers(shape.height * shape.input_row());
            let (weights, bias) = (numbers(9 * channels), numbers(channels));
            let mut out = vec![0.0; rows * shape.output_row()];
            group.throughput(Throughput::Elements((9 * rows * columns * channels) as u64));
            group.bench_function(name(kernels, dimensions), |b| {
                b.iter(|| {
                    let input = Rows { values: black_box(&x), first: 0 };
                    let filter = DepthwiseFilter {
                        weights: &weights,
                        bias: &bias,
                        activation: Activation::Relu6,
                    };
                    kernels.depthwise(&shape, input, filter, 0..rows, &mut out[..]);
                });
            });
        }
    }
}

fn depthwise_gradient(c: &mut Criterion) {
    let mut group = c.benchmark_group("gradient of depthwise weights");
    for kernels in Kernels::all() {
        for dimensions in DEPTHWISE {
            let (shape, channels) = (shape(dimensions), dimensions[1]);
            let (rows, columns) = shape.output();
            let x = numbers(shape.height * shape.input_row());
            let dz = numbers(rows * shape.output_row());
            let mut g = vec![0.0; 9 * channels];
            group.throughput(Throughput::Elements((9 * rows * columns * channels) as u64));
            group.bench_function(name(kernels, dimensions), |b| {
                b.iter(|| {
                    let input = Rows { values: black_box(&x), first: 0 };
                    let dz = Rows { values: &dz, first: 0 };
                    kernels.add_depthwise_gradient(&shape, input, dz, 0..rows, &mut g);
                });
            });
        }
    }
}

fn elements(c: &mut Criterion) {
    const N: usize = 100 * 576;
    let mut group = c.benchmark_group("elements");
    group.throughput(Throughput::Elements(N as u64));
    for kernels in Kernels::all() {
        let (x, y) = (numbers(N), numbers(N));
        let mut sums = vec![0.0; 576];
        group.bench_function(BenchmarkId::new("gate", kernels.set().name()), |b| {
            let mut dy = x.clone();
            b.iter(|| {
                kernels.gate_in_place(
                    black_box(&mut dy),
                    Gate::of(Activation::Relu6, &y),
                    &mut sums,
                );
            });
        });
        let numbers_of_step =
            AdamNumbers { rate: 1e-3, new_share_1: 0.1, new_share_2: 0.001, epsilon: 1e-7 };
        group.bench_function(BenchmarkId::new("adam", kernels.set().name()), |b| {
            let (mut values, mut first, mut second) = (x.clone(), vec![0.0; N], vec![0.0; N]);
            b.iter(|| {
                kernels.adam(numbers_of_step, black_box(&mut values), &y, &mut first, &mut second);
            });
        });
    }
}

criterion_group!(benches, products, gradients, depthwise, depthwise_gradient, elements);
criterion_main!(benches);
