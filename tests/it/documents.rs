//! What documents tell a reader to run exists, and the benchmark against the peers runs.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done, project};
use crate::support::runs::{TWO_STAGES, run};

/// The documents for readers.
fn documents() -> Vec<(String, String)> {
    let mut files = ["README.md", "CONTRIBUTING.md", "data/README.md", "data/weights/README.md"]
        .map(|name| project().join(name))
        .to_vec();
    let mut folders = vec![project().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    let text = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    files.iter().map(|path| (path.display().to_string(), text(path))).collect()
}

/// The commands in the blocks of a document that are for a shell, continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let mut commands = vec![];
    let mut is_shell = false;
    for line in joined.lines() {
        if let Some(kind) = line.trim_start().strip_prefix("```") {
            is_shell = ["sh", "text", "console"].contains(&kind);
        } else if is_shell {
            let line = line.trim().trim_start_matches("$ ");
            let line = line.split("  #").next().unwrap();
            let line = line.replace("cargo run --release --locked -- ", "alpaca-run ");
            let line = line.replace("cargo run --release -- ", "alpaca-run ");
            // What comes after a pipe, and what is set before a command.
            for part in line.split('|') {
                if let Some((_, rest)) = part.split_once("alpaca-run ")
                    && part
                        .trim_start()
                        .starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_uppercase())
                    && part
                        .split("alpaca-run ")
                        .next()
                        .unwrap()
                        .split_whitespace()
                        .all(|word| word.contains('='))
                {
                    commands.push(rest.trim().to_owned());
                }
            }
        }
    }
    commands
}

#[test]
fn commands_in_documents_have_options_that_there_are_and_files_that_there_are() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut help = |words: &[&str]| {
        let key = words.join(" ");
        let text = || alpaca_run(&[words, &["--help"]].concat()).out;
        helps.entry(key).or_insert_with(text).clone()
    };
    let all = help(&[]);
    let subcommands: Vec<String> = all
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(subcommands.len() > 15, "{all}");
    let mut n = 0;
    for (document, text) in documents() {
        for command in commands(&text) {
            let words: Vec<&str> = command.split_whitespace().collect();
            let Some(first) = words.first() else { continue };
            let is_file = first.contains('.') || first.contains("PIPELINE");
            let subcommand = if is_file { "run" } else { first };
            if !subcommands.iter().any(|name| name == subcommand) {
                // A line of output that begins with the name of the program.
                assert!(!command.contains(" --"), "{document}: no command `{subcommand}`");
                continue;
            }
            n += 1;
            let mut help_of = vec![subcommand];
            // `runs rm`, `cache prune`: commands of commands.
            if ["runs", "cache", "schema", "jobs", "shard"].contains(&subcommand)
                && let Some(second) = words.get(1).filter(|word| !word.starts_with('-'))
                && help(&[subcommand]).contains(&format!("  {second} "))
            {
                help_of.push(second);
            }
            let help = help(&help_of);
            for word in &words {
                let option = word.split('=').next().unwrap();
                let option = option.trim_end_matches([',', ')', ']']);
                if option.starts_with("--") && option.len() > 2 {
                    assert!(help.contains(option), "{document}: {command}: no option {option}");
                }
                if word.starts_with("pipelines/") {
                    assert!(project().join(word).is_file(), "{document}: {command}: no {word}");
                }
            }
        }
    }
    assert!(n > 30, "only {n} commands were found in the documents");
}

/// The name of a heading in a link, by the rule of GitHub and mdBook.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

/// The text of a document without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

#[test]
fn links_lead_to_what_there_is_and_the_site_has_all_documents() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let all: BTreeMap<String, String> = documents().into_iter().collect();
    let site = project().join("docs");
    let summary = &all[&site.join("SUMMARY.md").display().to_string()];
    let mut n = 0;
    for (document, text) in &all {
        let path = std::path::Path::new(document);
        // For those who write documents.
        let is_of_site = path.starts_with(&site) && !path.ends_with("docs/style.md");
        if is_of_site && !path.ends_with("SUMMARY.md") {
            let name = path.strip_prefix(&site).unwrap().display();
            assert!(summary.contains(&format!("({name})")), "{name} is not in docs/SUMMARY.md");
        }
        for found in link.captures_iter(&prose(text)) {
            let (to, heading) = found[1].split_once('#').unwrap_or((&found[1], ""));
            if to.contains("://") {
                continue;
            }
            n += 1;
            let folder = path.parent().unwrap();
            let target = if to.is_empty() { path.to_path_buf() } else { folder.join(to) };
            let target = target.canonicalize();
            let target = target.unwrap_or_else(|_| panic!("{document}: no {}", &found[1]));
            assert!(
                !is_of_site || target.starts_with(&site),
                "{document}: {to} is not on the site"
            );
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let text = prose(&text);
                let mut slugs = text.lines().filter(|line| line.starts_with('#')).map(slug);
                assert!(slugs.any(|one| one == heading), "{document}: no {}", &found[1]);
            }
        }
    }
    assert!(n > 200, "only {n} links were found");
}

/// What a script of `benches` prints.
fn benchmark(script: &str, arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .arg(project().join("benches").join(script))
        .args(arguments)
        .args(["--program", env!("CARGO_BIN_EXE_alpaca-run")])
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    out.into_owned()
}

/// All but the peers, on a few small images.
#[test]
fn the_benchmark_against_the_peers_runs() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let pictures = workshop.text("pictures");
    let few = ["--only-ours", "--rounds", "1", "--seconds", "1", "--threads", "2"];
    let out = benchmark("peers/run.py", &[&few[..], &["--pictures", &pictures]].concat());
    for job in ["inference", "full training step", "whole pipeline", "fine-tuning epoch"] {
        assert!(out.contains(job), "{job}: {out}");
    }
}

/// With few clients, for a moment.
#[test]
fn the_benchmark_of_a_model_over_http_runs() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    done(&run(&workshop, &[]));
    let [model, images] = [workshop.text("runs/small"), workshop.text("pictures")];
    let few = ["--clients", "1", "6", "--seconds", "0.5", "--max-waiting", "4"];
    let out =
        benchmark("serving.py", &[&few[..], &["--model", &model, "--images", &images]].concat());
    assert!(out.contains("\"clients\": 6") && !out.contains("\"requests/s\": 0,"), "{out}");
}

/// On a few images; the figures it prints are those of small datasets.
#[test]
fn the_benchmark_of_memory_runs() {
    let out = benchmark("memory.py", &["--images", "20", "40", "--threads", "1"]);
    assert!(out.starts_with("20 images: ") && out.contains("40 images: "), "{out}");
}

/// On a few images, one value of each kind.
#[test]
fn the_benchmark_of_scaling_runs() {
    let few = ["--base", "40", "--images", "20", "--widths", "0.35", "--sizes", "32"];
    let out = benchmark("scaling.py", &[&few[..], &["--classes", "4", "--threads", "1"]].concat());
    for row in ["| images | 20 |", "| width | 0.35 |", "| size | 32 |", "| classes | 4 |"] {
        assert!(out.contains(row), "{row}: {out}");
    }
}
