//! The words of help and documents: those of docs/style.md, and the same help as before unless
//! somebody meant to change it.

use std::fmt::Write as _;

use crate::support::program::{alpaca_run, project};

/// Words that docs/style.md replaces, as they appear in running text.
const FORBIDDEN: [&str; 9] = [
    "picture",
    "folder",
    " goes on",
    " go on ",
    " behind ",
    "it is no ",
    " lies in ",
    "what is kept",
    "colour",
];

/// Documents that people read. The style page quotes the words, and the tables of images name what
/// other programs say.
fn documents() -> Vec<(String, String)> {
    let mut paths = vec![project().join("README.md"), project().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/guides", "docs/reference"] {
        for entry in std::fs::read_dir(project().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_page = path.extension().is_some_and(|ending| ending == "md");
            if is_page && !path.ends_with("style.md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let text = |path: std::path::PathBuf| {
        (path.display().to_string(), std::fs::read_to_string(&path).unwrap())
    };
    paths.into_iter().map(text).collect()
}

/// Every line of a text with a word that is replaced. Options and keys keep their names.
fn forbidden<'a>(name: &'a str, text: &'a str) -> impl Iterator<Item = String> + 'a {
    let lines = text.lines().filter(|line| !line.contains("--pictures"));
    lines.flat_map(move |line| {
        let found = FORBIDDEN.into_iter().filter(|word| line.to_lowercase().contains(word));
        found.map(move |word| format!("{name}: `{word}`: {line}"))
    })
}

/// The help of a command, and of those below it.
fn help(command: &[&str], all: &mut String) {
    let said = alpaca_run(&[command, &["--help"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    writeln!(all, "$ alpaca-run {} --help\n{}", command.join(" "), said.out).unwrap();
    let commands = said.out.split("\nCommands:\n").nth(1).unwrap_or_default();
    let names = commands.lines().take_while(|line| line.starts_with("  "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        help(&[command, &[name]].concat(), all);
    }
}

#[test]
fn help_is_what_it_was_and_uses_the_words_of_the_style_page() {
    let mut all = String::new();
    help(&[], &mut all);
    let lines: Vec<String> = forbidden("help", &all).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
    insta::assert_snapshot!("help", all);
}

#[test]
fn documents_use_the_words_of_the_style_page() {
    let documents = documents();
    assert!(documents.len() > 12);
    let lines: Vec<String> = documents
        .iter()
        .flat_map(|(name, text)| forbidden(name, text).collect::<Vec<_>>())
        .collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn descriptions_of_the_schemas_use_the_words_of_the_style_page() {
    for name in ["pipeline.schema.json", "manifest.schema.json", "events.schema.json"] {
        let text = std::fs::read_to_string(project().join("schemas").join(name)).unwrap();
        let descriptions: Vec<&str> =
            text.lines().filter(|line| line.trim_start().starts_with("\"description\"")).collect();
        assert!(descriptions.len() > 20, "{name}");
        let text = descriptions.join("\n");
        let lines: Vec<String> = forbidden(name, &text).collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}
