//! A cache that several machines share: a directory, and in builds with it an object store.

use std::path::{Path, PathBuf};

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, command, done, files_below, spawn};
use crate::support::runs::TWO_STAGES;

/// A run on a machine, which has a cache of its own, with a shared one.
fn words(workshop: &Workshop, machine: &str, url: &str) -> Vec<String> {
    let [pipeline, runs, cache] =
        ["small.yaml", machine, &format!("{machine}-cache")].map(|name| workshop.text(name));
    let url = format!("cache.url={url}");
    let words = ["run", &pipeline, "--runs-dir", &runs, "--cache-dir", &cache, "-S", &url];
    words.map(str::to_owned).to_vec()
}

fn on(workshop: &Workshop, machine: &str, url: &str) -> Said {
    alpaca_run(&words(workshop, machine, url))
}

/// The result files of a run.
fn results(workshop: &Workshop, machine: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = files_below(&workshop.path(machine));
    let lasting = ["metrics.csv", "predictions.csv", "splits.csv"];
    files.retain(|(name, _)| lasting.iter().any(|file| name.ends_with(file)));
    files
}

fn url_of(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

/// The entries of a shared directory.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let files = files_below(&folder.join("stages-v2"));
    files.into_iter().map(|(name, _)| folder.join("stages-v2").join(name)).collect()
}

#[test]
fn a_machine_reuses_the_results_of_another() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let shared = workshop.path("shared");
    done(&on(&workshop, "first", &url_of(&shared)));
    assert_eq!(entries(&shared).len(), 2);
    let said = on(&workshop, "second", &url_of(&shared));
    done(&said);
    assert_eq!(said.err.matches("reused from the cache").count(), 2, "{}", said.err);
    assert_eq!(results(&workshop, "first"), results(&workshop, "second"));
    let listed = alpaca_run(&["cache", "list", "--url", &url_of(&shared)]);
    assert!(listed.out.contains("stage results") && listed.out.contains(&workshop.text("shared")));
    let pruned = alpaca_run(&["cache", "prune", "--all", "--url", &url_of(&shared)]);
    assert!(pruned.out.contains("stage results: 2 of 2 removed"), "{}", pruned.out);
    assert!(entries(&shared).is_empty());
}

#[test]
fn machines_that_compute_the_same_at_once_leave_one_entry() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let shared = workshop.path("shared");
    let machines: Vec<String> = (0..4).map(|i| format!("machine-{i}")).collect();
    let started =
        machines.iter().map(|machine| spawn(&words(&workshop, machine, &url_of(&shared))));
    for process in started.collect::<Vec<_>>() {
        let said = Said::of(process);
        done(&said);
        assert!(!said.err.contains("warning"), "{}", said.err);
    }
    assert_eq!(entries(&shared).len(), 2);
    for machine in &machines[1..] {
        assert_eq!(results(&workshop, machine), results(&workshop, &machines[0]));
    }
}

#[test]
fn a_different_result_of_another_machine_is_reported_and_a_damaged_one_replaced() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let shared = workshop.path("shared");
    done(&on(&workshop, "first", &url_of(&shared)));
    for path in entries(&shared) {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.strip_prefix(shared.join("stages-v2")).unwrap().display().to_string();
        let key = blake3::Hash::from_hex(name.replace('/', "")).unwrap();
        // Another bit in a weight, sealed as if another machine had computed it.
        let mut content = bytes[32..].to_vec();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        let mut hasher = blake3::Hasher::new();
        for part in [&key.as_bytes()[..], &content] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        std::fs::write(&path, [&hasher.finalize().as_bytes()[..], &content].concat()).unwrap();
    }
    // It computes by itself, and compares.
    let forced = ["--force", "transfer", "--force", "finetune"].map(str::to_owned);
    let words = [words(&workshop, "second", &url_of(&shared)), forced.to_vec()].concat();
    let said = alpaca_run(&words);
    done(&said);
    let sentence = "differs from that of another machine with the same key";
    assert_eq!(said.err.matches(sentence).count(), 2, "{}", said.err);
    assert_eq!(results(&workshop, "first"), results(&workshop, "second"));
    for path in entries(&shared) {
        std::fs::write(path, b"half of it").unwrap();
    }
    let said = on(&workshop, "third", &url_of(&shared));
    done(&said);
    assert!(!said.err.contains("warning"), "{}", said.err);
    let said = on(&workshop, "fourth", &url_of(&shared));
    assert_eq!(said.err.matches("reused from the cache").count(), 2, "{}", said.err);
}

#[test]
fn a_cache_that_cannot_be_used_costs_time_and_no_result() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    // A directory that cannot be created.
    let said = on(&workshop, "first", "file:///dev/null/cache");
    done(&said);
    assert!(said.err.contains("cannot be"), "{}", said.err);
    for (url, hint) in
        [("s3:/bucket", "`file:///shared/cache`"), ("cache", "`file:///shared/cache`")]
    {
        let said = on(&workshop, "second", url);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains(hint) || cfg!(feature = "object-store"), "{}", said.err);
    }
    if !cfg!(feature = "object-store") {
        let said = on(&workshop, "second", "s3://bucket/cache");
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains("install it with `--features object-store`"), "{}", said.err);
    }
}

#[cfg(unix)]
#[test]
fn what_tasks_in_progress_need_is_not_removed() {
    let workshop = Workshop::new(
        &format!("{TWO_STAGES}sweep: {{ over: {{ stages.finetune.epochs: [1, 2] }} }}\n"),
        2,
    );
    let bin = workshop.path("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["sbatch", "squeue"] {
        let path = bin.join(name);
        std::fs::write(&path, "#!/bin/sh\necho 1\n").unwrap();
        std::process::Command::new("chmod").arg("+x").arg(&path).status().unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let [pipeline, runs, cache] = ["small.yaml", "runs", "cache"].map(|name| workshop.text(name));
    let words = ["sweep", &pipeline, "--runs-dir", &runs, "--cache-dir", &cache];
    let submit = [&words[..], &["--on", "slurm", "--detach"]].concat();
    done(&Said::of(command(&submit).env("PATH", &path).spawn().unwrap()));
    // The stage that both runs need, as its task would make it.
    let jobs = std::fs::read_to_string(workshop.path("runs/small-sweep/jobs/jobs.json")).unwrap();
    let jobs: serde_json::Value = serde_json::from_str(&jobs).unwrap();
    let stage = jobs["tasks"][0]["name"].as_str().unwrap();
    let home = workshop.text("runs/small-sweep");
    done(&alpaca_run(&["jobs", "run", &home, stage, "--cache-dir", &cache]));
    let prune = || alpaca_run(&["cache", "prune", "--all", "--cache-dir", &cache]);
    let said = prune();
    assert!(said.out.contains("stage results: 0 of 1 removed"), "{}", said.out);
    assert!(said.out.contains("1 for tasks in progress stay"), "{}", said.out);
    // Once the sweep has its result, nothing is held.
    done(&alpaca_run(&[&words[..], &["--on", "local"]].concat()));
    assert!(prune().out.contains("stage results: 3 of 3 removed"));
}

/// A server that speaks S3, from the Python package moto.
#[cfg(feature = "object-store")]
#[test]
fn an_object_store_is_shared_like_a_directory() {
    use std::net::TcpStream;
    use std::process::Command;
    use std::time::Duration;

    let Some(python) = std::env::var_os("ALPACA_PYTHON") else {
        println!("skipped: ALPACA_PYTHON does not name a Python with moto");
        return;
    };
    let has_moto =
        Command::new(&python).args(["-c", "import moto.server, boto3"]).output().unwrap();
    if !has_moto.status.success() {
        println!("skipped: the Python of ALPACA_PYTHON has no moto");
        return;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new(&python)
        .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(server.try_wait().unwrap().is_none(), "the server ended");
        std::thread::sleep(Duration::from_millis(100));
    }
    let endpoint = format!("http://127.0.0.1:{port}");
    let create = "import sys, boto3; boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1').create_bucket(Bucket='bucket')";
    let with_keys = |command: &mut Command| {
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("AWS_ENDPOINT", &endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
        ] {
            command.env(name, value);
        }
    };
    let mut bucket = Command::new(&python);
    bucket.args(["-c", create, &endpoint]);
    with_keys(&mut bucket);
    assert!(bucket.status().unwrap().success());
    let workshop = Workshop::new(TWO_STAGES, 2);
    let start = |words: &[String]| {
        let mut command = command(words);
        with_keys(&mut command);
        command.spawn().unwrap()
    };
    // Sixteen machines at once, and one later.
    let machines: Vec<String> = (0..16).map(|i| format!("machine-{i}")).collect();
    let started = machines.iter().map(|name| start(&words(&workshop, name, "s3://bucket/cache")));
    for process in started.collect::<Vec<_>>() {
        let said = Said::of(process);
        done(&said);
        assert!(!said.err.contains("warning"), "{}", said.err);
    }
    let said = Said::of(start(&words(&workshop, "later", "s3://bucket/cache")));
    assert_eq!(said.err.matches("reused from the cache").count(), 2, "{}", said.err);
    assert_eq!(results(&workshop, "later"), results(&workshop, "machine-3"));
    let cache = |action: &[&str]| {
        let words = [&["cache"], action, &["--url", "s3://bucket/cache"]].concat();
        Said::of(start(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()))
    };
    // Shards that are objects.
    let put = "import sys, boto3, io, tarfile; t = io.BytesIO(); f = tarfile.open(fileobj=t, mode='w'); \
               f.add(sys.argv[2], 'a.png'); f.close(); \
               boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1')\
               .put_object(Bucket='bucket', Key='data/t-0.tar', Body=t.getvalue())";
    let mut object = Command::new(&python);
    object.args(["-c", put, &endpoint, &workshop.text("pictures/disc/000.png")]);
    with_keys(&mut object);
    assert!(object.status().unwrap().success());
    let [run, out] = ["later/small", "answers"].map(|name| workshop.text(name));
    let predict =
        ["shard", "predict", &run, "--shards", "s3://bucket/data/t-{0..0}.tar", "--out", &out];
    let said = Said::of(start(&predict.map(str::to_owned)));
    done(&said);
    let text = std::fs::read_to_string(workshop.path("answers/predictions.csv")).unwrap();
    assert!(text.contains("\nt-0.tar/a.png,"), "{text}");
    assert!(cache(&["prune", "--all"]).out.contains("stage results: 2 of 2 removed"));
    server.kill().unwrap();
    server.wait().unwrap();
    let said = Said::of(start(&words(&workshop, "alone", "s3://bucket/cache")));
    done(&said);
    assert!(said.err.contains("cannot be reached, so nothing is shared"), "{}", said.err);
    assert_eq!(results(&workshop, "alone"), results(&workshop, "machine-3"));
}
