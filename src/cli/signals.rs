//! Handles SIGINT, SIGTERM and SIGHUP, and Ctrl-C on systems without them.
//!
//! In a run, the first signal requests a stop from which it can be resumed, and the second ends the
//! process at once. In a download, the first signal ends the process. Signals that were ignored
//! when the process started (`nohup`, background jobs) stay ignored.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use super::exit::Exit;
use crate::base::cancel::Cancel;

/// The work that a signal interrupts.
enum Work {
    /// Running stages, which the token cancels.
    Run(Cancel),
    /// Downloading. The partial file stays.
    Download,
    /// Answering requests, which the token ends.
    Serve(Cancel),
}

static WORK: Mutex<Option<Work>> = Mutex::new(None);

fn work() -> MutexGuard<'static, Option<Work>> {
    WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets `cancel` when a signal requests a stop.
pub(super) fn listen(cancel: &Cancel) {
    hear(Work::Run(cancel.clone()));
}

/// Sets `cancel` when a signal asks a server to stop.
pub(super) fn listen_as_server(cancel: &Cancel) {
    hear(Work::Serve(cancel.clone()));
}

/// Until this is dropped, a signal ends the process and reports that the download can continue.
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

/// Returns the work that was registered before.
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

/// Turns a file that exceeds the size limit into a write error that names the file. By default, a
/// signal would end the process without a message.
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

    pub(super) fn on_signal(action: fn(bool)) -> io::Result<()> {
        let ignored = ignored_at_start();
        let heard: Vec<i32> = [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|signal| ignored & (1 << (signal - 1)) == 0)
            .collect();
        let mut signals = Signals::new(heard)?;
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || signals.forever().for_each(|signal| action(signal == SIGINT)))?;
        Ok(())
    }

    pub(super) fn survive_large_files() -> io::Result<()> {
        // The handler does nothing. With one installed, the write fails with an error instead.
        flag::register(SIGXFSZ, Arc::default()).map(|_| ())
    }

    /// The ignored signals, one bit each, starting at the lowest. Only Linux has the file; on other
    /// systems no signal counts as ignored.
    fn ignored_at_start() -> u64 {
        let status = fs::read_text("/proc/self/status".as_ref()).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }
}

#[cfg(not(unix))]
mod system {
    pub(super) fn on_signal(action: fn(bool)) -> Result<(), ctrlc::Error> {
        ctrlc::set_handler(move || action(true))
    }

    pub(super) fn survive_large_files() -> std::io::Result<()> {
        Ok(())
    }
}

/// Does what a signal asks for: that of a key, or another one.
fn stop(is_key: bool) {
    let (text, ends) = match &*work() {
        Some(Work::Run(cancel)) if is_key && cancel.set() => {
            ("stopping after the current step; press Ctrl-C again to stop immediately\n", false)
        }
        Some(Work::Run(cancel)) if cancel.set() => {
            ("stopping after the current step; a second signal stops immediately\n", false)
        }
        Some(Work::Serve(cancel)) if cancel.set() => ("", false),
        Some(Work::Download) => ("interrupted; the next download continues from here\n", true),
        _ => ("", true),
    };
    // If standard error cannot be written, nobody can be told.
    let _ = io::stderr().lock().write_all(text.as_bytes());
    if ends {
        #[expect(clippy::exit, reason = "every file is complete or absent at any time")]
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}
