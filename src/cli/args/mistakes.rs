//! Suggestions for command lines that clap rejects.

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use crate::base::text::nearest;
use crate::pipeline::keys;

/// Replaces clap's suggestions where this program knows better, and its usage, which contains the
/// options that were given in the environment.
pub(super) fn explained(mut error: Error, mut command: Command, name: Option<&str>) -> Error {
    command.build();
    let of_command = name.and_then(|name| command.find_subcommand_mut(name));
    if let (Some(of_command), true) = (of_command, error.get(ContextKind::Usage).is_some()) {
        let usage = ContextValue::StyledStr(of_command.render_usage());
        error.insert(ContextKind::Usage, usage);
    }
    let tip = match error.kind() {
        ErrorKind::UnknownArgument => {
            let option = text(&error, ContextKind::InvalidArg).unwrap_or_default();
            // An option must not be taken for a value: "to pass '--x' as a value, use '-- --x'".
            let is_useful = text(&error, ContextKind::SuggestedArg).is_some();
            if !is_useful {
                error.remove(ContextKind::Suggested);
            }
            let is_option = option.starts_with('-');
            if is_option { keys::how_to_set(&option) } else { extra_word(&option, name) }
        }
        ErrorKind::InvalidValue => {
            suggest_value(&mut error);
            None
        }
        ErrorKind::InvalidSubcommand => text(&error, ContextKind::InvalidSubcommand)
            .and_then(|word| other_command(&word, name).or_else(|| pipeline_file(&word))),
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

/// Suggests the value that is nearest by the rule for values in pipelines.
fn suggest_value(error: &mut Error) {
    let value = text(error, ContextKind::InvalidValue);
    let (Some(value), Some(ContextValue::Strings(names))) =
        (value, error.get(ContextKind::ValidValue))
    else {
        return;
    };
    let nearest = nearest(&value, names.iter().map(String::as_str), 1).first().copied();
    match nearest.map(|name| ContextValue::String(name.to_owned())) {
        Some(nearest) => drop(error.insert(ContextKind::SuggestedValue, nearest)),
        None => drop(error.remove(ContextKind::SuggestedValue)),
    }
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// How to pass a word that a command has no place for.
fn extra_word(word: &str, command: Option<&str>) -> Option<String> {
    let is_value = word.split_once('=').is_some_and(|(key, _)| {
        key.split('.')
            .all(|step| !step.is_empty() && step.chars().all(|c| c.is_alphanumeric() || c == '_'))
    });
    match command? {
        _ if is_value => Some(format!("to override a value of the pipeline, write `-S {word}`")),
        "run" | "plan" | "check" | "data" | "watch" if Path::new(word).is_dir() => {
            Some(format!("to use the images in `{word}`, write `-S dataset.directory={word}`"))
        }
        "evaluate" => {
            Some("name the run first; to evaluate other images, add `--data DIR`".to_owned())
        }
        "shard" => Some(format!(
            "for several shards, write the pattern in quotes, so that the shell does not turn it into \
             `{word}`: `--shards 't-*.tar'`"
        )),
        "export" => Some(format!("to name the file, write `-o {word}`; it is an ONNX file")),
        _ => None,
    }
}

/// The command that has another name in other programs.
fn other_command(word: &str, command: Option<&str>) -> Option<String> {
    if command == Some("runs") {
        return match word {
            "list" | "ls" => Some("`alpaca-run runs` lists the runs".to_owned()),
            run => Some(format!("to show one run, write `alpaca-run runs show {run}`")),
        };
    }
    let other = match word {
        "train" | "fit" => "run PIPELINE",
        "compare" => "diff RUN RUN",
        "list" | "ls" => "runs",
        "test" | "eval" | "val" | "validate" => "evaluate RUN",
        "infer" | "classify" => "predict RUN IMAGE…",
        "convert" => "export RUN",
        "download" => "fetch PIPELINE",
        _ => return None,
    };
    Some(format!("did you mean `alpaca-run {other}`?"))
}

/// A pipeline file that was meant by a name without its extension.
fn pipeline_file(word: &str) -> Option<String> {
    let names = ["yaml", "yml"].map(|extension| format!("{word}.{extension}"));
    let below = names.iter().map(|name| format!("pipelines/{name}"));
    let all = names.iter().cloned().chain(below);
    let file = all.into_iter().find(|name| Path::new(name).is_file())?;
    Some(format!("did you mean the pipeline `{file}`?"))
}
