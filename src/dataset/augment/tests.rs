//! Changes against torchvision with Pillow (`tests/it/data/augmentation/make_reference.py`), and
//! their random numbers.

use serde_json::Value;

use super::affine::Between;
use super::operation::{self, ALL, Magnitudes, Operation};
use super::*;
use crate::spec::{AugMix, ErasedWith, Flip};

const REFERENCE: &str = include_str!("../../../tests/it/data/augmentation/reference.json");
const IMAGES: &[u8] = include_bytes!("../../../tests/it/data/augmentation/reference.png");

fn operation(case: &Value, size: ImageSize) -> (Operation, Between) {
    let kind = *ALL.iter().find(|kind| format!("{kind:?}") == case["operation"]).unwrap();
    let (magnitudes, between): (Magnitudes, _) = match case["policy"].as_str().unwrap() {
        "rand_augment" => (operation::rand_augment(size), Between::Nearest),
        "trivial_augment" => (operation::TRIVIAL_AUGMENT, Between::Nearest),
        "aug_mix" => (operation::aug_mix(size), Between::Linear),
        other => panic!("no policy is called {other}"),
    };
    let magnitude = magnitudes.of(kind, case["step"].as_u64().unwrap() as usize);
    let magnitude = if case["negative"] == true { -magnitude } else { magnitude };
    (Operation { kind, magnitude }, between)
}

/// Applies the change of a case, and returns by how much a value may be off.
fn apply(case: &Value, canvas: &mut Canvas) -> u8 {
    let Some(change) = case["change"].as_str() else {
        let (operation, between) = operation(case, canvas.size);
        operation.apply(canvas, between);
        return 0;
    };
    let value = &case["value"];
    let number = value.as_f64().unwrap_or(0.0);
    match change {
        "brightness" => levels::brightness(canvas, number as f32),
        "contrast" => color::contrast(canvas, number as f32),
        "saturation" => color::saturation(canvas, number as f32),
        "sharpness" => filter::sharpness(canvas, number as f32),
        "hue" => color::hue(canvas, number),
        "grayscale" => color::grayscale(canvas),
        "blur" => {
            filter::blur(canvas, number);
            // torchvision's weights and sums are in single precision.
            return 1;
        }
        "crop" => {
            let side = |i: usize| value[i].as_u64().unwrap() as usize;
            let region = Region { top: side(0), left: side(1), height: side(2), width: side(3) };
            region.enlarge(canvas);
        }
        other => panic!("no change is called {other}"),
    }
    0
}

#[test]
fn operations_give_the_pixels_of_torchvision_and_pillow() {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let side = |name: &str| reference[name].as_u64().unwrap() as usize;
    let size = ImageSize { height: side("height"), width: side("width") };
    let images = image::load_from_memory(IMAGES).unwrap().into_rgb8();
    let mut images = images.as_raw().chunks_exact(size.height * size.width * 3);
    let original = images.next().unwrap();
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!((cases.len(), images.len()), (N_CASES, N_CASES));
    let mut wrong = vec![];
    for (case, expected) in cases.iter().zip(images) {
        let mut canvas = Canvas::new(size);
        canvas.hold(original);
        let allowed = apply(case, &mut canvas);
        let errors = canvas.pixels.iter().zip(expected).map(|(&a, &b)| a.abs_diff(b));
        let n_wrong = errors.clone().filter(|&error| error > 0).count();
        let worst = errors.max().unwrap();
        if worst > allowed || (allowed > 0 && n_wrong > expected.len() / 200) {
            wrong.push(format!("{case}: {n_wrong} values are off by up to {worst}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Number of cases in the reference.
const N_CASES: usize = 178;

const SIZE: ImageSize = ImageSize { height: 37, width: 53 };

/// An image with waves of color.
fn waves() -> Vec<u8> {
    let value = |i: usize| {
        let (x, y, c) = (i / 3 % SIZE.width, i / 3 / SIZE.width, i % 3);
        ((x * (c + 3) + y * (5 - c)) % 241) as u8
    };
    (0..SIZE.height * SIZE.width * 3).map(value).collect()
}

fn range(low: f64, high: f64) -> FactorRange {
    FactorRange { low, high }
}

const NO_JITTER: ColorJitter = ColorJitter {
    brightness: FactorRange { low: 1.0, high: 1.0 },
    contrast: FactorRange { low: 1.0, high: 1.0 },
    saturation: FactorRange { low: 1.0, high: 1.0 },
    hue: FactorRange { low: 0.0, high: 0.0 },
    probability: 1.0,
};

fn changed(change: AugmentationSpec, pixels: &[u8], stream: SeedStream) -> Vec<f32> {
    let mut values = vec![];
    Augmenter::new(&[change], SIZE).apply(pixels, &mut values, stream);
    values
}

/// Each change, and the digest of what it makes of one image: the same on every processor.
fn changes() -> [(AugmentationSpec, u64); 9] {
    let (low, high) = (0.6, 1.4);
    let (brightness, contrast, saturation) = (range(low, high), range(low, high), range(low, high));
    let hue = range(-0.1, 0.1);
    let jitter = ColorJitter { brightness, contrast, saturation, hue, probability: 1.0 };
    let crop = (range(0.08, 1.0), range(0.75, 1.3333));
    let erased = (range(0.02, 0.33), range(0.3, 3.3));
    let factor = range(-1.0, 1.0);
    let mix = AugMix { severity: 3, width: 3, depth: [1, 3], alpha: 1.0 };
    let fill = ErasedWith::Noise;
    let probability = 1.0;
    [
        (
            AugmentationSpec::RandomResizedCrop { scale: crop.0, ratio: crop.1 },
            0x7b3c_2af1_32f8_dc3e,
        ),
        (AugmentationSpec::ColorJitter(jitter), 0x294c_6d96_02b1_24b6),
        (AugmentationSpec::RandomGrayscale { probability }, 0x3caf_b5da_3fc9_2a4b),
        (
            AugmentationSpec::RandomBlur { sigma: range(0.1, 2.0), probability },
            0x6530_c91b_8193_2cf4,
        ),
        (AugmentationSpec::RandomSharpness { factor, probability }, 0x6355_3845_3650_4420),
        (
            AugmentationSpec::RandomErasing { scale: erased.0, ratio: erased.1, fill, probability },
            0x9e2c_939b_3509_9218,
        ),
        (AugmentationSpec::RandAugment { operations: 2, magnitude: 9 }, 0x279b_65e3_6baf_f232),
        (AugmentationSpec::TrivialAugment {}, 0x8abd_113b_d4e2_6947),
        (AugmentationSpec::AugMix(mix), 0x459e_4327_47c0_ce1a),
    ]
}

/// A digest of 50 images that a change makes.
fn digest(change: AugmentationSpec) -> u64 {
    let (pixels, stream) = (waves(), SeedStream::new(8));
    let mut digest = 0xcbf2_9ce4_8422_2325;
    for i in 0..50 {
        for value in changed(change, &pixels, stream.at(i)) {
            digest = (digest ^ u64::from(value.to_bits()))
                .wrapping_mul(0x0000_0100_0000_01b3)
                .rotate_left(23);
        }
    }
    digest
}

#[test]
fn images_are_pinned_so_that_old_runs_can_be_reproduced() {
    let wrong: Vec<String> = changes()
        .iter()
        .map(|(change, pinned)| (change, digest(*change), pinned))
        .filter(|(_, digest, pinned)| digest != *pinned)
        .map(|(change, digest, _)| format!("{change:?}: {digest:#018x}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_image_depends_on_its_stream_and_on_no_image_before_it() {
    let pixels = waves();
    let others: Vec<u8> = pixels.iter().map(|&value| 255 - value).collect();
    for (change, _) in changes() {
        let mut augmenter = Augmenter::new(&[change, change], SIZE);
        let mut made = |pixels: &[u8], number| {
            let mut values = vec![];
            augmenter.apply(pixels, &mut values, SeedStream::new(6).at(number));
            values
        };
        let first: Vec<Vec<f32>> = (0..8).map(|i| made(&pixels, i)).collect();
        assert!(first.iter().flatten().all(|value| (0.0..=255.0).contains(value)), "{change:?}");
        let is_random = !matches!(change, AugmentationSpec::RandomGrayscale { .. });
        assert_eq!(first.iter().any(|one| *one != first[0]), is_random, "{change:?}");
        for i in (0..8).rev() {
            made(&others, 100 + i);
            assert!(made(&pixels, i) == first[i as usize], "{change:?}");
        }
    }
}

#[test]
fn a_share_of_images_is_changed_as_the_probability_says() {
    let pixels = waves();
    let original: Vec<f32> = pixels.iter().map(|&value| f32::from(value)).collect();
    for probability in [0.0, 0.25, 1.0] {
        let jitter = ColorJitter { brightness: range(0.5, 0.5), probability, ..NO_JITTER };
        let erased = (range(0.1, 0.2), range(1.0, 1.0));
        let fill = ErasedWith::Black;
        for change in [
            AugmentationSpec::ColorJitter(jitter),
            AugmentationSpec::RandomGrayscale { probability },
            AugmentationSpec::RandomBlur { sigma: range(1.0, 1.0), probability },
            AugmentationSpec::RandomSharpness { factor: range(1.0, 1.0), probability },
            AugmentationSpec::RandomErasing { scale: erased.0, ratio: erased.1, fill, probability },
        ] {
            let is_changed =
                |&i: &u64| changed(change, &pixels, SeedStream::new(1).at(i)) != original;
            let share = (0..400).filter(is_changed).count() as f64 / 400.0;
            assert!((share - probability).abs() < 0.07, "{change:?}: {share}");
            assert!(probability % 1.0 > 0.0 || share == probability, "{change:?}: {share}");
        }
    }
}

#[test]
fn a_jitter_of_one_kind_is_that_change() {
    let jitter = NO_JITTER;
    let pixels = waves();
    let made = |change: &dyn Fn(&mut Canvas)| {
        let mut canvas = Canvas::new(SIZE);
        canvas.hold(&pixels);
        change(&mut canvas);
        canvas.pixels.iter().map(|&value| f32::from(value)).collect::<Vec<f32>>()
    };
    let factor = range(1.5, 1.5);
    for (jitter, expected) in [
        (ColorJitter { brightness: factor, ..jitter }, made(&|c| levels::brightness(c, 1.5))),
        (ColorJitter { contrast: factor, ..jitter }, made(&|c| color::contrast(c, 1.5))),
        (ColorJitter { saturation: factor, ..jitter }, made(&|c| color::saturation(c, 1.5))),
        (ColorJitter { hue: range(0.25, 0.25), ..jitter }, made(&|c| color::hue(c, 0.25))),
        (jitter, made(&|_| ())),
    ] {
        let stream = SeedStream::new(1);
        assert!(changed(AugmentationSpec::ColorJitter(jitter), &pixels, stream) == expected);
    }
}

#[test]
fn the_four_changes_of_a_jitter_come_in_every_order() {
    let jitter = ColorJitter {
        brightness: range(1.6, 1.6),
        contrast: range(1.5, 1.5),
        saturation: range(1.7, 1.7),
        hue: range(0.2, 0.2),
        ..NO_JITTER
    };
    let pixels = waves();
    let made = |i| {
        let values = changed(AugmentationSpec::ColorJitter(jitter), &pixels, SeedStream::new(i));
        values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>()
    };
    let all: std::collections::BTreeSet<Vec<u32>> = (0..300).map(made).collect();
    assert_eq!(all.len(), 24);
}

#[test]
fn flips_before_other_changes_are_applied_first() {
    let pixels = waves();
    let whole = AugmentationSpec::RandomResizedCrop { scale: range(1.0, 1.0), ratio: RATIO };
    let flip = AugmentationSpec::RandomFlip(Flip::Both);
    let made = |changes: &[AugmentationSpec], i| {
        let mut values = vec![];
        Augmenter::new(changes, SIZE).apply(&pixels, &mut values, SeedStream::new(i));
        values
    };
    for i in 0..8 {
        assert!(made(&[flip, whole], i) == made(&[flip], i));
    }
}

/// The ratio of [`SIZE`].
const RATIO: FactorRange = FactorRange { low: 53.0 / 37.0, high: 53.0 / 37.0 };

#[test]
fn values_with_fractions_are_rounded_before_changes_of_whole_numbers() {
    let brighter = AugmentationSpec::RandomBrightness { factor: range(0.03, 0.03) };
    let sharpness = AugmentationSpec::RandomSharpness { factor: range(0.0, 0.0), probability: 1.0 };
    let mut values = vec![];
    Augmenter::new(&[brighter, sharpness], SIZE).apply(&waves(), &mut values, SeedStream::new(1));
    let expected = waves().into_iter().map(|value| (f32::from(value) + 7.65).round().min(255.0));
    assert!(values == expected.collect::<Vec<f32>>());
}
