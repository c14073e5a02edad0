//! SIGINT and SIGTERM, and Ctrl-C where there are none. In a run the first asks it to stop where it
//! can go on later, the second ends the process at once; in a download the first does.

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

/// Sets `cancel` when somebody asks this process to stop. Shells have their background jobs ignore
/// SIGINT; here it is heard all the same, because it loses nothing.
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
        if let Err(error) = ctrlc::set_handler(stop) {
            tracing::warn!("signals end the process at once: {error}");
        }
    });
    before
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
