//! Resizing in an exported graph is the program's own, pixel for pixel.

use alpaca_run::dataset::resize::Resizer;
use alpaca_run::onnx::pixels;
use alpaca_run::spec::{Fit, ImageSize, Interpolation, ResizeSpec};
use image::RgbImage;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_weights_of_a_graph_are_those_of_the_resizer(
        n in prop_oneof![1u32..300, 1u32..12_000],
        length in prop::sample::select(vec![32, 48, 96, 100, 160, 224, 384]),
        antialias: bool,
        seed: u32,
    ) {
        // One row of noise: what is left is the product with the weights, rounded.
        let noise = |at: u32| (at.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 24) as u8;
        let image = RgbImage::from_fn(n, 1, |x, _| image::Rgb([0, 1, 2].map(|c| noise(3 * x + c))));
        let interpolation = Interpolation::Bilinear;
        let spec = ResizeSpec { interpolation, antialias, fit: Fit::Stretch };
        let expected = Resizer::new(spec, ImageSize { height: 1, width: length }).resize(&image);
        let (weights, bits) = pixels::weights(n as usize, n as usize, length, antialias);
        let found = weights.chunks_exact(n as usize).flat_map(|row| {
            [0, 1, 2].map(|c| {
                let pixels = image.as_raw().iter().skip(c).step_by(3);
                let sum: i64 = row.iter().zip(pixels).map(|(w, &p)| w * i64::from(p)).sum();
                ((sum + (1 << (bits - 1))) >> bits).clamp(0, 255) as u8
            })
        });
        prop_assert_eq!(found.collect::<Vec<u8>>(), expected);
    }

    #[test]
    fn the_weights_of_a_cropping_graph_are_those_of_the_resizer(
        (height, more) in (1u32..200, 0u32..150),
        length in prop::sample::select(vec![32, 48, 100, 224]),
        antialias: bool,
        seed: u32,
    ) {
        // Columns of noise, all rows alike: rows stay as they are.
        let width = height + more;
        let noise = |at: u32| (at.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 24) as u8;
        let image = RgbImage::from_fn(width, height, |x, _| image::Rgb([noise(x); 3]));
        let spec = ResizeSpec { interpolation: Interpolation::Bilinear, antialias, fit: Fit::Crop };
        let expected = Resizer::new(spec, ImageSize { height: length, width: length }).resize(&image);
        let (weights, bits) =
            pixels::weights(width as usize, height as usize, length, antialias);
        let found = weights.chunks_exact(width as usize).map(|row| {
            let pixels = image.as_raw().iter().step_by(3);
            let sum: i64 = row.iter().zip(pixels).map(|(w, &p)| w * i64::from(p)).sum();
            ((sum + (1 << (bits - 1))) >> bits).clamp(0, 255) as u8
        });
        let first_row: Vec<u8> = expected[..3 * length].iter().step_by(3).copied().collect();
        prop_assert_eq!(found.collect::<Vec<u8>>(), first_row);
    }
}
