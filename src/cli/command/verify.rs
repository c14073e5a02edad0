//! `alpaca-run verify RUN`

use std::fmt::Write as _;

use super::json_text;
use crate::base::tally::Tally;
use crate::cli::args::VerifyArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::run_dir::verify::{self, Verdict};

/// Verifies every file of a run against the digests in its manifest.
pub(in crate::cli) fn run(
    arguments: &VerifyArguments,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let tally = Tally::default();
    let shown = ShownWork::watch(terminal, &tally);
    let verdict = verify::verify(&arguments.run, &tally)?;
    drop(shown);
    let text = if arguments.json { json_text(&verdict) } else { render(&verdict) };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(if verdict.is_intact() { Exit::Done } else { Exit::Failed })
}

fn render(verdict: &Verdict) -> String {
    let Verdict { n_files, changed, missing, extra } = verdict;
    let mut text = String::new();
    for (what, names) in
        [("changed", changed), ("missing", missing), ("not in the manifest", extra)]
    {
        for name in names {
            let _ = writeln!(text, "{what}: {name}");
        }
    }
    if verdict.is_intact() {
        let _ = writeln!(text, "all {n_files} files match the manifest");
    }
    text
}
