//! Shows progress while images are read for the first time: a bar on a terminal, lines elsewhere.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::{Terminal, Verbosity};
use crate::base::tally::Tally;
use crate::base::text;

/// How often the tally is read.
const LOOK: Duration = Duration::from_millis(100);
/// Time before anything is shown; most datasets are read by then.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time between two lines.
const LINES: Duration = Duration::from_secs(10);

/// Shows progress until it is dropped.
pub(super) struct Reading {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reading {
    /// Starts a thread that shows progress, since one image can take seconds.
    pub(super) fn watch(terminal: &Terminal, tally: &Tally) -> Self {
        let (end, ended) = mpsc::channel();
        let (mut shown, tally) = (Shown::new(terminal), tally.clone());
        // If the thread cannot start, only the progress display is missing.
        let thread = thread::Builder::new().name("reading".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
                shown.look(tally.read());
            }
            shown.look(None);
        });
        Self { end: Some(end), thread: thread.ok() }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A failure of the progress display does not matter.
            let _ = thread.join();
        }
    }
}

struct Shown {
    terminal: Terminal,
    bar: Option<ProgressBar>,
    /// When reading began, and when the next line is due.
    since: Option<(Instant, Instant)>,
}

impl Shown {
    fn new(terminal: &Terminal) -> Self {
        Self { terminal: *terminal, bar: None, since: None }
    }

    fn look(&mut self, counts: Option<(usize, usize)>) {
        let Some((done, all)) = counts else {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            self.since = None;
            return;
        };
        let now = Instant::now();
        let (start, due) = *self.since.get_or_insert((now, now + PATIENCE));
        if now < due {
            return;
        }
        if self.terminal.is_interactive() && self.terminal.verbosity() == Verbosity::Normal {
            self.bar.get_or_insert_with(|| bar(all)).set_position(done as u64);
        } else {
            let rate = done as f64 / (now - start).as_secs_f64().max(1e-9);
            let left = if done == 0 {
                String::new()
            } else {
                let left = Duration::from_secs_f64((all - done) as f64 / rate);
                format!(", {rate:.0} images/s, {} left", text::duration(left))
            };
            self.terminal.note(&format!(
                "reading images: {} of {}{left}",
                text::thousands(done),
                text::thousands(all)
            ));
            self.since = Some((start, now + LINES));
        }
    }
}

fn bar(all: usize) -> ProgressBar {
    let template = "reading images {bar:24} {pos}/{len}  {per_sec}  {eta} left";
    let style = ProgressStyle::with_template(template)
        .expect("the template is valid")
        .progress_chars("━╸ ");
    let target = ProgressDrawTarget::stderr_with_hz(10);
    ProgressBar::with_draw_target(Some(all as u64), target).with_style(style)
}
