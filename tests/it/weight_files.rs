//! Weights as other libraries write them.

use std::path::{Path, PathBuf};

use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::engine::{FeatureExtractor, Features, Trainer};
use alpaca_run::model::graph::{Parameter, Role};
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::model::weights::error::WeightsError;
use alpaca_run::model::weights::import::{Naming, WeightsFile};
use alpaca_run::spec::{Architecture, Convention, FreezeSpec};
use alpaca_run::train::objective;

use crate::reference::{farthest, tensors};
use crate::support::network::mobilenet_v2;
use crate::support::program::project;

const MOBILENET_V2: Architecture = Architecture::MobilenetV2;

/// Files that the real libraries wrote (`write.py` beside them), and whose they are.
const SMALL: [(&str, Naming); 6] = [
    ("torchvision.pth", Naming::Torchvision),
    ("torchvision_old.pth", Naming::Torchvision),
    ("checkpoint.pth", Naming::Torchvision),
    ("timm.safetensors", Naming::Timm),
    ("keras.weights.h5", Naming::Keras3),
    ("keras.h5", Naming::Keras),
];

fn small(name: &str) -> PathBuf {
    project().join("tests/it/data/weights").join(name)
}

/// The parameters of the small files: a convolution, its normalisation, a depthwise convolution.
fn parameters() -> Vec<Parameter> {
    let parameter = |name: &str, shape: &[usize], layer, role| Parameter {
        name: name.to_owned(),
        shape: shape.to_vec(),
        layer,
        role,
    };
    vec![
        parameter("Conv1/kernel", &[3, 3, 2, 4], 1, Role::Kernel),
        parameter("bn_Conv1/gamma", &[4], 2, Role::Gamma),
        parameter("bn_Conv1/beta", &[4], 2, Role::Beta),
        parameter("bn_Conv1/moving_mean", &[4], 2, Role::MovingMean),
        parameter("bn_Conv1/moving_variance", &[4], 2, Role::MovingVariance),
        parameter(
            "expanded_conv_depthwise/depthwise_kernel",
            &[3, 3, 4, 1],
            3,
            Role::DepthwiseKernel,
        ),
    ]
}

#[test]
fn each_library_s_tensors_arrive_in_their_places() {
    for (name, naming) in SMALL {
        let file = WeightsFile::open(&small(name)).unwrap();
        assert_eq!(file.naming(), naming, "{name}");
        let weights = file.weights(MOBILENET_V2, &parameters()).unwrap();
        for Parameter { name: parameter, shape, .. } in parameters() {
            let tensor = weights.get(&parameter);
            let counting: Vec<f32> =
                (0..shape.iter().product()).map(|i: usize| i as f32 / 8.0).collect();
            assert_eq!(
                (tensor.shape(), tensor.values()),
                (&shape[..], &counting[..]),
                "{name}: {parameter}"
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_named_as_its_library_names_it() {
    for (name, _) in SMALL {
        let file = WeightsFile::open(&small(name)).unwrap();
        let mut wider = parameters();
        wider[0].shape[3] = 8;
        let error = file.weights(MOBILENET_V2, &wider).unwrap_err();
        let said = error.notes().join("\n");
        assert!(said.contains("1 tensor with another shape"), "{name}: {said}");
        let fewer = &parameters()[..5];
        let said = file.weights(MOBILENET_V2, fewer).unwrap_err().notes().join("\n");
        assert!(said.contains("1 tensor in the file but not in the model"), "{name}: {said}");
    }
}

#[test]
fn hostile_files_are_refused_and_nothing_in_them_runs() {
    let refused = |name: &str| {
        let error = WeightsFile::open(&small(name)).err().unwrap();
        std::error::Error::source(&error).unwrap().to_string()
    };
    let said = refused("payload.pth");
    assert!(said.contains("posix.system") && said.contains("nothing in it was run"), "{said}");
    let hints = WeightsFile::open(&small("payload.pth")).err().unwrap().hints();
    assert_eq!(hints, ["save `model.state_dict()`, not the model"]);
    assert!(!Path::new("hostile").exists() && !project().join("hostile").exists());
    let said = refused("bomb.pth");
    assert!(said.contains("is compressed, which PyTorch never does"), "{said}");
}

#[test]
fn an_onnx_graph_is_read_by_the_places_of_its_convolutions() {
    let file = WeightsFile::open(&small("chain.onnx")).unwrap();
    assert_eq!(
        (file.naming(), file.convention(MOBILENET_V2, 0.35).unwrap()),
        (Naming::Torchvision, Convention::Torch)
    );
    let error = file.weights(MOBILENET_V2, &parameters()).unwrap_err();
    let WeightsError::Mismatch { mismatch, .. } = error else { panic!("{error}") };
    // The layers of the small network are there; fifty more convolutions are not in it.
    assert_eq!((mismatch.missing.len(), mismatch.different.len()), (0, 0), "{mismatch:?}");
    assert_eq!(mismatch.unexpected.len(), 50 * 5 + 4, "{mismatch:?}");
}

/// The archive of `torchvision.pth` as PyTorch writes it for a file with this name: all its files are
/// in a directory of that name, and records of a large archive come before its end.
fn archive_named(stem: &str) -> Vec<u8> {
    let bytes = std::fs::read(small("torchvision.pth")).unwrap();
    let mut old = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut new = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    let stored = zip::write::SimpleFileOptions::default();
    for at in 0..old.len() {
        let mut file = old.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        let (_, rest) = name.split_once('/').unwrap();
        let name = format!("{stem}/{rest}");
        new.start_file(name, stored.compression_method(file.compression())).unwrap();
        std::io::copy(&mut file, &mut new).unwrap();
    }
    let mut bytes = new.finish().unwrap().into_inner();
    let end = bytes.split_off(bytes.len() - 22);
    let at = bytes.len() as u64;
    let number = |place: usize, n: usize| {
        end[place..place + n].iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let (n_files, size, start) = (number(10, 2), number(12, 4), number(16, 4));
    bytes.extend(b"PK\x06\x06");
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([n_files, n_files, size, start].map(u64::to_le_bytes).concat());
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(at.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    [bytes, end].concat()
}

#[test]
fn a_file_of_pytorch_can_have_any_name() {
    let folder = tempfile::tempdir().unwrap();
    for n in 1..=60 {
        let path = folder.path().join("weights.pth");
        std::fs::write(&path, archive_named(&"m".repeat(n))).unwrap();
        let file = WeightsFile::open(&path);
        let weights = file.and_then(|file| file.weights(MOBILENET_V2, &parameters()));
        assert!(weights.is_ok(), "{n} characters: {:?}", weights.err());
    }
}

#[test]
fn a_file_that_was_cut_off_is_said_to_be_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    for name in SMALL.map(|(name, _)| name).into_iter().chain(["chain.onnx"]) {
        let bytes = std::fs::read(small(name)).unwrap();
        for part in [5, 9] {
            std::fs::write(&path, &bytes[..bytes.len() * part / 10]).unwrap();
            let error = WeightsFile::open(&path).err().unwrap();
            let said = std::error::Error::source(&error).unwrap().to_string();
            assert!(said.contains("it seems to be cut off"), "{name}: {said}");
            assert_eq!(error.hints(), ["download or copy the file again"], "{name}");
        }
    }
}

/// A file that was cut off or damaged anywhere is an error, or is read; it is never a panic.
#[test]
fn damaged_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        WeightsFile::open(&path).and_then(|file| file.weights(MOBILENET_V2, &parameters()))
    };
    for name in SMALL.map(|(name, _)| name).into_iter().chain(["chain.onnx"]) {
        let bytes = std::fs::read(small(name)).unwrap();
        for part in 0..50 {
            let cut = &bytes[..bytes.len() * part / 50];
            assert!(read(cut).is_err() || cut.len() * 2 > bytes.len(), "{name}: {part}/50 of it");
        }
        let mut n_refused = 0;
        for place in (0..bytes.len()).step_by(bytes.len() / 400 + 1) {
            for mask in [0xff, 0x01, 0x80] {
                let mut damaged = bytes.clone();
                damaged[place] ^= mask;
                n_refused += usize::from(read(&damaged).is_err());
            }
        }
        assert!(n_refused > 0, "{name}");
    }
}

/// Whole networks as torchvision, timm, Keras and exporters to ONNX wrote them, with what each
/// library computes from them: made by `write_networks.py` from real weights, which are not part of
/// the project.
#[test]
fn features_are_those_of_the_library_that_wrote_the_file() {
    let Some(folder) = std::env::var_os("ALPACA_LIBRARIES").map(PathBuf::from) else {
        println!("skipped: no files of other libraries (ALPACA_LIBRARIES is not set)");
        return;
    };
    let expected = tensors(&folder.join("features.safetensors"));
    for (name, library, has_top) in [
        ("torchvision.pth", "torchvision", true),
        ("torchvision_legacy.pth", "torchvision", true),
        ("parallel.pth", "torchvision", true),
        ("folded.onnx", "torchvision", true),
        ("unfolded.onnx", "torchvision", true),
        ("dynamo.onnx", "torchvision", true),
        ("timm.safetensors", "timm", true),
        ("keras.weights.h5", "keras", true),
        ("keras.h5", "keras", true),
        ("keras_no_top.weights.h5", "keras", false),
        ("keras_no_top.h5", "keras", false),
    ] {
        let file = WeightsFile::open(&folder.join(name)).unwrap();
        let images = || expected["pixels_u8"].clone();
        let features = farthest(&pooled(&file, images()), expected[library].values());
        println!("{name}: largest difference of features {features:.1e}");
        assert!(features < 1e-3, "{name}: {features}");
        if has_top {
            let said = probabilities(&file, images());
            let said = farthest(&said, expected[&format!("{library}_top")].values());
            println!("{name}: largest difference of probabilities {said:.1e}");
            assert!(said < 1e-4, "{name}: {said}");
        } else {
            let error = file.classifier().unwrap_err().to_string();
            assert!(error.contains("contains no classifier"), "{error}");
        }
    }
}

/// The base model of a file, for pictures of 160 pixels and a number of classes.
fn network(file: &WeightsFile, n_classes: usize) -> Network {
    mobilenet_v2(file.convention(MOBILENET_V2, 0.35).unwrap(), 0.35, 160, n_classes, 0.0)
}

/// What the frozen part makes of pictures.
fn extract(network: &Network, weights: &Weights, mut images: Tensor) -> Features {
    network.preprocessing.apply(images.values_mut());
    let n = images.shape()[0];
    let batch = Batch { images, samples: (0..n).collect() };
    let cut = network.cut(network.first_trainable(&FreezeSpec::All));
    NativeExtractor::new(network, &cut, weights).unwrap().extract(&batch).unwrap()
}

/// The pooled features of pictures, with weights as their authors built the network.
fn pooled(file: &WeightsFile, images: Tensor) -> Vec<f32> {
    let network = network(file, 2);
    let weights = file.weights(MOBILENET_V2, &network.base_parameters()).unwrap();
    extract(&network, &weights, images).values[0].values().to_vec()
}

/// What the whole network with its own classifier says about pictures.
fn probabilities(file: &WeightsFile, images: Tensor) -> Vec<f32> {
    let network = network(file, 1000);
    let mut weights = file.weights(MOBILENET_V2, &network.base_parameters()).unwrap();
    weights.extend(file.classifier().unwrap().head_for(&(0..1000).collect::<Vec<_>>()));
    let features = extract(&network, &weights, images);
    let cut = network.cut(network.first_trainable(&FreezeSpec::All));
    let options = TrainerOptions::asking(Layers::Native);
    let mut trainer = AutodiffTrainer::new(&network, &cut, &weights, &[], &options);
    let logits = trainer.predict(features).unwrap();
    logits.rows().flat_map(objective::probabilities).map(|p| p as f32).collect()
}
