//! The list of networks: what it says of each, what is on this machine, and the page made from it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use alpaca_random::SeedStream;
use alpaca_run::model::initial;
use alpaca_run::model::weights::file;
use alpaca_run::spec::{Architecture, Convention, Initializer};
use serde_json::Value;

use crate::support::network::mobilenet_v2;
use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, project};
use crate::support::runs::ONE_STAGE;

/// Runs the command with a cache of its own.
fn models(cache: &str, arguments: &[&str]) -> Said {
    let said = alpaca_run(&[&["models", "--cache-dir", cache], arguments].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    said
}

fn json(cache: &str, arguments: &[&str]) -> Vec<Value> {
    let said = models(cache, &[&["--json"], arguments].concat());
    let value: Value = serde_json::from_str(&said.out).unwrap();
    value["models"].as_array().unwrap().clone()
}

/// The list on a machine without any published weights.
fn fresh() -> Vec<Value> {
    let cache = tempfile::tempdir().unwrap();
    json(cache.path().to_str().unwrap(), &[])
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn every_network_is_listed_once_and_the_table_fits_a_terminal() {
    let names: Vec<String> = fresh().iter().map(|model| text(model, "name").to_owned()).collect();
    let all: Vec<&str> = Architecture::ALL.iter().map(|of| of.name()).collect();
    assert_eq!(names, all);
    let cache = tempfile::tempdir().unwrap();
    let table = models(cache.path().to_str().unwrap(), &[]).out;
    for name in all {
        assert!(table.contains(&format!("\n{name} ")), "{name}\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert!(table.lines().any(|line| {
        line.split_whitespace().eq([
            "efficientnet_lite0",
            "3.4",
            "M",
            "0.38",
            "224",
            "75.1",
            "Apache-2.0",
            "built-in",
        ])
    }));
}

#[test]
fn every_weights_entry_can_be_copied_into_a_pipeline() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let mut n = 0;
    for model in fresh() {
        for width in list(&model, "widths") {
            let usual = list(width, "weights").iter().filter(|of| of["is_usual"] == true).count();
            assert_eq!(usual, 1, "{width}");
            for weights in list(width, "weights") {
                let accuracy = list(weights, "accuracy");
                assert_eq!(accuracy.is_empty(), weights["accuracy_source"].is_null(), "{weights}");
                if weights["pipeline"].is_null() {
                    continue;
                }
                let pipeline = ONE_STAGE.replace(
                    "model: { base: mobilenet_v2, width: 0.35, weights: none }",
                    &format!("model: {}", weights["pipeline"]),
                );
                std::fs::write(workshop.path("small.yaml"), pipeline).unwrap();
                let cache = workshop.text("cache");
                let pipeline = workshop.text("small.yaml");
                let said = alpaca_run(&["check", &pipeline, "--json", "--cache-dir", &cache]);
                let found: Vec<Value> = serde_json::from_str(&said.out).unwrap();
                if weights["is_here"] == true {
                    assert!(found.is_empty(), "{}", said.out);
                } else {
                    // They would be downloaded, which `check` never does.
                    let hints = said.out.replace("\\\"", "\"");
                    assert_eq!(found.len(), 1, "{}", said.out);
                    assert!(hints.contains(text(weights, "url")), "{}", said.out);
                }
                n += 1;
            }
        }
    }
    assert!(n > 40);
}

#[test]
fn an_unknown_name_comes_with_the_nearest_one() {
    let said = alpaca_run(&["models", "mobilenet_v22"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("a similar value exists: 'mobilenet_v2'"), "{}", said.err);
    // A command line and a pipeline mean the same network by a name.
    let said = alpaca_run(&["models", "resnet101"]);
    assert!(said.err.contains("a similar value exists: 'resnet18'"), "{}", said.err);
    let workshop = Workshop::new(ONE_STAGE, 2);
    let pipeline = workshop.text("small.yaml");
    let said = alpaca_run(&["check", &pipeline, "-S", "model.base=resnet101"]);
    assert!(said.err.contains("did you mean `resnet18`?"), "{}", said.err);
    let said = alpaca_run(&["models", "vision_transformer"]);
    assert!(!said.err.contains("a similar value"), "{}", said.err);
}

#[test]
fn weights_in_the_cache_are_found_and_other_files_are_not_taken_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().to_str().unwrap();
    let name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5";
    let path = folder.path().join("weights/keras").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let network = mobilenet_v2(Convention::Keras, 0.35, 32, 2, 0.0);
    let (parameters, stream) = (network.base_parameters(), SeedStream::new(1));
    let weights = initial::initialise(&network, &parameters, Initializer::HeUniform, stream);
    file::save(&path, &weights, Convention::Keras).unwrap();
    let narrow = |table: &str| {
        let line = table.lines().find(|line| line.starts_with("mobilenet_v2  0.35")).unwrap();
        line.to_owned()
    };
    let said = models(cache, &["mobilenet_v2"]);
    assert!(narrow(&said.out).ends_with("cached"), "{}", said.out);
    assert!(said.out.contains(&format!("    cached: {}\n", path.display())), "{}", said.out);
    let here: Vec<bool> = json(cache, &["mobilenet_v2"])[0]["widths"][0]["weights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|weights| weights["is_here"].as_bool().unwrap())
        .collect();
    assert_eq!(here, [true, true, false, false, false, false]);
    // The command only looks: it records no digest.
    assert!(!path.with_extension("h5.sha256").exists());
    std::fs::write(&path, "<html>").unwrap();
    let said = models(cache, &["mobilenet_v2"]);
    assert!(narrow(&said.out).ends_with("unusable"), "{}", said.out);
    assert!(said.out.contains("(a login page?)"), "{}", said.out);
}

#[test]
fn one_network_can_be_measured() {
    let arguments = ["mobilenet_v4_conv_small_050", "--bench", "--seconds", "0", "--threads", "1"];
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().to_str().unwrap();
    let said = models(cache, &arguments);
    assert!(said.out.contains("images/s: frozen base model, batches of 32 images, 1 thread"));
    let speed = json(cache, &arguments)[0]["widths"][0]["images_per_second"].as_f64().unwrap();
    assert!(speed > 0.0);
    let unmeasured = &json(cache, &arguments[..1])[0]["widths"][0]["images_per_second"];
    assert!(unmeasured.is_null());
}

/// A row of a Markdown table.
fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn width(value: &Value) -> String {
    value.as_f64().map(|width| format!("{width:?}")).unwrap_or_default()
}

fn accuracies(weights: &Value) -> String {
    let one = |of: &Value| format!("{:.1} at {}", of["top1"].as_f64().unwrap(), of["image_size"]);
    list(weights, "accuracy").iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The row of a network of one width.
fn network_row(model: &Value, of: &Value) -> String {
    let all = list(of, "weights");
    let usual = all.iter().find(|weights| weights["is_usual"] == true).unwrap();
    let mut sources: Vec<&str> = all.iter().map(|weights| text(weights, "source")).collect();
    sources.dedup();
    row(&[
        &format!("`{}`", text(model, "name")),
        &width(&of["width"]),
        &format!("{:.1} M", of["parameters"].as_f64().unwrap() / 1e6),
        &format!("{:.2}", of["multiply_adds"].as_f64().unwrap() / 1e9),
        &model["input_size"].to_string(),
        &accuracies(usual),
        text(usual, "license"),
        &sources.join(", "),
    ])
}

/// The row of weights of a network.
fn weights_row(model: &Value, of: &Value, weights: &Value) -> String {
    let selected = match &weights["pipeline"]["weights"] {
        Value::Null => text(weights, "file").to_owned(),
        Value::String(word) => word.clone(),
        keys => {
            let names = ["source", "version", "trained_at"].iter();
            let pairs = names
                .filter(|key| !keys[*key].is_null())
                .map(|key| format!("{key}: {}", keys[*key].to_string().replace('"', "")));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    };
    let accuracy = match text(weights, "trained_on") {
        trained_on if trained_on.starts_with("ImageNet") => accuracies(weights),
        trained_on => format!("trained on {trained_on}"),
    };
    row(&[
        &format!("`{}`", text(model, "name")),
        &width(&of["width"]),
        &format!("`{selected}`"),
        &accuracy,
        text(weights, "license"),
    ])
}

/// The tables of docs/networks.md.
fn tables(models: &[Value]) -> String {
    let mut networks = row(&[
        "`base`",
        "`width`",
        "parameters",
        "GMAC",
        "input",
        "top-1, % at pixels",
        "license",
        "weights from",
    ]);
    networks.push_str("| --- | --- | --: | --: | --: | --- | --- | --- |\n");
    let mut all = row(&["`base`", "`width`", "`weights`", "top-1, % at pixels", "license"]);
    all.push_str("| --- | --- | --- | --- | --- |\n");
    let mut pages = BTreeSet::new();
    for model in models {
        for of in list(model, "widths") {
            networks.push_str(&network_row(model, of));
            for weights in list(of, "weights") {
                all.push_str(&weights_row(model, of, weights));
                if let Some(page) = weights["accuracy_source"].as_str() {
                    pages.insert((text(weights, "source"), page));
                }
            }
        }
    }
    let mut rendered = format!("{networks}\n## All weights\n\n{all}\n## Sources of accuracies\n\n");
    for (source, page) in pages {
        writeln!(rendered, "- {source}: <{page}>").unwrap();
    }
    rendered
}

#[test]
fn the_page_about_networks_is_fresh() {
    const MARK: &str = "<!-- Written by `UPDATE=1 cargo test --test it models`. -->\n";
    let file = project().join("docs/networks.md");
    let committed = std::fs::read_to_string(&file).unwrap();
    let (introduction, _) = committed.split_once(MARK).unwrap();
    let fresh = format!("{introduction}{MARK}\n{}", tables(&fresh()));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap();
    assert!(committed == fresh, "docs/networks.md is stale: UPDATE=1 cargo test --test it models");
}
