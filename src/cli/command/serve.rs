//! `alpaca-run serve [DIR]`, and the same beside `watch`

use std::path::Path;
use std::thread;

use super::serve_model::{listen, refused};
use crate::base::cancel::Cancel;
use crate::base::names;
use crate::cli::args::ServeArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log::Log;
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::run_dir::catalog::RunEntry;
use crate::serve::Listening;
use crate::serve::runs::{self, ServedRuns, Token};

/// Shows the runs in a directory until it is interrupted.
pub(in crate::cli) fn run(
    arguments: &ServeArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let listening = listen(arguments.listen.listen)?;
    if arguments.runs_dir.is_file() {
        let error = anyhow::anyhow!("`{}` is a file", arguments.runs_dir.display());
        let hint = "name a directory of runs: `alpaca-run serve runs`".to_owned();
        return Err(Failure::usage_with(error, vec![hint]));
    }
    if RunEntry::read(&arguments.runs_dir).map_err(Failure::usage)?.is_some() {
        let error = anyhow::anyhow!("`{}` is a run", arguments.runs_dir.display());
        let hint = "name the directory that the run is in: `alpaca-run serve runs`".to_owned();
        return Err(Failure::usage_with(error, vec![hint]));
    }
    if !arguments.runs_dir.exists() {
        let shown = names::text_of_path(&arguments.runs_dir);
        terminal
            .note(&format!("there is no directory `{shown}` yet; runs appear once there are some"));
    }
    let stop = Cancel::new();
    let _log = Log::start(terminal);
    signals::listen_as_server(&stop);
    let served = served(&arguments.runs_dir, settings, !arguments.no_token)?;
    terminal.note("open this address in a browser; press Ctrl-C to stop");
    if !listening.is_local() {
        terminal.warn(if arguments.no_token {
            "everybody who can reach this machine can see the runs"
        } else {
            "other machines can see the runs if they know the token; nothing is encrypted"
        });
    }
    terminal.result(&format!("{}\n", address(&listening, &served))).map_err(Failure::usage)?;
    runs::run(listening, served, &stop).map_err(refused)?;
    Ok(Exit::Done)
}

/// Shows the runs in a directory while another command does its work. The address is any free one.
pub(super) fn beside(
    runs_dir: &Path,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Serving, Failure> {
    let listening = listen(([127, 0, 0, 1], 0).into())?;
    let served = served(runs_dir, settings, true)?;
    let address = address(&listening, &served);
    let stop = Cancel::new();
    let (own, shown) = (stop.clone(), *terminal);
    let thread = thread::Builder::new().name("server".to_owned()).spawn(move || {
        if let Err(error) = runs::run(listening, served, &own) {
            shown.warn(&error.to_string());
        }
    });
    drop(thread.map_err(Failure::usage)?);
    Ok(Serving { stop, address })
}

/// A server, until it is dropped.
pub(super) struct Serving {
    stop: Cancel,
    /// The address to open.
    pub(super) address: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.set();
    }
}

fn served(runs_dir: &Path, settings: &Settings, has_token: bool) -> Result<ServedRuns, Failure> {
    let token = if has_token { Some(Token::random().map_err(Failure::usage)?) } else { None };
    Ok(ServedRuns { directory: runs_dir.to_path_buf(), cache: settings.cache_dir.clone(), token })
}

/// The address to open.
fn address(listening: &Listening, served: &ServedRuns) -> String {
    let query = served.token.as_ref().map(Token::query).unwrap_or_default();
    format!("http://{}/{query}", listening.address)
}
