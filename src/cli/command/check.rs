//! `alpaca-run check PIPELINE`

use super::arms::Arms;
use super::sessions::computed;
use super::{Fetching, prepare};
use crate::base::names;
use crate::base::text;
use crate::cli::args::CheckArguments;
use crate::cli::diagnostics;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::prepare::Prepared;
use crate::spec::{DatasetSource, TargetSpec};

/// Reports all problems in a pipeline, its dataset directory and its weights.
pub(in crate::cli) fn run(
    arguments: &CheckArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let rejected = match check(arguments, settings, terminal) {
        Ok(verdict) if !arguments.json => {
            terminal.result(&verdict).map_err(Failure::usage)?;
            return Ok(Exit::Done);
        }
        Ok(_) => None,
        Err(Failure::Rejected(rejected)) => Some(rejected),
        Err(failure) => return Err(failure),
    };
    if arguments.json {
        terminal.result(&diagnostics::render_json(rejected.as_ref())).map_err(Failure::usage)?;
    } else if let Some(rejected) = &rejected {
        terminal.styled(&diagnostics::render(rejected, terminal.color()));
    }
    Ok(if rejected.is_some() { Exit::Failed } else { Exit::Done })
}

/// The line for a pipeline without problems.
fn check(
    arguments: &CheckArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<String, Failure> {
    let (loaded, prepared) = prepare(&arguments.pipeline, settings, Fetching::Never)?;
    computed(&loaded)?;
    let arms = Arms::of(&loaded);
    if let Some(arms) = &arms {
        arms.check(&loaded, settings, Fetching::Never)?;
    }
    for warning in &prepared.listing.warnings {
        terminal.warn(warning);
    }
    let noun = match loaded.spec.dataset.source {
        DatasetSource::Generator { .. } => "drawn image",
        _ => "image",
    };
    let Prepared { listing, .. } = &prepared;
    let learned = match loaded.spec.dataset.target {
        TargetSpec::Class => text::count(listing.classes.len(), "class"),
        TargetSpec::Classes => {
            format!("several of {}", text::count(listing.classes.len(), "class"))
        }
        TargetSpec::Number => format!("the number `{}`", listing.classes.join(", ")),
    };
    let unlabeled = match prepared.n_unlabeled() {
        0 => String::new(),
        n => format!(", {} without labels", text::count(n, "image")),
    };
    let arms = arms.map(|arms| format!(", {}", text::count(arms.sweep.n_arms(), "arm")));
    Ok(format!(
        "{}: no problems found ({}, {}, {}{unlabeled}{})\n",
        names::text_of_path(&arguments.pipeline.pipeline),
        text::count(loaded.spec.stages.len(), "stage"),
        learned,
        text::count(prepared.n_images(), noun),
        arms.unwrap_or_default(),
    ))
}
