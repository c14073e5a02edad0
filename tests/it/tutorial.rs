//! The tutorial does what it says.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::support::program::project;

const PROGRAM: &str = env!("CARGO_BIN_EXE_alpaca-run");

/// A few drawn images in the place of photographs.
fn photographs(folder: &Path) {
    for class in ["alpaca", "not alpaca"] {
        let of_class = folder.join("photos").join(class);
        std::fs::create_dir_all(&of_class).unwrap();
        let shipped = std::fs::read_dir(project().join("data/alpacas").join(class)).unwrap();
        let mut shipped: Vec<_> = shipped.map(|file| file.unwrap().path()).collect();
        shipped.sort();
        for file in &shipped[..40] {
            std::fs::copy(file, of_class.join(file.file_name().unwrap())).unwrap();
        }
        std::fs::copy(&shipped[40], folder.join("new.jpg")).unwrap();
    }
}

/// The path with the program first.
fn path() -> OsString {
    let folder = Path::new(PROGRAM).parent().unwrap().to_path_buf();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&others))).unwrap()
}

/// Runs a block of the tutorial, and returns its output. `None` for one that is not for here.
fn run(kind: &str, body: &str, folder: &Path) -> Option<String> {
    let python = std::env::var_os("ALPACA_PYTHON");
    let mut command = match (kind, python) {
        ("sh", _) if !body.contains("pip install") => Command::new("bash"),
        ("python", Some(python)) => Command::new(python),
        ("python", None) => {
            println!("skipped: ALPACA_PYTHON names no Python with onnxruntime and pillow");
            return None;
        }
        _ => return None,
    };
    command.args([if kind == "sh" { "-ec" } else { "-c" }, body]).current_dir(folder);
    let output = command
        .env("PATH", path())
        .env("ALPACA_CACHE", folder.join("cache"))
        .output()
        .expect("the program of a block starts");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{body}{out}{err}");
    Some(out)
}

#[test]
fn each_command_works_and_onnx_runtime_answers_like_predict() {
    let folder = tempfile::tempdir().unwrap();
    photographs(folder.path());
    let text = std::fs::read_to_string(project().join("docs/tutorial.md")).unwrap();
    let mut done = vec![];
    for block in text.split("```").skip(1).step_by(2) {
        let (kind, body) = block.split_once('\n').unwrap();
        done.extend(run(kind, body, folder.path()).map(|out| (kind, out)));
    }
    assert!(done.len() >= 6, "{} blocks", done.len());
    let Some((_, answer)) = done.iter().find(|(kind, _)| *kind == "python") else { return };
    let predicted = run("sh", "alpaca-run predict runs/photos new.jpg", folder.path()).unwrap();
    let (probability, class) = answer.trim().split_once("  ").unwrap();
    assert!(predicted.starts_with(probability), "{answer}{predicted}");
    assert!(predicted.contains(&format!("  {class}  ")), "{answer}{predicted}");
}
