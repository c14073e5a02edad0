//! Event files for TensorBoard.
//!
//! A run is a directory with two others in it: `train` and `validation` have the metrics under the same
//! tags, so that both curves are in one chart, and the run itself has its pipeline values (for the hparams
//! page) and the images with the largest errors. Steps are epochs, counted over all stages.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::facts::{self, Epoch, Facts};
use super::images::RunImages;
use super::record::{self, Content, Message};
use crate::base::clock;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::event::{Event, EventSink};
use crate::run_dir::catalog::{RunEntry, Status};
use crate::run_dir::{layout, read};

/// How names of our files end. Others in the directory are left alone.
const END: &str = ".alpaca-run";
/// The most images of errors.
const MOST_IMAGES: usize = 24;
/// The longest side of an image in pixels.
const SIDE: u32 = 320;
/// Directories with the metrics of each part, and how their columns begin.
const PARTS: [(&str, &str); 2] = [("train", "train/"), ("validation", "val/")];

/// The event files of a run, which grow with it.
struct Board {
    /// The directory of the run's event files.
    place: PathBuf,
    /// Of training, of validation, and of the run.
    files: [Option<File>; 3],
    /// In the names of files.
    stamp: u64,
    /// Number of epochs that are written.
    n_written: usize,
}

impl Board {
    /// Removes the event files of an earlier time.
    fn open(place: PathBuf, stamp: u64) -> Result<Self, FileError> {
        let folders = PARTS.iter().map(|(name, _)| place.join(name)).chain([place.clone()]);
        for folder in folders.filter(|folder| folder.is_dir()) {
            for file in fs::read_dir_sorted(&folder)? {
                if file.is_file() && names::text_of_path(&file).ends_with(END) {
                    fs::remove_if_there(&file)?;
                }
            }
        }
        Ok(Self { place, files: [None, None, None], stamp, n_written: 0 })
    }

    /// Appends values to one of the files.
    fn append(
        &mut self,
        part: usize,
        time: f64,
        step: u64,
        values: Vec<Message>,
    ) -> Result<(), FileError> {
        if values.is_empty() {
            return Ok(());
        }
        let folder = PARTS.get(part).map_or(self.place.clone(), |(name, _)| self.place.join(name));
        let path = folder.join(format!("events.out.tfevents.{:010}{END}", self.stamp));
        let failed = |source: io::Error| FileError::new("write", &path, source);
        let file = match &mut self.files[part] {
            Some(file) => file,
            none => {
                fs::create_dir_all(&folder)?;
                let file = none.insert(fs::create(&path)?);
                record::append(file, time, 0, &Content::Version).map_err(failed)?;
                file
            }
        };
        record::append(file, time, step, &Content::Values(values)).map_err(failed)
    }

    /// Writes the epochs that are new.
    fn catch_up(&mut self, epochs: &[Epoch], otherwise: f64) -> Result<(), FileError> {
        for epoch in epochs.iter().skip(self.n_written) {
            let time = epoch.time.map_or(otherwise, |time| time as f64);
            for (part, (_, start)) in PARTS.iter().enumerate() {
                let own = epoch.metrics.iter().filter_map(|(name, value)| {
                    // The learning rate is about training.
                    let rate = (part == 0 && name == "learning_rate").then_some("learning_rate");
                    Some(record::scalar(name.strip_prefix(start).or(rate)?, *value))
                });
                self.append(part, time, epoch.number, own.collect())?;
            }
        }
        self.n_written = self.n_written.max(epochs.len());
        Ok(())
    }

    /// Writes the values of the pipeline, and how the run ended.
    fn hparams(&mut self, run: &RunEntry, facts: &Facts, time: f64) -> Result<(), FileError> {
        let values = facts.values.iter().filter_map(|(name, value)| {
            let value = match value {
                Value::Number(number) => Message::default().double(2, number.as_f64()?),
                Value::Bool(is_set) => Message::default().whole(4, (*is_set).into()),
                Value::String(text) => Message::default().bytes(3, text.as_bytes()),
                Value::Null => return None,
                other => Message::default().bytes(3, other.to_string().as_bytes()),
            };
            Some(Message::default().bytes(1, name.as_bytes()).message(2, &value))
        });
        let start = values.fold(Message::default(), |all, value| all.message(1, &value));
        let start = start.double(5, time - facts.seconds.unwrap_or(0.0));
        let start = Message::default().message(3, &start);
        let status = match run.status {
            Status::Finished(_) => 1,
            Status::Running(_) => 3,
            Status::CutShort | Status::Broken(_) => 2,
        };
        let end = Message::default().whole(1, status).double(2, time);
        let end = Message::default().message(4, &end);
        let values = vec![
            record::hparams("_hparams_/session_start_info", &start),
            record::hparams("_hparams_/session_end_info", &end),
        ];
        self.append(PARTS.len(), time, 0, values)
    }

    /// Writes the misclassified images, the most certain first.
    fn errors(
        &mut self,
        run: &RunEntry,
        step: u64,
        time: f64,
        cache: Option<&Path>,
    ) -> Result<(), FileError> {
        let wrong = wrong(&run.directory);
        if wrong.is_empty() {
            return Ok(());
        }
        let Some(images) = RunImages::of(&run.directory, cache) else { return Ok(()) };
        let found = wrong.iter().filter_map(|wrong| Some((wrong, images.find(&wrong.path, SIDE)?)));
        for (number, (wrong, bytes)) in found.take(MOST_IMAGES).enumerate() {
            let tag = format!(
                "errors/{:02} true {}, predicted {} ({})",
                number + 1,
                wrong.label,
                wrong.predicted,
                wrong.path
            );
            let image = record::image(&tag, size(&bytes), &bytes);
            self.append(PARTS.len(), time, step, vec![image])?;
        }
        Ok(())
    }

    /// Writes what is there once a run has ended.
    fn end(&mut self, run: &RunEntry, time: f64, cache: Option<&Path>) -> Result<(), FileError> {
        let facts = Facts::of(run);
        self.hparams(run, &facts, time)?;
        let step = facts.best.map_or(0, |best| best.epoch as u64);
        self.errors(run, step, time, cache)
    }
}

/// A misclassified image.
struct Wrong {
    path: String,
    label: String,
    predicted: String,
    certainty: f64,
}

/// The misclassified validation images of a run, the most certain first; none where an image has not one
/// class.
fn wrong(directory: &Path) -> Vec<Wrong> {
    let table = read::table(&directory.join(layout::PREDICTIONS)).unwrap_or_default();
    let columns = ["path", "label", "predicted", "correct"].map(|name| table.column(name));
    let [Some(path), Some(label), Some(predicted), Some(correct)] = columns else { return vec![] };
    let mut wrong: Vec<Wrong> = table
        .rows
        .iter()
        .filter(|row| row[correct] == "false")
        .map(|row| {
            let probability = table.column(&format!("probability/{}", row[predicted]));
            let probability = probability.and_then(|column| row[column].parse().ok());
            let [path, label, predicted] = [path, label, predicted].map(|at| row[at].clone());
            Wrong { path, label, predicted, certainty: probability.unwrap_or(0.0) }
        })
        .collect();
    wrong.sort_by(|a, b| b.certainty.total_cmp(&a.certainty).then_with(|| a.path.cmp(&b.path)));
    wrong
}

/// Height and width of a JPEG file that this program wrote: they are in the frame header.
fn size(jpeg: &[u8]) -> [u32; 2] {
    let at = jpeg.windows(2).position(|mark| mark == [0xff, 0xc0] || mark == [0xff, 0xc2]);
    let side = |from: usize| {
        let two = jpeg.get(from..from + 2).and_then(|two| two.try_into().ok());
        u32::from(two.map_or(0, u16::from_be_bytes))
    };
    at.map_or([0; 2], |at| [side(at + 5), side(at + 7)])
}

/// The name of a run in TensorBoard: that of its directory.
fn name(directory: &Path) -> PathBuf {
    directory.file_name().unwrap_or_default().into()
}

/// Writes the event files of a run into the directory `place`. Files that were written for it before are
/// replaced.
///
/// # Errors
/// When a file cannot be written.
pub fn export(run: &RunEntry, place: &Path, cache: Option<&Path>) -> Result<(), FileError> {
    let stamp = clock::seconds(&run.when).unwrap_or(0);
    let mut board = Board::open(place.to_path_buf(), stamp)?;
    board.catch_up(&facts::epochs(&run.directory), stamp as f64)?;
    board.end(run, stamp as f64, cache)
}

/// Writes event files while a run trains. A file that cannot be written does not end the run.
pub struct LiveBoard {
    to: PathBuf,
    cache: Option<PathBuf>,
    board: Option<(Board, PathBuf)>,
    warn: Box<dyn Fn(&str) + Send>,
}

impl LiveBoard {
    /// Event files in `to`. `warn` is told if they cannot be written.
    pub fn new(to: PathBuf, cache: Option<PathBuf>, warn: Box<dyn Fn(&str) + Send>) -> Self {
        Self { to, cache, board: None, warn }
    }

    fn follow(&mut self, event: &Event) -> Result<(), FileError> {
        if let Event::RunStarted { directory, .. } | Event::RunResumed { directory, .. } = event {
            let now = now();
            let place = self.to.join(name(directory));
            self.board = Some((Board::open(place, now as u64)?, directory.clone()));
        }
        let Some((board, directory)) = &mut self.board else { return Ok(()) };
        match event {
            Event::EpochFinished { .. }
            | Event::StageReused { .. }
            | Event::StageFinished { .. }
            | Event::HeadFitted { .. } => board.catch_up(&facts::epochs(directory), now()),
            Event::RunFinished { .. } | Event::RunStopped { .. } => {
                board.catch_up(&facts::epochs(directory), now())?;
                match RunEntry::read(directory)? {
                    Some(run) => board.end(&run, now(), self.cache.as_deref()),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    clock::seconds(&clock::now()).unwrap_or(0) as f64
}

impl EventSink for LiveBoard {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        if let Err(error) = self.follow(event) {
            (self.warn)(&format!("the log for TensorBoard ends here: {error}"));
            self.board = None;
        }
        Ok(())
    }
}
