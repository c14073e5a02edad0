//! `alpaca-run runs export`

use std::path::PathBuf;

use crate::base::names;
use crate::base::text;
use crate::cli::args::ExportTo;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::run_dir::catalog::{RunEntry, Status};
use crate::tracking::mlflow::{Client, MlflowError, Server};
use crate::tracking::tensorboard;

/// The experiment of MLflow that runs are in, unless the user names another.
const EXPERIMENT: &str = "alpaca-run";

/// Sends runs, one after the other. Broken ones are left out.
pub(super) fn run(
    runs: &[(PathBuf, RunEntry)],
    (to, experiment): (&ExportTo, Option<&str>),
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (sent, broken): (Vec<_>, Vec<_>) =
        runs.iter().partition(|(_, run)| !matches!(run.status, Status::Broken(_)));
    for (_, run) in broken {
        terminal.note(&format!("not sent: {} is broken", names::text_of_path(&run.directory)));
    }
    if let Some(directory) = &to.tensorboard {
        for (name, run) in &sent {
            let cache = settings.cache_dir.as_deref();
            let place = directory.join(name);
            tensorboard::export(run, &place, cache).map_err(Failure::usage)?;
            say(terminal, run, &names::text_of_path(&place))?;
        }
        let shown = text::shell_path(directory);
        terminal.note(&format!("`tensorboard --logdir {shown}` shows them"));
    }
    if let Some(url) = &to.mlflow {
        let server = Server {
            url: url.clone(),
            authorization: settings.mlflow.clone(),
            experiment: experiment.unwrap_or(EXPERIMENT).to_owned(),
        };
        let client = Client::connect(server).map_err(refused)?;
        let mut has_files = true;
        for (name, run) in &sent {
            let done = client.send(run, &names::text_of_path(name)).map_err(refused)?;
            has_files &= done.n_files.is_some();
            say(terminal, run, &format!("MLflow run {}", done.id))?;
        }
        if !has_files {
            terminal.note(
                "files were not sent: the server keeps them where it cannot take them by HTTP",
            );
        }
    }
    Ok(Exit::Done)
}

fn say(terminal: &Terminal, run: &RunEntry, place: &str) -> Result<(), Failure> {
    let line = format!("{} -> {place}\n", names::text_of_path(&run.directory));
    terminal.result(&line).map_err(Failure::usage)
}

fn refused(error: MlflowError) -> Failure {
    let hints = error.hints();
    let exit = if matches!(error, MlflowError::Url(_)) { Exit::Usage } else { Exit::Failed };
    Failure::Other { exit, code: None, error: error.into(), notes: vec![], hints }
}
