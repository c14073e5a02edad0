//! The JSON schema: fresh, and of one opinion with the loader.

use std::path::Path;

use alpaca_run::pipeline::reference;

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, project, yaml_files};
use crate::support::runs::{TWO_STAGES, run};
use crate::support::schemas::{assert_strict, assert_valid};

fn committed_schema() -> serde_json::Value {
    let text = std::fs::read_to_string(project().join("schemas/pipeline.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Whether a file passes the schema, as an editor would see it.
fn passes_schema(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap();
    let Ok(value) = serde_yaml::from_str::<serde_yaml::Value>(&text) else { return false };
    let Ok(json) = serde_json::to_value(value) else { return false };
    jsonschema::is_valid(&committed_schema(), &json)
}

/// The findings of `alpaca-run check --json`, by code.
fn findings(file: &Path) -> Vec<String> {
    let said = alpaca_run(&["check", "--json", &file.display().to_string()]);
    let findings: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, Some(i32::from(!findings.is_empty())), "{}", said.out);
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Compares a generated file with the committed one; `UPDATE=1` writes it.
#[track_caller]
fn assert_fresh(path: &str, fresh: &str) {
    let file = project().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap();
    assert!(committed == fresh, "{path} is stale: UPDATE=1 cargo test");
}

#[test]
fn the_committed_schema_is_fresh() {
    assert_fresh("schemas/pipeline.schema.json", &alpaca_run(&["schema"]).out);
}

/// The schema has neither more nor less than what a run writes: every property is required, and
/// none but these are allowed.
#[test]
fn manifests_have_what_their_schema_says_and_nothing_else() {
    let schema: serde_json::Value =
        serde_json::from_str(&alpaca_run(&["schema", "manifest"]).out).unwrap();
    assert_strict(&schema, 8);
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    let text = std::fs::read_to_string(workshop.path("runs/small/manifest.json")).unwrap();
    assert_valid(&schema, &serde_json::from_str(&text).unwrap());
}

#[test]
fn the_committed_reference_is_fresh() {
    assert_fresh("docs/reference/pipeline.md", &reference::pipeline_reference());
    assert_fresh("docs/reference/codes.md", &reference::codes_reference());
}

#[test]
fn shipped_pipelines_pass_the_schema_and_the_loader() {
    let files = yaml_files("pipelines");
    assert!(files.len() >= 2);
    for file in files {
        assert!(passes_schema(&file), "{} fails the schema", file.display());
        let mut findings = findings(&file);
        // What another pipeline leaves is not there before that has run.
        let goes_on = ["pretrain_species.yaml", "pretrain_larger.yaml"];
        let goes_on = goes_on.iter().any(|name| file.ends_with(name));
        findings.retain(|code| !(code == "W001" && goes_on));
        assert_eq!(findings, [""; 0], "{}", file.display());
    }
}

#[test]
fn invalid_pipelines_fail_the_schema_and_the_loader() {
    let files = yaml_files("tests/it/data/invalid");
    assert!(files.len() >= 50);
    for file in files {
        assert!(!passes_schema(&file), "{} passes the schema", file.display());
        assert!(!findings(&file).is_empty(), "{} passes the loader", file.display());
    }
}

/// Names, and keys that exclude each other.
const KNOWN_TO_EDITORS: [&str; 12] = [
    "fold_of_nothing",
    "folder_and_generator",
    "name_too_long",
    "name_with_a_slash",
    "pictures_from_nowhere",
    "stage_name_with_a_space",
    "shards_and_train_shards",
    "validation_shards_alone",
    "table_and_directory",
    "two_freeze_rules",
    "two_freeze_rules_by_block",
    "validation_without_training",
];

/// What depends on several values, on layer names or on other files is beyond the schema, with a few
/// exceptions for editors.
#[test]
fn inconsistent_pipelines_pass_the_schema_and_fail_the_loader() {
    let files = yaml_files("tests/it/data/inconsistent");
    assert!(files.len() >= 20);
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let passes = !KNOWN_TO_EDITORS.contains(&stem);
        assert_eq!(passes_schema(&file), passes, "{}", file.display());
        assert!(!findings(&file).is_empty(), "{} passes the loader", file.display());
    }
}

#[test]
fn every_code_of_a_pipeline_is_raised_by_one_of_these_files() {
    let files =
        ["invalid", "inconsistent"].map(|folder| yaml_files(&format!("tests/it/data/{folder}")));
    let mut raised: Vec<String> = files.concat().iter().flat_map(|file| findings(file)).collect();
    if cfg!(feature = "libtorch") {
        raised.push("E001".to_owned());
    }
    raised.sort();
    raised.dedup();
    let all = alpaca_run::spec::problem::Code::ALL.iter().map(|code| code.number());
    // P010 needs a command line; the datasets and runs that raise the others are made by tests.
    let elsewhere = [
        "P010", "D002", "D003", "D004", "D005", "D006", "D007", "D008", "D009", "D010", "D011",
        "D012", "D013", "D014", "W002", "W004", "W005", "W007", "T001", "T002",
    ];
    let expected: Vec<&str> = all.filter(|code| !elsewhere.contains(code)).collect();
    assert_eq!(
        raised,
        expected
            .into_iter()
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
}
