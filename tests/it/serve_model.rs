//! A model over HTTP: answers equal to `predict`, and whatever else is sent to it.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done};
use crate::support::runs::{ONE_STAGE, run};
use crate::support::served::{Served, response};

fn trained() -> (Workshop, String) {
    let workshop = Workshop::new(ONE_STAGE, 3);
    done(&run(&workshop, &[]));
    let run = workshop.text("runs/small");
    (workshop, run)
}

fn images(workshop: &Workshop) -> Vec<PathBuf> {
    let names = ["disc/000.png", "ring/001.png", "square/002.png"];
    names.map(|name| workshop.path("pictures").join(name)).to_vec()
}

/// What `predict` prints for files, without their paths.
fn predicted(model: &str, files: &[PathBuf]) -> Vec<Value> {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut words = vec!["predict", model, "--json", "--top", "5"];
    words.extend(files.iter().map(String::as_str));
    let said = alpaca_run(&words);
    done(&said);
    said.out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["classes"].clone())
        .collect()
}

fn classes(answer: &Value) -> Vec<Value> {
    let predictions = answer["predictions"].as_array().unwrap_or_else(|| panic!("{answer}"));
    predictions.iter().map(|prediction| prediction["classes"].clone()).collect()
}

/// A form with files, as browsers and curl send it.
fn form(files: &[PathBuf]) -> (String, Vec<u8>) {
    let mut body = vec![];
    for (number, file) in files.iter().enumerate() {
        let head = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{number}.png\"\r\n\
             Content-Type: image/png\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&std::fs::read(file).unwrap());
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}

#[test]
fn answers_are_those_of_predict_however_images_are_sent() {
    let (workshop, run) = trained();
    let file = workshop.text("model.onnx");
    done(&alpaca_run(&["export", &run, "-o", &file]));
    let files = images(&workshop);
    for model in [&run, &file] {
        let expected = predicted(model, &files);
        let served = Served::start(&["serve-model", model]);
        assert_eq!(served.get("/healthz").json(), json!({ "status": "ok" }));
        assert_eq!(served.get("/model").json()["classes"].as_array().unwrap().len(), 3);
        for (path, expected) in files.iter().zip(&expected) {
            let bytes = std::fs::read(path).unwrap();
            let answer = served.post("/predict", "image/png", &bytes);
            assert_eq!(classes(&answer.json()), std::slice::from_ref(expected));
        }
        let (kind, body) = form(&files);
        let answer = served.post("/predict", &kind, &body).json();
        assert_eq!(classes(&answer), expected);
        assert_eq!(answer["predictions"][1]["path"], "1.png");
        let plain: Vec<String> =
            files.iter().map(|path| STANDARD.encode(std::fs::read(path).unwrap())).collect();
        let sent = json!({ "images": [plain[0], { "name": "two", "data": plain[1] },
                                      format!("data:image/png;base64,{}", plain[2])] });
        let answer =
            served.post("/predict", "application/json", sent.to_string().as_bytes()).json();
        assert_eq!(classes(&answer), expected);
        assert_eq!(answer["predictions"][1]["path"], "two");
        let one = json!({ "image": plain[0] }).to_string();
        let answer = served.post("/predict", "application/json; charset=utf-8", one.as_bytes());
        assert_eq!(classes(&answer.json()), expected[..1]);
        let metrics = served.get("/metrics").text();
        assert!(metrics.contains("alpaca_run_images_total 10\n"), "{metrics}");
        assert!(metrics.contains("requests_total{status=\"200\"} 6\n"), "{metrics}");
        let page = served.get("/");
        assert!(page.text().contains("<title>") && page.head.contains("default-src 'none'"));
    }
}

/// Larger than the limit of two megabytes that servers of forms have unless told otherwise.
#[test]
fn a_large_photograph_is_taken_in_a_form_too() {
    let (workshop, run) = trained();
    let served = Served::start(&["serve-model", &run]);
    let large = workshop.path("large.bmp");
    image::RgbImage::from_pixel(1500, 1000, image::Rgb([9, 8, 7])).save(&large).unwrap();
    let (kind, body) = form(&[large]);
    assert!(body.len() > 4 << 20);
    assert_eq!(served.post("/predict", &kind, &body).status, 200);
}

#[test]
fn what_is_no_image_gets_a_sentence() {
    let (workshop, run) = trained();
    let served = Served::start(&["serve-model", &run, "--max-request", "1", "--max-waiting", "2"]);
    let image = std::fs::read(&images(&workshop)[0]).unwrap();
    for (kind, body, status, why) in [
        ("image/png", &b"no image"[..], 400, "not a readable image"),
        ("image/png", b"", 400, "there is no image in the request"),
        ("image/png", &image[..image.len() / 2], 400, "not a readable image"),
        ("application/json", b"{", 400, "the request is not JSON"),
        ("application/json", b"{\"picture\": 1}", 400, "neither `image` nor `images`"),
        ("application/json", b"{\"image\": \"%%\"}", 400, "`image` is not base64"),
        ("application/json", b"{\"images\": []}", 400, "there is no image in the request"),
        ("application/x-www-form-urlencoded", b"file=photo.jpg", 400, "form without files"),
        ("multipart/form-data", b"--edge", 400, "the form cannot be read"),
        (
            "multipart/form-data; boundary=edge",
            b"--edge\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--edge--\r\n",
            400,
            "there is no image in the request",
        ),
        ("multipart/form-data; boundary=edge", b"--edge\r\nX", 400, "the form cannot be read"),
        ("image/png", &vec![0; (1 << 20) + 1], 413, "larger than 1.0 MiB"),
    ] {
        let answer = served.post("/predict", kind, body);
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!((answer.status, error.contains(why)), (status, true), "{kind}: {error}");
    }
    let several =
        [images(&workshop)[0].clone(), images(&workshop)[1].clone(), workshop.path("small.yaml")];
    let (kind, body) = form(&several);
    let answer = served.post("/predict", &kind, &body);
    assert_eq!((answer.status, answer.text().contains("2 images at most")), (413, true));
    let (kind, body) = form(&several[1..]);
    let answer = served.post("/predict", &kind, &body).json();
    assert!(answer["predictions"][0]["classes"].is_array(), "{answer}");
    assert!(answer["predictions"][1]["error"].is_string(), "{answer}");
    assert_eq!(served.get("/predict").status, 405);
    assert_eq!(served.get("/../../etc/passwd").status, 404);
    // All of this has not hurt it.
    assert_eq!(served.post("/predict", "image/png", &image).status, 200);
}

#[test]
fn a_busy_server_refuses_at_once_and_answers_what_it_took() {
    let (workshop, run) = trained();
    let served = Served::start(&["serve-model", &run, "--max-waiting", "4", "--threads", "1"]);
    let (kind, body) = form(&vec![images(&workshop)[0].clone(); 4]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask =
            || (0..20).map(|_| served.post("/predict", &kind, &body).status).collect::<Vec<_>>();
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let of = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!(of(200) + of(429), statuses.len(), "{statuses:?}");
    assert!(of(200) > 0 && of(429) > 0, "{statuses:?}");
    let metrics = served.get("/metrics").text();
    assert!(metrics.contains("alpaca_run_waiting_images 0\n"), "{metrics}");
}

#[test]
fn slow_and_vanished_clients_do_not_hold_it_up() {
    let (workshop, run) = trained();
    let served = Served::start(&["serve-model", &run, "--timeout", "1"]);
    let image = std::fs::read(&images(&workshop)[0]).unwrap();
    let head =
        format!("POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", image.len());
    // Some leave in the middle of a request, and some once they have sent it.
    for bytes in [head.as_bytes(), &[head.as_bytes(), &image].concat(), b"POST", b"\0\0\r\n\r\n"] {
        for _ in 0..10 {
            drop(served.send(bytes));
        }
    }
    let mut slow = served.send(head.as_bytes());
    slow.write_all(&image[..1]).unwrap();
    let start = Instant::now();
    assert_eq!(served.post("/predict", "image/png", &image).status, 200);
    let answer = response(slow);
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(answer.text().contains("not complete after 1 s"), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(30));
    let metrics = served.get("/metrics").text();
    assert!(metrics.contains("alpaca_run_waiting_images 0\n"), "{metrics}");
}

#[cfg(unix)]
#[test]
fn it_stops_when_it_is_told_to_and_says_which_port_is_taken() {
    let (_workshop, run) = trained();
    let served = Served::start(&["serve-model", &run]);
    let taken = alpaca_run(&["serve-model", &run, "--listen", &served.host]);
    assert_eq!(taken.code, Some(2));
    assert!(taken.err.contains(&format!("already listens on {}", served.host)), "{}", taken.err);
    assert!(taken.err.contains("hint: choose another port"), "{}", taken.err);
    // An idle connection does not keep it.
    let _idle = served.send(b"");
    let said = Served::start(&["serve-model", &run]).end("-TERM");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("answers on"), "{said:?}");
    let wrong = alpaca_run(&["serve-model", "nothing-here", "--listen", "127.0.0.1:0"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("there is no directory `nothing-here`"), "{}", wrong.err);
}
