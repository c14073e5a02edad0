//! Shows progress of work that takes a while, such as reading images for the first time: a bar on a
//! terminal, lines elsewhere.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::{Terminal, Verbosity};
use crate::base::tally::{Tally, Work};
use crate::base::text;

/// How often the tally is read.
const LOOK: Duration = Duration::from_millis(100);
/// Time before anything is shown; most work is done by then.
const PATIENCE: Duration = Duration::from_millis(500);
/// The time between two lines.
const LINES: Duration = Duration::from_secs(10);

/// Shows progress until it is dropped.
pub(super) struct ShownWork {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ShownWork {
    /// Starts a thread that shows progress, since one image can take seconds.
    pub(super) fn watch(terminal: &Terminal, tally: &Tally) -> Self {
        let (end, ended) = mpsc::channel();
        let (mut shown, tally) = (Shown::new(terminal), tally.clone());
        // If the thread cannot start, only the progress display is missing.
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
                shown.look(tally.read());
            }
            shown.look(None);
        });
        Self { end: Some(end), thread: thread.ok() }
    }
}

impl Drop for ShownWork {
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
    /// The work that is shown, when it began, and when the next line is due.
    since: Option<(Work, Instant, Instant)>,
}

impl Shown {
    fn new(terminal: &Terminal) -> Self {
        Self { terminal: *terminal, bar: None, since: None }
    }

    fn look(&mut self, counts: Option<(Work, usize)>) {
        let is_other = self.since.zip(counts).is_some_and(|((work, ..), (now, _))| work != now);
        if is_other || counts.is_none() {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            self.since = None;
        }
        let Some((work, done)) = counts else { return };
        let now = Instant::now();
        let (_, start, due) = *self.since.get_or_insert((work, now, now + PATIENCE));
        if now < due {
            return;
        }
        if self.terminal.is_interactive() && self.terminal.verbosity() == Verbosity::Normal {
            self.bar.get_or_insert_with(|| bar(work)).set_position(done as u64);
            return;
        }
        let Work { what, unit, n } = work;
        let rate = done as f64 / (now - start).as_secs_f64().max(1e-9);
        let left = if done == 0 {
            String::new()
        } else {
            let left = Duration::from_secs_f64((n - done) as f64 / rate);
            format!(", {rate:.0} {unit}/s, {} left", text::duration(left))
        };
        let (done, all) = (text::thousands(done), text::thousands(n));
        self.terminal.note(&format!("{what}: {done} of {all} {unit}{left}"));
        self.since = Some((work, start, now + LINES));
    }
}

fn bar(Work { what, unit, n }: Work) -> ProgressBar {
    let template = format!("{what} {{bar:24}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left");
    let style = ProgressStyle::with_template(&template)
        .expect("the template is valid")
        .progress_chars("━╸ ");
    let target = ProgressDrawTarget::stderr_with_hz(10);
    ProgressBar::with_draw_target(Some(n as u64), target).with_style(style)
}
