//! Watch mode, driven as a person at an editor drives it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::pictures::{Workshop, picture};
use crate::support::program::command;
use crate::support::runs::{TWO_STAGES, assert_same_files, run};
use crate::support::served::Served;

/// How long something that must happen may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// A watch session.
struct Session<'a> {
    workshop: &'a Workshop,
    process: Child,
    lines: Receiver<String>,
}

impl<'a> Session<'a> {
    fn start(workshop: &'a Workshop, more: &[&str]) -> Self {
        let [pipeline, runs, cache] =
            ["small.yaml", "runs", "cache"].map(|name| workshop.text(name));
        let words = ["watch", &pipeline, "--runs-dir", &runs, "--cache-dir", &cache];
        let words = [&words[..], more].concat();
        let mut process = command(&words).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let listen = |stream: Box<dyn Read + Send>| {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines() {
                    if sender.send(line.unwrap()).is_err() {
                        return;
                    }
                }
            });
        };
        listen(Box::new(process.stderr.take().unwrap()));
        let stdout: ChildStdout = process.stdout.take().unwrap();
        listen(Box::new(stdout));
        Self { workshop, process, lines }
    }

    /// Waits for a line with a text in it, and gives all lines up to it.
    #[track_caller]
    fn expect(&self, text: &str) -> Vec<String> {
        let (start, mut seen) = (Instant::now(), vec![]);
        while start.elapsed() < PATIENCE {
            if let Ok(line) = self.lines.recv_timeout(Duration::from_millis(100)) {
                seen.push(line);
                if seen.last().unwrap().contains(text) {
                    return seen;
                }
            }
        }
        panic!("no line with `{text}`; there was:\n{}", seen.join("\n"));
    }

    /// Saves a file as many editors do: under another name, then renamed.
    fn save(&self, text: &str) {
        let aside = self.workshop.path(".small.yaml.swp");
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(aside, self.workshop.path("small.yaml")).unwrap();
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The pipeline with values replaced.
fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(TWO_STAGES.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    })
}

/// A value of the first stage, and one of the second.
const FIRST: &str = "freeze: all, epochs: 2";
const SECOND: &str = "epochs: 2, optimizer";

#[test]
fn an_edit_runs_what_it_changes() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let session = Session::start(&workshop, &[]);
    session.expect("transfer  run    2 epochs: it has not run before");
    session.expect("watching");
    // Saved in place, and with another comment.
    std::fs::write(workshop.path("small.yaml"), format!("# hello\n{TWO_STAGES}")).unwrap();
    session.expect("no change affects the results");
    // An edit that is wrong, one that is gone for a moment, and one of the second stage.
    session.save(&with(&[("width", "widht")]));
    session.expect("P003");
    session.expect("waiting for the next edit");
    std::fs::rename(workshop.path("small.yaml"), workshop.path("aside")).unwrap();
    thread::sleep(Duration::from_millis(150));
    let edited = with(&[("1e-4", "5e-5")]);
    session.save(&edited);
    let seen = session.expect("finetune  run");
    assert!(!seen.iter().any(|line| line.contains("error")), "{seen:?}");
    let seen = seen.join("\n");
    assert!(seen.contains("last result: validation accuracy"), "{seen}");
    assert!(seen.contains("transfer  reuse") && seen.contains("0.0001 → 0.00005"), "{seen}");
    session.expect("against ");
    session.expect("watching");
    assert_eq!(run(&workshop, &[]).code, Some(0));
    assert_same_files(&workshop.path("runs/small-2"), &workshop.path("runs/small-3"));
    // What has run already is not run again, so there is no further directory.
    session.save(TWO_STAGES);
    let seen = session.expect("this pipeline has run already: validation accuracy").join("\n");
    assert!(seen.contains("runs/small)"), "{seen}");
    session.save(&edited);
    let seen = session.expect("this pipeline has run already: validation accuracy").join("\n");
    assert!(seen.contains("runs/small-2)"), "{seen}");
    assert!(!workshop.path("runs/small-4").exists());
}

#[test]
fn an_edit_that_is_taken_back_and_made_again_runs() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let session = Session::start(&workshop, &[]);
    session.expect("watching");
    let long = with(&[(FIRST, "freeze: all, epochs: 4000")]);
    session.save(&long);
    session.expect("transfer  epoch    1 of 4000");
    session.save(TWO_STAGES);
    session.expect("this pipeline has run already");
    session.save(&long);
    session.expect("planned in");
    session.expect("run directory: ");
    session.expect("of 4000");
}

#[test]
fn an_edit_in_the_middle_of_a_run_goes_on_from_what_is_still_valid() {
    let long = with(&[(FIRST, "freeze: all, epochs: 400")]);
    let workshop = Workshop::new(&long, 2);
    let session = Session::start(&workshop, &[]);
    session.expect("transfer  epoch   3 of 400");
    // What is wrong, or changes nothing, leaves the run alone.
    session.save("version: 1");
    session.expect("the run in progress continues");
    session.save(&format!("{long}# end\n"));
    session.expect("no change affects the results");
    session.expect("transfer  epoch");
    // The second stage is edited while the first one runs: the first one goes on.
    let edited = long.replace(SECOND, "epochs: 1, optimizer");
    session.save(&edited);
    session.expect("run directory: ");
    session.expect("stage transfer: training 1,281 of");
    let seen = session.expect("watching").join("\n");
    assert!(!seen.contains("transfer  epoch   3 of 400"), "it began anew:\n{seen}");
    assert_eq!(run(&workshop, &[]).code, Some(0));
    assert_same_files(&workshop.path("runs/small-2"), &workshop.path("runs/small-3"));
    // A value of the first stage changes both.
    session.save(&edited.replace("400", "399"));
    session.expect("transfer  run    399 epochs: stages.transfer.train.epochs: 400 → 399");
    session.expect("transfer  epoch   1 of 399");
}

#[test]
fn the_runs_can_be_looked_at_meanwhile() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let session = Session::start(&workshop, &["--serve"]);
    let seen = session.expect("the runs are shown at ");
    let (_, address) = seen.last().unwrap().split_once(" at ").unwrap();
    let served = Served::at(address);
    session.expect("watching");
    assert_eq!(served.get("/api/runs").json()["runs"][0]["id"], "small");
    session.save(&with(&[("1e-4", "5e-5")]));
    session.expect("finetune  run");
    session.expect("watching");
    assert_eq!(served.get("/api/runs").json()["runs"][1]["status"], "finished");
}

#[test]
fn pictures_are_followed_where_asked_for() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let session = Session::start(&workshop, &["--data"]);
    session.expect("watching");
    picture(1, 20).save(workshop.path("pictures/ring/new.png")).unwrap();
    session.expect("transfer  run    2 epochs: 1 image added");
    session.expect("watching");
}

#[test]
fn a_dataset_directory_in_the_place_of_another_is_followed() {
    for more in [&["--data"][..], &["--data", "--poll", "0.2"]] {
        let workshop = Workshop::new(TWO_STAGES, 2);
        let session = Session::start(&workshop, more);
        session.expect("watching");
        let [place, old, new] = ["pictures", "old", "new"].map(|name| workshop.path(name));
        crate::support::pictures::dataset(&new, 2, 13);
        std::fs::rename(&place, old).unwrap();
        std::fs::rename(new, &place).unwrap();
        session.expect("transfer  run    2 epochs: 2 images added");
        session.expect("watching");
        picture(1, 20).save(place.join("ring/new.png")).unwrap();
        session.expect("transfer  run    2 epochs: 1 image added");
        session.expect("watching");
    }
}

#[cfg(unix)]
#[test]
fn it_ends_where_the_run_can_go_on() {
    let workshop = Workshop::new(&with(&[(FIRST, "freeze: all, epochs: 4000")]), 2);
    let mut session = Session::start(&workshop, &[]);
    session.expect("transfer  epoch    2 of 4000");
    let id = session.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    session.expect("interrupted in stage `transfer`");
    let seen = session.expect("alpaca-run resume ");
    assert!(seen.last().unwrap().contains("--cache-dir "), "{seen:?}");
    assert_eq!(session.process.wait().unwrap().code(), Some(130));
}
