//! `alpaca-run manual` and `alpaca-run completions`: what is made of the definitions of the commands.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use crate::base::fs;
use crate::cli::args::{Arguments, CompletionsArguments, ManualArguments};
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;

/// The name of the program.
const NAME: &str = "alpaca-run";

/// Prints the manual, or writes its pages.
pub(in crate::cli) fn run(
    arguments: &ManualArguments,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    // It has no page, and pages refer to each other.
    let mut program = program().disable_help_subcommand(true);
    program.build();
    let Some(folder) = &arguments.pages else {
        let mut text = HEAD.to_owned();
        section(&mut text, &program, NAME, 2);
        terminal.result(&format!("{}\n", text.trim_end())).map_err(Failure::usage)?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(folder).map_err(Failure::usage)?;
    for (name, command) in all(&program, NAME) {
        let title = name.replace(' ', "-");
        let page = page(command, &name, &title).map_err(Failure::usage)?;
        fs::write_atomic(&folder.join(format!("{title}.1")), &page).map_err(Failure::usage)?;
    }
    Ok(Exit::Done)
}

/// The page of a command for `man`.
fn page(command: &Command, name: &str, title: &str) -> std::io::Result<Vec<u8>> {
    let (usage, examples) = (usage(command), examples(command));
    let has_below = command.has_subcommands();
    let version = env!("CARGO_PKG_VERSION");
    let command = command.clone().display_name(title).bin_name(name).after_help("");
    let man = clap_mangen::Man::new(command).title(title).source(format!("{NAME} {version}"));
    let mut page = vec![];
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    // The library leaves out the values of options.
    page.extend(lines_of("SYNOPSIS", &usage).bytes());
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_below {
        man.render_subcommands_section(&mut page)?;
    }
    page.extend(lines_of("EXAMPLES", &examples).bytes());
    Ok(page)
}

/// A section of lines as they are.
fn lines_of(heading: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let escaped = |line: &String| format!("\\&{}\n", line.replace('\\', "\\e").replace('-', "\\-"));
    let lines: String = lines.iter().map(escaped).collect();
    format!(".SH {heading}\n.nf\n{lines}.fi\n")
}

/// The forms of a command.
fn usage(command: &Command) -> Vec<String> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").lines().map(|line| line.trim().to_owned());
    usage.filter(|line| !line.is_empty()).collect()
}

/// The examples in the help of a command.
fn examples(command: &Command) -> Vec<String> {
    let Some(more) = command.get_after_help() else { return vec![] };
    let more = more.to_string();
    let (first, lines) = more.split_once('\n').unwrap_or((&more, ""));
    if !first.starts_with("Example") {
        return vec![];
    }
    let lines = lines.lines().map(|line| line.trim().to_owned());
    lines.take_while(|line| !line.is_empty()).collect()
}

/// Prints the completions of a shell.
pub(in crate::cli) fn completions(
    arguments: &CompletionsArguments,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let mut script = vec![];
    let mut program = program();
    clap_complete::generate(arguments.shell, &mut program, NAME, &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if arguments.shell == clap_complete::Shell::Bash {
        // The library takes the dash in a name for the one between a command and one below it, but only
        // in the labels that it compares with (clap issue 6421).
        for (name, _) in all(&program, NAME) {
            let last = name.split(' ').next_back().unwrap_or_default();
            let wrong = last.replace('-', "__subcmd__");
            script = script.replace(&wrong, &last.replace('-', "__"));
        }
    }
    terminal.result(&script).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

const HEAD: &str = "\
<!-- Written by `alpaca-run manual`; a test compares it. -->

# Commands

";

fn program() -> Command {
    Arguments::command()
}

/// A command and those below it, with their full names.
fn all<'a>(command: &'a Command, name: &str) -> Vec<(String, &'a Command)> {
    let below = command
        .get_subcommands()
        .flat_map(|below| all(below, &format!("{name} {}", below.get_name())));
    std::iter::once((name.to_owned(), command)).chain(below).collect()
}

/// The section of a command, and those of the commands below it.
fn section(text: &mut String, command: &Command, name: &str, level: usize) {
    let _ = writeln!(text, "{} `{name}`\n", "#".repeat(level));
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(text, "{}\n", about.trim_end());
    let _ = writeln!(text, "```text\n{}\n```\n", usage(command).join("\n"));
    let rows: Vec<&Arg> = command.get_arguments().filter(|one| !is_usual(one)).collect();
    if !rows.is_empty() {
        text.push_str("| argument | meaning |\n| --- | --- |\n");
        for argument in rows {
            let _ = writeln!(text, "| {} | {} |", spelled(argument), meaning(argument));
        }
        text.push('\n');
    }
    let examples = examples(command);
    if !examples.is_empty() {
        let _ = writeln!(text, "```sh\n{}\n```\n", examples.join("\n"));
    }
    for below in command.get_subcommands() {
        section(text, below, &format!("{name} {}", below.get_name()), (level + 1).min(4));
    }
}

/// Options that each command has.
fn is_usual(argument: &Arg) -> bool {
    ["help", "version", "quiet", "verbose"].contains(&argument.get_id().as_str())
        || argument.is_hide_set()
}

/// An argument as it is written.
fn spelled(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let takes = argument.get_action().takes_values();
    let value = names.first().filter(|_| takes).map(|name| format!("<{name}>"));
    let value = value.unwrap_or_default();
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let option: Vec<String> = short.into_iter().chain(long).collect();
    let written = format!("{} {value}", option.join(", "));
    format!("`{}`", written.trim())
}

/// What an argument does, with its values and its default.
fn meaning(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = help.replace('\n', " ").replace('|', "\\|");
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && argument.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        let _ = write!(text, ". Values: {}", values.join(", "));
    }
    let defaults = argument.get_default_values().iter().map(|value| value.to_string_lossy());
    let defaults: Vec<String> = defaults.map(|value| format!("`{value}`")).collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        let _ = write!(text, ". Default: {}", defaults.join(", "));
    }
    text
}
