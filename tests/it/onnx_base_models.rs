//! Networks of other programs as base models.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine;
use alpaca_run::model::backbone::Imported;
use alpaca_run::model::graph::LayerKind;
use alpaca_run::model::network::{Base, Network};
use alpaca_run::model::weights::Weights;
use alpaca_run::model::weights::import::WeightsFile;
use alpaca_run::onnx::{backbone, import};
use alpaca_run::spec::{
    BaseModel, HeadSpec, ImageSize, Location, ModelSpec, OnnxSpec, Pooling, Precision,
    Preprocessing, TopSpec, WeightsSpec,
};
use serde_json::Value;

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, project};
use crate::support::runs::{assert_same_files, run};

/// The side of the pictures that the small networks take.
pub(crate) const SIDE: usize = 32;
const PIPELINE: &str = "\
version: 1
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
augmentation:
  - random_flip: both
model:
  base: { onnx: base.onnx, features: FEATURES, preprocessing: zero_to_one }
stages:
  transfer:
    train: { epochs: 3, optimizer: { adam: { learning_rate: 0.03 } } }
  more:
    train: { epochs: 1 }
";

fn data(name: &str) -> PathBuf {
    project().join("tests/it/data/onnx").join(name)
}

/// A workshop with a base model in it, and with what lies in a file beside it.
fn workshop(file: &str, features: &str) -> Workshop {
    let workshop = Workshop::new(&PIPELINE.replace("FEATURES", features), 3);
    std::fs::copy(data(file), workshop.path("base.onnx")).unwrap();
    let beside = format!("{file}.data");
    if data(&beside).exists() {
        std::fs::copy(data(&beside), workshop.path(&beside)).unwrap();
    }
    workshop
}

fn complaint(workshop: &Workshop) -> String {
    let Said { code, err, .. } = run(workshop, &[]);
    assert_eq!(code, Some(2), "{err}");
    assert!(!workshop.path("runs").exists(), "a run was begun");
    err
}

/// The size of the pictures that the small networks take.
const SIZE: ImageSize = ImageSize { height: SIDE, width: SIDE };

/// Two pictures: a formula that the writer of the files knows too.
fn batch(ImageSize { height, width }: ImageSize, preprocessing: Preprocessing) -> Batch {
    let n = 2 * height * width * 3;
    let mut values: Vec<f32> = (0..n).map(|i| (i * 7919 % 256) as f32).collect();
    preprocessing.apply(&mut values);
    let images = Tensor::new(&[2, height, width, 3], values);
    Batch { images, samples: vec![0, 1] }
}

/// A network of another program: as the file that it is, and, where it is made of layers of ours, as
/// these with their weights.
fn networks(path: &Path, features: &str, size: ImageSize) -> (Network, Option<(Network, Weights)>) {
    let onnx = Location { written: String::new(), path: path.to_path_buf() };
    let preprocessing = Preprocessing::ZeroToOne;
    let spec = ModelSpec {
        base: BaseModel::Onnx(OnnxSpec { onnx, features: features.to_owned(), preprocessing }),
        width: None,
        weights: WeightsSpec::InBase,
        top: TopSpec::New,
        head: HeadSpec { pooling: Pooling::Average, hidden: vec![], dropout: 0.0 },
        precision: Precision::F32,
    };
    let backbone = backbone::open(path, features, size).unwrap();
    let layers = import::import(&backbone, size);
    let backbone = Arc::new(backbone);
    let whole = Network::build(&spec, Base::Backbone(Arc::clone(&backbone)), size, 2).unwrap();
    let layers = layers.ok().map(|Imported { graph, weights, convention, scaling }| {
        let base = Base::Layers(backbone, graph, convention, scaling);
        (Network::build(&spec, base, size, 2).unwrap(), weights)
    });
    (whole, layers)
}

/// A network of another program as layers of our own.
pub(crate) fn imported(file: &str, features: &str) -> (Network, Weights) {
    networks(&data(file), features, SIZE).1.unwrap()
}

/// Compares what a network computes of [`batch`] with what ONNX Runtime does: its map, and the mean
/// of that.
fn check_features(network: &Network, weights: &Weights, wanted: &[f64], what: &str) {
    let close = |(is, should): (&f32, &f64)| (f64::from(*is) - should).abs() < 1e-5;
    let features = |cut| {
        let extractor = engine::extractor(network, &cut, weights).unwrap();
        let &[height, width, _] = &network.graph.layers()[0].shape[..] else { unreachable!() };
        let batch = batch(ImageSize { height, width }, network.preprocessing);
        extractor.extract(&batch).unwrap().values.remove(0)
    };
    let mean = features(network.cut(network.n_base_layers));
    let &[2, n_channels] = mean.shape() else { panic!("{what}: {:?}", mean.shape()) };
    let n_places = wanted.len() / 2 / n_channels;
    let map = features(network.cut_before_pooling());
    // Of a network whose features are means already, the layers end in front of these.
    if n_places > 1 {
        assert_eq!(map.values().len(), wanted.len());
        assert!(map.values().iter().zip(wanted).all(close), "{what}");
    }
    for (at, is) in mean.values().iter().enumerate() {
        let (picture, channel) = (at / n_channels, at % n_channels);
        let place = |place| wanted[(picture * n_places + place) * n_channels + channel];
        let should = (0..n_places).map(place).sum::<f64>() / n_places as f64;
        assert!(close((is, &should)), "{what}: {is} instead of {should}");
    }
}

/// Compares files with what a list says of them, and counts comparisons: of files, of their layers.
fn check_files(list: &str) -> (usize, usize) {
    let text = std::fs::read_to_string(data(list)).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let (mut n_compared, mut n_imported) = (0, 0);
    for (file, nodes) in expected.as_object().unwrap() {
        for node in nodes.as_array().unwrap() {
            let name = node["node"].as_str().unwrap();
            let side = |axis: usize| node["size"][axis].as_u64().map_or(SIDE, |n| n as usize);
            let size = ImageSize { height: side(0), width: side(1) };
            let (whole, layers) = networks(&data(file), name, size);
            let values = node["values"].as_array().unwrap();
            let wanted: Vec<f64> = values.iter().map(|value| value.as_f64().unwrap()).collect();
            let what = format!("{file} {name} of {size:?}");
            check_features(&whole, &Weights::default(), &wanted, &what);
            n_compared += 1;
            if let Some((network, weights)) = layers {
                check_features(&network, &weights, &wanted, &format!("layers of {what}"));
                n_imported += 1;
            }
        }
    }
    (n_compared, n_imported)
}

#[test]
fn features_are_those_of_onnx_runtime() {
    assert_eq!(check_files("features.json"), (6, 6));
}

#[test]
fn padding_as_in_tensorflow_becomes_layers_in_each_form_that_exporters_give_it() {
    assert_eq!(check_files("same_padding.json"), (10, 10));
}

#[test]
fn activations_and_squeezes_become_layers_in_each_form_that_exporters_give_them() {
    assert_eq!(check_files("activations.json"), (13, 13));
    let classes = |file: &str, features: &str| {
        let (network, _) = imported(file, features);
        let layers = network.graph.layers()[..network.n_base_layers].iter();
        let kinds = layers.map(|layer| match layer.kind {
            LayerKind::Activation(activation) => format!("{activation:?}"),
            kind => kind.keras_class().to_owned(),
        });
        kinds.filter(|kind| !kind.starts_with("Batch")).collect::<Vec<_>>()
    };
    let squeeze = |activation: &str, gate: &str| {
        let [pool, multiply] = ["GlobalAveragePooling2D", "Multiply"];
        [pool, "Conv2D", activation, "Conv2D", gate, multiply].map(str::to_owned)
    };
    let of_script = classes("act_script_13.onnx", "/last/last.2/Mul");
    assert_eq!(
        of_script[..5],
        ["InputLayer", "Conv2D", "HardSwish", "DepthwiseConv2D", "HardSwish"]
    );
    assert_eq!(of_script[5..11], squeeze("Relu", "HardSigmoid"));
    assert_eq!(of_script[11..14], ["Conv2D", "DepthwiseConv2D", "Silu"]);
    assert_eq!(of_script[14..20], squeeze("Silu", "Sigmoid"));
    assert_eq!(of_script[20..], ["Conv2D", "Add", "GlobalAveragePooling2D", "Conv2D", "HardSwish"]);
}

#[test]
fn max_pooling_takes_over_padding_that_it_would_ignore() {
    assert_eq!(check_files("padded_pooling.json"), (2, 2));
}

#[test]
fn what_is_nearly_a_layer_is_left_to_the_file() {
    assert_eq!(check_files("not_layers.json"), (9, 0));
}

/// `not_groups.onnx` computes the amounts of its padding from constants alone.
#[test]
fn a_file_with_padding_that_is_computed_from_constants_is_a_base_model() {
    let said = run(&workshop("not_groups.onnx", "features"), &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn a_file_for_a_fixed_number_of_images_is_explained() {
    let said = complaint(&workshop("fixed_batch.onnx", "row"));
    assert!(said.contains("error[M003]"), "{said}");
    assert!(said.contains("base.onnx` is fixed to batches of 2 images"), "{said}");
    assert!(said.contains("export it for one image or for any number of images"), "{said}");
    assert!(!said.contains("tract"), "{said}");
    // Before its reshape, it computes the same for any number of images.
    let said = run(&workshop("fixed_batch.onnx", "mean"), &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn a_run_on_a_network_of_pytorch_reproduces_and_is_whole_without_its_file() {
    for (file, features) in [("script.onnx", "/Add_output_0"), ("dynamo.onnx", "node_mean")] {
        let workshop = workshop(file, features);
        for threads in ["1", "3"] {
            let said = run(&workshop, &["--threads", threads]);
            assert_eq!(said.code, Some(0), "{}", said.err);
        }
        let (one, two) = (workshop.path("runs/small"), workshop.path("runs/small-2"));
        assert_same_files(&one, &two);
        std::fs::remove_file(workshop.path("base.onnx")).unwrap();
        let (run, pictures) = (workshop.text("runs/small"), workshop.text("pictures"));
        let said = alpaca_run(&["predict", &run, "--csv", &pictures]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let table = std::fs::read_to_string(one.join("predictions.csv")).unwrap();
        for row in table.lines().skip(1) {
            let (path, rest) = row.split_once(',').unwrap();
            let said = said.out.lines().find(|line| line.contains(path)).unwrap();
            let (given, first) = (rest.split(',').nth(1).unwrap(), rest.split(',').nth(2).unwrap());
            let cells: Vec<&str> = said.split(',').collect();
            assert_eq!(cells[1], given);
            let off = cells[2].parse::<f64>().unwrap() - first.parse::<f64>().unwrap();
            assert!(off.abs() < 1e-6, "{path}: {off}");
        }
        let said = alpaca_run(&["export", &run, "-o", &workshop.text("out.onnx")]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let said = alpaca_run(&["reproduce", &run]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(
            said.out.contains("identical") && said.err.contains("no longer exists"),
            "{}",
            said.err
        );
    }
}

#[test]
fn a_base_model_that_runs_as_a_whole_has_no_precision_to_choose() {
    let said = run(&workshop("not_hard_sigmoid.onnx", "mul2"), &["-S", "model.precision=bf16"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("by an ONNX library that computes in `f32`"), "{}", said.err);
}

#[test]
fn its_layers_train_like_those_of_other_base_models() {
    for (file, features, from, class) in [
        ("script.onnx", "/average/GlobalAveragePool", "/a/a.3/Conv", "MaxPooling2D"),
        ("dynamo.onnx", "node_mean", "node_Conv_75", "MaxPooling2D"),
        // Inside of a squeeze-and-excitation.
        ("act_script_13.onnx", "/last/last.2/Mul", "/filter/filter.3/expand/Conv", "Multiply"),
        ("act_keras.onnx", "Identity:0", "functional_1/conv2d_4_1/convolution", "Multiply"),
    ] {
        let workshop = workshop(file, features);
        let pipeline = std::fs::read_to_string(workshop.path("small.yaml")).unwrap();
        let edit = |from: &str| {
            let more = format!("more:\n    train: {{ unfreeze_from: {from}, epochs: 1");
            let pipeline = pipeline.replace("more:\n    train: { epochs: 1", &more);
            let all = "  all:\n    train: { freeze: none, batch_norm: { train: {} }, epochs: 1 }\n";
            std::fs::write(workshop.path("small.yaml"), pipeline + all).unwrap();
        };
        edit(&from.replace("onv", "onw"));
        let said = complaint(&workshop);
        assert!(said.contains("did you mean") && said.contains(from), "{said}");
        assert!(said.contains("small.yaml:"), "{said}");
        edit("12");
        let said = complaint(&workshop);
        assert!(said.contains("must be given by name"), "{said}");
        edit(from);
        let said = alpaca_run(&["layers", &workshop.text("small.yaml")]);
        assert!(said.out.contains(from) && said.out.contains(class), "{}", said.out);
        for threads in ["1", "3"] {
            let said = run(&workshop, &["--threads", threads]);
            assert_eq!(said.code, Some(0), "{}", said.err);
        }
        let (one, two) = (workshop.path("runs/small"), workshop.path("runs/small-2"));
        assert_same_files(&one, &two);
        let (network, before) = imported(file, features);
        let after = WeightsFile::of_run(&one.join("weights/last.safetensors")).unwrap();
        let after = after.own_weights(&network.base_parameters()).unwrap();
        let n_moved = before.iter().filter(|(name, old)| after.get(name) != *old).count();
        assert!(n_moved * 3 > before.iter().count() * 2, "{n_moved} weights moved");
        std::fs::remove_file(workshop.path("base.onnx")).unwrap();
        let run = workshop.text("runs/small");
        let said = alpaca_run(&["export", &run, "-o", &workshop.text("out.onnx")]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(workshop.path("out.onnx").exists());
    }
}

#[test]
fn what_keeps_a_network_from_being_trained_is_said() {
    let workshop = workshop("not_hard_sigmoid.onnx", "mul2");
    let pipeline = std::fs::read_to_string(workshop.path("small.yaml")).unwrap();
    let pipeline = pipeline.replace("train: { epochs: 1", "train: { freeze: none, epochs: 1");
    std::fs::write(workshop.path("small.yaml"), pipeline).unwrap();
    let said = complaint(&workshop);
    assert!(said.contains("can only be run frozen"), "{said}");
    assert!(said.contains("its node `mul2` (Mul) computes"), "{said}");
    assert!(
        said.contains("x · (min(max(0.2 · x + 0.5, 0), 1)), which is not an activation"),
        "{said}"
    );
}

#[test]
fn a_changed_base_model_is_another_model() {
    let workshop = workshop("script.onnx", "/Add_output_0");
    let cache = workshop.text("cache");
    let plan = || {
        let pipeline = workshop.text("small.yaml");
        let said = alpaca_run(&["plan", &pipeline, "--cache-dir", &cache]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    assert_eq!(run(&workshop, &["--cache-dir", &cache]).code, Some(0));
    assert!(plan().contains("reuse"), "{}", plan());
    std::fs::rename(workshop.path("base.onnx"), workshop.path("moved.onnx")).unwrap();
    let pipeline = std::fs::read_to_string(workshop.path("small.yaml")).unwrap();
    let moved = pipeline.replace("base.onnx", "moved.onnx");
    std::fs::write(workshop.path("small.yaml"), &moved).unwrap();
    assert!(plan().contains("reuse"), "a base model that lies elsewhere is the same: {}", plan());
    let earlier = moved.replace("/Add_output_0", "/pool/MaxPool");
    std::fs::write(workshop.path("small.yaml"), earlier).unwrap();
    assert!(!plan().contains("reuse"), "{}", plan());
}

#[test]
fn preprocessing_is_read_from_the_directory_of_the_file_and_recorded() {
    let workshop = workshop("script.onnx", "/Add_output_0");
    let written = std::fs::read_to_string(workshop.path("small.yaml")).unwrap();
    let pipeline = |preprocessing: &str| {
        let text = written.replace(", preprocessing: zero_to_one", preprocessing);
        std::fs::write(workshop.path("small.yaml"), text).unwrap();
    };
    let json = |name: &str, text: &str| std::fs::write(workshop.path(name), text).unwrap();
    let cache = workshop.text("cache");
    let plan = || {
        let said = alpaca_run(&["plan", &workshop.text("small.yaml"), "--cache-dir", &cache]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    pipeline("");
    let said = complaint(&workshop);
    assert!(said.contains("error[P004]") && said.contains("`minus_one_to_one`"), "{said}");
    json("config.json", r#"{ "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6] }"#);
    assert_eq!(run(&workshop, &["--cache-dir", &cache]).code, Some(0));
    let recorded = workshop.path("runs/small/pipeline.resolved.yaml");
    let recorded = std::fs::read_to_string(recorded).unwrap();
    assert!(recorded.contains("mean: [0.1000"), "{recorded}");
    assert!(
        recorded.contains("# derived: JSON in the directory of the ONNX file or above"),
        "{recorded}"
    );
    // The pipeline decides if both state it, and it is part of the key of a stage.
    json("config.json", r#"{ "mean": [0, 0, 0], "std": [1, 1, 1] }"#);
    assert!(!plan().contains("reuse"), "{}", plan());
    let statistics = "{ mean: [0.1, 0.2, 0.3], deviation: [0.4, 0.5, 0.6] }";
    pipeline(&format!(", preprocessing: {{ statistics: {statistics} }}"));
    assert!(plan().contains("reuse"), "{}", plan());
    // A run needs the file no longer.
    std::fs::remove_file(workshop.path("config.json")).unwrap();
    pipeline("");
    let said = alpaca_run(&["reproduce", &workshop.text("runs/small")]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn preprocessing_is_read_above_a_directory_that_is_called_onnx() {
    let workshop = workshop("script.onnx", "/Add_output_0");
    let written = std::fs::read_to_string(workshop.path("small.yaml")).unwrap();
    let place = |directory: &str| {
        std::fs::create_dir_all(workshop.path(directory)).unwrap();
        let onnx = format!("{directory}/base.onnx");
        std::fs::copy(workshop.path("base.onnx"), workshop.path(&onnx)).unwrap();
        let text = written.replace(", preprocessing: zero_to_one", "").replace("base.onnx", &onnx);
        std::fs::write(workshop.path("small.yaml"), text).unwrap();
    };
    let json = |name: &str, mean: f32| {
        let text = format!(r#"{{ "mean": [{mean}, 0, 0], "std": [1, 1, 1] }}"#);
        std::fs::write(workshop.path(name), text).unwrap();
    };
    let recorded = |run_directory: &str| {
        let said = run(&workshop, &[]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let path = workshop.path(run_directory).join("pipeline.resolved.yaml");
        std::fs::read_to_string(path).unwrap()
    };
    json("config.json", 0.25);
    place("other");
    let said = complaint(&workshop);
    assert!(said.contains("error[P004]") && said.contains("other` that states it"), "{said}");
    place("onnx");
    assert!(recorded("runs/small").contains("mean: [0.25"));
    json("onnx/config.json", 0.5);
    assert!(recorded("runs/small-2").contains("mean: [0.5"));
    std::fs::remove_file(workshop.path("config.json")).unwrap();
    std::fs::write(workshop.path("onnx/config.json"), "{}").unwrap();
    let said = run(&workshop, &[]);
    assert!(said.err.contains("onnx` or `"), "{}", said.err);
}

#[test]
fn an_operator_that_nothing_here_computes_is_named() {
    let said = complaint(&workshop("unknown_operator.onnx", "active"));
    assert!(said.contains("error[M001]"), "{said}");
    assert!(said.contains("does not support Wobble (node `wobble`)"), "{said}");
    // What is not needed for the features may be unknown.
    let workshop = workshop("unknown_operator.onnx", "turned");
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn what_does_not_fit_is_said_before_anything_runs() {
    let said = complaint(&workshop("script.onnx", "/averge/GlobalAveragePool"));
    assert!(said.contains("error[M002]") && said.contains("did you mean"), "{said}");
    let workshop_ = workshop("script.onnx", "/Add_output_0");
    let pipeline = std::fs::read_to_string(workshop_.path("small.yaml")).unwrap();
    let other = pipeline.replace("image_size: 32", "image_size: [48, 32]");
    std::fs::write(workshop_.path("small.yaml"), other).unwrap();
    let said = complaint(&workshop_);
    assert!(said.contains("error[M003]") && said.contains("write `image_size: 32`"), "{said}");
    let workshop_ = workshop("dynamo.onnx", "node_mean");
    std::fs::write(workshop_.path("dynamo.onnx.data"), [0; 100]).unwrap();
    let said = complaint(&workshop_);
    assert!(said.contains("reaches beyond the end of `dynamo.onnx.data`"), "{said}");
    std::fs::remove_file(workshop_.path("dynamo.onnx.data")).unwrap();
    let said = complaint(&workshop_);
    assert!(said.contains("cannot read") && said.contains("dynamo.onnx.data"), "{said}");
    std::fs::write(workshop_.path("base.onnx"), b"not at all").unwrap();
    let said = complaint(&workshop_);
    assert!(said.contains("error[M001]") && said.contains("as an ONNX file"), "{said}");
}
