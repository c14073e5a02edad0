//! The live page: what it is told about runs, and what nobody is told.

use std::io::{BufRead, BufReader, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

#[cfg(unix)]
use crate::support::chromium::Chromium;
use crate::support::pictures::{Workshop, picture};
use crate::support::program::{alpaca_run, command, done, files_below, project};
use crate::support::runs::{ONE_STAGE, TWO_STAGES, run};
use crate::support::served::Served;

/// Two runs that differ in their seed, and a server of them.
fn two_runs() -> (Workshop, Served) {
    let workshop = Workshop::new(TWO_STAGES, 3);
    done(&run(&workshop, &[]));
    done(&run(&workshop, &["-S", "seed=8"]));
    let served = Served::start(&["serve", &workshop.text("runs")]);
    (workshop, served)
}

#[test]
fn a_run_is_shown_as_its_files_have_it() {
    let (workshop, served) = two_runs();
    let all = served.get("/api/runs").json();
    let runs = all["runs"].as_array().unwrap();
    let ids: Vec<&str> = runs.iter().map(|run| run["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["small", "small-2"]);
    let keys: Vec<&str> =
        all["keys"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(keys.contains(&"seed") && !keys.contains(&"dataset.batch_size"), "{keys:?}");
    assert_eq!(runs[1]["values"]["seed"], 8);

    let one = served.get("/api/run?id=small").json();
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(workshop.path("runs/small/manifest.json")).unwrap())
            .unwrap();
    assert_eq!(one["run"]["best"]["epoch"], manifest["stages"][1]["best"]["epoch"]);
    assert_eq!(one["rows"].as_array().unwrap().len(), 4);
    assert_eq!(one["stages"][1], json!({ "name": "finetune", "first_epoch": 3, "n_epochs": 4 }));
    for file in one["files"].as_array().unwrap() {
        let name = file.as_str().unwrap();
        let found = served.get(&format!("/files/small/{name}"));
        assert_eq!(found.status, 200, "{name}");
        assert_eq!(
            found.body,
            std::fs::read(workshop.path("runs/small").join(name)).unwrap(),
            "{name}"
        );
        assert!(found.head.contains("sandbox; default-src 'none'"), "{}", found.head);
    }
    let predictions = served.get("/api/predictions?id=small").json();
    let row = &predictions["rows"][0];
    assert!(
        row[0].is_string()
            && row[3].is_f64()
            && row.as_array().unwrap().last().unwrap().is_boolean()
    );
    let path = row[0].as_str().unwrap();
    let image = served.get(&format!("/api/image?id=small&path={path}"));
    assert!(image.head.contains("image/jpeg") && image.body.starts_with(&[0xff, 0xd8]));

    let compared = served.get("/api/compare?id=small&id=small-2").json();
    assert_eq!(compared["runs"], json!(["small", "small-2"]));
    assert!(!compared["text"][0].as_str().unwrap().is_empty());
    assert_eq!(served.get("/api/compare?id=small").status, 400);

    // An image that changed is not the one that the run predicted.
    let file = workshop.path("pictures").join(path);
    picture(0, 99).save(file).unwrap();
    assert_eq!(served.get(&format!("/api/image?id=small&path={path}")).status, 404);
}

/// Addresses of what is not a file of a run.
const ELSEWHERE: [&str; 22] = [
    "/files/small/secret.txt",
    "/files/small/../../secret.txt",
    "/files/small/%2e%2e/%2e%2e/secret.txt",
    "/files/small/..%2f..%2fsecret.txt",
    "/files/small//etc/passwd",
    "/files//etc/passwd",
    "/files/../secret.txt",
    "/files/..%2fsecret.txt",
    "/files/small/plots/secret.svg",
    "/files/small/plots/",
    "/files/small/checkpoint/lock",
    "/files/elsewhere/classes.json",
    "/files/up/secret.txt",
    "/files/small/classes.json%00.txt",
    "/api/run?id=..",
    "/api/run?id=../pictures",
    "/api/run?id=elsewhere",
    "/api/run?id=",
    "/api/image?id=small&path=../secret.txt",
    "/api/image?id=small&path=/etc/passwd",
    "/js/../../../Cargo.toml",
    "/secret.txt",
];

#[test]
fn only_who_has_the_token_looks_and_only_at_runs() {
    let (workshop, served) = two_runs();
    std::fs::write(workshop.path("secret.txt"), "secret").unwrap();
    std::fs::write(workshop.path("runs/small/secret.txt"), "secret").unwrap();
    let other = Workshop::new(ONE_STAGE, 2);
    done(&run(&other, &[]));
    #[cfg(unix)]
    for (from, to) in [
        (workshop.path("secret.txt"), workshop.path("runs/small/plots/secret.svg")),
        (other.path("runs/small"), workshop.path("runs/elsewhere")),
        (workshop.path(""), workshop.path("runs/up")),
    ] {
        std::os::unix::fs::symlink(from, to).unwrap();
    }
    let before = files_below(&workshop.path("runs/small"));
    for path in ELSEWHERE {
        let answer = served.get(path);
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.text().contains("secret\n") && answer.text() != "secret", "{path}");
    }
    // Without the token, with a wrong one, and by a name that is not its own.
    let stranger = served.for_token(None);
    let wrong = served.for_token(Some(&"0".repeat(32)));
    for path in
        ["/", "/api/runs", "/files/small/classes.json", "/page.css", "/nothing", "/?token=0"]
    {
        assert_eq!(stranger.get(path).status, 401, "{path}");
        assert_eq!(wrong.get(path).status, 401, "{path}");
    }
    let token = served.token.clone().unwrap();
    let first = stranger.get(&format!("/?token={token}"));
    assert_eq!(first.status, 303);
    assert!(first.head.contains("httponly; samesite=lax"), "{}", first.head);
    let (_, port) = served.host.split_once(':').unwrap();
    let cookie = format!("Cookie: other=1; alpaca-run-{port}={token}\r\n");
    assert_eq!(stranger.get_with("/api/runs", &cookie).status, 200);
    assert_eq!(served.get_as("runs.example", "/api/runs").status, 421);
    assert_eq!(served.get_as(&format!("localhost:{port}"), "/api/runs").status, 200);
    for method in ["POST", "PUT", "DELETE"] {
        let answer = served.ask_by(method, "/api/runs");
        assert_eq!(answer.status, 405, "{method}");
    }
    assert!(before == files_below(&workshop.path("runs/small")), "the server wrote something");
}

/// A run that is in progress, made by hand so that it stands still.
fn in_progress(workshop: &Workshop, name: &str) -> std::path::PathBuf {
    let (from, to) = (workshop.path("runs/small"), workshop.path("runs").join(name));
    std::fs::create_dir_all(to.join("checkpoint")).unwrap();
    for file in
        ["pipeline.yaml", "pipeline.resolved.yaml", "splits.csv", "classes.json", "metrics.csv"]
    {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let started = json!({ "format": 1, "program": "alpaca-run 0.1.0" });
    std::fs::write(to.join("checkpoint/run.json"), started.to_string()).unwrap();
    to
}

#[test]
fn events_are_told_as_they_are_written_and_a_run_may_go_while_it_is_shown() {
    let (workshop, served) = two_runs();
    let directory = in_progress(&workshop, "slow");
    let lock = std::fs::File::create(directory.join("checkpoint/lock")).unwrap();
    lock.lock().unwrap();
    let mut events = std::fs::File::create(directory.join("events.jsonl")).unwrap();
    events.write_all(b"{\"event\":{\"run_started\":{}}}\n{\"event\":").unwrap();
    assert_eq!(served.get("/api/run?id=slow").json()["run"]["status"], "running");
    let mut lines = served.follow("/api/events?id=slow", "");
    assert_eq!(lines.next_with("data: "), "data: {\"event\":{\"run_started\":{}}}");
    events.write_all(b"{\"warning\":{\"message\":\"half\"}}}\n").unwrap();
    assert_eq!(lines.next_with("data: "), "data: {\"event\":{\"warning\":{\"message\":\"half\"}}}");
    // Who comes back is told the rest.
    let mut again = served.follow("/api/events?id=slow", "Last-Event-ID: 1\r\n");
    assert_eq!(again.next_with("id: "), "id: 2");
    let mut changes = served.follow("/api/changes", "");
    changes.next_with(": hello");
    drop(lock);
    let changed = changes.next_with("data: ");
    assert!(changed.contains("cut short"), "{changed}");
    assert_eq!(lines.next_with("event: "), "event: end");
    assert_eq!(lines.next_with("data: "), "data: {\"status\":\"cut short\"}");

    std::fs::remove_dir_all(&directory).unwrap();
    let changed = changes.next_with("data: ");
    assert!(changed.contains("\"removed\":[\"slow\"]"), "{changed}");
    assert_eq!(served.get("/api/run?id=slow").status, 404);
    assert_eq!(served.get("/api/events?id=slow").status, 404);
    // Files that cannot be read are left out.
    let broken = in_progress(&workshop, "broken");
    std::fs::write(broken.join("manifest.json"), "{").unwrap();
    std::fs::write(broken.join("metrics.csv"), "stage,epoch\ntransfer,1,2\n\"").unwrap();
    let all = served.get("/api/runs").json();
    let broken = all["runs"].as_array().unwrap().iter().find(|run| run["id"] == "broken").unwrap();
    assert_eq!(broken["status"], "broken");
    assert!(broken["why"].is_string());
}

/// A run directory may come from anywhere.
#[cfg(unix)]
#[test]
fn files_that_never_end_or_are_too_large_hold_up_nothing() {
    let (workshop, served) = two_runs();
    let copy = |name: &str| {
        let to = workshop.path("runs").join(name);
        std::fs::create_dir_all(&to).unwrap();
        for file in [
            "pipeline.yaml",
            "pipeline.resolved.yaml",
            "splits.csv",
            "classes.json",
            "manifest.json",
        ] {
            std::fs::copy(workshop.path("runs/small").join(file), to.join(file)).unwrap();
        }
        to
    };
    let fifo = |path: &std::path::Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let pipe = copy("pipe");
    std::fs::remove_file(pipe.join("manifest.json")).unwrap();
    fifo(&pipe.join("manifest.json"));
    let pipes = copy("pipes");
    for name in ["metrics.csv", "metrics.json", "events.jsonl", "predictions.csv"] {
        fifo(&pipes.join(name));
    }
    let zero = copy("zero");
    std::fs::remove_file(zero.join("classes.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", zero.join("classes.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", zero.join("metrics.csv")).unwrap();
    let large = copy("large");
    for name in ["metrics.csv", "predictions.csv"] {
        std::fs::File::create(large.join(name)).unwrap().set_len(4 << 30).unwrap();
    }
    let all = served.get("/api/runs").json();
    assert_eq!(all["runs"].as_array().unwrap().len(), 6, "{all}");
    for id in ["pipe", "pipes", "zero", "large"] {
        assert_eq!(served.get(&format!("/api/run?id={id}")).status, 200, "{id}");
        assert_eq!(served.get(&format!("/api/predictions?id={id}")).status, 404, "{id}");
        assert_eq!(served.get(&format!("/api/compare?id=small&id={id}")).status, 400, "{id}");
        assert!(served.get(&format!("/api/events?id={id}")).text().contains("event: end"), "{id}");
    }
    let said = alpaca_run(&["runs", "--runs-dir", &workshop.text("runs")]);
    assert!(said.code == Some(0) && said.out.contains("broken"), "{said:?}");
}

#[test]
fn a_directory_may_be_empty_or_appear_later_and_a_file_is_refused() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let served = Served::start(&["serve", &workshop.text("runs"), "--no-token"]);
    assert_eq!(served.token, None);
    assert_eq!(served.get("/api/runs").json()["runs"], json!([]));
    done(&run(&workshop, &[]));
    assert_eq!(served.get("/api/runs").json()["runs"][0]["id"], "small");
    for (path, why) in [("small.yaml", "is a file"), ("runs/small", "is a run")] {
        let said = alpaca_run(&["serve", &workshop.text(path), "--listen", "0"]);
        assert!(said.code == Some(2) && said.err.contains(why), "{said:?}");
    }
    let nameless = served.get("/api/run");
    assert_eq!((nameless.status, nameless.json()["error"].is_string()), (400, true));
}

/// Every file of the page is served.
#[test]
fn the_page_has_all_its_files() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let served = Served::start(&["serve", &workshop.text("runs"), "--no-token"]);
    let page = project().join("src/serve/runs/page");
    for (name, bytes) in files_below(&page) {
        let path = if name == "page.html" { "/".to_owned() } else { format!("/{name}") };
        let found = served.get(&path);
        assert_eq!((found.status, found.body == bytes), (200, true), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_browser_shows_a_run_in_progress() {
    let Some(browser) = std::env::var_os("ALPACA_BROWSER") else {
        println!("skipped: ALPACA_BROWSER names no Chromium");
        return;
    };
    let (workshop, served) = two_runs();
    let mut chromium = Chromium::start(&browser, &workshop.path(""));
    let first = format!("http://{}/?token={}", served.host, served.token.clone().unwrap());
    chromium.open(&first, 1440, false);
    chromium.wait_for("2 runs in ");
    let [pipeline, runs] = ["small.yaml", "runs"].map(|name| workshop.text(name));
    let words = ["run", &pipeline, "--runs-dir", &runs, "--no-cache", "-q", "-S", "name=long"];
    let many = ["-S", "stages.transfer.train.epochs=2000"];
    let mut long = command(&[&words[..], &many].concat()).spawn().unwrap();
    // The run appears by itself, and its curves grow.
    chromium.wait_for("transfer, epoch ");
    let home = format!("http://{}/", served.host);
    chromium.open(&format!("{home}#run?id=long"), 360, true);
    chromium.wait_for("Learning rate");
    chromium.wait("document.querySelectorAll('svg').length >= 3");
    let epochs = "+(/Table of ([0-9]+) epoch/.exec(document.body.textContent)?.[1] ?? 0)";
    let before = chromium.value(epochs).as_f64().unwrap();
    chromium.wait(&format!("{epochs} > {}", before + 2.0));
    assert_eq!(chromium.value(SIDEWAYS), 0, "sticks out on a telephone");
    long.kill().unwrap();
    long.wait().unwrap();
    chromium.wait_for("cut short");

    chromium.open(&format!("{home}#compare?id=small&id=small-2"), 768, false);
    chromium.wait_for("Changed pipeline values");
    chromium.wait_for("accuracy");
    chromium.open(&format!("{home}#images?id=small"), 768, true);
    chromium.wait("[...document.images].some(image => image.naturalWidth > 0)");
    chromium.open(&format!("{home}#axes"), 1440, false);
    chromium.wait("document.querySelectorAll('svg path, svg polyline').length >= 2");
    chromium.press("?");
    chromium.wait("document.querySelector('#keys').open");
    chromium.press("Escape");
    chromium.wait("!document.querySelector('#keys').open");

    // A run may go while it is shown, and so may the server.
    chromium.open(&format!("{home}#run?id=small-2"), 1440, false);
    chromium.wait_for("seed 8");
    std::fs::remove_dir_all(workshop.path("runs/small-2")).unwrap();
    chromium.wait("/removed|no run/.test(document.body.innerText)");
    assert_eq!(served.end("-TERM").code, Some(0));
    chromium.wait("document.querySelector('#connection').textContent.includes('trying again')");
}

/// By how many pixels the page is wider than its window.
const SIDEWAYS: &str =
    "document.documentElement.scrollWidth - document.documentElement.clientWidth";

#[cfg(unix)]
#[test]
fn a_browser_drops_an_image_on_a_model() {
    let Some(browser) = std::env::var_os("ALPACA_BROWSER") else {
        println!("skipped: ALPACA_BROWSER names no Chromium");
        return;
    };
    let workshop = Workshop::new(ONE_STAGE, 3);
    done(&run(&workshop, &[]));
    let served = Served::start(&["serve-model", &workshop.text("runs/small")]);
    let mut chromium = Chromium::start(&browser, &workshop.path(""));
    chromium.open(&format!("http://{}/", served.host), 360, true);
    chromium.wait_for("Classes: disc, ring, square");
    let image = STANDARD.encode(std::fs::read(workshop.path("pictures/disc/000.png")).unwrap());
    let drop = format!(
        "{{ const bytes = Uint8Array.from(atob('{image}'), c => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], 'disc.png', {{ type: 'image/png' }}));
            transfer.items.add(new File(['text'], 'text.txt'));
            document.dispatchEvent(new DragEvent('drop', {{ dataTransfer: transfer }})); true }}"
    );
    assert_eq!(chromium.value(&drop), true);
    chromium.wait("document.querySelectorAll('#answers meter').length === 3");
    chromium.wait_for("text.txt: not a readable image");
    assert_eq!(chromium.value(SIDEWAYS), 0, "sticks out on a telephone");
}

/// Lines that come in over time.
pub struct Lines(BufReader<std::net::TcpStream>);

impl Lines {
    /// The next line that begins with a text.
    #[track_caller]
    fn next_with(&mut self, start: &str) -> String {
        let mut seen = vec![];
        loop {
            let mut line = String::new();
            let n = self.0.read_line(&mut line).unwrap();
            assert!(n > 0, "no line with `{start}`: {seen:?}");
            let line = line.trim_end().to_owned();
            if line.starts_with(start) {
                return line;
            }
            seen.push(line);
        }
    }
}

impl Served {
    /// Reads a response line by line.
    fn follow(&self, path: &str, lines: &str) -> Lines {
        let token = self.token.as_ref().unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n{lines}\r\n",
            self.host
        );
        Lines(BufReader::new(self.send(head.as_bytes())))
    }
}
