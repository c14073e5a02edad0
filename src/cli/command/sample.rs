//! `alpaca-run init --sample`: writes an example that trains, with images that are drawn on the spot.

use std::path::Path;

use rayon::prelude::*;

use super::{elsewhere, on_threads};
use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::base::{fs, names, text};
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::dataset::sample;

/// The directory of the images in the example.
const IMAGES: &str = "images";

/// The shipped pipelines that the example has.
const PIPELINES: [(&str, &str); 2] = [
    ("best.yaml", include_str!("../../../pipelines/best.yaml")),
    ("finetune.yaml", include_str!("../../../pipelines/finetune.yaml")),
];
const README: &str = include_str!("sample.md");

/// Writes the example into a new directory. With seed 1, its images are those of `data/alpacas`.
pub(super) fn run(
    folder: &Path,
    seed: u64,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let shown = names::text_of_path(folder);
    // A link to nothing is something, too.
    if folder.symlink_metadata().is_ok() {
        let error = anyhow::anyhow!("`{shown}` exists already");
        let hint = "pass the name of a new directory: `--sample NAME`; nothing was written";
        return Err(Failure::usage_with(error, vec![hint.to_owned()]));
    }
    // Complete or absent, also if it is interrupted.
    let partial = folder.with_file_name(format!(".{}.partial", fs::unique()));
    let partial = elsewhere::absolute(settings, &partial);
    let written = write(&partial, seed, settings, terminal)
        .and_then(|n| fs::rename(&partial, folder).map_err(Failure::usage).map(|()| n));
    if written.is_err() {
        // The first error counts.
        let _ = fs::remove_dir_all(&partial);
    }
    let n = text::count(written?, "drawn image");
    let word = text::shell_path(folder);
    let said = format!(
        "{shown}: {n}, two pipelines and a README\n\n\
         next: cd {word}\n      alpaca-run finetune.yaml\n"
    );
    terminal.result(&said).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// Writes all files, and returns the number of images.
fn write(
    folder: &Path,
    seed: u64,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<usize, Failure> {
    let images = sample::images();
    for class in sample::classes() {
        fs::create_dir_all(&folder.join(IMAGES).join(class)).map_err(Failure::usage)?;
    }
    let cancel = Cancel::new();
    signals::listen(&cancel);
    let tally = Tally::default();
    let shown = ShownWork::watch(terminal, &tally);
    let draw = || {
        let _counting = tally.begin("drawing images", "images", images.len());
        images.par_iter().try_for_each(|image| {
            if cancel.is_set() {
                return Err(Failure::usage(anyhow::anyhow!("interrupted; nothing was written"))
                    .with_exit(Exit::Interrupted));
            }
            let jpeg = image.draw(seed);
            tally.add();
            fs::write_atomic(&folder.join(IMAGES).join(&image.path), &jpeg).map_err(Failure::usage)
        })
    };
    on_threads(settings, draw)??;
    drop(shown);
    let pipelines = PIPELINES.map(|(name, shipped)| (name, pipeline(name, shipped)));
    for (name, text) in pipelines.into_iter().chain([("README.md", README.to_owned())]) {
        fs::write_atomic(&folder.join(name), text.as_bytes()).map_err(Failure::usage)?;
    }
    Ok(images.len())
}

/// A shipped pipeline as one of the example: its images are beside it.
fn pipeline(name: &str, shipped: &str) -> String {
    let is_of_repository = |line: &&str| {
        !line.starts_with("# yaml-language-server") && !line.contains("transfer.yaml")
    };
    let lines: Vec<&str> = shipped.lines().filter(is_of_repository).collect();
    // Empty lines of comments that a removed line leaves at an end.
    let mut text = lines.join("\n").replace("#\nversion", "version");
    text = text.strip_prefix("#\n").unwrap_or(&text).to_owned();
    text.replace("../data/alpacas", IMAGES).replace(&format!("pipelines/{name}"), name) + "\n"
}
