//! Times of fitted heads, on features like those of a network: not negative, skewed and correlated,
//! of classes that overlap. `cargo bench --bench heads` measures all sizes, `-- 20000x` those with a
//! name that contains it. The largest needs 2 GB of memory.
#![expect(clippy::print_stdout, reason = "a program that reports times")]

use std::time::Instant;

use alpaca_random::SeedStream;
use alpaca_run::base::cancel::Cancel;
use alpaca_run::base::target::Target;
use alpaca_run::spec::L2;
use alpaca_run::train::head::{self, Examples, Method, Rows};
use alpaca_run::train::readout::Readout;

/// Images, features and classes.
const SIZES: [[usize; 3]; 5] = [
    [200, 1280, 2],
    [2_000, 1280, 2],
    [20_000, 1280, 10],
    [20_000, 1280, 100],
    [100_000, 1280, 10],
];
/// Number of independent causes of the features.
const CAUSES: usize = 64;

/// The sum of four uniform numbers, with mean 0 and variance 1.
fn normal(random: &mut alpaca_random::Generator) -> f32 {
    let sum: f32 = (0..4).map(|_| random.uniform()).sum();
    (sum - 2.0) * 3.0_f32.sqrt()
}

/// Each image has the causes of its class, and some of its own.
fn rows([n, d, k]: [usize; 3], classes: &[usize]) -> Rows {
    let stream = SeedStream::new(1);
    let random = &mut stream.child("constants").generator();
    let sizes: Vec<f32> = (1..=CAUSES).map(|i| (i as f32).powf(-0.6)).collect();
    let of_classes: Vec<f32> =
        (0..k * CAUSES).map(|i| 0.3 * sizes[i % CAUSES] * normal(random)).collect();
    let total = sizes.iter().map(|size| size * size).sum::<f32>().sqrt();
    let effects: Vec<f32> = (0..CAUSES * d).map(|_| normal(random) / total).collect();
    let scales: Vec<f32> = (0..d).map(|_| (0.7 * normal(random)).exp()).collect();
    let mut rows = Rows::with_capacity(n, d);
    for (image, class) in classes.iter().enumerate() {
        let random = &mut stream.at(image as u64).generator();
        let mut row = vec![0.0; d];
        for cause in 0..CAUSES {
            let value = of_classes[class * CAUSES + cause] + sizes[cause] * normal(random);
            let effects = &effects[cause * d..][..d];
            row.iter_mut().zip(effects).for_each(|(x, effect)| *x += value * effect);
        }
        for (x, scale) in row.iter_mut().zip(&scales) {
            *x = (*x + 1.7 * (random.uniform() - 0.5) - 0.4).max(0.0) * scale;
        }
        rows.push(&row);
    }
    rows
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    for size in SIZES {
        let [n, d, k] = size;
        let name = format!("{n}x{d}x{k}");
        if filter.as_ref().is_some_and(|filter| !name.contains(filter)) {
            continue;
        }
        let stream = SeedStream::new(2);
        let draw = |image: usize| stream.at(image as u64).sort_key() as usize;
        let classes: Vec<usize> = (0..n).map(|image| draw(image) % k).collect();
        let targets: Vec<Target> = classes.iter().map(|class| Target::Class(*class)).collect();
        let folds: Vec<usize> = (0..n).map(|image| draw(image) / 1_000 % 5).collect();
        let weights = vec![1.0; n];
        for (given, l2) in [("l2 0.01", L2::Fixed(0.01)), ("l2 auto", L2::Auto)] {
            let (rows, cancel) = (rows(size, &classes), &Cancel::new());
            let (targets, weights, folds) = (&targets[..], &weights[..], &folds[..]);
            let examples = Examples { rows, targets, weights, folds, n_folds: 5, cancel };
            let start = Instant::now();
            let head = head::fit(
                examples,
                if k == 2 { 1 } else { k },
                Readout::Softmax,
                Method::Penalized(l2),
            );
            let seconds = start.elapsed().as_secs_f64();
            let head = head.expect("nothing cancels it");
            let l2 = head.l2.expect("there is a penalty");
            println!("{name:>16}  {given}  {seconds:8.3} s  (l2 {l2:e})");
        }
    }
}
