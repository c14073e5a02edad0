//! What a user reads when a pipeline is wrong: one snapshot a file, so that a change of wording is
//! seen and judged.

use crate::support::program::{Said, alpaca_run, yaml_files};

/// Runs a command that must fail with `code` and compares what it said.
fn check(name: &str, arguments: &[&str], code: i32) {
    let Said { code: found, err, .. } = alpaca_run(arguments);
    assert_eq!(found, Some(code), "{arguments:?}: {err}");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name.to_owned(), err);
    });
}

fn check_folder(folder: &str) {
    for file in yaml_files(&format!("tests/it/data/{folder}")) {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let relative = format!("tests/it/data/{folder}/{name}.yaml");
        check(&format!("{folder}__{name}"), &["check", &relative], 1);
        assert_eq!(alpaca_run(&[&relative]).code, Some(2), "running {relative}");
    }
}

#[test]
fn invalid_pipelines_are_explained() {
    check_folder("invalid");
}

#[test]
fn inconsistent_pipelines_are_explained() {
    check_folder("inconsistent");
}

#[test]
fn wrong_overrides_are_explained_in_place() {
    let cases = [
        ("word_for_a_number", "stages.finetune.epochs=ten"),
        ("unknown_key", "stages.finetune.epoch=10"),
        ("unknown_stage", "stages.finetuen.epochs=10"),
        ("no_value", "seed"),
        ("no_such_item", "augmentation[7].random_flip=vertical"),
        ("unclosed", "dataset.split={validation: 0.3"),
        ("key_in_a_number", "seed.value=1"),
        ("number_too_large", "seed=18446744073709551616"),
        ("whole_number_as_a_power", "dataset.batch_size=1e2"),
        ("behind_a_left_out_choice", "stages.transfer.optimizer.learning_rate=-1"),
    ];
    for (name, text) in cases {
        check(&format!("override__{name}"), &["check", "pipelines/finetune.yaml", "-S", text], 1);
    }
}

#[test]
fn wrong_command_lines_are_explained() {
    let cases: [(&str, &[&str]); 15] = [
        ("unknown_command", &["chekc", "pipelines/transfer.yaml"]),
        ("no_such_file", &["nowhere.yaml"]),
        ("a_folder", &["pipelines/"]),
        ("nothing_to_check", &["check"]),
        ("unknown_option", &["pipelines/transfer.yaml", "--thread", "3"]),
        ("a_key_as_an_option", &["pipelines/transfer.yaml", "--epochs", "3"]),
        ("a_key_of_another_library", &["pipelines/transfer.yaml", "--lr", "0.1"]),
        ("a_pipeline_without_its_ending", &["transfer"]),
        ("a_command_of_other_programs", &["train", "pipelines/transfer.yaml"]),
        ("a_run_after_runs", &["runs", "runs/transfer"]),
        ("a_file_without_its_option", &["export", "runs/transfer", "model.onnx"]),
        ("images_without_their_option", &["evaluate", "runs/transfer", "pictures"]),
        ("a_value_without_its_option", &["plan", "pipelines/transfer.yaml", "seed=3"]),
        ("no_threads", &["pipelines/transfer.yaml", "--threads", "0"]),
        ("quiet_and_verbose", &["-q", "-v", "check", "pipelines/transfer.yaml"]),
    ];
    for (name, arguments) in cases {
        check(&format!("usage__{name}"), arguments, 2);
    }
}

#[test]
fn findings_can_be_read_by_editors() {
    let said = alpaca_run(&["check", "--json", "tests/it/data/invalid/duplicate_key.yaml"]);
    insta::assert_snapshot!("json__duplicate_key", said.out);
}
