//! Runs the programs of schedulers.

use std::io;
use std::path::Path;
use std::process::Command;

use super::error::ClusterError;

/// Runs a program, and returns what it prints.
///
/// # Errors
/// When it cannot be started, or fails; with what it says.
pub(super) fn ask(program: &Path, arguments: &[&str]) -> Result<String, ClusterError> {
    let shown = program.display();
    let output = Command::new(program).args(arguments).output().map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            ClusterError::NotInstalled(shown.to_string())
        } else {
            ClusterError::refused(format!("`{shown}` cannot be started: {error}"))
        }
    })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    if output.status.success() {
        return Ok(out);
    }
    let said = if said.is_empty() { out } else { said };
    Err(ClusterError::refused(format!("`{shown} {}` failed: {said}", arguments.join(" "))))
}
