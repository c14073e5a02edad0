//! SIGINT and SIGTERM, and Ctrl-C where there are none: the first asks the run to stop where it can
//! go on later, the second ends the process at once.

use std::io::{self, Write};

use super::exit::Exit;
use crate::base::cancel::Cancel;

/// Sets `cancel` when somebody asks this process to stop. Shells have their background jobs ignore
/// SIGINT; here it is heard all the same, because it loses nothing.
pub(super) fn listen(cancel: &Cancel) {
    let cancel = cancel.clone();
    let result = ctrlc::set_handler(move || {
        if cancel.set() {
            let text = "stopping after the step in progress; once more to stop at once\n";
            // Where standard error cannot be written there is nobody left to tell.
            let _ = io::stderr().lock().write_all(text.as_bytes());
        } else {
            #[expect(clippy::exit, reason = "every file is complete or absent at any time")]
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    });
    if let Err(error) = result {
        tracing::warn!("signals end the process at once: {error}");
    }
}
