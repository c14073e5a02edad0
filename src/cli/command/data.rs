//! `alpaca-run data PIPELINE`

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::{json_text, load, on_threads};
use crate::base::fs;
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::cli::args::DataArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::exec::error::RunError;
use crate::exec::look::augmented;
use crate::exec::look::survey::{self, Alike, NumberSurvey, SeveralSurvey, Survey};
use crate::report;
use crate::run_dir::suspects::{self, Suspects};
use crate::spec::PipelineSpec;

/// The number of files and groups shown without `--all`.
const MOST: usize = 10;

/// The ratio of the largest class to the smallest from which classes are called uneven.
const UNEVEN: f64 = 2.0;

/// Describes the dataset of a pipeline.
pub(in crate::cli) fn run(
    arguments: &DataArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let spec = load(&arguments.pipeline, settings)?.spec;
    let tally = Tally::default();
    let shown = ShownWork::watch(terminal, &tally);
    let found =
        on_threads(settings, || survey::look(&spec, settings.cache_dir.as_deref(), &tally))?
            .map_err(RunError::from)?;
    drop(shown);
    let title = spec.dataset.source.title();
    let suspects = match &arguments.labels {
        Some(run) => Some(suspects(run, arguments.table.as_deref(), &found)?),
        None => None,
    };
    if let Some(file) = &arguments.html {
        let cache = settings.cache_dir.as_deref();
        let page = survey::page(&title, &found, suspects.as_ref(), &spec, cache);
        fs::write_atomic(file, page.as_bytes()).map_err(Failure::usage)?;
    }
    if let Some(file) = &arguments.augmented {
        write_augmented(file, &spec, settings)?;
    }
    let most = if arguments.all { usize::MAX } else { MOST };
    let text = if arguments.json {
        let mut json = json!(found);
        if let Some(suspects) = &suspects {
            json["labels"] = json!(suspects);
        }
        json_text(&json)
    } else {
        let mut text = render(&title, &found, &spec, most);
        text.extend(
            suspects.iter().map(|suspects| doubtful_labels(suspects, found.n_images, most)),
        );
        text
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// The images whose labels look wrong by the predictions of a run. Writes a table of them.
fn suspects(run: &Path, table: Option<&Path>, found: &Survey) -> Result<Suspects, Failure> {
    let predictions = suspects::predictions(run).map_err(|error| {
        let hint = "`--labels` takes a run directory, or the directory of all folds: \
                    `alpaca-run folds PIPELINE`";
        Failure::usage_with(error, vec![hint.to_owned()])
    })?;
    let Some(suspects) = Suspects::among(&predictions) else {
        let message = "`--labels` is for images of one class each";
        return Err(Failure::usage(anyhow::anyhow!(message)));
    };
    if suspects.n_images > found.n_images {
        let (n, all) = (suspects.n_images, found.n_images);
        let message = format!(
            "{} has predictions for {n} images, and the dataset has {all}",
            names::text_of_path(run)
        );
        let hint = "pass the dataset that the run was trained on: `-S dataset.directory=DIR`";
        return Err(Failure::usage_with(anyhow::anyhow!(message), vec![hint.to_owned()]));
    }
    if let Some(table) = table {
        suspects::write_table(table, &predictions, &suspects).map_err(Failure::usage)?;
    }
    Ok(suspects)
}

/// Images whose labels look wrong, as text.
fn doubtful_labels(suspects: &Suspects, n_images: usize, most: usize) -> String {
    let Suspects { n_images: n_checked, images } = suspects;
    let mut text = format!(
        "\nlabels that look wrong: {} of {}\n",
        images.len(),
        text::count(*n_checked, "predicted image")
    );
    let lines: Vec<String> = images
        .iter()
        .map(|image| {
            format!(
                "{}: {} ({:.3}), rather {} ({:.3})",
                image.path,
                image.label,
                image.probability,
                image.suggested,
                image.suggested_probability
            )
        })
        .collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "{}", text::first_lines(&lines, most));
    }
    if *n_checked < n_images {
        let _ = writeln!(
            text,
            "only images that the model was not trained on are checked; `alpaca-run folds` predicts all"
        );
    }
    text
}

/// Writes images as augmentation changes them.
fn write_augmented(file: &Path, spec: &PipelineSpec, settings: &Settings) -> Result<(), Failure> {
    let Some(sheet) = augmented::sheet(spec, settings.cache_dir.as_deref())? else {
        if !spec.last_augmentation().is_empty() {
            return Err(Failure::usage(anyhow::anyhow!("no image of the dataset can be read")));
        }
        let message = "`--augmented`: no stage of the pipeline has an augmentation";
        let hint = if spec.stages.iter().any(|stage| stage.train().is_some()) {
            "write for example `augmentation: [{ random_flip: horizontal }]`"
        } else {
            "write for example `augmentation: [{ random_flip: horizontal }]` and \
             `augmentation_views: 4` under `fit`"
        };
        return Err(Failure::usage_with(anyhow::anyhow!(message), vec![hint.to_owned()]));
    };
    fs::write_atomic(file, sheet.as_bytes()).map_err(Failure::usage)
}

fn render(title: &str, found: &Survey, spec: &PipelineSpec, most: usize) -> String {
    let bytes =
        if found.bytes > 0 { format!(", {}", text::bytes(found.bytes)) } else { String::new() };
    let unlabeled = match found.n_unlabeled {
        None => String::new(),
        Some(n) => format!("; {} without labels", text::count(n, "image")),
    };
    let mut text = format!(
        "{title}: {} {}{bytes}{unlabeled}\n\n",
        text::count(found.n_images, "image"),
        match found.numbers {
            Some(_) => "with a number each".to_owned(),
            None => format!("of {}", text::count(found.classes.len(), "class")),
        }
    );
    let (heads, rows) = report::survey::classes(found);
    let n_rows = rows.len();
    let table: Vec<Vec<String>> =
        std::iter::once(heads).chain(rows.into_iter().take(most.max(20))).collect();
    text.push_str(&text::align(&table, &[1, 2, 3, 4, 5]));
    if n_rows > most.max(20) {
        let _ = writeln!(text, "… and {} more (--all)", n_rows - most.max(20));
    }
    if let Some(by) = &found.split_by {
        let _ = writeln!(text, "\nsplit by {by}");
    }
    if !found.unused_columns.is_empty() {
        let _ = write!(text, "\n{}", unused(&found.unused_columns));
    }
    for warning in &found.warnings {
        let _ = writeln!(text, "\nwarning: {warning}");
    }
    text.push('\n');
    text.push_str(&balance(found));
    text.push_str(&files(found, spec));
    let bad: Vec<String> = found.bad.iter().map(|(path, why)| format!("{path}: {why}")).collect();
    list(&mut text, "unreadable images", "file", &bad, most);
    list(&mut text, "ignored, not images", "file", &found.ignored, most);
    let differ = match (&found.numbers, &found.several) {
        (Some(_), _) => "with different numbers",
        (None, Some(_)) => "with different labels",
        (None, None) => "in different classes",
    };
    list(&mut text, "identical files", "group", &groups(&found.duplicates, differ), most);
    list(&mut text, "look alike", "pair", &groups(&found.near_duplicates, differ), most);
    if found.near_duplicates.len() == survey::MOST_PAIRS {
        text.push_str("  there may be more: the search stops after this number of pairs\n");
    }
    text
}

/// The columns of a table that are not used, one of which may say which images belong together.
fn unused(columns: &[String]) -> String {
    const GROUPS: [&str; 14] = [
        "group",
        "patient",
        "subject",
        "animal",
        "individual",
        "person",
        "video",
        "clip",
        "sequence",
        "burst",
        "site",
        "location",
        "camera",
        "station",
    ];
    let names = text::all_of(columns.iter().map(String::as_str));
    let mut lines = format!("columns that are not used: {names}\n");
    let of_group = |name: &&String| {
        let name = name.to_lowercase();
        let mut words = name.split(|c: char| !c.is_alphanumeric());
        words.any(|word| GROUPS.contains(&word.strip_suffix("id").unwrap_or(word)))
    };
    if let Some(name) = columns.iter().find(of_group) {
        let _ = writeln!(
            lines,
            "to keep all images of one `{name}` in one set: -S dataset.columns.group={name}"
        );
    }
    lines
}

/// How balanced the classes are, or how numbers are distributed.
fn balance(found: &Survey) -> String {
    if let Some(NumberSurvey { quartiles: [least, first, median, third, most], mean, deviation }) =
        found.numbers
    {
        return format!(
            "numbers: {least} to {most}; quartiles {first}, {median} and {third}; mean {mean:.4}, \
             standard deviation {deviation:.4}\n"
        );
    }
    if let Some(SeveralSurvey { mean, most, n_without }) = found.several {
        return format!(
            "labels: {mean:.2} per image, {most} at most; {} without a label\n",
            text::count(n_without, "image")
        );
    }
    let Some(largest) = found.classes.iter().max_by_key(|class| class.n_images) else {
        return String::new();
    };
    let share = 100.0 * largest.n_images as f64 / found.n_images as f64;
    let sizes = match found.imbalance {
        1.0 => "all classes have the same number of images".to_owned(),
        n if n < 1.05 => "all classes have nearly the same number of images".to_owned(),
        n => format!("the largest class has {n:.1} times as many images as the smallest"),
    };
    let mut text = format!(
        "balance: {sizes}; always predicting `{}` is correct for {share:.1} %\n",
        largest.name
    );
    if found.imbalance >= UNEVEN {
        text.push_str(
            "  for uneven classes, stages have `class_weights: balanced`, `sampling: balanced` and \
             `best_by: val/balanced_accuracy` (docs/uneven-classes.md)\n",
        );
    }
    text
}

fn size([width, height]: [u32; 2]) -> String {
    format!("{width}×{height}")
}

fn files(found: &Survey, spec: &PipelineSpec) -> String {
    let Some(sizes) = &found.sizes else { return String::new() };
    let wanted = spec.dataset.image_size;
    let formats: Vec<String> =
        found.formats.iter().map(|(format, n)| format!("{format} {n}")).collect();
    format!(
        "sizes: {} to {}, median {}; {} smaller than the {}×{} of the pipeline\n\
         formats: {}\n",
        size(sizes.smallest),
        size(sizes.largest),
        size(sizes.median),
        sizes.n_enlarged,
        wanted.width,
        wanted.height,
        formats.join(", ")
    )
}

/// Groups as lines. `differ` is what is said if their labels differ.
fn groups(groups: &[Alike], differ: &'static str) -> Vec<String> {
    let lines = groups.iter().map(|group| {
        let places = group.images.iter().map(|place| format!("{} ({})", place.path, place.part));
        let places: Vec<String> = places.collect();
        let mut notes = vec![];
        if group.across_parts {
            notes.push("in different splits");
        }
        if group.across_classes {
            notes.push(differ);
        }
        let notes =
            if notes.is_empty() { String::new() } else { format!("; {}", notes.join(", ")) };
        format!("{}{notes}", places.join(" and "))
    });
    lines.collect()
}

fn list(text: &mut String, what: &str, noun: &str, lines: &[String], most: usize) {
    if !lines.is_empty() {
        let lines_text = text::first_lines(lines, most);
        let _ = writeln!(text, "\n{what}: {}\n{lines_text}", text::count(lines.len(), noun));
    }
}
