//! What earlier runs found is used again exactly where nothing that decides it changed.

use alpaca_run::base::digest::Digest;
use alpaca_run::base::sealed;

use crate::identity;
use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, files_below, project};
use crate::support::runs::{TWO_STAGES, assert_same_files, manifest, run};

/// The files of a kind in the cache directory of a workshop.
fn cached(workshop: &Workshop, kind: &str) -> Vec<String> {
    let folder = workshop.path("cache");
    let files = if folder.exists() { files_below(&folder) } else { vec![] };
    files.into_iter().map(|(name, _)| name).filter(|name| name.starts_with(kind)).collect()
}

/// Runs the pipeline of a workshop with its own cache directory.
fn run_cached(workshop: &Workshop, more: &[&str]) -> Said {
    let cache = workshop.text("cache");
    let said = run(workshop, &[&["--cache-dir", &cache], more].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    said
}

/// What a plan says of the pipeline of a workshop.
fn plan(workshop: &Workshop, more: &[&str]) -> serde_json::Value {
    let (pipeline, cache) = (workshop.text("small.yaml"), workshop.text("cache"));
    let arguments = [&["plan", &pipeline, "--json", "--cache-dir", &cache], more].concat();
    let said = alpaca_run(&arguments);
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

/// `reuse` or `run` for each stage, and the reasons of those that run.
fn decisions(workshop: &Workshop, more: &[&str]) -> String {
    let plan = plan(workshop, more);
    let decisions = plan["stages"].as_array().unwrap().iter().map(|stage| {
        let action = stage["action"].as_str().unwrap();
        let reasons = stage["reasons"].as_array().unwrap().iter();
        let reasons: Vec<&str> = reasons.map(|reason| reason.as_str().unwrap()).collect();
        if reasons.is_empty() {
            action.to_owned()
        } else {
            format!("{action} ({})", reasons.join(", "))
        }
    });
    decisions.collect::<Vec<_>>().join("; ")
}

#[test]
fn what_is_kept_between_runs_changes_no_result() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let without = run(&workshop, &[]);
    assert_eq!(without.code, Some(0), "{}", without.err);
    assert_eq!(cached(&workshop, ""), [""; 0]);
    let first = run_cached(&workshop, &[]);
    assert!(first.err.contains("24 on disk"), "{}", first.err);
    assert_eq!(cached(&workshop, "pixels").len(), 24);
    let second = run_cached(&workshop, &[]);
    assert!(second.err.contains("stage finetune: reused"), "{}", second.err);
    // A damaged entry is noticed and made again.
    for (kind, place) in [("pixels", 100), ("stages", 300_000)] {
        let entry = workshop.path("cache").join(&cached(&workshop, kind)[1]);
        let mut bytes = std::fs::read(&entry).unwrap();
        bytes[place] ^= 1;
        std::fs::write(&entry, bytes).unwrap();
        let said = run_cached(&workshop, &[]);
        assert!(said.err.contains("damaged"), "{}", said.err);
    }
    for other in ["runs/small-2", "runs/small-3", "runs/small-4", "runs/small-5"] {
        assert_same_files(&workshop.path("runs/small"), &workshop.path(other));
    }
    assert!(!run_cached(&workshop, &[]).err.contains("damaged"));
}

/// Edits of values of the second stage, of the first, and of both, and what a plan says of them.
const CHANGES: [(&str, &str); 6] = [
    ("stages.finetune.epochs=3", "reuse; run (stages.finetune.train.epochs: 2 → 3)"),
    (
        "stages.finetune.optimizer.adam.learning_rate=5e-5",
        "reuse; run (stages.finetune.train.optimizer.adam.learning_rate: 0.0001 → 0.00005)",
    ),
    (
        "stages.transfer.epochs=1",
        "run (stages.transfer.train.epochs: 2 → 1); run (the result of transfer changes)",
    ),
    (
        "dataset.batch_size=6",
        "run (dataset.batch_size: 5 → 6); \
         run (dataset.batch_size: 5 → 6, the result of transfer changes)",
    ),
    (
        "dataset.alpha=white",
        "run (dataset.alpha: drop → white); \
         run (dataset.alpha: drop → white, the result of transfer changes)",
    ),
    (
        "seed=8",
        "run (dataset.split.seed: 7 → 8, seed: 7 → 8); \
         run (dataset.split.seed: 7 → 8, seed: 7 → 8, the result of transfer changes)",
    ),
];

#[test]
fn each_edit_runs_the_stages_it_changes_and_no_others() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let all_new = "run (it has not run before); run (it has not run before)";
    assert_eq!(decisions(&workshop, &[]), all_new);
    run_cached(&workshop, &[]);
    let both = "reuse; reuse";
    let edit = |text: String| std::fs::write(workshop.path("small.yaml"), text).unwrap();
    // Comments, the order of keys, and what only says where and how fast.
    assert_eq!(decisions(&workshop, &[]), both);
    edit(format!(
        "# a comment\n{}",
        TWO_STAGES.replacen("version: 1\nseed: 7\n", "", 1) + "seed: 7 # seven\nversion: 1\n"
    ));
    assert_eq!(decisions(&workshop, &[]), both);
    edit(TWO_STAGES.to_owned());
    for harmless in ["name=other", "dataset.prefetch=3", "checkpoint_every=2"] {
        assert_eq!(decisions(&workshop, &["-S", harmless]), both, "{harmless}");
    }
    std::fs::rename(workshop.path("pictures"), workshop.path("moved")).unwrap();
    edit(TWO_STAGES.replace("directory: pictures", "directory: moved"));
    assert_eq!(decisions(&workshop, &[]), both);
    std::fs::rename(workshop.path("moved"), workshop.path("pictures")).unwrap();
    edit(TWO_STAGES.to_owned());
    for (change, expected) in CHANGES {
        assert_eq!(decisions(&workshop, &["-S", change]), expected, "{change}");
    }
    // A picture that was touched, and one that is new.
    let touched = workshop.path("pictures/disc/003.png");
    let bytes = std::fs::read(&touched).unwrap();
    std::fs::remove_file(&touched).unwrap();
    std::fs::write(&touched, &bytes).unwrap();
    assert_eq!(decisions(&workshop, &[]), both);
    let new = workshop.path("pictures/ring/new.png");
    picture(1, 20).save(&new).unwrap();
    let said = decisions(&workshop, &[]);
    assert!(said.starts_with("run (1 image added:\n  ring/new.png); run ("), "{said}");
    std::fs::remove_file(&new).unwrap();
    assert_eq!(decisions(&workshop, &[]), both);
}

#[test]
fn augmentation_of_a_stage_counts_instead_of_that_of_the_pipeline() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    run_cached(&workshop, &[]);
    let own = |flip: &str| {
        let others = "{random_rotation: {factor: 0.1}}, {random_contrast: {factor: 0.2}}";
        format!("stages.finetune.augmentation=[{{random_flip: {flip}}}, {others}]")
    };
    // The same changes, written in the stage.
    assert_eq!(decisions(&workshop, &["-S", &own("both")]), "reuse; reuse");
    assert_eq!(
        decisions(&workshop, &["-S", &own("vertical")]),
        "reuse; run (augmentation[0].random_flip: both → vertical)"
    );
}

#[test]
fn results_of_another_build_are_not_reused_and_a_plan_says_so() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    run_cached(&workshop, &["--until", "transfer"]);
    // As an earlier build would have left it: its results under other keys, its name in what is
    // remembered.
    std::fs::remove_dir_all(workshop.path("cache/stages-v2")).unwrap();
    let entry = workshop.path("cache").join(&cached(&workshop, "pipelines")[0]);
    let text = String::from_utf8(std::fs::read(&entry).unwrap()[32..].to_vec()).unwrap();
    let build = format!("alpaca-run build {:016x}", identity::digest(project()));
    assert!(text.contains(&build), "{text}");
    let text = text.replace(&build, "alpaca-run build 0123456789abcdef");
    let [.., start, rest] =
        &entry.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>()[..]
    else {
        panic!("an entry is in a folder of its bucket")
    };
    let key: Digest = format!("{start}{rest}").parse().unwrap();
    let seal = sealed::seal(key.as_bytes(), text.as_bytes());
    std::fs::write(&entry, [&seal.as_bytes()[..], text.as_bytes()].concat()).unwrap();
    let said = decisions(&workshop, &["--until", "transfer"]);
    assert!(said.starts_with("run (the program: alpaca-run build 0123456789abcdef, "), "{said}");
}

#[test]
fn a_run_that_reuses_a_stage_is_the_run_that_computes_it() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let rate = "stages.finetune.optimizer.adam.learning_rate=5e-5";
    assert_eq!(run(&workshop, &["-S", rate]).code, Some(0));
    run_cached(&workshop, &["--until", "transfer", "-S", "name=first"]);
    let metrics = std::fs::read_to_string(workshop.path("runs/first/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 1 + 2, "{metrics}");
    let said = run_cached(&workshop, &["-S", rate]);
    assert!(said.err.contains("stage transfer: reused from the cache (2 epochs"), "{}", said.err);
    assert!(!said.err.contains("stage finetune: reused"), "{}", said.err);
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-2"));
    let text = std::fs::read_to_string(workshop.path("runs/small-2/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["volatile"]["reused"], serde_json::json!(["transfer"]));
}

#[test]
fn a_stage_can_be_made_to_run_and_must_come_out_the_same() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    run_cached(&workshop, &[]);
    let force = ["--force", "transfer"];
    assert_eq!(decisions(&workshop, &force), "run (--force); reuse");
    let said = run_cached(&workshop, &force);
    assert!(said.err.contains("transfer  epoch 2 of 2"), "{}", said.err);
    assert!(!said.err.contains("differs from the cached one"), "{}", said.err);
    let key = |run: &str| manifest(&workshop.path(run))["stages"][0]["key"].clone();
    assert_eq!(key("runs/small"), key("runs/small-2"));
    let pipeline = workshop.text("small.yaml");
    for option in ["--force", "--until"] {
        let said = alpaca_run(&["plan", &pipeline, option, "transfre"]);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains("no stage `transfre`"), "{}", said.err);
        assert!(said.err.contains("its stages are `transfer` and `finetune`"), "{}", said.err);
    }
}

#[test]
fn a_plan_says_why_and_where_and_what_will_be_kept() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    run_cached(&workshop, &[]);
    let edited = TWO_STAGES.replace("epochs: 2, optimizer", "epochs: 4, optimizer");
    std::fs::write(workshop.path("small.yaml"), edited).unwrap();
    let (pipeline, cache) = (workshop.text("small.yaml"), workshop.text("cache"));
    let said = alpaca_run(&["plan", &pipeline, "--cache-dir", &cache]);
    let mut lines = said.out.lines();
    assert_eq!(lines.next(), Some("transfer  reuse  2 epochs"), "{}", said.out);
    let run = "finetune  run    4 epochs: stages.finetune.train.epochs: 2 → 4";
    assert_eq!(lines.next(), Some(run));
    assert!(
        said.out.contains("pixels: 24 cached in memory (72.0 KiB), 24 on disk"),
        "{}",
        said.out
    );
    assert!(said.out.contains("features of finetune: 4 cached in memory"), "{}", said.out);
    let said = alpaca_run(&["plan", &pipeline, "--explain", "--cache-dir", &cache]);
    assert!(
        said.out.contains("    stages.finetune.train.epochs: 2 → 4 (line 13)\n"),
        "{}",
        said.out
    );
    assert!(said.out.contains("    key "), "{}", said.out);
}

#[test]
fn the_cache_is_listed_measured_and_pruned() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    run_cached(&workshop, &[]);
    let weights = workshop.path("cache/weights/keras");
    std::fs::create_dir_all(&weights).unwrap();
    std::fs::write(weights.join("weights.h5"), b"weights").unwrap();
    let cache = workshop.text("cache");
    let ask = |words: &[&str]| {
        let said = alpaca_run(&[&["cache"], words, &["--cache-dir", &cache]].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    let list: serde_json::Value = serde_json::from_str(&ask(&["list", "--json"])).unwrap();
    let kinds = list["kinds"].as_array().unwrap();
    let n_of = |name: &str| {
        let kind = kinds.iter().find(|kind| kind["kind"] == name);
        kind.unwrap_or_else(|| panic!("no {name}: {list}"))["entries"].as_u64().unwrap()
    };
    let names = ["decoded images", "stage results", "pipeline history", "published weights"];
    assert_eq!(names.map(n_of), [24, 2, 1, 1]);
    // Images that have just been written are not known.
    let n_others = (n_of("archives") + n_of("known images")) as usize;
    assert!(n_others <= 1, "{list}");
    assert!(ask(&["list"]).contains("stage results"));
    let size: u64 = ask(&["size"]).trim().parse().unwrap();
    let on_disk: usize =
        files_below(&workshop.path("cache")).iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(size, on_disk as u64);
    assert!(ask(&["prune", "--older-than", "1"]).contains("stage results: 0 of 2 removed"));
    assert!(ask(&["prune", "--all", "--dry-run"]).contains("2 of 2 would be removed"));
    assert_eq!(cached(&workshop, "").len(), 28 + n_others);
    assert!(ask(&["prune", "--all"]).contains("decoded images: 24 of 24 removed"));
    // What would have to be downloaded again goes only when it is named.
    assert_eq!(cached(&workshop, ""), ["weights/keras/weights.h5"]);
    assert!(ask(&["prune", "--all", "--weights"]).contains("published weights: 1 of 1 removed"));
    assert_eq!(cached(&workshop, ""), [""; 0]);
    let said = alpaca_run(&["cache", "prune"]);
    assert_eq!(said.code, Some(2), "what goes must be named: {}", said.err);
}
