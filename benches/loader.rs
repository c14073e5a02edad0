//! Benchmarks of the image loader on one thread at 160x160: decoding, resizing, reading cached
//! pixels, augmentation and scaling, and a whole pass.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alpaca_random::SeedStream;
use alpaca_run::base::cancel::Cancel;
use alpaca_run::base::digest::Digest;
use alpaca_run::base::tally::Tally;
use alpaca_run::dataset::augment::Augmenter;
use alpaca_run::dataset::known::KnownImages;
use alpaca_run::dataset::likeness::Likeness;
use alpaca_run::dataset::loader::{Augmentation, Loader};
use alpaca_run::dataset::pixels::{PixelRoom, Pixels};
use alpaca_run::dataset::resize::Resizer;
use alpaca_run::dataset::{decode, examine, scan};
use alpaca_run::spec::{
    Alpha, AugMix, AugmentationSpec, ColorJitter, DatasetSource, DatasetSpec, Duplicates,
    ErasedWith, FactorRange, Fill, Fit, Flip, ImageSize, Interpolation, Location, OnBadImage,
    PixelSpec, Prefetch, Preprocessing, ResizeSpec, SplitBy, SplitSpec, TargetSpec,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZE: ImageSize = ImageSize { height: 160, width: 160 };

const RESIZE: ResizeSpec =
    ResizeSpec { interpolation: Interpolation::Bilinear, antialias: true, fit: Fit::Stretch };

const PIXELS: PixelSpec = PixelSpec { image_size: SIZE, resize: RESIZE, alpha: Alpha::Drop };

const ROTATION: AugmentationSpec = AugmentationSpec::RandomRotation {
    factor: FactorRange { low: -0.2, high: 0.2 },
    fill: Fill::Reflect,
};

/// The drawn images.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/alpacas")
}

/// A photograph-sized image, so that decoding takes as long as in practice.
fn photograph() -> image::RgbImage {
    image::RgbImage::from_fn(1600, 1200, |x, y| {
        let wave = |a: u32, b: u32| ((x * a / 7 + y * b / 5) % 256) as u8;
        image::Rgb([wave(3, 2), wave(1, 5) / 2, wave(2, 2) ^ (wave(5, 1) / 8)])
    })
}

fn pictures(c: &mut Criterion) {
    let photograph = photograph();
    let mut jpeg = std::io::Cursor::new(vec![]);
    photograph.write_to(&mut jpeg, image::ImageFormat::Jpeg).expect("an image can be encoded");
    let mut group = c.benchmark_group("an image of 1600x1200");
    group.bench_function("decode JPEG", |b| {
        b.iter(|| {
            decode::decode(black_box(jpeg.get_ref()), Alpha::Drop).expect("it was just encoded")
        });
    });
    for antialias in [true, false] {
        let mut resizer = Resizer::new(ResizeSpec { antialias, ..RESIZE }, SIZE);
        let id = BenchmarkId::new("resize", if antialias { "antialiased" } else { "plain" });
        group.bench_function(id, |b| b.iter(|| resizer.resize(black_box(&photograph))));
    }
}

fn pixels(c: &mut Criterion) {
    let mut group = c.benchmark_group("cached pixels");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let values = vec![7; SIZE.height * SIZE.width * 3];
    let digest = Digest::of(b"a picture");
    let root = Some(folder.path().to_path_buf());
    let in_memory = PixelRoom { memory: 1 << 30, disk: 0, root: None };
    let in_file = PixelRoom { memory: 0, disk: 1 << 30, root };
    for (name, room) in [("memory", in_memory), ("file", in_file)] {
        let pixels = Pixels::new(PIXELS, room);
        pixels.insert(digest, values.clone(), Likeness::default());
        group.bench_function(name, |b| b.iter(|| pixels.find(black_box(digest)).is_some()));
    }
}

fn changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("augmentation of an image");
    let pixels: Vec<u8> = (0..SIZE.height * SIZE.width * 3).map(|i| (i * 7 % 251) as u8).collect();
    let flip = AugmentationSpec::RandomFlip(Flip::Horizontal);
    let factor = FactorRange { low: -0.2, high: 0.2 };
    for (name, changes) in [
        ("none", vec![]),
        ("random_flip", vec![flip]),
        ("random_rotation", vec![ROTATION]),
        ("random_flip, random_rotation", vec![flip, ROTATION]),
        ("random_zoom", vec![AugmentationSpec::RandomZoom { factor, fill: Fill::Reflect }]),
        ("random_contrast", vec![AugmentationSpec::RandomContrast { factor }]),
    ]
    .into_iter()
    .chain(whole_numbers().into_iter().map(|change| (change.name(), vec![change])))
    {
        let mut augmenter = Augmenter::new(&changes, SIZE);
        let mut values = vec![];
        let mut position = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                position += 1;
                augmenter.apply(black_box(&pixels), &mut values, SeedStream::new(position));
            });
        });
    }
    let mut values = vec![100.0; SIZE.height * SIZE.width * 3];
    group.bench_function("scaling", |b| {
        b.iter(|| Preprocessing::MinusOneToOne.apply(black_box(&mut values)));
    });
}

/// The changes that work on whole numbers, each applied to every image.
fn whole_numbers() -> [AugmentationSpec; 9] {
    let range = |low, high| FactorRange { low, high };
    let tone = range(0.6, 1.4);
    let probability = 1.0;
    [
        AugmentationSpec::RandomResizedCrop { scale: range(0.08, 1.0), ratio: range(0.75, 1.3333) },
        AugmentationSpec::ColorJitter(ColorJitter {
            brightness: tone,
            contrast: tone,
            saturation: tone,
            hue: range(-0.1, 0.1),
            probability,
        }),
        AugmentationSpec::RandomGrayscale { probability },
        AugmentationSpec::RandomBlur { sigma: range(0.1, 2.0), probability },
        AugmentationSpec::RandomSharpness { factor: range(-1.0, 1.0), probability },
        AugmentationSpec::RandomErasing {
            scale: range(0.02, 0.33),
            ratio: range(0.3, 3.3),
            fill: ErasedWith::Noise,
            probability,
        },
        AugmentationSpec::RandAugment { operations: 2, magnitude: 9 },
        AugmentationSpec::TrivialAugment {},
        AugmentationSpec::AugMix(AugMix { severity: 3, width: 3, depth: [1, 3], alpha: 1.0 }),
    ]
}

fn passes(c: &mut Criterion) {
    let mut group = c.benchmark_group("a pass over 300 images");
    let spec = DatasetSpec {
        source: DatasetSource::Directory {
            directory: Location { written: String::new(), path: folder() },
        },
        target: TargetSpec::Class,
        classes: None,
        unlabeled: vec![],
        limit: None,
        image_size: SIZE,
        resize: RESIZE,
        alpha: Alpha::Drop,
        split: SplitSpec {
            train: 0.8,
            validation: 0.2,
            test: 0.0,
            by: SplitBy::Random,
            groups: None,
            folds: None,
            seed: 0,
        },
        batch_size: 32,
        prefetch: Prefetch::Auto,
        on_bad_image: OnBadImage::Error,
        duplicates: Duplicates::Error,
    };
    let changes = Arc::from([AugmentationSpec::RandomFlip(Flip::Horizontal), ROTATION]);
    let augmentation = Augmentation { changes, stream: SeedStream::new(1), versions: vec![] };
    for (name, memory) in [("decoding each", 0), ("from cached pixels", 1 << 30)] {
        let room = PixelRoom { memory, disk: 0, root: None };
        let pixels = Arc::new(Pixels::new(PIXELS, room));
        let listing = scan::scan_some(&folder(), None, TargetSpec::Class, None)
            .expect("the drawn images exist");
        let dataset = examine::examine(
            listing,
            OnBadImage::Error,
            &pixels,
            &KnownImages::none(),
            &Tally::default(),
            &Cancel::new(),
        )
        .expect("they are good");
        let n = dataset.samples.len();
        let preprocessing = Preprocessing::MinusOneToOne;
        let loader = Loader::new(Arc::new(dataset), pixels, &spec, preprocessing, 1);
        group.throughput(Throughput::Elements(n as u64)).sample_size(10);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut pass = loader.start(0..n, Some(&augmentation), 0);
                for first in (0..n).step_by(32) {
                    let batch = pass.take((n - first).min(32)).expect("they are good");
                    pass.give_back(batch);
                }
            });
        });
    }
}

criterion_group!(benches, pictures, pixels, changes, passes);
criterion_main!(benches);
