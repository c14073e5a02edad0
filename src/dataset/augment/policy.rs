//! Policies: operations chosen at random.

use alpaca_random::Generator;

use super::affine::Between;
use super::below;
use super::canvas::Canvas;
use super::gamma::dirichlet;
use super::operation::{self, ALL, Kind, MIXED, Operation};
use crate::spec::AugMix;

/// Applies `n_operations`, each equally likely, all with one of 31 magnitudes (Cubuk et al. 2020,
/// with the magnitudes of torchvision's `RandAugment`).
pub(super) fn rand_augment(
    canvas: &mut Canvas,
    n_operations: usize,
    magnitude: usize,
    generator: &mut Generator,
) {
    let magnitudes = operation::rand_augment(canvas.size);
    for _ in 0..n_operations {
        let operation = magnitudes.draw(any(&ALL, generator), magnitude, generator);
        operation.apply(canvas, Between::Nearest);
    }
}

/// Applies one operation with one magnitude, both equally likely (Müller and Hutter 2021, the wide
/// space; torchvision's `TrivialAugmentWide`).
pub(super) fn trivial_augment(canvas: &mut Canvas, generator: &mut Generator) {
    draw_trivial(generator).apply(canvas, Between::Nearest);
}

fn draw_trivial(generator: &mut Generator) -> Operation {
    let kind = any(&ALL, generator);
    let magnitudes = operation::TRIVIAL_AUGMENT;
    magnitudes.draw(kind, below(magnitudes.n, generator), generator)
}

/// Writes to `values` the image of the first canvas, mixed with images that are made from it by chains of
/// operations; all weights are random (Hendrycks et al. 2020, algorithm 1; torchvision's `AugMix`
/// without its further operations). Values are not rounded. The second canvas is memory.
pub(super) fn aug_mix(
    [canvas, chain]: [&mut Canvas; 2],
    values: &mut Vec<f32>,
    spec: AugMix,
    generator: &mut Generator,
) {
    let magnitudes = operation::aug_mix(canvas.size);
    let shares = dirichlet(spec.alpha, 2, generator);
    let weights = dirichlet(spec.alpha, spec.width, generator);
    let original = shares[0] as f32;
    values.clear();
    values.resize(canvas.pixels.len(), 0.0);
    add(values, original, &canvas.pixels);
    for weight in weights {
        chain.hold(&canvas.pixels);
        let [least, most] = spec.depth;
        for _ in 0..least + below(most - least + 1, generator) {
            let kind = any(&MIXED, generator);
            let step = below(spec.severity, generator);
            magnitudes.draw(kind, step, generator).apply(chain, Between::Linear);
        }
        let weight = (weight * shares[1]) as f32;
        add(values, weight, &chain.pixels);
    }
    // The weights add up to one but for their rounding.
    values.iter_mut().for_each(|value| *value = value.min(255.0));
}

/// Adds `weight * pixels`.
fn add(values: &mut [f32], weight: f32, pixels: &[u8]) {
    pulp::Arch::new().dispatch(Add { values, weight, pixels });
}

struct Add<'a> {
    values: &'a mut [f32],
    weight: f32,
    pixels: &'a [u8],
}

impl pulp::NullaryFnOnce for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let pairs = self.values.iter_mut().zip(self.pixels);
        pairs.for_each(|(value, &pixel)| *value += self.weight * f32::from(pixel));
    }
}

fn any(kinds: &[Kind], generator: &mut Generator) -> Kind {
    kinds[below(kinds.len(), generator)]
}

#[cfg(test)]
mod tests {
    use alpaca_random::SeedStream;

    use super::*;

    #[test]
    fn operations_magnitudes_and_directions_are_equally_likely() {
        let drawn: Vec<Operation> =
            (0..28_000).map(|i| draw_trivial(&mut SeedStream::new(4).at(i).generator())).collect();
        for kind in ALL {
            let magnitudes = drawn.iter().filter(|one| one.kind == kind).map(|one| one.magnitude);
            let magnitudes: Vec<f64> = magnitudes.collect();
            assert!((1_800..2_200).contains(&magnitudes.len()), "{kind:?}: {}", magnitudes.len());
            let share = |is: fn(f64) -> bool| {
                magnitudes.iter().filter(|&&one| is(one)).count() as f64 / magnitudes.len() as f64
            };
            match kind {
                Kind::Identity | Kind::AutoContrast | Kind::Equalize => {
                    assert_eq!(share(|one| one == 0.0), 1.0);
                }
                Kind::Posterize => {
                    assert_eq!(share(|one| (2.0..=8.0).contains(&one)), 1.0);
                    assert!((share(|one| one == 8.0) - 3.0 / 31.0).abs() < 0.025);
                }
                Kind::Solarize => assert!((share(|one| one > 130.0) - 0.5).abs() < 0.04),
                _ => {
                    // Every 31st magnitude is zero.
                    assert!((share(|one| one < 0.0) - 15.0 / 31.0).abs() < 0.04, "{kind:?}");
                    assert!((share(|one| one > 0.0) - 15.0 / 31.0).abs() < 0.04, "{kind:?}");
                }
            }
        }
    }
}
