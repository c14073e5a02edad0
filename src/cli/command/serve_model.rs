//! `alpaca-run serve-model RUN|MODEL.onnx`

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use serde_json::json;

use super::answers::Format;
use super::{model, on_threads};
use crate::base::cancel::Cancel;
use crate::base::names;
use crate::base::text;
use crate::cli::args::ServeModelArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log::Log;
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::exec::ask::image_files::Answer;
use crate::serve::model::{Limits, Served};
use crate::serve::{self, ListenError, Listening};

/// Number of classes in an answer.
const TOP: usize = 5;

/// Serves a model until it is interrupted.
pub(in crate::cli) fn run(
    arguments: &ServeModelArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    // A port in use is reported before the model is read.
    let listening = listen(arguments.listen.listen)?;
    let asked = model::Asked { top: arguments.top, usual_top: TOP, format: Format::Json };
    let (predictor, said) = on_threads(settings, || {
        model::open(&arguments.model, &arguments.answers, asked, settings, terminal)
    })??;
    let pool = super::pool(settings)?;
    let shown = names::text_of_path(&arguments.model);
    let about = json!({
        "model": shown,
        "program": concat!("alpaca-run ", env!("CARGO_PKG_VERSION")),
        "target": said.target(),
        "classes": said.outputs(),
    });
    let say = Box::new(move |name: &Path, answer: &Answer| said.value(name, answer));
    let limits = Limits {
        bytes: usize::from(arguments.max_request) << 20,
        images: arguments.max_waiting,
        time: Duration::from_secs(arguments.timeout),
    };
    let stop = Cancel::new();
    let _log = Log::start(terminal);
    signals::listen_as_server(&stop);
    terminal.note(&format!(
        "{shown} answers on {}; press Ctrl-C to stop",
        text::count(settings.threads, "thread")
    ));
    if !listening.is_local() {
        terminal.warn("other machines can send images; there is no password");
    }
    terminal.result(&format!("http://{}/\n", listening.address)).map_err(Failure::usage)?;
    let served = Served { predictor, pool, about, say };
    serve::model::run(listening, served, limits, &stop).map_err(refused)?;
    Ok(Exit::Done)
}

/// Begins to listen at an address.
pub(super) fn listen(address: std::net::SocketAddr) -> Result<Listening, Failure> {
    Listening::at(address).map_err(refused)
}

/// A server that cannot start.
pub(super) fn refused(error: ListenError) -> Failure {
    let hints = error.hints();
    Failure::usage_with(anyhow!(error), hints)
}
