//! `alpaca-run runs export`

use std::path::Path;

use crate::base::names;
use crate::base::text;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::run_dir::catalog::{RunEntry, Status};
use crate::tracking::mlflow::{Client, MlflowError, Server};
use crate::tracking::tensorboard;

/// Where runs are sent.
#[derive(Clone, Copy)]
pub(super) struct To<'a> {
    pub(super) tensorboard: Option<&'a Path>,
    pub(super) mlflow: Option<&'a str>,
    pub(super) experiment: &'a str,
}

/// Sends runs, one after the other. Broken ones are left out.
pub(super) fn run(
    runs: &[RunEntry],
    to: To<'_>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (sent, broken): (Vec<&RunEntry>, Vec<&RunEntry>) =
        runs.iter().partition(|run| !matches!(run.status, Status::Broken(_)));
    for run in broken {
        terminal.note(&format!("not sent: {} is broken", names::text_of_path(&run.directory)));
    }
    if let Some(directory) = to.tensorboard {
        for run in &sent {
            let cache = settings.cache_dir.as_deref();
            let place = tensorboard::export(run, directory, cache).map_err(Failure::usage)?;
            say(terminal, run, &names::text_of_path(&place))?;
        }
        let shown = text::shell_path(directory);
        terminal.note(&format!("`tensorboard --logdir {shown}` shows them"));
    }
    if let Some(url) = to.mlflow {
        let server = Server {
            url: url.to_owned(),
            authorization: settings.mlflow.clone(),
            experiment: to.experiment.to_owned(),
        };
        let client = Client::connect(server).map_err(refused)?;
        let mut has_files = true;
        for run in &sent {
            let done = client.send(run).map_err(refused)?;
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
