//! Published weights: how they come here, over a connection that fails in every way, and what is
//! left behind.

use std::path::{Path, PathBuf};
use std::process::Command;

use alpaca_random::SeedStream;
use alpaca_run::model::initial;
use alpaca_run::model::weights::file;
use alpaca_run::spec::{Convention, Initializer};
use sha2::Digest as _;

use crate::support::network::mobilenet_v2;
use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, command, files_below, project, spawn};
use crate::support::runs::{TWO_STAGES, run};
use crate::support::server::{Answer, Server};

/// The file that `weights: imagenet` means in the pipelines of these tests.
const KERAS: &str = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5";

fn pipeline(weights: &str) -> String {
    TWO_STAGES.replace("weights: none", &format!("weights: {weights}"))
}

/// A pipeline and an empty cache.
struct Place {
    workshop: Workshop,
    cache: PathBuf,
}

impl Place {
    fn new(weights: &str) -> Self {
        let workshop = Workshop::new(&pipeline(weights), 2);
        let cache = workshop.path("cache");
        Self { workshop, cache }
    }

    fn arguments(&self, server: &Server) -> Vec<String> {
        let cache = self.cache.to_string_lossy().into_owned();
        let pipeline = self.workshop.text("small.yaml");
        ["fetch", &pipeline, "--cache-dir", &cache, "--mirror", &server.url()]
            .map(str::to_owned)
            .to_vec()
    }

    fn fetch(&self, server: &Server) -> Said {
        alpaca_run(&self.arguments(server))
    }

    fn file(&self) -> PathBuf {
        self.cache.join("weights/keras").join(KERAS)
    }

    /// The files of the cache, but for the one that is locked.
    fn left(&self) -> Vec<String> {
        let files = files_below(&self.cache).into_iter().map(|(name, _)| name);
        files.filter(|name| !name.ends_with("/.lock")).collect()
    }
}

/// Weights of the pipeline's network, drawn at random.
fn weights(width: f64, seed: u64) -> Vec<u8> {
    let network = mobilenet_v2(Convention::Keras, width, 32, 2, 0.0);
    let weights = initial::initialise(
        &network,
        &network.base_parameters(),
        Initializer::HeUniform,
        SeedStream::new(seed),
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    file::save(&path, &weights, Convention::Keras).unwrap();
    std::fs::read(path).unwrap()
}

/// The file that a server has, of 2 MiB.
fn file() -> Vec<u8> {
    weights(0.35, 1)
}

fn complete() -> [String; 2] {
    [format!("weights/keras/{KERAS}"), format!("weights/keras/{KERAS}.sha256")]
}

#[test]
fn a_file_that_breaks_off_goes_on_where_it_stopped() {
    let file = file();
    for (answers, parts) in [
        (vec![Answer::File], vec![""]),
        (vec![Answer::BreakOff(5000), Answer::File], vec!["", " bytes=5000-"]),
        (
            vec![Answer::BreakOff(5000), Answer::BreakOff(700), Answer::Status(503), Answer::File],
            vec!["", " bytes=5000-", " bytes=5700-", " bytes=5700-"],
        ),
        // Without a version there is no telling whether the rest belongs to the beginning.
        (vec![Answer::Anonymous(5000), Answer::Anonymous(usize::MAX)], vec!["", ""]),
    ] {
        let (place, server) = (Place::new("imagenet"), Server::start(&file, &answers));
        let said = place.fetch(&server);
        assert_eq!(said.code, Some(0), "{answers:?}: {}", said.err);
        assert_eq!(place.left(), complete(), "{answers:?}");
        assert!(std::fs::read(place.file()).unwrap() == file, "{answers:?}");
        let asked: Vec<String> = parts.iter().map(|p| format!("/keras/{KERAS}{p}")).collect();
        assert_eq!(server.asked(), asked, "{answers:?}");
        assert!(said.err.contains("recorded and checked from now on"), "{}", said.err);
    }
}

#[test]
fn what_a_process_left_is_not_downloaded_again() {
    let (file, place) = (file(), Place::new("imagenet"));
    let broken = Server::start(&file, &[Answer::BreakOff(9000), Answer::Status(404)]);
    let said = place.fetch(&broken);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("404"), "{}", said.err);
    let left = place.left();
    assert_eq!(left.len(), 2, "{left:?}");
    // Another server has another file, as far as anybody knows.
    let other = Server::start(&file, &[Answer::BreakOff(6000), Answer::Status(404)]);
    assert_eq!(place.fetch(&other).code, Some(1));
    assert_eq!(other.asked()[0], format!("/keras/{KERAS}"));
    let again = Server::start(&file, &[Answer::File]);
    assert_eq!(place.fetch(&again).code, Some(0));
    assert_eq!(place.left(), complete());
    assert!(std::fs::read(place.file()).unwrap() == file);
}

#[test]
fn what_is_not_the_file_is_refused_and_not_kept() {
    let file = file();
    let lies = "the connection was interrupted after";
    for (answer, code, said_of_it, n_requests) in [
        (Answer::Length(file.len() + 10), "W005", lies, 6),
        (Answer::Length(file.len() - 10), "W005", "did not send the requested file", 1),
        (Answer::Length(0), "W005", "did not send the requested file", 1),
        (
            Answer::Bytes(b"<html>Please log in</html>"),
            "W005",
            "the server returned an HTML page",
            1,
        ),
        (Answer::Status(404), "W005", "404", 1),
        (Answer::Status(403), "W005", "403", 1),
        (Answer::Status(503), "W005", "given up after 5 tries", 5),
        (Answer::Redirect("/again".to_owned()), "W005", "more than 8 redirects", 9),
        (Answer::Redirect("ftp://127.0.0.1/x".to_owned()), "W005", "cannot", 1),
    ] {
        let place = Place::new("imagenet");
        let server = Server::start(&file, std::slice::from_ref(&answer));
        let said = place.fetch(&server);
        assert_eq!(said.code, Some(1), "{answer:?}: {}", said.err);
        assert!(
            said.err.contains(code) && said.err.contains(said_of_it),
            "{answer:?}: {}",
            said.err
        );
        assert!(said.err.contains("save it as"), "{answer:?}: {}", said.err);
        assert!(!place.file().exists(), "{answer:?}");
        assert_eq!(server.asked().len(), n_requests, "{answer:?}: {}", said.err);
        if !matches!(answer, Answer::Length(n) if n > file.len()) {
            assert_eq!(place.left(), [""; 0], "{answer:?}");
        }
    }
}

#[test]
fn a_redirect_is_followed() {
    let (file, place) = (file(), Place::new("imagenet"));
    let other = Server::start(&file, &[Answer::BreakOff(3000), Answer::File]);
    let to = format!("{}/elsewhere", other.url());
    let server = Server::start(&file, &[Answer::Redirect(to)]);
    assert_eq!(place.fetch(&server).code, Some(0));
    assert_eq!(other.asked(), ["/elsewhere", "/elsewhere bytes=3000-"]);
    assert_eq!(place.left(), complete());
}

#[test]
fn a_digest_that_was_promised_or_recorded_is_kept() {
    let file = file();
    let asks = format!("{{ source: keras, sha256: {} }}", "ab".repeat(32));
    for (weights, width, reason) in [
        (asks.as_str(), "0.35", "the pipeline requires the SHA-256 abab"),
        ("{ source: torchvision, version: v1 }", "1.0", "its SHA-256 begins with b0353104"),
        ("{ source: timm }", "1.0", "names are those of keras, not of timm"),
        ("imagenet", "0.5", "does not fit MobileNetV2 of width 0.5: "),
    ] {
        let (place, server) = (Place::new(weights), Server::start(&file, &[Answer::File]));
        let mut arguments = place.arguments(&server);
        arguments.extend(["-S".to_owned(), format!("model.width={width}")]);
        let said = alpaca_run(&arguments);
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains(reason), "{}", said.err);
        assert_eq!(place.left(), [""; 0]);
    }
    let (place, server) = (Place::new("imagenet"), Server::start(&file, &[Answer::File]));
    assert_eq!(place.fetch(&server).code, Some(0));
    std::fs::remove_file(place.file()).unwrap();
    let other = weights(0.35, 2);
    let changed = Server::start(&other, &[Answer::File]);
    let said = place.fetch(&changed);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("when it was first downloaded, its SHA-256 was"), "{}", said.err);
    // The same bytes as before are welcome, from anywhere and by hand.
    std::fs::write(place.file(), &file).unwrap();
    assert_eq!(place.fetch(&changed).code, Some(0));
    std::fs::write(place.file(), &other).unwrap();
    let said = place.fetch(&changed);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("is not the expected file"), "{}", said.err);
    // What the pipeline asks for comes before what was recorded.
    let record = std::fs::read_to_string(place.file().with_extension("h5.sha256")).unwrap();
    let old = record.split(' ').next().unwrap();
    let asking = |sha256: &str| {
        let change = format!("model.weights={{source: keras, sha256: {sha256}}}");
        let mut arguments = place.arguments(&changed);
        arguments.extend(["-S".to_owned(), change]);
        alpaca_run(&arguments)
    };
    let said = asking(old);
    assert!(said.err.contains("correct `sha256` in the pipeline"), "{}", said.err);
    std::fs::remove_file(place.file()).unwrap();
    let sha256 = sha2::Sha256::digest(&other);
    let digits: Vec<String> = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let said = asking(&digits.concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(place.fetch(&changed).code, Some(0), "it is the recorded one from now on");
}

#[test]
fn what_is_put_there_by_hand_must_be_weights_and_is_recorded_by_what_uses_it() {
    let (file, place) = (file(), Place::new("imagenet"));
    let server = Server::start(&file, &[Answer::Status(404)]);
    std::fs::create_dir_all(place.file().parent().unwrap()).unwrap();
    for broken in [&b""[..], &file[..file.len() / 2], b"<html>"] {
        std::fs::write(place.file(), broken).unwrap();
        let said = place.fetch(&server);
        assert_eq!(said.code, Some(1), "{}", said.err);
        assert!(said.err.contains("W001"), "{}", said.err);
        assert_eq!(place.left().len(), 1, "{:?}", place.left());
    }
    std::fs::write(place.file(), &file).unwrap();
    let cache = place.cache.to_string_lossy().into_owned();
    let pipeline = place.workshop.text("small.yaml");
    let said = alpaca_run(&["check", &pipeline, "--cache-dir", &cache]);
    assert_eq!((said.code, place.left().len()), (Some(0), 1), "{}", said.err);
    let said = command(&["fetch", &pipeline, "--cache-dir", &cache])
        .env("ALPACA_OFFLINE", "1")
        .spawn()
        .map(Said::of)
        .unwrap();
    assert_eq!((said.code, place.left()), (Some(0), complete().to_vec()), "{}", said.err);
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn what_cannot_be_meant_is_said() {
    let (place, server) = (Place::new("imagenet"), Server::start(&[], &[Answer::File]));
    for (weights, hint) in [
        ("imagenett", "did you mean `imagenet`?"),
        ("torchvision", "`{ source: torchvision }`"),
        ("https://example.com/x.h5", "cannot be downloaded from an address"),
        ("~/x.h5", "which pipelines do not expand"),
    ] {
        let mut arguments = place.arguments(&server);
        arguments.extend(["-S".to_owned(), format!("model.weights={weights}")]);
        let said = alpaca_run(&arguments);
        assert_eq!(said.code, Some(2), "{weights}: {}", said.err);
        assert!(said.err.contains(hint), "{weights}: {}", said.err);
    }
    for mirror in ["127.0.0.1:80/x", "file:///tmp", "", "http://", "http://a:99999", "http://a/b?c"]
    {
        let mut arguments = place.arguments(&server);
        *arguments.last_mut().unwrap() = mirror.to_owned();
        let said = alpaca_run(&arguments);
        assert_eq!(said.code, Some(2), "{mirror}: {}", said.err);
        assert!(said.err.contains("is not a valid mirror"), "{mirror}: {}", said.err);
    }
    assert_eq!(server.asked(), [""; 0]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_download_is_kept_and_says_so() {
    let (file, place) = (file(), Place::new("imagenet"));
    let server = Server::start(&file, &[Answer::Slowly]);
    let mut process = spawn(&place.arguments(&server));
    while !place.file().with_extension("h5.partial").exists() {
        assert_eq!(process.try_wait().unwrap(), None, "it ended before anything came");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let said = Said::of(process);
    assert_eq!(said.code, Some(130), "{}", said.err);
    assert!(said.err.contains("the next download continues from here"), "{}", said.err);
    let said = place.fetch(&server);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(server.asked()[1].contains("bytes="), "{:?}", server.asked());
    assert!(std::fs::read(place.file()).unwrap() == file);
}

#[test]
fn of_two_processes_one_downloads() {
    let (file, place) = (file(), Place::new("imagenet"));
    let server = Server::start(&file, &[Answer::Slowly]);
    let arguments = place.arguments(&server);
    let processes = [(); 3].map(|()| spawn(&arguments));
    let said = processes.map(Said::of);
    let waited =
        said.iter().filter(|said| said.err.contains("waiting for another process")).count();
    assert!(said.iter().all(|said| said.code == Some(0)), "{said:?}");
    assert_eq!((server.asked().len(), waited), (1, 2), "{said:?}");
    assert_eq!(place.left(), complete());
}

#[cfg(unix)]
#[test]
fn without_room_nothing_is_left() {
    let (file, place) = (file(), Place::new("imagenet"));
    let server = Server::start(&file, &[Answer::File]);
    // Files may have 10 blocks of 512 or 1024 bytes: the same error path as a full disk.
    let limited = "trap '' XFSZ; ulimit -f 10; exec \"$@\"";
    let program = command(&place.arguments(&server));
    let mut shell = Command::new("sh");
    shell.args(["-c", limited, "sh"]).arg(program.get_program()).args(program.get_args());
    let output = shell.current_dir(project()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("cannot write") && err.contains("os error"), "{err}");
    assert_eq!(place.left(), [""; 0]);
}

/// Complete weights in a file of the right name, as a mirror has them.
fn complete_weights(workshop: &Workshop) -> Vec<u8> {
    assert_eq!(run(workshop, &["--until", "transfer"]).code, Some(0));
    let weights = files_below(&workshop.path("runs"));
    let is_best = |name: &str| name.ends_with("weights/transfer/best.safetensors");
    let found =
        weights.into_iter().find(|(name, _)| is_best(name) || name.ends_with("best.safetensors"));
    found.unwrap().1
}

#[test]
fn a_run_downloads_what_it_needs_once_and_then_needs_no_network() {
    let place = Place::new("none");
    let weights = complete_weights(&place.workshop);
    std::fs::write(place.workshop.path("small.yaml"), pipeline("imagenet")).unwrap();
    let server = Server::start(&weights, &[Answer::File]);
    let (cache, url) = (place.cache.to_string_lossy().into_owned(), server.url());
    let offline = ["--cache-dir", &cache, "--offline", "--force", "transfer"];
    let said = run(&place.workshop, &offline);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("W003") && said.err.contains("save it as"), "{}", said.err);
    assert_eq!(server.asked(), [""; 0]);

    let said = run(&place.workshop, &["--cache-dir", &cache, "--mirror", &url]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("downloading http://127.0.0.1"), "{}", said.err);
    let said = run(&place.workshop, &offline);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(server.asked().len(), 1);

    let runs = ["runs/small-2", "runs/small-3"].map(|name| place.workshop.path(name));
    let [first, second] = runs.each_ref().map(|run| manifest_weights(run));
    assert_eq!(first, second);
    assert_eq!(first["source"], KERAS);
    assert!(first["url"].as_str().unwrap().ends_with(KERAS), "{first}");
    assert_eq!(first["sha256"].as_str().unwrap().len(), 64);
    // The pipeline that a run recorded finds them as well.
    let second = runs[1].to_string_lossy().into_owned();
    let said = alpaca_run(&["reproduce", &second, "--cache-dir", &cache, "--offline"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    // With other weights under the same name it does not begin, and does not take them.
    let other = Server::start(&self::weights(0.35, 5), &[Answer::File]);
    let fresh = place.workshop.text("fresh");
    let said = alpaca_run(&["reproduce", &second, "--cache-dir", &fresh, "--mirror", &other.url()]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains("the run used a file with the digest"), "{}", said.err);
    assert!(!place.workshop.path("fresh").join("weights/keras").join(KERAS).exists());
}

fn manifest_weights(run: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(run.join("manifest.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["weights"].clone()
}
