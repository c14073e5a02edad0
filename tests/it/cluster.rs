//! Tasks elsewhere: several processes, HyperQueue and Slurm leave the bytes of one process, whatever
//! gets lost on the way.
//!
//! Tests with a real scheduler need its programs, and say that they skip without them. A stand-in of
//! a few lines of shell takes the place of Slurm where what it says is what is tested.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, command, done, files_below};
use crate::support::runs::{TWO_STAGES, assert_same_bytes};

/// Two learning rates on three folds, and a stage that the runs of a fold have in common.
pub const SWEEP: &str = "\
sweep:
  over: { stages.finetune.optimizer.adam.learning_rate: [0.0001, 0.01] }
  folds: 3
cluster: { cpus: 1 }
";

pub fn workshop(section: &str) -> Workshop {
    Workshop::new(&format!("{TWO_STAGES}{section}"), 2)
}

/// A command with its runs and its cache in directories of their own.
pub fn words(workshop: &Workshop, command: &str, place: &str, more: &[&str]) -> Vec<String> {
    let (pipeline, runs, cache) = (
        workshop.text("small.yaml"),
        workshop.text(place),
        workshop.text(&format!("{place}-cache")),
    );
    let words = [command, &pipeline, "--runs-dir", &runs, "--cache-dir", &cache];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn sweep(workshop: &Workshop, place: &str, more: &[&str]) -> Said {
    alpaca_run(&words(workshop, "sweep", place, more))
}

/// The files of a sweep that do not tell the time, nor where it ran.
fn lasting(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let varies = |name: &str| {
        name.starts_with("jobs/")
            || ["timings.csv", "events.jsonl", "manifest.json"]
                .iter()
                .any(|file| name.ends_with(file))
    };
    files_below(directory).into_iter().filter(|(name, _)| !varies(name)).collect()
}

#[track_caller]
fn assert_same(a: &Path, b: &Path) {
    assert_same_bytes(&lasting(a), &lasting(b));
}

/// Whether a run took its first stage from the cache.
fn has_reused_transfer(run: &Path) -> bool {
    let manifest = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["volatile"]["reused"].as_array().unwrap().iter().any(|stage| stage == "transfer")
}

/// The runs of the sweep.
fn runs() -> impl Iterator<Item = String> {
    (1..3).flat_map(|arm| (0..3).map(move |fold| format!("arm-0{arm}-fold-{fold}")))
}

#[test]
fn processes_leave_the_bytes_of_one_process_and_share_a_stage() {
    let workshop = workshop(SWEEP);
    done(&sweep(&workshop, "alone", &[]));
    let said = sweep(&workshop, "there", &["--on", "local", "--threads", "2"]);
    done(&said);
    // Three folds of the first stage, and six runs.
    assert!(said.err.contains("9 tasks submitted to this machine"), "{}", said.err);
    let there = workshop.path("there/small-sweep");
    assert_same(&workshop.path("alone/small-sweep"), &there);
    assert!(runs().all(|run| has_reused_transfer(&there.join(run))));
    assert!(!there.join("jobs/stages").exists());
    let shown = alpaca_run(&["jobs", "show", &workshop.text("there/small-sweep")]);
    assert_eq!(shown.out, "9 finished\n");
    // Without a cache each run trains both stages.
    let said = sweep(&workshop, "bare", &["--on", "local", "--no-cache"]);
    done(&said);
    assert!(said.err.contains("6 tasks submitted"), "{}", said.err);
    assert_same(&workshop.path("alone/small-sweep"), &workshop.path("bare/small-sweep"));
}

#[test]
fn folds_run_elsewhere_with_the_same_bytes() {
    let workshop = workshop("cluster: { on: local, cpus: 1 }\n");
    let own = ["-S", "cluster.on=hyperqueue", "--on", "local", "--folds", "3"];
    done(&alpaca_run(&words(&workshop, "folds", "there", &own)));
    let text = std::fs::read_to_string(workshop.path("small.yaml")).unwrap();
    std::fs::write(workshop.path("small.yaml"), text.replace("cluster:", "# cluster:")).unwrap();
    done(&alpaca_run(&words(&workshop, "folds", "alone", &["--folds", "3"])));
    let [a, b] = ["alone", "there"].map(|place| workshop.path(place).join("small-folds"));
    let without_pipeline = |directory: &Path| {
        let mut files = lasting(directory);
        files.retain(|(name, _)| !name.ends_with("pipeline.yaml"));
        files
    };
    assert!(without_pipeline(&a) == without_pipeline(&b));
}

/// The processes that work on tasks of a directory.
fn workers(directory: &Path) -> Vec<String> {
    let pattern = format!("jobs run {}", directory.display());
    let found = Command::new("pgrep").args(["-f", &pattern]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn tasks_whose_processes_are_killed_start_again() {
    let workshop = workshop(SWEEP);
    done(&sweep(&workshop, "alone", &[]));
    let there = workshop.path("there/small-sweep");
    let words = words(&workshop, "sweep", "there", &["--on", "local", "--threads", "2"]);
    let mut process = command(&words).spawn().unwrap();
    let mut n_killed = 0;
    while process.try_wait().unwrap().is_none() {
        for worker in workers(&there).into_iter().take(1) {
            if n_killed < 5 {
                let killed = Command::new("kill").args(["-KILL", &worker]).status().unwrap();
                n_killed += usize::from(killed.success());
            }
        }
        thread::sleep(Duration::from_millis(30));
    }
    done(&Said::of(process));
    assert!(n_killed > 0);
    assert_same(&workshop.path("alone/small-sweep"), &there);
}

#[test]
fn the_scripts_are_shown_before_anything_is_submitted() {
    let workshop = workshop(&SWEEP.replace(
        "{ cpus: 1 }",
        "{ cpus: 2, queue: gpu, memory: 8GB, time: 90min, extra: [--account=vision, module load x] }",
    ));
    let shown = |on: &str| {
        let said = sweep(&workshop, "runs", &["--on", on, "--dry-run"]);
        done(&said);
        let program = env!("CARGO_BIN_EXE_alpaca-run");
        let folder = workshop.path("").display().to_string();
        let text = said.out.replace(program, "alpaca-run").replace(&folder, "FOLDER/");
        let text = text.replace(env!("CARGO_MANIFEST_DIR"), "PROJECT");
        // The name of a stage's task has the beginning of its key.
        let keys = regex::Regex::new("stage-transfer-[0-9a-f]{8}").unwrap();
        keys.replace_all(&text, "stage-transfer-KEY").into_owned()
    };
    insta::assert_snapshot!("slurm_scripts", shown("slurm"));
    insta::assert_snapshot!("hyperqueue_job_file", shown("hyperqueue"));
    assert!(!workshop.path("runs").exists());
}

/// A stand-in for Slurm: `sbatch` runs the tasks of an array one after the other in the background,
/// and forgets them. It loses the tasks whose names are in the file `lost`, each once.
const STAND_IN: &[(&str, &str)] = &[
    (
        "sbatch",
        r#"#!/bin/sh
for script; do :; done
here=$(dirname "$0")
echo x >>"$here/jobs"
job=$(wc -l <"$here/jobs")
tasks=$(sed -n 's/^#SBATCH --array=0-//p' "$script")
needs=$(sed -n 's/^#SBATCH --dependency=afterok://p' "$script" | tr ':' ' ')
(
    for need in $needs; do
        # The test may end before.
        while ! [ -e "$here/done-$need" ]; do [ -e "$here/jobs" ] || exit 0; sleep 0.02; done
    done
    for task in $(seq 0 "$tasks"); do
        list=$(sed -n 's/^line=.* \([^ ]*\))$/\1/p' "$script")
        name=$(sed -n "$((task + 1))p" "$list" | sed 's/.* jobs run [^ ]* \([^ ]*\) .*/\1/')
        if grep -qx "$name" "$here/lost" 2>/dev/null; then
            sed -i "/^$name\$/d" "$here/lost"
        else
            SLURM_ARRAY_TASK_ID=$task sh "$script"
            touch "$here/done-${job}_$task"
        fi
    done
) >/dev/null 2>&1 &
echo "$job"
"#,
    ),
    ("squeue", "#!/bin/sh\nexit 0\n"),
    ("scancel", "#!/bin/sh\nexit 0\n"),
];

/// A directory of programs before all others.
fn with_programs(workshop: &Workshop, programs: &[(&str, &str)]) -> (PathBuf, String) {
    let folder = workshop.path("bin");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in programs {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    (folder, path)
}

#[test]
fn lost_tasks_are_submitted_again_until_there_are_no_retries() {
    let workshop = workshop(SWEEP);
    done(&sweep(&workshop, "alone", &[]));
    let (folder, path) = with_programs(&workshop, STAND_IN);
    std::fs::write(folder.join("lost"), "arm-01-fold-1\narm-02-fold-2\n").unwrap();
    let on = |place: &str, more: &[&str]| {
        let words = words(&workshop, "sweep", place, &[&["--on", "slurm"], more].concat());
        Said::of(command(&words).env("PATH", &path).spawn().unwrap())
    };
    let said = on("there", &[]);
    done(&said);
    assert!(said.err.contains("ended without a result, and will start again"), "{}", said.err);
    assert_same(&workshop.path("alone/small-sweep"), &workshop.path("there/small-sweep"));
    std::fs::write(folder.join("lost"), "arm-01-fold-1\n").unwrap();
    let said = on("never", &["-S", "cluster.retries=0"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("arm-01-fold-1: it ended 1 time without a result"), "{}", said.err);
    // What has finished is not submitted again.
    let said = on("never", &[]);
    done(&said);
    assert!(said.err.contains("1 task submitted to Slurm"), "{}", said.err);
    assert_same(&workshop.path("alone/small-sweep"), &workshop.path("never/small-sweep"));
}

#[test]
fn a_detached_command_is_resumed_for_the_result() {
    let workshop = workshop(SWEEP);
    done(&sweep(&workshop, "alone", &[]));
    let (_, path) = with_programs(&workshop, STAND_IN);
    let run = |words: &[String]| Said::of(command(words).env("PATH", &path).spawn().unwrap());
    done(&run(&words(&workshop, "sweep", "there", &["--on", "slurm", "--detach"])));
    let there = workshop.path("there/small-sweep");
    assert!(!there.join("sweep.json").exists());
    let of = |action: &str| ["jobs", action, &there.display().to_string()].map(str::to_owned);
    done(&run(&of("show")));
    done(&run(&of("resume")));
    assert_same(&workshop.path("alone/small-sweep"), &there);
}

#[test]
fn a_command_that_waits_stops_when_its_tasks_are_cancelled() {
    let workshop = workshop(SWEEP);
    // Jobs that never start.
    let squeue =
        ("squeue", "#!/bin/sh\nfor n in 0 1 2 3; do echo \"1_$n|PENDING|Priority\"; done\n");
    let sbatch = ("sbatch", "#!/bin/sh\necho 1\n");
    let (_, path) = with_programs(&workshop, &[sbatch, squeue, STAND_IN[2]]);
    let words = words(&workshop, "sweep", "there", &["--on", "slurm"]);
    let process = command(&words).env("PATH", &path).spawn().unwrap();
    let home = workshop.path("there/small-sweep");
    while !home.join("jobs/jobs.json").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let home = home.display().to_string();
    let jobs = |action: &str| {
        Said::of(command(&["jobs", action, &home]).env("PATH", &path).spawn().unwrap())
    };
    done(&jobs("cancel"));
    let said = why(&Said::of(process), 1);
    assert!(said.contains("the tasks were cancelled"), "{said}");
    let shown = jobs("show").out;
    assert!(shown.contains("waiting") || shown.contains("cancelled"), "{shown}");
}

/// The lines of what a failed command said that tell why.
fn why(said: &Said, code: i32) -> String {
    assert_eq!(said.code, Some(code), "{}", said.err);
    said.err.clone()
}

#[test]
fn what_cannot_be_submitted_is_said() {
    let workshop = workshop(SWEEP);
    let (folder, path) = with_programs(
        &workshop,
        &[(
            "sbatch",
            "#!/bin/sh\necho 'sbatch: error: invalid partition specified: nope' >&2\nexit 1\n",
        )],
    );
    let on = |on: &str, path: &str| {
        let words = words(&workshop, "sweep", "runs", &["--on", on]);
        let process = command(&words).env("PATH", path).env_remove("ALPACA_HQ").spawn().unwrap();
        why(&Said::of(process), 1)
    };
    let nothing = folder.join("nothing").display().to_string();
    assert!(on("slurm", &nothing).contains("`sbatch` is not installed on this machine"));
    assert!(
        on("hyperqueue", &nothing)
            .contains("`hq` in the PATH, or name it with the variable ALPACA_HQ")
    );
    let said = on("slurm", &path);
    assert!(said.contains("invalid partition specified: nope"), "{said}");
    assert!(said.contains("name one with `queue` of `cluster`"), "{said}");
    let said = why(&sweep(&workshop, "runs", &["--detach"]), 2);
    assert!(said.contains("`--detach` needs a scheduler"), "{said}");
    let said = why(&alpaca_run(&["jobs", "show", &workshop.text("pictures")]), 2);
    assert!(said.contains("nothing was submitted in"), "{said}");
}

#[test]
fn a_task_on_a_machine_that_differs_is_refused() {
    let workshop = workshop(SWEEP);
    let (_, path) = with_programs(&workshop, &[("sbatch", "#!/bin/sh\necho 1\n"), STAND_IN[1]]);
    let words = words(&workshop, "sweep", "runs", &["--on", "slurm", "--detach"]);
    done(&Said::of(command(&words).env("PATH", &path).spawn().unwrap()));
    let home = workshop.text("runs/small-sweep");
    let task = || alpaca_run(&["jobs", "run", &home, "arm-01-fold-0", "--no-cache"]);
    let work = workshop.path("runs/small-sweep/jobs/work.json");
    let text = std::fs::read_to_string(&work).unwrap();
    let edit = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        std::fs::write(&work, text.replace(from, to)).unwrap();
    };
    edit("alpaca-run build ", "alpaca-run build 0000");
    let said = why(&task(), 2);
    assert!(said.contains("but the tasks were submitted for alpaca-run build 0000"), "{said}");
    edit("alpaca-run", "alpaca-run");
    std::fs::remove_file(workshop.path("pictures/disc/003.png")).unwrap();
    let said = why(&task(), 2);
    assert!(said.contains("differ from those at the time of submission"), "{said}");
    let shown = alpaca_run(&["jobs", "show", &home]);
    assert!(shown.out.contains("failed"), "{}", shown.out);
}

#[test]
fn a_settings_file_is_for_all_pipelines() {
    let workshop = workshop(&SWEEP.replace("cluster: { cpus: 1 }", "cluster: { memory: 1GB }"));
    let file = workshop.path("settings.yaml");
    let dry_run = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let words = words(&workshop, "sweep", "runs", &["--dry-run"]);
        Said::of(command(&words).env("ALPACA_SETTINGS", &file).spawn().unwrap())
    };
    let said = dry_run("cluster: { on: slurm, memory: 2GB, queue: long }\n");
    done(&said);
    for line in ["--mem=1024M", "--partition=long", "--cpus-per-task=4"] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    let said = why(&dry_run("clusters: {}\n"), 2);
    assert!(
        said.contains("unknown section `clusters`") && said.contains("settings.yaml"),
        "{said}"
    );
    let said = why(&dry_run("cluster: { on: slrum, time: 90 }\n"), 2);
    assert!(said.contains("did you mean `slurm`?") && said.contains("`time` must be"), "{said}");
    let said = why(&dry_run("cluster: { time: 2 weeks, memory: lots }\n"), 2);
    assert!(
        said.contains("such as 90s, 10min or 1h30min") && said.contains("500MB or 8GB"),
        "{said}"
    );
    done(&dry_run(""));
}

/// Processes that end with the test.
struct Processes(Vec<Child>);

impl Processes {
    fn start(&mut self, command: &mut Command) {
        self.0.push(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // It may have ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The longest that a sweep with a real scheduler may take, on a busy machine.
const LONGEST: Duration = Duration::from_mins(5);

/// Runs the sweep with a real scheduler while `kill` is called again and again, and compares.
pub fn with_scheduler(
    workshop: &Workshop,
    on: &str,
    variable: (&str, &Path),
    mut kill: impl FnMut(usize),
) {
    let more = ["-S", "stages.finetune.epochs=20"];
    done(&sweep(workshop, "alone", &more));
    let words = words(workshop, "sweep", "there", &[&["--on", on], &more[..]].concat());
    let mut process = command(&words).env(variable.0, variable.1).spawn().unwrap();
    let mut number = 0;
    let began = Instant::now();
    while process.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(300));
        if number < 3 && began.elapsed() > Duration::from_millis(700 * number as u64) {
            kill(number);
            number += 1;
        }
        if began.elapsed() > LONGEST {
            process.kill().unwrap();
            panic!("the tasks did not end: {}", Said::of(process).err);
        }
    }
    done(&Said::of(process));
    assert_same(&workshop.path("alone/small-sweep"), &workshop.path("there/small-sweep"));
    assert!(runs().all(|run| has_reused_transfer(&workshop.path("there/small-sweep").join(run))));
}

#[test]
fn hyperqueue_leaves_the_same_bytes_when_workers_and_the_server_are_killed() {
    let Some(hq) = std::env::var_os("ALPACA_HQ") else {
        println!("skipped: ALPACA_HQ does not name HyperQueue's `hq`");
        return;
    };
    let workshop = workshop(SWEEP);
    let folder = workshop.path("hq");
    std::fs::create_dir(&folder).unwrap();
    let mut processes = Processes(vec![]);
    let server = |processes: &mut Processes| {
        let journal = folder.join("journal");
        processes.start(
            Command::new(&hq)
                .env("HQ_SERVER_DIR", &folder)
                .args(["server", "start", "--host", "localhost", "--journal"])
                .arg(journal),
        );
        thread::sleep(Duration::from_millis(500));
    };
    let worker = |processes: &mut Processes| {
        processes.start(Command::new(&hq).env("HQ_SERVER_DIR", &folder).args([
            "worker",
            "start",
            "--cpus",
            "2",
            "--heartbeat",
            "2s",
        ]));
    };
    server(&mut processes);
    worker(&mut processes);
    with_scheduler(&workshop, "hyperqueue", ("HQ_SERVER_DIR", &folder), |number| {
        // A worker, the server with all its workers, a worker.
        let last = if number == 1 { 0 } else { processes.0.len() - 1 };
        for mut process in processes.0.drain(last..) {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        if number == 1 {
            server(&mut processes);
        }
        worker(&mut processes);
    });
}
