//! Makes the built-in weights file from a run of `pipelines/pretrain_larger.yaml`: the weights of
//! the base model, with a record of their origin.
//!
//! ```sh
//! cargo run --release --example pack_weights -- runs/pretrain_larger data/weights/FILE.safetensors
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::{Path, PathBuf};

use alpaca_run::base::digest::Digest;
use alpaca_run::base::fs;

use alpaca_run::model::architecture;
use alpaca_run::model::weights::import::WeightsFile;
use alpaca_run::run_dir::verify;
use alpaca_run::spec::{Architecture, Convention};
use anyhow::Context as _;
use safetensors::tensor::{Dtype, TensorView};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(run), Some(to)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: pack_weights RUN FILE");
    };
    let manifest = verify::read_manifest(&run)?;
    let best = run.join("weights/best.safetensors");
    let graph = architecture::outline(Architecture::MobilenetV2, Convention::Keras, 0.35);
    let weights = base_weights(&best, &graph.parameters())?;
    let stage = manifest.stages.last().context("a run has a stage")?;
    let facts = serde_json::json!({
        "pipeline": Digest::of_file(&run.join("pipeline.resolved.yaml"))?,
        "dataset": manifest.dataset.fingerprint,
        "generator": alpaca_painter::RULES,
        "classes": manifest.dataset.classes.len(),
        "accuracy": stage.best.validation.score.value(),
        "build": manifest.versions.get("build"),
    });
    // A single entry, because the library writes several entries in arbitrary order.
    let metadata = [("facts".to_owned(), facts.to_string())].into();
    let views = weights.iter().map(|(name, bytes, shape)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("four bytes a value");
        (name.as_str(), view)
    });
    let bytes = safetensors::serialize(views, Some(metadata))?;
    fs::write_atomic(&to, &bytes)?;
    println!("{}: {} bytes, digest {}", to.display(), bytes.len(), Digest::of(&bytes));
    Ok(())
}

/// Name, bytes and shape of each tensor.
type Tensors = Vec<(String, Vec<u8>, Vec<usize>)>;

fn base_weights(
    path: &Path,
    parameters: &[alpaca_run::model::graph::Parameter],
) -> anyhow::Result<Tensors> {
    // Only the parameters of the base model are read, so the head is skipped.
    let weights = WeightsFile::open(path)?.own_weights(parameters)?;
    let tensor = |(name, tensor): (&str, &alpaca_run::base::tensor::Tensor)| {
        let bytes = tensor.values().iter().flat_map(|value| value.to_le_bytes()).collect();
        (name.to_owned(), bytes, tensor.shape().to_vec())
    };
    Ok(weights.iter().map(tensor).collect())
}
