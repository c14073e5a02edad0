//! Suggestions for command lines that clap rejects.

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

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
            keys::how_to_set(&option)
        }
        ErrorKind::InvalidSubcommand => {
            text(&error, ContextKind::InvalidSubcommand).and_then(|word| pipeline_file(&word))
        }
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// A pipeline file that was meant by a name without its extension.
fn pipeline_file(word: &str) -> Option<String> {
    let names = ["yaml", "yml"].map(|extension| format!("{word}.{extension}"));
    let below = names.iter().map(|name| format!("pipelines/{name}"));
    let all = names.iter().cloned().chain(below);
    let file = all.into_iter().find(|name| Path::new(name).is_file())?;
    Some(format!("did you mean the pipeline `{file}`?"))
}
