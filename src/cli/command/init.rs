//! `alpaca-run init IMAGES`: writes the first pipeline for some images.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::elsewhere::absolute;
use super::{on_threads, sample};
use crate::base::fs;
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::cli::args::InitArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::exec::error::RunError;
use crate::exec::look::survey::{self, Survey};
use crate::pipeline::load::{self, Loaded, PipelineInput};
use crate::pipeline::starter::{self, Images};

/// A hint for those who have no images.
const EXAMPLE: &str = "`alpaca-run init --sample` writes an example with images";

/// Looks at images, and writes a pipeline that fits them.
pub(in crate::cli) fn run(
    arguments: &InitArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if let Some(folder) = &arguments.sample {
        return sample::run(folder, arguments.seed, settings, terminal);
    }
    let Some(images) = &arguments.images else {
        let hints = ["pass their directory: `alpaca-run init photos`", EXAMPLE];
        let hints = hints.map(str::to_owned).to_vec();
        return Err(Failure::usage_with(anyhow::anyhow!("no images are named"), hints));
    };
    let (key, named) = source(images)?;
    let file = arguments.output.clone().unwrap_or_else(|| file_for(&absolute(settings, images)));
    if file.exists() {
        return Err(exists(&file));
    }
    if key == "directory" {
        check_place(&absolute(settings, images), settings)?;
    }
    let folder = absolute(settings, load::folder_of(&file));
    let named = absolute(settings, &named);
    // The directory of the pipeline may not exist yet.
    let path = names::text_of_path(&named);
    let draft = read(&starter::draft(key, &path), &file, settings)?;
    let found = look(&draft, settings, terminal).map_err(|failure| with_hints(failure, key))?;
    let shown = names::text_of_path(&file);
    let images = images_of(key, path, &found);
    let trial = starter::pipeline(&shown, &images);
    let split = try_split(&read(&trial, &file, settings)?, settings, terminal);
    let images = Images { path: path_from(&folder, named), ..images };
    let text = starter::pipeline(&shown, &images);
    read(&text, &file, settings)?;
    fs::create_dir_all(&folder).map_err(Failure::usage)?;
    write_new(&file, &text)?;
    let (what, word) = (images.what(), text::shell_path(&file));
    let next = match split {
        Ok(()) => format!("\n\nnext: alpaca-run {word}"),
        // Its hints are about the images and about the pipeline.
        Err(_) => ", which has to be changed first".to_owned(),
    };
    terminal.result(&format!("{shown}: a pipeline for {what}{next}\n")).map_err(Failure::usage)?;
    split.map(|()| Exit::Done)
}

/// The images as a pipeline in a directory names them.
fn path_from(folder: &Path, images: PathBuf) -> String {
    let path = fs::relative_to(&images, folder).unwrap_or(images);
    let path = names::text_of_path(&path);
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path };
    if path.is_empty() { ".".to_owned() } else { path }
}

/// The key of a dataset that images are named by, and the path or pattern.
fn source(images: &Path) -> Result<(&'static str, PathBuf), Failure> {
    let shown = names::text_of_path(images);
    if !images.exists() {
        let hint = "pass a directory with one subdirectory of images for each class";
        let error = anyhow::anyhow!("`{shown}` does not exist");
        return Err(Failure::usage_with(error, vec![hint.to_owned()]));
    }
    if images.is_dir() {
        let files = fs::read_dir_sorted(images).map_err(Failure::usage)?;
        let is_tar = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "tar");
        let are_shards = !files.is_empty() && files.iter().all(is_tar);
        return Ok(if are_shards {
            ("shards", images.join("*.tar"))
        } else {
            ("directory", images.to_path_buf())
        });
    }
    let ending = images.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    Ok(match ending.as_deref() {
        Some("csv" | "tsv" | "jsonl" | "json" | "parquet") => ("table", images.to_path_buf()),
        Some("yaml" | "yml") => {
            let error = anyhow::anyhow!("`{shown}` is a pipeline, not images");
            let hint = "pass images; `--output` names the pipeline to write";
            return Err(Failure::usage_with(error, vec![hint.to_owned()]));
        }
        _ => ("archive", images.to_path_buf()),
    })
}

/// Checks that runs are not written between the classes: each directory there is a class.
fn check_place(images: &Path, settings: &Settings) -> Result<(), Failure> {
    let [images, here] = [images, &settings.current_dir]
        .map(|path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf()));
    if !here.starts_with(&images) {
        return Ok(());
    }
    let error = anyhow::anyhow!("the images are in the current directory, where runs are written");
    let above = images.parent().zip(images.file_name());
    let hint = above.map(|(above, name)| {
        let above = fs::relative_to(above, &here).unwrap_or_else(|| above.to_path_buf());
        let [above, name] = [text::shell_path(&above), text::shell_path(Path::new(name))];
        format!("start it outside of them: `cd {above} && alpaca-run init {name}`")
    });
    Err(Failure::usage_with(error, hint.into_iter().collect()))
}

/// A failure with hints that can be followed before there is a pipeline.
fn with_hints(failure: Failure, key: &str) -> Failure {
    let of_directory = [
        "pass a directory with one subdirectory of images for each class, a table (CSV, JSON or \
         Parquet), an archive, or a directory of shards",
        EXAMPLE,
    ];
    let of_table = ["name the columns `path` and `label`, or write a pipeline that names yours"];
    let instead: &[&str] = match key {
        "directory" => &of_directory,
        "table" => &of_table,
        _ => return failure,
    };
    match failure {
        Failure::Other { exit, code, error, notes, hints } if !hints.is_empty() => {
            let hints = instead.iter().map(|hint| (*hint).to_owned()).collect();
            Failure::Other { exit, code, error, notes, hints }
        }
        other => other,
    }
}

/// Divides the images as a run of a pipeline would.
fn try_split(loaded: &Loaded, settings: &Settings, terminal: &Terminal) -> Result<(), Failure> {
    let tally = Tally::default();
    let shown = ShownWork::watch(terminal, &tally);
    let cache = settings.cache_dir.as_deref();
    let divided = on_threads(settings, || survey::try_split(&loaded.spec, cache, &tally))?;
    drop(shown);
    divided.map_err(Failure::from)
}

/// Reads a pipeline that is not written yet.
fn read(text: &str, file: &Path, settings: &Settings) -> Result<Loaded, Failure> {
    let input = PipelineInput {
        file: file.to_path_buf(),
        folder: load::folder_of(file).to_path_buf(),
        overrides: vec![],
        current_dir: settings.current_dir.clone(),
    };
    load::from_text(text, &input).map_err(Failure::Rejected)
}

/// Reads all images.
fn look(draft: &Loaded, settings: &Settings, terminal: &Terminal) -> Result<Survey, Failure> {
    let tally = Tally::default();
    let shown = ShownWork::watch(terminal, &tally);
    let cache = settings.cache_dir.as_deref();
    let found = on_threads(settings, || survey::look(&draft.spec, cache, &tally))?;
    drop(shown);
    found.map_err(|error| Failure::from(RunError::from(error)))
}

/// What a pipeline has to know of images.
fn images_of(key: &'static str, path: String, found: &Survey) -> Images {
    let classes = found.classes.iter().map(|class| (class.name.clone(), class.n_images));
    let (conflicts, copies): (Vec<_>, Vec<_>) =
        found.duplicates.iter().partition(|alike| alike.across_classes);
    let n_copies = copies.iter().map(|alike| alike.images.len() - 1).sum();
    let n_conflicts = conflicts.iter().map(|alike| alike.images.len()).sum();
    let bad = found.bad.keys().next().map(|first| (first.clone(), found.bad.len()));
    Images {
        key,
        path,
        n: found.n_images,
        classes: classes.collect(),
        side: found.sizes.as_ref().map(|sizes| sizes.median[0].min(sizes.median[1])),
        split_by: found.split_by.clone(),
        bad,
        n_copies,
        n_conflicts,
    }
}

/// The name of the pipeline for images: theirs, as the name of a run.
fn file_for(images: &Path) -> PathBuf {
    // The name of a directory has no ending.
    let name = if images.is_dir() { images.file_name() } else { images.file_stem() };
    let name = name.unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_matches('-');
    PathBuf::from(format!("{}.yaml", if name.is_empty() { "pipeline" } else { name }))
}

/// Writes a file that does not exist.
fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |source| Failure::usage(fs::FileError::new("write", file, source));
    let mut written = match fs::create_new(file) {
        Ok(written) => written,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(exists(file));
        }
        Err(error) => return Err(failed(error)),
    };
    written.write_all(text.as_bytes()).map_err(failed)
}

fn exists(file: &Path) -> Failure {
    let error = anyhow::anyhow!("`{}` exists already", names::text_of_path(file));
    let hint = "pass another name with `--output`; nothing was written";
    Failure::usage_with(error, vec![hint.to_owned()])
}
