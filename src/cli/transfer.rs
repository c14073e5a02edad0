//! Downloads, as people see them: a bar on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::exit::{Exit, Failure};
use super::settings::Settings;
use super::terminal::{Terminal, Verbosity};
use crate::base::text;
use crate::fetch::{self, FetchOptions, Kept, Transfer};
use crate::model::published::PublishedFile;
use crate::spec::problem::Code;

/// Brings a published file here, unless it is here; says what comes.
///
/// # Errors
/// When it cannot be had, or the settings forbid it.
pub(super) fn bring(
    file: &PublishedFile,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Kept, Failure> {
    let Some(root) = &settings.cache_folder else {
        return Err(Failure::usage(anyhow::anyhow!(
            "this system names no folder for what is kept; give one with --cache-dir"
        )));
    };
    let path = fetch::path_of(root, file);
    let failed = |error: fetch::FetchError| Failure::Other {
        exit: Exit::Failed,
        code: Some(Code::Download),
        hints: error.hints(&path, &file.url),
        error: error.into(),
    };
    if let Some(kept) = fetch::find(root, file).map_err(failed)? {
        return Ok(kept);
    }
    if settings.offline {
        return Err(Failure::Other {
            exit: Exit::Failed,
            code: Some(Code::WeightsUnavailable),
            error: anyhow::anyhow!("`{}` is not here, and the network may not be used", file.name),
            hints: vec![fetch::by_hand(&path, &file.url)],
        });
    }
    let options = FetchOptions { mirror: settings.mirror.clone(), http: settings.http.clone() };
    let mut bar = Bar { terminal: *terminal, bar: None };
    let kept = fetch::fetch(root, file, &options, &mut |transfer| bar.show(transfer));
    bar.end();
    let kept = kept.map_err(failed)?;
    terminal.note(&format!(
        "{}: {}, SHA-256 {}",
        kept.path.display(),
        text::bytes(kept.n_bytes),
        kept.sha256
    ));
    terminal.note(&match (&file.sha256, file.sha256_start) {
        (Some(_), _) => "it is the digest that the pipeline asks for".to_owned(),
        (None, Some(start)) => format!("its name promises {start}…, and the rest is recorded"),
        (None, None) => {
            "no digest is published for it; this one is recorded and compared from now on"
                .to_owned()
        }
    });
    Ok(kept)
}

/// Shows a download.
struct Bar {
    terminal: Terminal,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn show(&mut self, transfer: Transfer) {
        match transfer {
            Transfer::Waits => {
                self.terminal.note("another process downloads weights; waiting for it");
            }
            Transfer::Begins { url, received, total } => {
                let rest = match received {
                    0 => String::new(),
                    n => format!(" from {} on", text::bytes(n)),
                };
                self.terminal.note(&format!("downloading {url}{rest}"));
                self.begin(received, total);
            }
            Transfer::Received { received } => {
                if let Some(bar) = &self.bar {
                    bar.set_position(received);
                }
            }
            Transfer::Again { reason } => {
                self.end();
                self.terminal.note(&format!("{reason}; going on"));
            }
        }
    }

    fn begin(&mut self, received: u64, total: Option<u64>) {
        let is_wanted = self.terminal.verbosity() == Verbosity::Normal;
        if !(self.terminal.is_interactive() && is_wanted) {
            return;
        }
        let template = if total.is_some() {
            "{bar:24} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left"
        } else {
            "{spinner} {binary_bytes}  {binary_bytes_per_sec}"
        };
        let style = ProgressStyle::with_template(template).expect("the template is sound");
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(style.progress_chars("━╸ "));
        bar.set_position(received);
        bar.reset_eta();
        self.bar = Some(bar);
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
