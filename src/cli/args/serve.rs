//! Arguments of the commands that listen for requests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::runs::{EnsembleArguments, ThresholdsArguments};
use super::tools::{ThresholdArgument, parse_threshold};
use super::{CacheDirArguments, WeightsArgument, parse_at_least, parse_threads};

/// Which model answers, and what counts as an answer.
#[derive(Debug, Args)]
pub(in crate::cli) struct ModelArguments {
    /// Which weights of a run to use: `best` or `last` epoch [default: best]
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(in crate::cli) from_weights: Option<WeightsArgument>,
    #[command(flatten)]
    pub(in crate::cli) ensemble: EnsembleArguments,
    /// Lowest probability of a label, for several labels an image, or `best` for the thresholds with
    /// the highest F1 on the validation set [default: 0.5]
    #[arg(
        long,
        value_name = "P",
        value_parser = parse_threshold,
        conflicts_with_all = ["min_precision", "thresholds"]
    )]
    pub(in crate::cli) threshold: Option<ThresholdArgument>,
    #[command(flatten)]
    pub(in crate::cli) thresholds: ThresholdsArguments,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct ListenArguments {
    /// Address and port, or only a port; port 0 for any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = parse_address)]
    pub(in crate::cli) listen: SocketAddr,
}

/// Reads an address such as `127.0.0.1:8080`, `localhost:8080` or `8080`.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let local =
        |port: &str| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port.parse().ok()?));
    let read = text.parse().ok();
    let read = read.or_else(|| local(text)).or_else(|| local(text.strip_prefix("localhost:")?));
    read.ok_or_else(|| "write an address with a port, such as 127.0.0.1:8080".to_owned())
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeModelArguments {
    /// Run directory or exported ONNX file
    #[arg(value_name = "RUN", value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) model: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) listen: ListenArguments,
    #[command(flatten)]
    pub(in crate::cli) answers: ModelArguments,
    /// Number of classes in an answer [default: 5]
    #[arg(long, value_name = "N", value_parser = parse_at_least::<1>)]
    pub(in crate::cli) top: Option<usize>,
    /// Largest request in MiB
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(in crate::cli) max_request: u16,
    /// Number of images that may wait; further requests are answered with status 429
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = parse_at_least::<1>)]
    pub(in crate::cli) max_waiting: usize,
    /// Seconds that a client has to send a request, and then waits for its answer at most
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(in crate::cli) timeout: u64,
    /// Number of threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArguments {
    /// Directory of the runs
    #[arg(value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) listen: ListenArguments,
    /// Let everybody look who can reach the address, without the token in the printed link
    #[arg(long)]
    pub(in crate::cli) no_token: bool,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
}
