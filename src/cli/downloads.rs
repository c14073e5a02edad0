//! Shows downloads: a progress bar on a terminal, plain lines elsewhere.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::exit::{Exit, Failure};
use super::settings::Settings;
use super::signals;
use super::terminal::{Terminal, Verbosity};
use crate::base::text;
use crate::fetch::{self, FetchOptions, Kept, Listen, Transfer};
use crate::model::published::PublishedFile;
use crate::spec::DownloadSpec;
use crate::spec::problem::Code;

/// Downloads a published file unless it is cached, and reports the progress.
///
/// # Errors
/// When the download fails, or the settings forbid it.
pub(super) fn bring(
    file: &PublishedFile,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Kept, Failure> {
    let root = settings.cache_root()?;
    let path = fetch::path_of(root, file);
    let failed = |error: fetch::FetchError| Failure::Other {
        exit: Exit::Failed,
        code: Some(if error.is_about_what_is_here() { Code::WeightsFile } else { Code::Download }),
        notes: vec![],
        hints: error.hints(root, file),
        error: error.into(),
    };
    if let Some(kept) = fetch::find_and_record(root, file).map_err(failed)? {
        return Ok(kept);
    }
    check_mirror(settings.mirror.as_deref())?;
    if settings.offline {
        return Err(Failure::Other {
            exit: Exit::Failed,
            code: Some(Code::WeightsUnavailable),
            error: anyhow::anyhow!(
                "`{}` has not been downloaded, and the network is disabled",
                file.name
            ),
            notes: vec!["`--offline` or ALPACA_OFFLINE disables the network".to_owned()],
            hints: vec![fetch::by_hand(&path, &file.url), file.instead().to_owned()],
        });
    }
    let kept =
        shown(settings, terminal, |options, listen| fetch::fetch(root, file, options, listen));
    let kept = kept.map_err(failed)?;
    terminal.note(&format!(
        "{}: {}, SHA-256 {}",
        kept.path.display(),
        text::bytes(kept.n_bytes),
        kept.sha256
    ));
    terminal.note(&match (&file.sha256, file.sha256_start) {
        _ if !kept.is_new => "the digest matches the one recorded before".to_owned(),
        (Some(_), _) => "the digest matches the one in the pipeline".to_owned(),
        (None, Some(start)) => {
            format!("the digest matches the {start}… in its name; it is recorded in full")
        }
        (None, None) if file.md5.is_some() => {
            "the MD5 matches the published one; the SHA-256 is recorded and checked from now on"
                .to_owned()
        }
        (None, None) => {
            "no digest is published for it; this one is recorded and checked from now on".to_owned()
        }
    });
    Ok(kept)
}

/// Downloads the archive of a dataset unless it is cached, and reports the progress. Returns its path.
///
/// # Errors
/// When the download fails, or the settings forbid it.
pub(super) fn bring_archive(
    spec: &DownloadSpec,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<PathBuf, Failure> {
    let root = settings.cache_root()?;
    let path = spec.path_below(root);
    let failed = |error: fetch::FetchError| {
        let hint = match &error {
            fetch::FetchError::NotAsked { path, .. } => {
                format!("remove {} to download it again", path.display())
            }
            fetch::FetchError::Wrong { .. } => {
                "if the file is a new version, write its `sha256` into the pipeline".to_owned()
            }
            _ => fetch::by_hand(&path, &spec.url),
        };
        let (exit, code) = (Exit::Failed, Some(Code::Download));
        Failure::Other { exit, code, notes: vec![], hints: vec![hint], error: error.into() }
    };
    if let Some(path) = fetch::archive::find(root, spec).map_err(failed)? {
        return Ok(path);
    }
    check_mirror(settings.mirror.as_deref())?;
    if settings.offline {
        return Err(Failure::Other {
            exit: Exit::Failed,
            code: Some(Code::Archive),
            error: anyhow::anyhow!(
                "{} has not been downloaded, and the network is disabled",
                spec.url
            ),
            notes: vec!["`--offline` or ALPACA_OFFLINE disables the network".to_owned()],
            hints: vec![fetch::by_hand(&path, &spec.url)],
        });
    }
    let path = shown(settings, terminal, |options, listen| {
        fetch::archive::fetch(root, spec, options, listen)
    });
    let path = path.map_err(failed)?;
    terminal.note(&format!("{}: the digest matches the one in the pipeline", path.display()));
    Ok(path)
}

/// Runs a download, and shows its progress.
fn shown<T>(
    settings: &Settings,
    terminal: &Terminal,
    fetch: impl FnOnce(&FetchOptions, Listen<'_>) -> T,
) -> T {
    let options = FetchOptions { mirror: settings.mirror.clone(), http: settings.http.clone() };
    let _downloading = signals::Downloading::begin();
    let mut display = Display { terminal: *terminal, bar: None, total: None, said: Instant::now() };
    let fetched = fetch(&options, &mut |transfer| display.show(transfer));
    display.end();
    fetched
}

/// Checks that a mirror is a valid address.
fn check_mirror(mirror: Option<&str>) -> Result<(), Failure> {
    let Some(mirror) = mirror else { return Ok(()) };
    let host = ["http://", "https://"].iter().find_map(|scheme| mirror.strip_prefix(scheme));
    let is_sound = host.is_some_and(|rest| {
        let authority = rest.split('/').next().unwrap_or_default();
        let (_, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        let port = if port.contains(['@', ']']) { "80" } else { port };
        !authority.trim_start_matches(':').is_empty()
            && port.parse::<u16>().is_ok()
            && !mirror.contains(['?', '#'])
            && !mirror.contains(char::is_whitespace)
    });
    if is_sound {
        return Ok(());
    }
    Err(Failure::Other {
        exit: Exit::Usage,
        code: None,
        error: anyhow::anyhow!("`{mirror}` is not a valid mirror"),
        notes: vec![],
        hints: vec![
            "give the address of a directory on a server, such as https://HOST/DIR, without `?` \
             and `#`"
                .to_owned(),
        ],
    })
}

/// Time between two lines of progress where there is no bar.
const SILENCE: Duration = Duration::from_secs(10);

/// Shows a download.
struct Display {
    terminal: Terminal,
    bar: Option<ProgressBar>,
    total: Option<u64>,
    /// When the last line was printed.
    said: Instant,
}

impl Display {
    fn show(&mut self, transfer: Transfer) {
        match transfer {
            Transfer::Waits => {
                self.terminal.note("waiting for another process that is downloading");
            }
            Transfer::Begins { url, received, total } => {
                let rest = match received {
                    0 => String::new(),
                    n => format!(" (continuing after {})", text::bytes(n)),
                };
                self.terminal.note(&format!("downloading {url}{rest}"));
                (self.total, self.said) = (total, Instant::now());
                self.begin(received, total);
            }
            Transfer::Received { received } => {
                if let Some(bar) = &self.bar {
                    bar.set_position(received);
                } else if self.said.elapsed() > SILENCE {
                    self.said = Instant::now();
                    let of = self.total.map(|total| format!(" of {}", text::bytes(total)));
                    let of = of.unwrap_or_default();
                    self.terminal.note(&format!("{}{of}", text::bytes(received)));
                }
            }
            Transfer::Again { reason } => {
                self.end();
                self.terminal.note(&format!("{reason}; retrying"));
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
        let style = ProgressStyle::with_template(template).expect("the template is valid");
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
