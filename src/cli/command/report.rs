//! `alpaca-run report RUN…`

use std::path::Path;

use super::sessions::caches;
use super::{check_directory, on_threads, open_trained};
use crate::base::fs;
use crate::base::names;
use crate::base::tally::Tally;
use crate::cli::args::ReportArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::diff;
use crate::exec::ask::evaluate;
use crate::exec::ask::page_content::{self as gathered, PageFacts, PageImages};
use crate::report::{self, Place, Report};
use crate::run_dir::verify;
use crate::spec::FromWeights;

/// Writes an HTML report about finished runs.
pub(in crate::cli) fn run(
    arguments: &ReportArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    check_directory(&arguments.output)?;
    let reports: Vec<Report> = on_threads(settings, || {
        arguments.runs.iter().map(|run| about(run, arguments, settings, terminal)).collect()
    })
    .and_then(|reports: Result<_, Failure>| reports)?;
    let comparison = match &arguments.runs[..] {
        [_] => String::new(),
        runs => diff::render_section(&diff::diff(runs).map_err(Failure::usage)?),
    };
    let page = report::render_all(&reports, &comparison);
    fs::write_atomic(&arguments.output, page.as_bytes()).map_err(Failure::usage)?;
    terminal.result(&format!("{}\n", arguments.output.display())).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn about(
    run: &Path,
    arguments: &ReportArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Report, Failure> {
    let (loaded, manifest, trained) =
        open_trained(run, FromWeights::Best, &arguments.overrides, settings)?;
    verify::check(run, &manifest, gathered::is_used)?;
    let spec = &loaded.spec;
    let shown = run.display().to_string();
    let (room, tally) = (caches(settings).pixels, Tally::default());
    let _shown = ShownWork::watch(terminal, &tally);
    let options = evaluate::ReadOptions { room: &room, tally: &tally };
    let seen = evaluate::validation(&trained, &manifest, spec, options, settings.threads);
    let seen = seen.and_then(|(images, predictions)| {
        let training = images.training(spec)?;
        Ok((images, training, predictions))
    });
    let place = Some(Place {
        finished: manifest.volatile.finished.clone(),
        dataset: match &spec.dataset.source.directories()[..] {
            [] => "drawn".to_owned(),
            all => {
                let paths: Vec<String> =
                    all.iter().map(|directory| names::text_of_path(&directory.path)).collect();
                paths.join(", ")
            }
        },
        weights: manifest.weights.source.clone(),
    });
    let about = PageFacts { directory: run, shown, manifest: manifest.clone(), spec, place };
    let report = match seen {
        Ok((images, training, predictions)) => {
            let seen = PageImages {
                trained: &trained,
                images: &images,
                training,
                predictions: &predictions,
                n_threads: settings.threads,
            };
            gathered::gather(about, Ok(&seen))?
        }
        Err(error) => {
            let reason = format!("the images of the run cannot be shown: {error}");
            terminal.note(&format!("note: {}: {reason}", run.display()));
            gathered::gather(about, Err(reason))?
        }
    };
    Ok(report)
}
