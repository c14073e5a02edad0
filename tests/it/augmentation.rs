//! Augmentation against what Keras's layers compute (`data/keras/make_reference.py`).

use alpaca_random::SeedStream;
use alpaca_run::dataset::augment::Augmenter;
use alpaca_run::spec::{AugmentationSpec, FactorRange, Fill, ImageSize};
use serde_json::Value;

fn range(value: &Value) -> FactorRange {
    FactorRange { low: value[0].as_f64().unwrap(), high: value[1].as_f64().unwrap() }
}

fn change(value: &Value) -> AugmentationSpec {
    let (name, options) = value.as_object().unwrap().iter().next().unwrap();
    let fill = match options["fill"].as_str() {
        Some("constant") => Fill::Constant,
        Some("nearest") => Fill::Nearest,
        _ => Fill::Reflect,
    };
    match name.as_str() {
        "random_rotation" => {
            AugmentationSpec::RandomRotation { factor: range(&options["factor"]), fill }
        }
        "random_zoom" => AugmentationSpec::RandomZoom { factor: range(&options["factor"]), fill },
        "random_translation" => AugmentationSpec::RandomTranslation {
            height: range(&options["height"]),
            width: range(&options["width"]),
            fill,
        },
        "random_brightness" => {
            AugmentationSpec::RandomBrightness { factor: range(&options["factor"]) }
        }
        other => panic!("{other} is not in the reference"),
    }
}

fn values(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}

#[test]
fn changes_of_fixed_size_give_the_pictures_that_keras_gives() {
    let reference: Value =
        serde_json::from_str(include_str!("data/keras/augmentation.json")).unwrap();
    let side = |name: &str| reference[name].as_u64().unwrap() as usize;
    let size = ImageSize { height: side("height"), width: side("width") };
    let cases = reference["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 26);
    for case in cases {
        let pixels: Vec<u8> =
            values(&reference["picture"]).into_iter().map(|value| value as u8).collect();
        let mut picture = vec![];
        let change = change(&case["change"]);
        Augmenter::new(&[change], size).apply(&pixels, &mut picture, SeedStream::new(0));
        let expected = values(&case["output"]);
        let errors = picture.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let worst = errors.fold(0.0, f32::max);
        assert!(worst < 0.01, "{}: off by {worst}", case["change"]);
    }
}
