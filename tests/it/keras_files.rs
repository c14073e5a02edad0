//! Files of `keras.applications`: their layouts, and what does not fit the networks here.

use std::path::{Path, PathBuf};

use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::FeatureExtractor;
use alpaca_run::engine::inference::Inference;
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::model::weights::import::WeightsFile;
use alpaca_run::spec::Architecture as A;
use alpaca_run::spec::{Architecture, Convention, FreezeSpec};

use crate::networks::{compare, images, network, tensors_of, write};
use crate::reference::tensors;
use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run};
use crate::support::runs::{TWO_STAGES, run};

/// The cases of `data/networks/write_keras.py` with their networks and widths.
#[rustfmt::skip]
const CASES: [(&str, Architecture, Option<f64>); 7] = [
    ("keras_mobilenet_025", A::MobilenetV1, Some(0.25)),
    ("keras_mobilenet_10", A::MobilenetV1, Some(1.0)),
    ("keras_mobilenetv3small_10", A::MobilenetV3Small, Some(1.0)),
    ("keras_mobilenetv3large_075", A::MobilenetV3Large, Some(0.75)),
    ("keras_resnet50", A::Resnet50, None),
    ("keras_efficientnetb0", A::EfficientnetB0, None),
    ("keras_mobilenetv3small_075_notop", A::MobilenetV3Small, Some(0.75)),
];

/// Whole files as Keras 3 and 2 write them, in all layouts, and Keras's features and logits. They
/// are too large for the project; `data/networks/write_keras.py --whole` writes them.
#[test]
fn whole_files_of_keras_give_its_features_in_every_layout() {
    let Some(folder) = std::env::var_os("ALPACA_KERAS").map(PathBuf::from) else {
        println!("skipped: no whole files of Keras (ALPACA_KERAS is not set)");
        return;
    };
    let mut n = 0;
    for (case, architecture, width) in CASES {
        let expected = tensors(&folder.join(format!("{case}.expected.safetensors")));
        for layout in ["whole", "weights", "keras2", "keras2_weights"] {
            for end in ["", "_notop"] {
                let path = folder.join(format!("{case}{end}.{layout}.h5"));
                if !path.exists() {
                    continue;
                }
                let file = WeightsFile::open(&path).unwrap();
                let what = format!("{case}{end}.{layout}");
                let has_logits = end.is_empty() && expected.contains_key("logits");
                answers(&what, &file, (architecture, width), &expected["features"]);
                if has_logits {
                    logits(&what, &file, (architecture, width), &expected["logits"]);
                } else {
                    assert!(file.classifier().is_err(), "{what}");
                }
                n += 1;
            }
        }
    }
    assert!(n >= 2 * CASES.len(), "{n} files");
}

fn answers(
    what: &str,
    file: &WeightsFile,
    (architecture, width): (Architecture, Option<f64>),
    expected: &Tensor,
) {
    let network = network(file, architecture, width, 2);
    let weights = file.weights(architecture, &network.base_parameters()).unwrap();
    let cut = network.cut(network.first_trainable(&FreezeSpec::All));
    let extractor = NativeExtractor::new(&network, &cut, &weights).unwrap();
    let batch = images(&network, &Tensor::zeros(&[1]));
    let features = extractor.extract(&batch).unwrap().values.pop().unwrap();
    compare(&format!("{what}: features"), features.values(), expected.values(), 1e-4);
}

fn logits(
    what: &str,
    file: &WeightsFile,
    (architecture, width): (Architecture, Option<f64>),
    expected: &Tensor,
) {
    let network = network(file, architecture, width, 1000);
    let mut weights = file.weights(architecture, &network.base_parameters()).unwrap();
    let classes: Vec<usize> = (0..1000).collect();
    weights.extend(file.classifier().unwrap().head_for(&classes));
    let batch = images(&network, &Tensor::zeros(&[1]));
    let logits = Inference::new(&network, &weights).unwrap().logits(&batch).unwrap();
    compare(&format!("{what}: logits"), logits.values(), expected.values(), 1e-4);
}

/// Predicts ImageNet classes of the images of a workshop with a file of weights.
fn predict(workshop: &Workshop, base: &str, width: Option<&str>, weights: &Path) -> Said {
    let (weights, pictures) = (weights.to_str().unwrap(), workshop.text("pictures"));
    let mut arguments = vec!["predict", "--base", base, "--weights", weights];
    arguments.extend(["--image-size", "32"]);
    if let Some(width) = width {
        arguments.extend(["--width", width]);
    }
    alpaca_run(&[&arguments[..], &[pictures.as_str()]].concat())
}

#[test]
fn every_network_of_keras_predicts_the_classes_of_imagenet() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let path = workshop.path("weights.safetensors");
    for (case, base, width) in [
        ("keras_mobilenet_025", "mobilenet_v1", Some("0.25")),
        ("keras_mobilenetv3small_10", "mobilenet_v3_small", Some("1.0")),
        ("keras_resnet50", "resnet50", None),
        ("keras_efficientnetb0", "efficientnet_b0", None),
    ] {
        write(&tensors_of(case), &path);
        let said = predict(&workshop, base, width, &path);
        assert_eq!(said.code, Some(0), "{case}: {}", said.err);
        assert!(said.out.contains("n0"), "{case}: {}", said.out);
    }
}

#[test]
fn weights_of_another_width_or_network_are_named() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let path = workshop.path("weights.safetensors");
    for (case, base, width, expected) in [
        ("keras_mobilenet_025", "mobilenet_v1", Some("1.0"), "for width 0.25: pass `--width 0.25`"),
        (
            "keras_mobilenet_025",
            "resnet50",
            None,
            "for MobileNetV1: pass `--base mobilenet_v1 --width 0.25`",
        ),
        ("keras_efficientnetb0", "resnet50", None, "`--base efficientnet_b0`"),
        ("keras_resnet50", "efficientnet_b0", None, "`--base resnet50`"),
        (
            "keras_mobilenetv3large_075",
            "mobilenet_v3_small",
            None,
            "`--base mobilenet_v3_large --width 0.75`",
        ),
        (
            "keras_mobilenetv3small_075_notop",
            "mobilenet_v1",
            None,
            "`--base mobilenet_v3_small --width 0.75`",
        ),
    ] {
        write(&tensors_of(case), &path);
        let said = predict(&workshop, base, width, &path);
        assert_eq!(said.code, Some(2), "{case}: {}", said.err);
        assert!(said.err.contains(expected), "{case}: {}", said.err);
    }
}

/// Files that could be one of several models of a network, read for another one: what they are for
/// is known.
#[test]
fn weights_of_another_network_are_named_even_if_they_could_be_one_of_several_models() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let path = workshop.path("model.safetensors");
    for (case, base, width, expected) in [
        ("resnet50-11ad3fa6", "resnet34", None, "--base resnet50"),
        ("resnet34.ra4_e3600_r224_in1k", "resnet18", None, "--base resnet34"),
        ("efficientnet_lite0.ra_in1k", "efficientnet_b0", None, "--base efficientnet_lite0"),
        (
            "mobilenetv4_conv_small_050.e3000_r224_in1k",
            "mobilenet_v4_conv_small",
            None,
            "--base mobilenet_v4_conv_small_050",
        ),
        ("mobilenetv3_small_100.lamb_in1k", "mobilenet_v3_small", Some("0.5"), "--width 1"),
    ] {
        write(&tensors_of(case), &path);
        let said = predict(&workshop, base, width, &path);
        assert!(said.err.contains("error[W002]"), "{case}: {}", said.err);
        assert!(said.err.contains(expected), "{case}: {}", said.err);
        assert!(!said.err.contains("one of several"), "{case}: {}", said.err);
    }
    write(&tensors_of("mobilenetv3_small_100.lamb_in1k"), &path);
    let said = predict(&workshop, "mobilenet_v3_small", Some("1.0"), &path);
    assert!(
        said.err.contains("one of several models of MobileNetV3-Small of width 1"),
        "{}",
        said.err
    );
    assert!(!said.err.contains("--width 1"), "{}", said.err);
}

/// What is said of tensors that are read for a network, with the hints.
fn refused(tensors: &[(String, Tensor)], architecture: Architecture, width: Option<f64>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    write(tensors, &path);
    let file = WeightsFile::open(&path).unwrap();
    let error = file.convention(architecture, width.unwrap_or(1.0)).err().unwrap_or_else(|| {
        let network = network(&file, architecture, width, 2);
        file.weights(architecture, &network.base_parameters()).unwrap_err()
    });
    [vec![error.to_string()], error.notes(), error.hints()].concat().join("\n")
}

#[test]
fn files_that_lack_tensors_or_have_too_many_are_refused() {
    let without = |case: &str, part: &str| -> Vec<(String, Tensor)> {
        tensors_of(case).into_iter().filter(|(name, _)| !name.contains(part)).collect()
    };
    for (tensors, architecture, width, expected) in [
        (
            without("keras_resnet50", "conv3_block2_1_conv/bias"),
            A::Resnet50,
            None,
            "1 tensor missing from the file",
        ),
        (
            [tensors_of("keras_mobilenet_025"), tensors_of("keras_mobilenetv3small_075_notop")]
                .concat(),
            A::MobilenetV1,
            Some(0.25),
            "in the file but not in the model",
        ),
        (
            without("keras_mobilenetv3small_075_notop", "squeeze_excite"),
            A::MobilenetV3Small,
            Some(0.75),
            "minimalistic: it has other layers than MobileNetV3-Small",
        ),
        (
            without("keras_efficientnetb0", "normalization"),
            A::EfficientnetB0,
            None,
            "has no layer `normalization`",
        ),
    ] {
        let said = refused(&tensors, architecture, width);
        assert!(said.contains(expected), "{said}");
    }
}

/// Files that number layers do not name them: the convolutions with a bias tell.
#[test]
fn a_minimalistic_network_is_named_in_a_file_that_numbers_layers_too() {
    let layers = |kind: &'static str, n: usize| {
        (0..n).map(move |at| if at == 0 { kind.to_owned() } else { format!("{kind}_{at}") })
    };
    let mut tensors: Vec<(String, Tensor)> = vec![];
    let mut add = |name: String| tensors.push((name, Tensor::filled(&[1], 0.5)));
    layers("depthwise_conv2d", 11).for_each(|layer| add(format!("layers/{layer}/vars/0")));
    for (at, layer) in layers("conv2d", 25).enumerate() {
        add(format!("layers/{layer}/vars/0"));
        if at >= 23 {
            add(format!("layers/{layer}/vars/1"));
        }
    }
    let said = refused(&tensors, A::MobilenetV3Small, Some(1.0));
    assert!(said.contains("minimalistic: it has other layers than MobileNetV3-Small"), "{said}");
}

#[test]
fn the_layer_that_standardizes_images_decides_how_they_are_scaled() {
    let with = |mean: f32, variance: f32| -> Vec<(String, Tensor)> {
        let mut tensors = tensors_of("keras_efficientnetb0");
        for (name, tensor) in &mut tensors {
            if name.ends_with("normalization/mean") {
                *tensor = Tensor::filled(&[3], mean);
            } else if name.ends_with("normalization/variance") {
                *tensor = Tensor::filled(&[3], variance);
            }
        }
        tensors
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    for (tensors, expected) in [
        (tensors_of("keras_efficientnetb0"), Convention::Tensorflow),
        (with(0.0, 1.0), Convention::KerasZeroToOne),
    ] {
        write(&tensors, &path);
        let found = WeightsFile::open(&path).unwrap().convention(A::EfficientnetB0, 1.0).unwrap();
        assert_eq!(found, expected);
    }
    let said = refused(&with(0.5, 0.25), A::EfficientnetB0, None);
    assert!(said.contains("the means [0.5, 0.5, 0.5] and the variances [0.25"), "{said}");
    assert!(said.contains("without `adapt`"), "{said}");
}

#[test]
fn a_mobilenet_v3_without_its_classifier_ends_before_the_pooling() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let path = workshop.path("weights.safetensors");
    write(&tensors_of("keras_mobilenetv3small_075_notop"), &path);
    let weights = format!("model.weights={}", path.display());
    let model = ["-S", "model.base=mobilenet_v3_small", "-S", "model.width=0.75", "-S", &weights];
    let from = |layer: &str| {
        let layer = format!("stages.finetune.train.unfreeze_from={layer}");
        let said = run(&workshop, &[&model[..], &["-S", &layer]].concat());
        (said.code, said.err)
    };
    let (code, said) = from("conv_head");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the base model has no layer or block `conv_head`"), "{said}");
    let (code, said) = from("blocks.5");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_published_md5_tells_other_weights_of_the_same_network() {
    let cache = tempfile::tempdir().unwrap();
    let name = "weights_mobilenet_v3_small_224_1.0_float.h5";
    let path = cache.path().join("weights/keras").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(&tensors_of("keras_mobilenetv3small_10"), &path);
    let cache = cache.path().to_str().unwrap();
    let said = alpaca_run(&["models", "mobilenet_v3_small", "--cache-dir", cache]);
    let expected = "keras gives the MD5 8768d4c2e7dee89b9d02b2d03d65d862 for it, but it has ";
    assert!(said.out.contains(expected), "{}", said.out);
}
