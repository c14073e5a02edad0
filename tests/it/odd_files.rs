//! Files and directories that are not what a program expects: pipes, devices, other encodings, a
//! directory that is gone.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, command, files_below};
use crate::support::runs::{TWO_STAGES, run};

#[cfg(unix)]
fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn pipelines_of_other_encodings_are_named() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let wide: Vec<u8> = TWO_STAGES.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &wide].concat();
    let latin = TWO_STAGES.replace("seed: 7", "# b\u{e4}r\nseed: 7");
    let latin: Vec<u8> = latin.chars().map(|c| c as u8).collect();
    let zero = format!("{TWO_STAGES}\0").into_bytes();
    for (bytes, what) in [
        (marked, "is UTF-16 text"),
        (wide, "is UTF-16 text"),
        (latin, "line 2 contains the byte 0xE4"),
        (zero, "remove the character U+0000"),
    ] {
        std::fs::write(workshop.path("other.yaml"), bytes).unwrap();
        let said = alpaca_run(&["check", &workshop.text("other.yaml")]);
        assert!(matches!(said.code, Some(1 | 2)), "{}", said.err);
        assert!(said.err.contains(what) && !said.err.contains("tabs"), "{}", said.err);
    }
}

#[test]
fn a_pipeline_is_a_file_with_an_end() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let large = std::fs::File::create(workshop.path("large.yaml")).unwrap();
    large.set_len((16 << 20) + 1).unwrap();
    let said = alpaca_run(&["check", &workshop.text("large.yaml")]);
    assert!(said.err.contains("larger than 16.0 MiB"), "{}", said.err);
    #[cfg(unix)]
    {
        pipe(&workshop.path("pipe.yaml"));
        for path in [workshop.text("pipe.yaml"), "/dev/zero".to_owned()] {
            let said = alpaca_run(&["check", &path]);
            assert_eq!(said.code, Some(2), "{}", said.err);
            assert!(said.err.contains("a pipe or a device"), "{}", said.err);
        }
    }
}

#[cfg(unix)]
#[test]
fn pipes_in_the_place_of_cache_entries_are_replaced() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let cache = workshop.text("cache");
    let with_cache = ["--cache-dir", &cache];
    assert_eq!(run(&workshop, &with_cache).code, Some(0));
    let entries = files_below(&workshop.path("cache"));
    assert!(entries.len() > 20);
    for (name, _) in &entries {
        let path = workshop.path("cache").join(name);
        std::fs::remove_file(&path).unwrap();
        pipe(&path);
    }
    let said = run(&workshop, &with_cache);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for (name, bytes) in entries.iter().filter(|(name, _)| name.starts_with("pixels")) {
        assert!(std::fs::read(workshop.path("cache").join(name)).unwrap() == *bytes, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_working_directory_that_is_gone_matters_to_relative_paths_alone() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let gone = workshop.path("gone");
    std::fs::create_dir(&gone).unwrap();
    let shell = |arguments: &str| {
        let program = env!("CARGO_BIN_EXE_alpaca-run");
        let script = format!("rmdir ../gone; exec '{program}' check {arguments}");
        let _ = std::fs::create_dir(&gone);
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&gone)
            .env("PWD", &gone)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = shell(&workshop.text("small.yaml"));
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = shell("small.yaml");
    assert_eq!(code, Some(2));
    assert!(said.contains("cannot read `small.yaml`"), "{said}");
}

#[test]
fn an_empty_variable_is_no_option() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = command(&["check", &workshop.text("small.yaml")])
        .env("ALPACA_CACHE", "")
        .env("HOME", workshop.path("home"))
        .spawn()
        .map(Said::of)
        .unwrap();
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn a_pipeline_may_be_called_anything() {
    for (file, name) in
        [("my pipeline.yaml", "my-pipeline"), ("p (1).yaml", "p-1"), ("a+b.yaml", "a-b")]
    {
        let workshop = Workshop::new(TWO_STAGES, 2);
        std::fs::rename(workshop.path("small.yaml"), workshop.path(file)).unwrap();
        let (pipeline, runs) = (workshop.text(file), workshop.text("runs"));
        let said =
            alpaca_run(&[&pipeline, "--no-cache", "--until", "transfer", "--runs-dir", &runs]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(workshop.path("runs").join(name).join("manifest.json").is_file(), "{}", said.err);
    }
}

#[test]
fn a_log_has_no_colours_and_no_json_in_strings() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &["-v", "--until", "transfer"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.err.contains('\x1b'), "{}", said.err);
    let line = said.err.lines().find(|line| line.contains("INFO")).unwrap();
    let json = line.split_once("INFO ").unwrap().1;
    assert!(serde_json::from_str::<serde_json::Value>(json).unwrap().is_object(), "{line}");
}

#[test]
fn thousands_of_problems_are_told_in_seconds() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let more: Vec<String> = (0..20_000).map(|i| format!("unknown{i}: 1\n")).collect();
    std::fs::write(workshop.path("small.yaml"), format!("{TWO_STAGES}{}", more.concat())).unwrap();
    let start = std::time::Instant::now();
    let said = alpaca_run(&["check", &workshop.text("small.yaml")]);
    assert!(
        said.err.contains("20,000 problems") && said.err.contains("the first 100"),
        "{}",
        said.code.unwrap()
    );
    let said = alpaca_run(&["check", &workshop.text("small.yaml"), "--json"]);
    let all: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (all.len(), &all[19_999]["line"]),
        (20_000, &(TWO_STAGES.lines().count() + 20_000).into())
    );
    // It took minutes; a machine that is busy with other tests takes some seconds.
    assert!(start.elapsed() < std::time::Duration::from_mins(1), "{:?}", start.elapsed());
}

/// Address space, in KiB, from too little for anything to enough for a run.
#[cfg(target_os = "linux")]
#[test]
fn memory_that_runs_out_ends_in_a_sentence_and_the_run_can_be_resumed() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let program = command::<&str>(&[]);
    let mut n_reported = 0;
    for limit in (40..400).step_by(20).map(|mib| mib * 1024) {
        let said = Said::of(
            Command::new("sh")
                .args(["-c", &format!("ulimit -v {limit}; exec \"$@\""), "sh"])
                .arg(program.get_program())
                .args([&pipeline, "--runs-dir", &runs, "--no-cache", "--threads", "1"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        if said.code == Some(0) {
            break;
        }
        if said.code.is_none() {
            // The system cannot even load the program, or the standard library needs memory for a
            // thread, which it takes from the system's allocator: nobody can handle that failure.
            let is_told = said.err.contains("\nmemory allocation of ");
            assert!(said.err.is_empty() || is_told, "{limit} KiB: a signal ended it: {}", said.err);
            continue;
        }
        assert!(!said.err.contains("this is a bug"), "{limit} KiB: {}", said.err);
        if said.err.starts_with("error: out of memory: ") || said.err.contains("\nerror: out of") {
            assert_eq!(said.code, Some(1), "{limit} KiB: {}", said.err);
            assert!(said.err.contains("alpaca-run resume RUN"), "{}", said.err);
            n_reported += 1;
        }
    }
    assert!(n_reported > 0, "no limit was too small for the run alone");
    let begun = workshop.path("runs/small");
    if begun.join("checkpoint/run.json").exists() {
        let said = alpaca_run(&["resume", &begun.display().to_string(), "--no-cache"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
}
