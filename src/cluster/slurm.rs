//! Slurm: a script for each array of tasks, submitted with `sbatch`
//! (<https://slurm.schedmd.com/sbatch.html>).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::commands::ask;
use super::error::ClusterError;
use super::graph::Task;
use super::jobs::{self, Submission};
use super::scheduler::{Batch, JobFile, Scheduler, TaskState, latest};
use crate::base::fs;
use crate::base::text;

/// The most tasks of an array: one less than Slurm's usual `MaxArraySize`.
const MOST_IN_ARRAY: usize = 1_000;
/// Seconds before the end of its time at which a task saves its state.
const NOTICE: u64 = 120;

/// Slurm's commands.
pub(super) struct Slurm;

/// Tasks that are one job: they need the same.
struct Array<'a> {
    /// The arrays that it needs, and the number of the task in each, by position.
    needs: Vec<(usize, usize)>,
    tasks: Vec<&'a Task>,
}

impl Scheduler for Slurm {
    fn files(&self, batch: &Batch<'_>) -> Vec<JobFile> {
        let arrays = arrays(batch);
        let mut files = vec![];
        for (position, array) in arrays.iter().enumerate() {
            let needs = array.needs.iter().map(|(job, number)| format!("JOB-{}_{number}", job + 1));
            files.extend(array_files(batch, position, array, &needs.collect::<Vec<_>>()));
        }
        files
    }

    fn submit(&self, batch: &Batch<'_>) -> Result<Vec<Submission>, ClusterError> {
        fs::create_dir_all(&jobs::logs(batch.home))?;
        let mut submitted: Vec<Submission> = vec![];
        for (position, array) in arrays(batch).iter().enumerate() {
            let needs = array.needs.iter();
            let needs = needs.map(|(job, number)| format!("{}_{number}", submitted[*job].job));
            let files = array_files(batch, position, array, &needs.collect::<Vec<_>>());
            for JobFile { path, text } in &files {
                fs::write_atomic(path, text.as_bytes())?;
            }
            let script = files[0].path.to_string_lossy();
            let answer = match ask(Path::new("sbatch"), &["--parsable", &script]) {
                Ok(answer) => answer,
                Err(error) => {
                    // Nothing runs of a batch that was refused in part.
                    let _ = self.cancel(&submitted);
                    return Err(error);
                }
            };
            // In a federation, the name of the cluster follows.
            let job = answer.split(';').next().unwrap_or_default().to_owned();
            let tasks = array.tasks.iter().map(|task| task.name.clone()).collect();
            submitted.push(Submission { job, tasks });
        }
        Ok(submitted)
    }

    fn states(&self, jobs: &[Submission]) -> Result<BTreeMap<String, TaskState>, ClusterError> {
        let numbers: Vec<&str> = jobs.iter().map(|submission| submission.job.as_str()).collect();
        let list = format!("--jobs={}", numbers.join(","));
        let arguments = ["--noheader", "--array", "--format=%i|%T|%r", &list];
        let answer = match ask(Path::new("squeue"), &arguments) {
            Ok(answer) => answer,
            // A single job that it has forgotten is an error for it.
            Err(error) if error.to_string().contains("Invalid job id") => String::new(),
            Err(error) => return Err(error),
        };
        let lines = answer.lines().filter_map(|line| {
            let mut parts = line.split('|');
            Some((parts.next()?, (parts.next()?, parts.next().unwrap_or_default())))
        });
        let lines: BTreeMap<&str, (&str, &str)> = lines.collect();
        let states = latest(jobs).into_iter().filter_map(|(task, (job, number))| {
            let (state, reason) = lines.get(format!("{job}_{number}").as_str())?;
            let state = match *state {
                "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "SPECIAL_EXIT" | "CONFIGURING" => {
                    TaskState::Waiting((*reason).to_owned())
                }
                _ => TaskState::Running,
            };
            Some((task.to_owned(), state))
        });
        Ok(states.collect())
    }

    fn cancel(&self, jobs: &[Submission]) -> Result<(), ClusterError> {
        let numbers: Vec<&str> = jobs.iter().map(|submission| submission.job.as_str()).collect();
        if numbers.is_empty() { Ok(()) } else { ask(Path::new("scancel"), &numbers).map(drop) }
    }

    fn outlives(&self) -> bool {
        true
    }
}

/// Groups the tasks of a batch into arrays, each after those that it needs.
fn arrays<'a>(batch: &Batch<'a>) -> Vec<Array<'a>> {
    let mut arrays: Vec<Array<'a>> = vec![];
    // The array and the number of each task so far.
    let mut places: Vec<(usize, usize)> = vec![];
    for task in &batch.tasks {
        let needs: Vec<(usize, usize)> =
            batch.needs(task).into_iter().map(|position| places[position]).collect();
        let fits = |array: &Array<'_>| array.needs == needs && array.tasks.len() < MOST_IN_ARRAY;
        let position = arrays.iter().position(fits).unwrap_or_else(|| {
            arrays.push(Array { needs, tasks: vec![] });
            arrays.len() - 1
        });
        places.push((position, arrays[position].tasks.len()));
        arrays[position].tasks.push(task);
    }
    arrays
}

/// The script of an array, and the list of its command lines.
fn array_files(
    batch: &Batch<'_>,
    position: usize,
    array: &Array<'_>,
    needs: &[String],
) -> [JobFile; 2] {
    let name = format!("batch-{}-{}", batch.number + 1, position + 1);
    let folder = batch.home.join(jobs::FOLDER);
    let list = folder.join(format!("{name}.txt"));
    let lines = array.tasks.iter().map(|task| {
        let words: Vec<String> = task.command.iter().map(|word| text::shell_word(word)).collect();
        let log = jobs::log(batch.home, &task.name);
        format!("{} >>{} 2>&1\n", words.join(" "), quoted_path(&log))
    });
    let text = script(batch, array.tasks.len(), needs, &list);
    let path: PathBuf = folder.join(format!("{name}.sh"));
    [JobFile { path, text }, JobFile { path: list, text: lines.collect() }]
}

/// The script of an array of `n` tasks whose command lines are in a file.
fn script(batch: &Batch<'_>, n: usize, needs: &[String], list: &Path) -> String {
    let cluster = batch.cluster;
    let mut text = "#!/bin/sh\n".to_owned();
    let mut option = |option: String| {
        let _ = writeln!(text, "#SBATCH {option}");
    };
    option(format!("--job-name={}", batch.name));
    option(format!("--array=0-{}", n - 1));
    option(format!("--cpus-per-task={}", cluster.cpus));
    if let Some(queue) = &cluster.queue {
        option(format!("--partition={queue}"));
    }
    if let Some(bytes) = cluster.memory {
        option(format!("--mem={}M", bytes.div_ceil(1 << 20)));
    }
    let mut notice = NOTICE;
    if let Some(time) = cluster.time {
        option(format!("--time={}", time.as_secs().div_ceil(60)));
        notice = notice.min(time.as_secs() / 4).max(1);
    }
    if !needs.is_empty() {
        option(format!("--dependency=afterok:{}", needs.join(":")));
        option("--kill-on-invalid-dep=yes".to_owned());
    }
    option("--requeue".to_owned());
    option(format!("--signal=B:USR1@{notice}"));
    let log = jobs::logs(batch.home).join("slurm-%A.log");
    option(format!("--output={}", quoted_path(&log)));
    option("--open-mode=append".to_owned());
    for line in cluster.extra.iter().filter(|line| line.starts_with("--")) {
        option(line.clone());
    }
    text.push('\n');
    let before: Vec<&str> = batch.commands().map(String::as_str).collect();
    if !before.is_empty() {
        let _ = write!(text, "set -e\n{}\nset +e\n", before.join("\n"));
    }
    text.push_str(&body(batch, list));
    text
}

/// What the script of an array does.
fn body(batch: &Batch<'_>, list: &Path) -> String {
    format!(
        r#"cd {current_dir} || exit 1
line=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {list})
# Shortly before its time is over, the task saves its state, and is queued again.
again=no
trap 'again=yes; kill -TERM "$task"' USR1
trap 'kill -TERM "$task"' TERM INT
eval "$line &"
task=$!
wait "$task"
code=$?
# A signal ends `wait`, but not the task.
while kill -0 "$task" 2>/dev/null; do
    wait "$task"
    code=$?
done
if [ "$again" = yes ] && [ "$code" -eq 130 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {retries} ]; then
    exec scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
"#,
        current_dir = quoted_path(batch.current_dir),
        list = quoted_path(list),
        retries = batch.cluster.retries,
    )
}

fn quoted_path(path: &Path) -> String {
    text::shell_word(&path.to_string_lossy())
}
