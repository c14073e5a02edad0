//! Runs that are cut short go on to the bytes they would have had.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, command, spawn};
use crate::support::runs::{
    FAMILIES, FINE_TUNING, FROM_SCRATCH, TWO_KINDS, TWO_STAGES, UNEVEN, assert_same_files, run,
};

/// How often the run of [`killed_at_any_moment_a_run_goes_on_to_the_same_bytes`] is killed, unless
/// `ALPACA_KILLS` says otherwise.
const N_KILLS: usize = 24;

/// Keeps the state after every step.
const EVERY_STEP: [&str; 3] = ["-S", "checkpoint_every=1", "--no-cache"];

/// Starts the pipeline of a workshop with its runs in a folder of their own.
fn start(workshop: &Workshop, runs: &str, more: &[&str]) -> Child {
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text(runs));
    let arguments = [&[pipeline.as_str(), "--runs-dir", &runs], &EVERY_STEP[..], more].concat();
    spawn(&arguments)
}

fn resume(directory: &Path) -> Child {
    spawn(&[Path::new("resume"), directory, Path::new("--no-cache")])
}

/// Waits for a file, unless the process ends before.
fn wait_for(path: &Path, process: &mut Child) {
    while !path.exists() && process.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_micros(200));
    }
}

/// Kills a process and waits for its end.
fn kill(mut process: Child) {
    // A process that has ended already cannot be killed, which is as good.
    let _ = process.kill();
    process.wait().unwrap();
}

#[cfg(unix)]
fn signal(name: &str, process: &Child) {
    let status = Command::new("kill").args([name, &process.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A run of the workshop that ends in its second stage by being killed.
fn cut_short(workshop: &Workshop, runs: &str) -> PathBuf {
    let directory = workshop.path(runs).join("small");
    let mut process = start(workshop, runs, &["-S", "stages.finetune.epochs=20"]);
    wait_for(&directory.join("checkpoint/stage-1"), &mut process);
    kill(process);
    assert!(!directory.join("manifest.json").exists(), "it ended before it could be killed");
    directory
}

/// Equal spread over (0, 1) without a generator: the golden ratio's multiples.
fn fraction(i: usize) -> f64 {
    (i as f64 * 0.618_033_988_749_895).fract()
}

#[test]
fn killed_at_any_moment_a_run_goes_on_to_the_same_bytes() {
    let n_kills = std::env::var("ALPACA_KILLS").map_or(N_KILLS, |n| n.parse().unwrap());
    check_kills(TWO_STAGES, n_kills);
}

/// Running means, an average of weights, rates and a plateau are part of how far a run is.
#[test]
fn killed_from_scratch_a_run_goes_on_to_the_same_bytes() {
    check_kills(FROM_SCRATCH, N_KILLS / 2);
}

/// The best epochs so far are part of how far a run is, and mixtures a function of the step.
#[test]
fn killed_while_fine_tuning_a_run_goes_on_to_the_same_bytes() {
    check_kills(FINE_TUNING, N_KILLS / 2);
}

/// What an epoch draws is a function of its number.
#[test]
fn killed_with_uneven_classes_a_run_goes_on_to_the_same_bytes() {
    check_kills(UNEVEN, N_KILLS / 2);
}

#[test]
fn killed_in_either_stage_a_run_of_any_family_goes_on_to_the_same_bytes() {
    for base in FAMILIES {
        let workshop = Workshop::new(TWO_KINDS, 2);
        let base = format!("model.base={base}");
        let more = ["-S", base.as_str()];
        assert_eq!(Said::of(start(&workshop, "whole", &more)).code, Some(0));
        let directory = workshop.path("killed/small");
        let mut process = start(&workshop, "killed", &more);
        for stage in ["stage-in-progress", "stage-1"] {
            wait_for(&directory.join("checkpoint").join(stage), &mut process);
            kill(process);
            assert!(!directory.join("manifest.json").exists(), "{base}: it ended before the kill");
            process = resume(&directory);
        }
        let said = Said::of(process);
        assert_eq!(said.code, Some(0), "{base}: {}", said.err);
        assert_same_files(&workshop.path("whole/small"), &directory);
    }
}

/// Behind its last stage a run evaluates and exports.
#[test]
fn killed_in_its_tasks_a_run_goes_on_to_the_same_bytes() {
    let tasks = "  again: { evaluate: { split: validation } }\n  whole: { export: {} }\n";
    let workshop = Workshop::new(&format!("{TWO_STAGES}{tasks}"), 2);
    assert_eq!(Said::of(start(&workshop, "whole", &[])).code, Some(0));
    let whole = workshop.path("whole/small");
    assert!(whole.join("exports/whole.onnx").exists());
    let mut n_in_tasks = 0;
    for round in 0..8 {
        let runs = format!("killed-{round}");
        let directory = workshop.path(&runs).join("small");
        let mut process = start(&workshop, &runs, &[]);
        wait_for(&directory.join("checkpoint/stage-2"), &mut process);
        thread::sleep(Duration::from_millis(120).mul_f64(fraction(round)));
        kill(process);
        if !directory.join("manifest.json").exists() {
            n_in_tasks += 1;
            let said = Said::of(resume(&directory));
            assert_eq!(said.code, Some(0), "{}", said.err);
        }
        assert_same_files(&whole, &directory);
    }
    assert!(n_in_tasks > 0, "no kill came before the end of a run");
}

fn check_kills(pipeline: &str, n_kills: usize) {
    let workshop = Workshop::new(pipeline, 2);
    let before = Instant::now();
    assert_eq!(Said::of(start(&workshop, "whole", &[])).code, Some(0));
    let whole = before.elapsed();
    let (mut n_done, mut n_in_first, mut n_in_second, mut round) = (0, 0, 0, 0);
    while n_done < n_kills {
        round += 1;
        let runs = format!("killed-{round}");
        let directory = workshop.path(&runs).join("small");
        let mut process = start(&workshop, &runs, &[]);
        wait_for(&directory.join("checkpoint/run.json"), &mut process);
        // Each run is killed up to three times, the last of them as it goes on. Every third run is
        // first killed at its first step, since few moments fall into the short first stage.
        for attempt in 0..3 {
            if attempt == 0 && round % 3 == 0 {
                wait_for(&directory.join("checkpoint/stage-in-progress"), &mut process);
            } else {
                thread::sleep(whole.mul_f64(fraction(n_done) * 0.7));
            }
            kill(process);
            n_done += 1;
            let is_there = |name: &str| directory.join(name).exists();
            n_in_second += usize::from(is_there("checkpoint/stage-1"));
            n_in_first += usize::from(
                is_there("checkpoint/stage-in-progress") && !is_there("checkpoint/stage-1"),
            );
            process = resume(&directory);
        }
        let said = Said::of(process);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(!directory.join("checkpoint").exists());
        assert_same_files(&workshop.path("whole/small"), &directory);
    }
    println!("{n_done} kills: {n_in_first} in the first stage, {n_in_second} in the second");
    assert!(n_in_first > 0 && n_in_second > 0, "the kills came at other moments than meant");
}

#[cfg(unix)]
#[test]
fn a_signal_saves_and_leaves_and_says_how_to_go_on() {
    for (name, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        if is_ignored(number) {
            println!("skipped: {name} is ignored here, and so it is by the program");
            continue;
        }
        let workshop = Workshop::new(TWO_STAGES, 2);
        let more = ["-S", "stages.finetune.epochs=20"];
        assert_eq!(Said::of(start(&workshop, "whole", &more)).code, Some(0));
        let directory = workshop.path("runs/small");
        let mut process = start(&workshop, "runs", &more);
        wait_for(&directory.join("checkpoint/stage-1"), &mut process);
        signal(name, &process);
        let said = Said::of(process);
        assert_eq!(said.code, Some(130), "{}", said.err);
        let hint = format!("`alpaca-run resume {} --no-cache`", directory.display());
        assert!(said.err.contains("interrupted in stage `finetune`"), "{}", said.err);
        assert!(said.err.contains(&hint), "{}", said.err);
        let said = Said::of(resume(&directory));
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.err.contains("finetune"), "{}", said.err);
        assert_same_files(&workshop.path("whole/small"), &directory);
    }
}

/// Whether this process ignores a signal, as jobs in the background of a shell do.
#[cfg(unix)]
fn is_ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    mask & (1 << (signal - 1)) != 0
}

/// Starts the program through a shell that says something first.
#[cfg(unix)]
fn through_shell(first: &str, workshop: &Workshop, runs: &str, more: &[&str]) -> Child {
    let program = command::<&str>(&[]);
    Command::new("sh")
        .args(["-c", &format!("{first}; exec \"$@\""), "sh"])
        .arg(program.get_program())
        .args([&workshop.text("small.yaml"), "--runs-dir", &workshop.text(runs)])
        .args(EVERY_STEP)
        .args(more)
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let directory = workshop.path("runs/small");
    // As `nohup` does, and a shell with its jobs in the background.
    let more = ["-S", "stages.finetune.epochs=20"];
    let mut process = through_shell("trap '' HUP INT", &workshop, "runs", &more);
    wait_for(&directory.join("checkpoint/stage-1"), &mut process);
    signal("-HUP", &process);
    signal("-INT", &process);
    let said = Said::of(process);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(directory.join("manifest.json").exists());
}

#[cfg(unix)]
#[test]
fn reading_large_images_is_shown_and_can_be_stopped() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let noise = |x: u32, y: u32| image::Rgb([0, 1, 2].map(|c| ((x * 7 + y * 13 + c) % 251) as u8));
    let mut jpeg = vec![];
    image::RgbImage::from_fn(4000, 3000, noise)
        .write_to(&mut std::io::Cursor::new(&mut jpeg), image::ImageFormat::Jpeg)
        .unwrap();
    for class in ["a", "b"] {
        std::fs::create_dir_all(workshop.path("large").join(class)).unwrap();
        for number in 0..60u8 {
            // Bytes after the end of the image make each file another one.
            let bytes = [&jpeg[..], class.as_bytes(), &[number]].concat();
            std::fs::write(workshop.path("large").join(class).join(format!("{number}.jpg")), bytes)
                .unwrap();
        }
    }
    let large = format!("dataset.directory={}", workshop.text("large"));
    let process = start(&workshop, "runs", &["-S", &large, "--threads", "1"]);
    thread::sleep(Duration::from_millis(1500));
    let before = Instant::now();
    signal("-TERM", &process);
    let said = Said::of(process);
    // The image that is being read is finished; all of them would take many times as long.
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    assert_eq!(said.code, Some(130), "{}", said.err);
    assert!(said.err.contains("reading images: ") && said.err.contains(" of 120"), "{}", said.err);
    assert!(said.err.contains("interrupted while reading the images"), "{}", said.err);
    assert!(!workshop.path("runs/small").exists());
}

/// Spoils files of a run that was cut short.
fn spoil(path: &Path, how: &str) {
    let mut bytes = std::fs::read(path).unwrap();
    match how {
        "a bit" => {
            let at = bytes.len() - bytes.len() / 3;
            bytes[at] ^= 4;
        }
        "a bit of the header" => bytes[60] ^= 1,
        "the end" => bytes.truncate(bytes.len() * 2 / 3),
        "everything" => return std::fs::remove_file(path).unwrap(),
        _ => unreachable!(),
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_damaged_is_made_again_and_never_certified() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let more = ["-S", "stages.finetune.epochs=20"];
    assert_eq!(Said::of(start(&workshop, "whole", &more)).code, Some(0));
    let whole = workshop.path("whole/small");
    let files = [
        "checkpoint/stage-1",
        "checkpoint/stage-in-progress",
        "weights/transfer/best.safetensors",
        "weights/transfer/last.safetensors",
        "weights/finetune/best.safetensors",
    ];
    for (round, (file, how)) in files
        .iter()
        .flat_map(|file| {
            ["a bit", "a bit of the header", "the end", "everything"].map(|how| (file, how))
        })
        .enumerate()
    {
        let directory = cut_short(&workshop, &format!("runs-{round}"));
        let path = directory.join(file);
        if !path.exists() {
            // It was stopped before there was one.
            assert!(file.contains("finetune") || file.contains("progress"), "{file}");
            continue;
        }
        spoil(&path, how);
        let said = Said::of(resume(&directory));
        assert_eq!(said.code, Some(0), "{file}, {how}: {}", said.err);
        if file.starts_with("checkpoint") && how != "everything" {
            assert!(said.err.contains("is damaged"), "{file}, {how}: {}", said.err);
        }
        assert_same_files(&whole, &directory);
    }
}

#[test]
fn what_disappears_while_a_run_works_is_written_again() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let more = ["-S", "stages.finetune.epochs=20"];
    assert_eq!(Said::of(start(&workshop, "whole", &more)).code, Some(0));
    let directory = workshop.path("runs/small");
    let mut process = start(&workshop, "runs", &more);
    wait_for(&directory.join("checkpoint/stage-1"), &mut process);
    std::fs::remove_dir_all(directory.join("weights/transfer")).unwrap();
    let said = Said::of(process);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_same_files(&workshop.path("whole/small"), &directory);
    let mut process = start(&workshop, "changed", &more);
    let directory = workshop.path("changed/small");
    wait_for(&directory.join("checkpoint/stage-1"), &mut process);
    std::fs::write(directory.join("splits.csv"), "path,label,split,digest\n").unwrap();
    let said = Said::of(process);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("files of the run directory changed"), "{}", said.err);
    assert!(said.err.contains("splits.csv"), "{}", said.err);
    assert!(!directory.join("manifest.json").exists());
}

#[test]
fn the_second_in_a_run_directory_is_told_who_holds_it() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let directory = workshop.path("runs/small");
    let mut first = start(&workshop, "runs", &["-S", "stages.finetune.epochs=2000"]);
    wait_for(&directory.join("checkpoint/stage-1"), &mut first);
    let second = Said::of(resume(&directory));
    let holder = format!("process {}", first.id());
    kill(first);
    assert_eq!(second.code, Some(1), "{}", second.err);
    assert!(second.err.contains(&holder), "{}", second.err);
}

#[test]
fn a_run_goes_on_only_with_the_pictures_it_began_with() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let directory = cut_short(&workshop, "runs");
    let (picture, aside) = (workshop.path("pictures/disc/003.png"), workshop.path("aside"));
    std::fs::rename(&picture, &aside).unwrap();
    std::fs::copy(workshop.path("pictures/ring/004.png"), &picture).unwrap();
    let said = Said::of(resume(&directory));
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("images changed since the run was started"), "{}", said.err);
    assert!(said.err.contains("1 image changed"), "{}", said.err);
    assert!(said.err.contains("disc/003.png"), "{}", said.err);
    std::fs::remove_file(&picture).unwrap();
    let said = Said::of(resume(&directory));
    assert!(said.err.contains("1 image removed"), "{}", said.err);
    std::fs::rename(workshop.path("pictures"), workshop.path("elsewhere")).unwrap();
    let said = Said::of(resume(&directory));
    assert!(said.err.contains("D001"), "{}", said.err);
    assert!(said.err.contains("-S dataset.directory=DIR"), "{}", said.err);
    std::fs::rename(&aside, workshop.path("elsewhere/disc/003.png")).unwrap();
    let pipeline = std::fs::read_to_string(directory.join("pipeline.yaml")).unwrap();
    std::fs::write(directory.join("pipeline.yaml"), "version: 1\n").unwrap();
    let place = format!("dataset.directory={}", workshop.text("elsewhere"));
    let run = directory.display().to_string();
    let again = || alpaca_run(&["resume", &run, "-S", &place]);
    let said = again();
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("files of the run directory changed"), "{}", said.err);
    std::fs::write(directory.join("pipeline.yaml"), pipeline).unwrap();
    let said = alpaca_run(&["resume", &run, "-S", "seed=3"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    let said = again();
    assert_eq!(said.code, Some(0), "{}", said.err);
}

/// A limit on the size of files stands for a full disk: the same calls fail.
#[cfg(unix)]
#[test]
fn a_disk_without_room_is_an_error_and_nothing_is_lost() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &EVERY_STEP[..2]).code, Some(0));
    let said = Said::of(through_shell("ulimit -f 2000", &workshop, "full", &[]));
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("cannot write") && said.err.contains("resume"), "{}", said.err);
    let directory = workshop.path("full/small");
    let said = Said::of(resume(&directory));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_same_files(&workshop.path("runs/small"), &directory);
}

#[test]
fn what_cannot_go_on_says_why() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = alpaca_run(&["resume", &workshop.text("nowhere")]);
    assert!(said.err.contains("there is no directory"), "{}", said.err);
    let said = alpaca_run(&["resume", &workshop.text("pictures")]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("no checkpoint to resume from"), "{}", said.err);
    assert!(!workshop.path("pictures/checkpoint").exists(), "something was written there");
    let directory = cut_short(&workshop, "runs");
    assert_eq!(Said::of(resume(&directory)).code, Some(0));
    let said = Said::of(resume(&directory));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("has finished"), "{}", said.out);
    std::fs::write(directory.join("manifest.json"), "{}").unwrap();
    let said = Said::of(resume(&directory));
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(said.err.contains("is not a manifest"), "{}", said.err);
}

#[test]
fn verify_finds_every_file_that_is_not_as_it_was_written() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    let directory = workshop.text("runs/small");
    let verify = || alpaca_run(&["verify", &directory]);
    let said = verify();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("files match the manifest"), "{}", said.out);
    let path = |name: &str| workshop.path("runs/small").join(name);
    let metrics = std::fs::read_to_string(path("metrics.csv")).unwrap();
    std::fs::write(path("metrics.csv"), metrics.replacen("transfer", "transfar", 1)).unwrap();
    std::fs::remove_file(path("plots/loss.svg")).unwrap();
    std::fs::write(path("notes.txt"), "mine").unwrap();
    let said = verify();
    assert_eq!(said.code, Some(1), "{}", said.err);
    let expected =
        "changed: metrics.csv\nmissing: plots/loss.svg\nnot in the manifest: notes.txt\n";
    assert_eq!(said.out, expected);
    std::fs::write(path("metrics.csv"), metrics).unwrap();
    std::fs::remove_file(path("manifest.json")).unwrap();
    let said = verify();
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("so it is not a finished run"), "{}", said.err);
}

#[test]
fn a_run_that_was_named_by_half_or_not_finished_has_a_way_on() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let directory = cut_short(&workshop, "runs");
    let image = workshop.text("pictures/disc/000.png");
    let hint_of = |run: &str| {
        let mut command = command(&["predict", run, &image]);
        let said = Said::of(command.current_dir(workshop.path("")).spawn().unwrap());
        assert_eq!(said.code, Some(2), "{}", said.err);
        said.err
    };
    let path = directory.display().to_string();
    let hint = hint_of(&path);
    assert!(hint.contains(&format!("run `alpaca-run resume {path}` to finish it")), "{hint}");
    assert_eq!(Said::of(resume(&directory)).code, Some(0));
    let hint = hint_of("small");
    assert!(hint.contains("did you mean `runs/small`?"), "{hint}");
    let hint = hint_of("runs");
    assert!(hint.contains("name one of the runs in it, such as `runs/small`"), "{hint}");
}
