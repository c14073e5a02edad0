//! SIGINT, SIGTERM and SIGHUP, and Ctrl-C where there are none. In a run the first asks it to stop
//! where it can be resumed, the second ends the process at once; in a download the first does.
//! Signals that were ignored when the process started (`nohup`, jobs in the background) stay so.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::exit::Exit;
use crate::base::cancel::Cancel;

/// What this process does when it is asked to stop.
enum Work {
    /// It runs stages, which this ends.
    Run(Cancel),
    /// It downloads: what came is kept as it is.
    Download,
}

static WORK: Mutex<Option<Work>> = Mutex::new(None);

fn work() -> MutexGuard<'static, Option<Work>> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets `cancel` when somebody asks this process to stop.
pub(super) fn listen(cancel: &Cancel) {
    hear(Work::Run(cancel.clone()));
}

/// Until it is dropped, a wish to stop ends this process and says that nothing is lost.
pub(super) struct Downloading {
    before: Option<Work>,
}

impl Downloading {
    pub(super) fn begin() -> Self {
        Self { before: hear(Work::Download) }
    }
}

impl Drop for Downloading {
    fn drop(&mut self) {
        *work() = self.before.take();
    }
}

/// Gives what was heard for before.
fn hear(what: Work) -> Option<Work> {
    static HANDLER: Once = Once::new();
    let before = work().replace(what);
    HANDLER.call_once(|| {
        if let Err(error) = system::on_signal(stop) {
            tracing::warn!("signals end the process at once: {error}");
        }
    });
    before
}

/// Has a file that is larger than allowed be an error of the write, which names the file, instead of
/// a signal that ends the process without a word.
pub(super) fn prepare() {
    if let Err(error) = system::survive_large_files() {
        tracing::warn!("a limit on file sizes ends the process: {error}");
    }
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::sync::Arc;
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::flag;
    use signal_hook::iterator::Signals;

    use crate::base::fs;

    pub(super) fn on_signal(action: fn()) -> io::Result<()> {
        let ignored = ignored_at_start();
        let heard: Vec<i32> = [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|signal| ignored & (1 << (signal - 1)) == 0)
            .collect();
        let mut signals = Signals::new(heard)?;
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || signals.forever().for_each(|_| action()))?;
        Ok(())
    }

    pub(super) fn survive_large_files() -> io::Result<()> {
        // A handler that does nothing of note: with one, the write fails and says why.
        flag::register(SIGXFSZ, Arc::default()).map(|_| ())
    }

    /// The signals that are ignored, a bit each, from the lowest; none where the system has no such
    /// file, which systems other than Linux do not.
    fn ignored_at_start() -> u64 {
        let status = fs::read_text("/proc/self/status".as_ref()).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) fn on_signal(action: fn()) -> Result<(), ctrlc::Error> {
        ctrlc::set_handler(action)
    }

    pub(super) fn survive_large_files() -> std::io::Result<()> {
        Ok(())
    }
}

fn stop() {
    let (text, ends) = match &*work() {
        Some(Work::Run(cancel)) if cancel.set() => {
            ("stopping after the step in progress; once more to stop at once\n", false)
        }
        Some(Work::Download) => {
            ("interrupted; what came is kept, and the next download goes on from there\n", true)
        }
        _ => ("", true),
    };
    // Where standard error cannot be written there is nobody left to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
    if ends {
        #[expect(clippy::exit, reason = "every file is complete or absent at any time")]
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}
