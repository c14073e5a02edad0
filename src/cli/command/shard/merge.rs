//! The outputs of all shards as one.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::record::{self, Record, output};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cli::args::ShardJobArguments;
use crate::cli::command::json_text;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::cluster::work::{ShardFile, ShardFormat, ShardModel, ShardWork};
use crate::exec::ask::evaluate;
use crate::exec::plan::program;
use crate::report::tables;
use crate::run_dir::layout;
use crate::run_dir::measured::{self, Measured, Predictions};
use crate::run_dir::verify;

/// The table of the features of all images.
const FEATURES: &str = "features.csv";

/// Merges the outputs of all shards, in their order, and writes the manifest last.
pub(super) fn write(
    home: &Path,
    model: &ShardModel,
    shards: &[ShardFile],
    job: &ShardJobArguments,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    // Of tasks that were killed.
    fs::remove_partial_files(home).map_err(Failure::usage)?;
    let mut records = vec![];
    for shard in shards {
        records.push(Record::found(home, model, shard).ok_or_else(|| changed(shard))?);
    }
    let merged = match (model.format, model.work) {
        (ShardFormat::Csv, ShardWork::Embed) => Some(FEATURES),
        (ShardFormat::Csv, ShardWork::Predict | ShardWork::Evaluate) => Some(layout::PREDICTIONS),
        _ => None,
    };
    let mut summary = String::new();
    match merged {
        Some(_) if model.work == ShardWork::Evaluate => {
            summary = measure(home, model, shards, &records, job)?;
        }
        Some(name) => join(home, model, shards, name)?,
        None => {}
    }
    let sum = |of: fn(&Record) -> usize| records.iter().map(of).sum::<usize>();
    let (n_images, n_bad) = (sum(|record| record.n_images), sum(|record| record.n_bad));
    let digest = merged.map(|name| Digest::of_file(&home.join(name))).transpose();
    let digest = digest.map_err(Failure::usage)?;
    let of_shards = records.iter().map(|record| {
        let Record { name, shard, output, n_images, n_bad, .. } = record;
        json!({ "name": name, "shard": shard, "output": output, "n_images": n_images, "n_bad": n_bad })
    });
    let manifest = json!({
        "work": model.work,
        "model": names::text_of_path(&model.model),
        "model_digest": model.digest,
        "program": program::identity(),
        "job": record::job(model),
        "n_images": n_images,
        "n_bad": n_bad,
        "merged": merged,
        "merged_digest": digest,
        "shards": of_shards.collect::<Vec<_>>(),
    });
    let path = home.join(layout::MANIFEST);
    fs::write_atomic(&path, json_text(&manifest).as_bytes()).map_err(Failure::usage)?;
    let shown = names::text_of_path(&job.out);
    let n = text::count(n_images, "image");
    let of = text::count(shards.len(), "shard");
    warn_of_others(home, &shown, shards, terminal)?;
    terminal
        .result(&format!(
            "{summary}{n} in {of}: see {}, {} in {shown}\n",
            merged.unwrap_or("shards"),
            layout::MANIFEST
        ))
        .map_err(Failure::usage)?;
    if n_bad == 0 {
        return Ok(Exit::Done);
    }
    let n = text::count(n_bad, "file");
    let hint = if job.skip_bad { "" } else { "; to accept such files, pass `--skip-bad`" };
    terminal.note(&format!("{n} could not be read as images{hint}"));
    Ok(if job.skip_bad { Exit::Done } else { Exit::Failed })
}

/// Warns of results of shards that the pattern does not name.
fn warn_of_others(
    home: &Path,
    shown: &str,
    shards: &[ShardFile],
    terminal: &Terminal,
) -> Result<(), Failure> {
    let n_others = record::n_others(home, shards).map_err(Failure::usage)?;
    if n_others > 0 {
        terminal.warn(&format!(
            "{shown} also has results of {} that the pattern does not name, from an earlier start",
            text::count(n_others, "shard")
        ));
    }
    Ok(())
}

/// One table of all rows, with the heads of the first.
fn join(home: &Path, model: &ShardModel, shards: &[ShardFile], name: &str) -> Result<(), Failure> {
    let path = home.join(name);
    let temporary = fs::with_ending(&path, ".partial");
    fs::write_renamed(&temporary, &path, |file| {
        let mut written = std::io::BufWriter::new(file);
        for (number, shard) in shards.iter().enumerate() {
            let bytes = fs::read(&output(home, model, shard)).map_err(|error| error.source)?;
            let head = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            written.write_all(&bytes[if number == 0 { 0 } else { head }..])?;
        }
        written.flush()
    })
    .map_err(Failure::usage)
}

/// The metrics of all rows, as of one evaluation.
fn measure(
    home: &Path,
    model: &ShardModel,
    shards: &[ShardFile],
    records: &[Record],
    job: &ShardJobArguments,
) -> Result<String, Failure> {
    let mut all: Option<Predictions> = None;
    for shard in shards {
        let more =
            measured::read_predictions(&output(home, model, shard)).map_err(Failure::usage)?;
        match &mut all {
            None => all = Some(more),
            Some(all) => all.rows.extend(more.rows),
        }
    }
    let mut predictions = all.expect("a pattern has at least one file");
    let manifest = verify::read_manifest(&model.model)?;
    // A table of numbers does not name them.
    predictions.classes.clone_from(&manifest.dataset.classes);
    let metrics = evaluate::measure(&predictions)?;
    let measured = Measured {
        stage: manifest.best_stage().map(|stage| stage.name.clone()).unwrap_or_default(),
        weights: "best".to_owned(),
        on: names::text_of_path(&job.shards),
        n_trained_on: records.iter().map(|record| record.n_trained_on).sum(),
        ensemble: vec![],
        test_time_augmentation: None,
        metrics,
    };
    measured::write(home, &measured, &predictions).map_err(Failure::usage)?;
    let rows = tables::figures(&measured.metrics).into_iter().skip(1);
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    Ok(format!("{}\n", text::align(&rows.collect::<Vec<_>>(), &[])))
}

/// A shard that is not the one that was read.
fn changed(shard: &ShardFile) -> Failure {
    let place = names::visible(&shard.place);
    let error = anyhow::anyhow!("the shard `{place}` changed while the shards were read");
    Failure::usage_with(error, vec!["start the same command again".to_owned()])
        .with_exit(Exit::Failed)
}
