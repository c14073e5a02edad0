//! Applies a model to shards, one after the other.

use std::io::Write as _;
use std::path::Path;

use super::record::{Counts, Record};
use super::{check, is_url, model, store_of};
use crate::base::digest::Digest;
use crate::base::names;
use crate::base::tally::Tally;
use crate::cache::feature_file::{self, ImageFeatures};
use crate::cli::args::EnsembleArguments;
use crate::cli::command::answers::{Format, Kind, Names, Said};
use crate::cli::command::elsewhere::Here;
use crate::cli::command::members::Runs;
use crate::cli::command::written;
use crate::cli::exit::Failure;
use crate::cluster::work::{ShardFile, ShardFormat, ShardModel, ShardWork, WrittenPipeline};
use crate::exec::ask::evaluate::{self, EvaluationImages, ReadOptions};
use crate::exec::ask::frozen_part::FrozenPart;
use crate::exec::ask::image_files::{self, Answer};
use crate::exec::ask::predict::Predictor;
use crate::exec::error::RunError;
use crate::exec::prepare::overlap::RunImages;
use crate::exec::run::session::Caches;
use crate::metrics::several;
use crate::run_dir::columns::{self, Column, Values};
use crate::run_dir::measured;
use crate::run_dir::table;
use crate::spec::problem::Code;
use crate::spec::{FromWeights, OnBadImage, TargetSpec};

/// A model that is ready.
enum Ready {
    Predicts(Box<Predictor>, Box<Said>),
    Embeds(Box<Predictor>),
    Evaluates(Box<Runs>, RunImages),
    Computes(Box<FrozenPart>),
}

/// Applies a model to shards that have no output yet. `pipeline` is that of the features to compute.
pub(in crate::cli::command) fn perform(
    model: &ShardModel,
    pipeline: Option<&WrittenPipeline>,
    shards: &[ShardFile],
    home: &Path,
    here: Here<'_>,
) -> Result<(), Failure> {
    let open: Vec<&ShardFile> =
        shards.iter().filter(|shard| Record::found(home, model, shard).is_none()).collect();
    if open.is_empty() {
        return Ok(());
    }
    let mut ready = match pipeline {
        Some(pipeline) => frozen(model, pipeline, home, here)?,
        None => ready(model, here)?,
    };
    let counting = here.session.tally.begin("reading", "shards", open.len());
    for shard in open {
        check(here.session)?;
        one(&mut ready, model, shard, home, here).map_err(|failed| about(failed, shard))?;
        here.session.tally.add();
    }
    drop(counting);
    Ok(())
}

/// Applies a model to a shard.
fn one(
    ready: &mut Ready,
    model: &ShardModel,
    shard: &ShardFile,
    home: &Path,
    here: Here<'_>,
) -> Result<(), Failure> {
    let fetched = fetched(shard, here)?;
    let path = fetched.as_ref().map_or(Path::new(&shard.place), |file| file.path());
    let digest = Digest::of_file(path).map_err(Failure::usage)?;
    let (content, counts) = match ready {
        Ready::Predicts(predictor, said) => {
            let (text, counts) = predict(predictor, said, shard, path, here)?;
            (in_format(text, model.format)?, counts)
        }
        Ready::Embeds(predictor) => embed(predictor, model.format, shard, path, here)?,
        Ready::Evaluates(runs, seen) => evaluate(runs, seen, model, path, here)?,
        Ready::Computes(part) => features(part, path, here)?,
    };
    Record::write(home, model, (shard, digest), &content, counts).map_err(Failure::usage)
}

/// A file with the content of a shard that is an object.
fn fetched(shard: &ShardFile, here: Here<'_>) -> Result<Option<tempfile::NamedTempFile>, Failure> {
    if !is_url(&shard.place) {
        return Ok(None);
    }
    let (folder, name) = shard.place.rsplit_once('/').unwrap_or(("", &shard.place));
    let store = store_of(folder, here.settings)?;
    let found = store.get(name).map_err(|error| Failure::usage(anyhow::Error::new(error)))?;
    let bytes = found
        .ok_or_else(|| Failure::usage(anyhow::anyhow!("there is no object `{}`", shard.place)))?;
    let mut file = tempfile::Builder::new().suffix(".tar").tempfile().map_err(Failure::usage)?;
    file.write_all(&bytes).map_err(Failure::usage)?;
    Ok(Some(file))
}

fn ready(model: &ShardModel, here: Here<'_>) -> Result<Ready, Failure> {
    let ShardModel { work, model: path, .. } = model;
    let said = |classes: Vec<String>, target| {
        let kind = match target {
            TargetSpec::Class => Kind::One(1),
            TargetSpec::Classes => Kind::Several(vec![several::THRESHOLD; classes.len()]),
            TargetSpec::Number => Kind::Number,
        };
        Box::new(Said { format: Format::Csv, names: Names::OfRun(classes), kind, thresholds: None })
    };
    if model::is_file(path) {
        let (predictor, classes, target) = Predictor::of_file(path).map_err(|error| {
            let hints = error.hints();
            Failure::usage_with(error, hints)
        })?;
        return Ok(Ready::Predicts(Box::new(predictor), said(classes, target)));
    }
    let none = EnsembleArguments::default();
    let runs = Runs::open(path, &none, FromWeights::Best, &[], here.settings)?;
    Ok(match work {
        ShardWork::Predict => {
            let predictor = Predictor::of_ensemble(&runs.ensemble).map_err(RunError::from)?;
            let classes = runs.ensemble.classes().to_vec();
            Ready::Predicts(Box::new(predictor), said(classes, runs.ensemble.target()))
        }
        ShardWork::Embed => {
            let first = runs.ensemble.first();
            let predictor = Predictor::of_features(&first.spec, &first.trained);
            Ready::Embeds(Box::new(predictor.map_err(RunError::from)?))
        }
        ShardWork::Features => unreachable!("features have a pipeline"),
        ShardWork::Evaluate => {
            let seen = RunImages::of_runs(&runs.directories).map_err(Failure::usage)?;
            Ready::Evaluates(Box::new(runs), seen)
        }
    })
}

/// The frozen part of the pipeline that was submitted, which must be the same here.
fn frozen(
    model: &ShardModel,
    pipeline: &WrittenPipeline,
    home: &Path,
    here: Here<'_>,
) -> Result<Ready, Failure> {
    let part = model::frozen_part(&written::read(pipeline, home)?, here.settings)?;
    if part.keys.features != model.digest {
        return Err(written::other_inputs());
    }
    Ok(Ready::Computes(Box::new(part)))
}

/// Passes the answer for each image of a shard to `tell`. Paths begin with the name of the shard.
/// Returns how many there are.
fn answers(
    predictor: &mut Predictor,
    shard: &ShardFile,
    path: &Path,
    here: Here<'_>,
    mut tell: impl FnMut(&Path, Answer),
) -> Result<Counts, Failure> {
    let cache = here.settings.cache_dir.as_deref();
    let files = image_files::of_archive(path, cache).map_err(Failure::usage)?;
    let mut counts = Counts::default();
    predictor.predict(&files, |file, answer| {
        counts.images += 1;
        counts.bad += usize::from(answer.is_err());
        let below = file.strip_prefix(path).unwrap_or(file);
        tell(&Path::new(&shard.name).join(below), answer);
        Ok::<(), Failure>(())
    })?;
    Ok(counts)
}

/// The predictions for a shard as a table.
fn predict(
    predictor: &mut Predictor,
    said: &Said,
    shard: &ShardFile,
    path: &Path,
    here: Here<'_>,
) -> Result<(Vec<u8>, Counts), Failure> {
    let mut text = said.head();
    let counts = answers(predictor, shard, path, here, |file, answer| {
        text.push_str(&said.about(file, &answer));
    })?;
    Ok((text.into_bytes(), counts))
}

/// A table of predictions in a format.
fn in_format(text: Vec<u8>, format: ShardFormat) -> Result<Vec<u8>, Failure> {
    match format {
        ShardFormat::Csv | ShardFormat::Features => Ok(text),
        ShardFormat::Parquet => {
            let table = columns::of_csv(&text, &["probability/", "estimate"]);
            table.and_then(|table| columns::to_parquet(&table)).map_err(Failure::usage)
        }
    }
}

/// The features of the images of a shard as a table.
fn embed(
    predictor: &mut Predictor,
    format: ShardFormat,
    shard: &ShardFile,
    path: &Path,
    here: Here<'_>,
) -> Result<(Vec<u8>, Counts), Failure> {
    let (mut names, mut vectors, mut errors) = (vec![], vec![], vec![]);
    let counts = answers(predictor, shard, path, here, |file, answer| {
        names.push(Some(names::text_of_path(file)));
        errors.push(answer.as_ref().err().cloned());
        vectors.push(answer.ok().map(|of| of.into_iter().map(|x| x as f32).collect::<Vec<f32>>()));
    })?;
    if format == ShardFormat::Parquet {
        let columns = [
            ("path", Values::Texts(names)),
            ("embedding", Values::Vectors(vectors)),
            ("error", Values::Texts(errors)),
        ];
        let columns = columns.map(|(name, values)| Column { name: name.to_owned(), values });
        return Ok((columns::to_parquet(&columns).map_err(Failure::usage)?, counts));
    }
    let len = vectors.iter().flatten().map(Vec::len).next().unwrap_or_default();
    let mut head = vec!["path".to_owned()];
    head.extend((0..len).map(|at| format!("feature_{at}")));
    head.push("error".to_owned());
    let mut text = table::line(&head);
    for ((name, vector), error) in names.into_iter().zip(vectors).zip(errors) {
        let mut cells = vec![name.unwrap_or_default()];
        match vector {
            Some(vector) => cells.extend(vector.iter().map(f32::to_string)),
            None => cells.extend((0..len).map(|_| String::new())),
        }
        cells.push(error.unwrap_or_default());
        text.push_str(&table::line(&cells));
    }
    Ok((text.into_bytes(), counts))
}

/// The features of the images of a shard that a stage trains on.
fn features(part: &FrozenPart, path: &Path, here: Here<'_>) -> Result<(Vec<u8>, Counts), Failure> {
    let cache = here.settings.cache_dir.as_deref();
    let files = image_files::of_archive(path, cache).map_err(Failure::usage)?;
    let found = part.features(&files).map_err(RunError::from)?;
    let mut readable: Vec<ImageFeatures> = vec![];
    for (file, image) in files.iter().zip(found) {
        match image {
            Ok(image) => readable.push(image),
            Err(reason) => {
                let shown = names::text_of_path(file.path());
                here.terminal.warn(&format!("`{shown}` is left out: {reason}"));
            }
        }
    }
    let counts =
        Counts { images: readable.len(), bad: files.len() - readable.len(), ..Counts::default() };
    Ok((feature_file::encode(part.keys, &readable), counts))
}

/// The predictions for the labeled images of a shard as a table.
fn evaluate(
    runs: &Runs,
    seen: &RunImages,
    model: &ShardModel,
    path: &Path,
    here: Here<'_>,
) -> Result<(Vec<u8>, Counts), Failure> {
    // Errors of an archive are clearer than those of a dataset.
    image_files::of_archive(path, here.settings.cache_dir.as_deref()).map_err(Failure::usage)?;
    let first = runs.ensemble.first();
    let rules = if model.skip_bad { OnBadImage::Skip } else { OnBadImage::Error };
    // They are read once, so no disk is needed.
    let room = Caches::below(None).pixels;
    let quiet = Tally::default();
    let options = ReadOptions { room: &room, tally: &quiet };
    let classes = &first.trained.classes;
    let images = EvaluationImages::in_folder(path, classes, &first.spec, rules, options, seen)?;
    let threads = here.settings.threads;
    let predictions = runs.ensemble.predictions(&images, &room, threads)?;
    let rows = evaluate::rows(&images.dataset, &predictions);
    let counts = Counts {
        images: rows.rows.len(),
        bad: images.skipped().len(),
        trained_on: images.n_trained_on,
    };
    Ok((measured::table_of_predictions(&rows).map_err(Failure::usage)?, counts))
}

/// A failure with the shard that it is about.
fn about(mut failed: Failure, shard: &ShardFile) -> Failure {
    if let Failure::Other { code, notes, hints, .. } = &mut failed {
        if *code == Some(Code::BadImages) {
            hints.push("`--skip-bad` leaves such files out".to_owned());
        }
        notes.push(format!("this is about the shard `{}`", names::visible(&shard.place)));
    }
    failed
}
