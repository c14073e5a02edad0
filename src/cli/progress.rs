//! Shows the progress of a run: a bar per epoch on a terminal, plain lines elsewhere.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::{Terminal, Verbosity};
use crate::base::fs::FileError;
use crate::base::ingredient::{self, Ingredient};
use crate::base::names;
use crate::base::text;
use crate::event::{
    DatasetFacts, EpochMetrics, Evaluated, Event, EventSink, FitFacts, HeadFacts, OutOfFold,
    PixelsFacts, Score, StageFacts, TaskFacts, TemperatureFacts,
};

/// Shows the events of a run.
pub(super) struct Progress {
    terminal: Terminal,
    stage: Option<StageFacts>,
    epoch: Option<Epoch>,
}

/// The epoch that is running.
struct Epoch {
    bar: Option<ProgressBar>,
    start: Instant,
}

impl Progress {
    /// Shows progress in the way that the terminal supports.
    pub(super) fn new(terminal: &Terminal) -> Self {
        Self { terminal: *terminal, stage: None, epoch: None }
    }

    /// Removes the bar.
    pub(super) fn end(&mut self) {
        if let Some(Epoch { bar: Some(bar), .. }) = self.epoch.take() {
            bar.finish_and_clear();
        }
    }

    fn begin_epoch(&mut self, number: usize) {
        let Some(stage) = &self.stage else { return };
        let has_bar =
            self.terminal.is_interactive() && self.terminal.verbosity() == Verbosity::Normal;
        let bar = has_bar.then(|| {
            let style =
                ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} images  {wide_msg}")
                    .expect("the template is valid")
                    .progress_chars("━╸ ");
            let bar = ProgressBar::with_draw_target(
                Some(stage.n_images as u64),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            bar.with_style(style).with_prefix(format!(
                "{}  {}",
                stage.stage,
                epoch(stage, number, 0)
            ))
        });
        self.epoch = Some(Epoch { bar, start: Instant::now() });
    }

    fn step(&self, n_images: usize, loss: f64, score: Score) {
        let (Some(stage), Some(epoch)) = (&self.stage, &self.epoch) else { return };
        let Some(bar) = &epoch.bar else { return };
        let rate = n_images as f64 / epoch.start.elapsed().as_secs_f64().max(1e-9);
        let left = Duration::from_secs_f64((stage.n_images - n_images) as f64 / rate.max(1e-9));
        bar.set_position(n_images as u64);
        bar.set_message(format!(
            "{rate:.0} images/s  {} left  loss {loss:.4}  {} {:.4}",
            text::duration(left),
            score.words(),
            score.value()
        ));
    }

    fn end_stage(
        &mut self,
        stage: &str,
        best: &EpochMetrics,
        soup: Option<&[Ingredient]>,
        patience: Option<usize>,
    ) {
        self.end();
        if let Some(patience) = patience {
            let n = text::count(patience, "epoch");
            self.terminal.note(&format!("{stage}  stopped early: no improvement for {n}"));
        }
        if let Some(epochs) = soup {
            let what = ingredient::words(epochs);
            let line = match epochs {
                [_] => format!("{stage}  {what} alone is better than averages with others"),
                _ => format!("{stage}  {what}  validation: {}", evaluated(&best.validation)),
            };
            self.terminal.note(&line);
        }
    }

    fn end_epoch(&mut self, metrics: &EpochMetrics, is_best: bool, duration: Duration) {
        if let Some(bar) = self.epoch.take().and_then(|epoch| epoch.bar) {
            bar.finish_and_clear();
        }
        let Some(stage) = &self.stage else { return };
        let EpochMetrics { epoch: number, train, validation, .. } = metrics;
        let last = stage.n_epochs_before + stage.n_epochs;
        let counted = epoch(stage, *number, last.to_string().len());
        let rate = stage.n_images as f64 / duration.as_secs_f64();
        let best = if is_best { "  best so far" } else { "" };
        self.terminal.note(&format!(
            "{}  {counted}  training: {}  validation: {}  {rate:.0} images/s{best}",
            stage.stage,
            evaluated(train),
            evaluated(validation),
        ));
        if *number < last {
            self.begin_epoch(number + 1);
        }
    }
}

impl EventSink for Progress {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        match event {
            Event::RunStarted { directory, .. } => {
                self.terminal.note(&format!("run directory: {}", names::text_of_path(directory)));
            }
            Event::RunResumed { directory, stages, .. } => {
                let done = match stages.as_slice() {
                    [] => String::new(),
                    stages => format!(" ({} already finished)", stages.join(", ")),
                };
                self.terminal.note(&format!("resuming {}{done}", names::text_of_path(directory)));
            }
            Event::StageResumed { facts, epoch, n_steps } => {
                let steps = match n_steps {
                    0 => String::new(),
                    n => format!(" after {}", text::count(*n, "step")),
                };
                self.terminal.note(&format!("{}; from epoch {epoch}{steps}", stage_line(facts)));
                self.stage = Some(facts.clone());
                self.begin_epoch(*epoch);
            }
            Event::DatasetReady(facts) => self.terminal.note(&dataset_line(facts)),
            // Drawn images need not be cached, and unchanged images are not read.
            Event::PixelsReady(facts) => {
                if let Some(line) = pixels_line(facts) {
                    self.terminal.note(&line);
                }
            }
            Event::StageStarted(facts) => {
                self.terminal.note(&stage_line(facts));
                self.stage = Some(facts.clone());
                self.begin_epoch(facts.n_epochs_before + 1);
            }
            Event::StageReused { facts, best } => {
                self.terminal.note(&reused_line(facts, best));
            }
            Event::HeadFitted { stage, fit } => self.terminal.note(&fit_line(stage, fit)),
            Event::StepFinished { n_images, loss, score, .. } => {
                self.step(*n_images, *loss, *score);
            }
            Event::EpochFinished { metrics, is_best, times, .. } => {
                self.end_epoch(metrics, *is_best, times.total);
            }
            Event::StageFinished { stage, best, soup, patience } => {
                self.end_stage(stage, best, soup.as_deref(), *patience);
            }
            Event::TaskFinished(TaskFacts { task, result }) => {
                self.terminal.note(&format!("{task}: {result}"));
            }
            // The command reports the end of a run.
            Event::RunFinished { .. } | Event::RunStopped { .. } => {}
            Event::Warning { message } => {
                self.terminal.error_text(&format!("warning: {message}\n"));
            }
        }
        Ok(())
    }
}

/// Loss and score.
fn evaluated(Evaluated { loss, score }: &Evaluated) -> String {
    format!("loss {loss:.4}, {} {:.4}", score.words(), score.value())
}

/// The most classes that are named in a line.
const MOST_CLASSES: usize = 10;

/// The sizes of the dataset as a line.
pub(super) fn dataset_line(facts: &DatasetFacts) -> String {
    let n_classes = facts.classes.len();
    // A longer line would not be read to its end.
    let n_shown = if n_classes > MOST_CLASSES { MOST_CLASSES - 1 } else { n_classes };
    let mut classes: Vec<String> =
        facts.classes[..n_shown].iter().map(|(name, n)| format!("{name} {n}")).collect();
    if n_shown < n_classes {
        classes.push(format!("and {} more", text::count(n_classes - n_shown, "class")));
    }
    if let Some(n) = facts.n_without_label {
        classes.push(format!("without a label {n}"));
    }
    if let (Some([least, mean, most]), [(name, _)]) = (facts.numbers, &facts.classes[..]) {
        classes = vec![format!("{name} from {least} to {most}, mean {mean:.4}")];
    }
    let test =
        if facts.n_test > 0 { format!(", {} for testing", facts.n_test) } else { String::new() };
    let unlabeled = match facts.n_unlabeled {
        0 => String::new(),
        n => format!("; {} without labels", text::thousands(n)),
    };
    let by = facts.split_by.as_ref().map(|by| format!(" (split by {by})")).unwrap_or_default();
    format!(
        "dataset: {} ({}); {} for training, {} for validation{test}{by}{unlabeled}",
        text::count(facts.n_train + facts.n_validation + facts.n_test, "image"),
        classes.join(", "),
        facts.n_train,
        facts.n_validation,
    )
}

/// The space that its decoded images take as a line, if any was read.
pub(super) fn pixels_line(facts: &PixelsFacts) -> Option<String> {
    if facts.n_in_memory + facts.n_on_disk == 0 {
        return None;
    }
    let PixelsFacts { bytes_each, n_in_memory, n_on_disk, directory } = facts;
    let size = |n: usize| text::bytes(n as u64 * bytes_each);
    let disk = directory.as_ref().map(|directory| {
        let place = names::text_of_path(directory);
        format!(", {} on disk ({} in {place})", n_on_disk, size(*n_on_disk))
    });
    Some(format!(
        "pixels: {n_in_memory} cached in memory ({}){}",
        size(*n_in_memory),
        disk.unwrap_or_default()
    ))
}

/// The number of an epoch, and its number in the stage if that differs. Numbers have at least `width`
/// characters.
fn epoch(stage: &StageFacts, number: usize, width: usize) -> String {
    let StageFacts { n_epochs, n_epochs_before: before, .. } = stage;
    let all = format!("epoch {number:>width$} of {}", before + n_epochs);
    match before {
        0 => all,
        _ => format!("{all} ({} of {n_epochs} in this stage)", number - before),
    }
}

fn reused_line(facts: &StageFacts, best: &EpochMetrics) -> String {
    format!(
        "stage {}: reused from the cache ({}, best: epoch {} with validation {} {:.4})",
        facts.stage,
        text::count(facts.n_epochs, "epoch"),
        best.epoch,
        best.validation.score.words(),
        best.validation.score.value(),
    )
}

/// How a head or its temperature was fitted, as a line.
fn fit_line(stage: &str, fit: &FitFacts) -> String {
    let HeadFacts { method, l2, compared, out_of_fold } = match fit {
        FitFacts::Head(head) => head,
        FitFacts::Temperature(fit) => {
            let TemperatureFacts { temperature, n_images, log_loss, calibration_error, .. } = fit;
            return format!(
                "{stage}  temperature {temperature:.4}, fitted to {}: log loss {:.4} instead of \
                 {:.4}, calibration error {:.4} instead of {:.4}",
                text::count(*n_images, "validation image"),
                log_loss.after,
                log_loss.before,
                calibration_error.after,
                calibration_error.before,
            );
        }
    };
    let mut line = match l2 {
        Some(l2) => format!("{stage}  {method} regression with l2 {l2}"),
        None => format!("{stage}  {method}"),
    };
    if !compared.is_empty() {
        let _ = write!(line, ", the best of {}", compared.len());
    }
    if let Some(OutOfFold { n_images, metrics: Evaluated { score, loss } }) = out_of_fold {
        let (what, value) = (score.words(), score.value());
        let _ = write!(
            line,
            "; out-of-fold {what} {value:.4}, loss {loss:.4} on {}",
            text::count(*n_images, "training image")
        );
    }
    line
}

fn stage_line(facts: &StageFacts) -> String {
    let from = facts.from.as_ref().map(|from| format!(" (continues {from})")).unwrap_or_default();
    format!(
        "stage {}{from}: training {} of {} (layer `{}` onwards); validation {} before training {:.4}",
        facts.stage,
        text::thousands(facts.n_trainable),
        text::count(facts.n_weights, "weight"),
        facts.first_trainable,
        facts.before.score.words(),
        facts.before.score.value(),
    )
}
