//! The tests in `tests/python`: the Python module, and other programs that read runs. `ALPACA_PYTHON` is a
//! Python with pandas, polars, duckdb, tensorboard, mlflow and dvc; what is missing is skipped, and named.

use std::process::Command;

use crate::support::program::project;

/// Runs a file of tests.
fn unittest(name: &str) {
    let given = std::env::var_os("ALPACA_PYTHON");
    let python = given.unwrap_or_else(|| "python3".into());
    let output = Command::new(python)
        .args(["-W", "ignore", "-m", "unittest", "--verbose", name])
        .current_dir(project().join("tests/python"))
        .env("PYTHONPATH", project().join("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ALPACA_RUN_PROGRAM", env!("CARGO_BIN_EXE_alpaca-run"))
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no Python");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    for line in said.lines().filter(|line| line.contains("skipped")) {
        println!("{line}");
    }
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_module_reads_runs_as_tables() {
    unittest("test_alpaca_run");
}

#[test]
fn tensorboard_shows_runs() {
    unittest("test_tensorboard");
}

#[test]
fn mlflow_has_runs_once_and_complete() {
    unittest("test_mlflow");
}

#[test]
fn dvc_runs_pipelines_and_compares_runs() {
    unittest("test_dvc");
}
