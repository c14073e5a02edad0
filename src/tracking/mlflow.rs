//! Runs on an MLflow server, by its REST interface.
//!
//! A run is found again by a tag, and what was sent before is not there twice, so that sending a run again
//! completes it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::{Agent, RequestBuilder};

use super::facts::{self, Epoch, Facts};
use crate::base::clock;
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::leaves;
use crate::run_dir::catalog::{RunEntry, Status};
use crate::run_dir::{layout, read};

/// The tag by which a run is found again.
const TAG: &str = "alpaca_run.id";
/// The most metrics and the most parameters that a server takes at once.
const MOST_METRICS: usize = 1000;
const MOST_PARAMETERS: usize = 100;
/// The longest value of a parameter.
const LONGEST: usize = 6000;
/// Time without an answer after which a server is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, and how to be known there.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its URL.
    pub url: String,
    /// The `Authorization` header, if there is one.
    pub authorization: Option<String>,
    /// The experiment that runs are in.
    pub experiment: String,
}

/// A run cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// The URL is not one of HTTP.
    #[error("`{0}` is not the URL of an MLflow server")]
    Url(String),
    /// The server does not answer.
    #[error("the MLflow server at {url} does not answer: {why}")]
    Unreachable {
        /// The URL.
        url: String,
        /// Why.
        why: String,
    },
    /// The server refuses something.
    #[error("the MLflow server at {url} refuses `{what}`: {why}")]
    Refused {
        /// The URL.
        url: String,
        /// The part of its interface.
        what: String,
        /// The status of its answer.
        status: u16,
        /// Its answer.
        why: String,
    },
    /// A file of the run cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The `Authorization` header for a user with a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The ID of the run on the server.
    pub id: String,
    /// Number of files; `None` if the server keeps files elsewhere, where they cannot be sent by HTTP.
    pub n_files: Option<usize>,
}

/// Connection to a server.
pub struct Client {
    server: Server,
    agent: Agent,
    experiment: String,
}

impl Client {
    /// Connects, and finds or makes the experiment.
    ///
    /// # Errors
    /// When the server does not answer or refuses.
    pub fn connect(server: Server) -> Result<Self, MlflowError> {
        let url = server.url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(MlflowError::Url(server.url));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(PATIENCE))
            .user_agent(concat!("alpaca-run/", env!("CARGO_PKG_VERSION")));
        let agent = config.build().new_agent();
        let mut client =
            Self { server: Server { url, ..server }, agent, experiment: String::new() };
        client.experiment = client.find_experiment()?;
        Ok(client)
    }

    fn find_experiment(&self) -> Result<String, MlflowError> {
        let name = &self.server.experiment;
        let what = "experiments/get-by-name";
        let place =
            format!("{}/api/2.0/mlflow/{what}?experiment_name={}", self.server.url, percent(name));
        match self.answer(what, self.known(self.agent.get(place)).call()) {
            Ok(found) => return Ok(text(&found["experiment"]["experiment_id"])),
            Err(MlflowError::Refused { status: 404, .. }) => {}
            Err(error) => return Err(error),
        }
        let made = self.post("experiments/create", &json!({ "name": name }))?;
        Ok(text(&made["experiment_id"]))
    }

    /// Sends a run under a name, or what is missing of it.
    ///
    /// # Errors
    /// When the server does not answer or refuses, or a file of the run cannot be read.
    pub fn send(&self, run: &RunEntry, name: &str) -> Result<Sent, MlflowError> {
        let facts = Facts::of(run);
        let epochs = facts::epochs(&run.directory);
        let finished = clock::seconds(&run.when).unwrap_or(0);
        let seconds = facts.seconds.unwrap_or(0.0).max(0.0);
        let started = (finished as f64 - seconds) * 1000.0;
        let info = self.find_or_create(run, name, started)?;
        let id = text(&info["run_id"]);
        self.parameters(&id, &facts)?;
        self.metrics(&id, run, &epochs, finished)?;
        let n_files = self.files(run, &text(&info["artifact_uri"]))?;
        let status = match run.status {
            Status::Finished(_) => "FINISHED",
            Status::Running(_) => "RUNNING",
            Status::CutShort => "KILLED",
            Status::Broken(_) => "FAILED",
        };
        let mut update = json!({ "run_id": id, "status": status });
        if status != "RUNNING" {
            update["end_time"] = json!(finished * 1000);
        }
        self.post("runs/update", &update)?;
        Ok(Sent { id, n_files })
    }

    /// The run with the tag of this one.
    fn find_or_create(
        &self,
        run: &RunEntry,
        name: &str,
        started: f64,
    ) -> Result<Value, MlflowError> {
        let tag = tag(run);
        let search = json!({
            "experiment_ids": [self.experiment],
            "filter": format!("tags.`{TAG}` = '{tag}'"),
            "max_results": 1,
        });
        let found = self.post("runs/search", &search)?;
        if found["runs"][0]["info"].is_object() {
            return Ok(found["runs"][0]["info"].clone());
        }
        let of = |key: &str, value: &str| json!({ "key": key, "value": value });
        let program = run.manifest().and_then(|manifest| manifest.versions.get("alpaca-run"));
        let made = self.post(
            "runs/create",
            &json!({
                "experiment_id": self.experiment,
                "run_name": name,
                "start_time": started as u64,
                "tags": [
                    of(TAG, &tag),
                    of("mlflow.runName", name),
                    of("mlflow.source.name", "alpaca-run"),
                    of("alpaca_run.version", program.map_or("", String::as_str)),
                ],
            }),
        )?;
        Ok(made["run"]["info"].clone())
    }

    /// Sends the values of the pipeline.
    fn parameters(&self, id: &str, facts: &Facts) -> Result<(), MlflowError> {
        let all: Vec<Value> = facts
            .values
            .iter()
            .map(|(path, value)| {
                let value: String = leaves::plain(Some(value)).chars().take(LONGEST).collect();
                json!({ "key": key(path), "value": value })
            })
            .collect();
        for some in all.chunks(MOST_PARAMETERS) {
            self.post("runs/log-batch", &json!({ "run_id": id, "params": some }))?;
        }
        Ok(())
    }

    /// Sends the metrics of all epochs, and those of metrics.json at the last one.
    fn metrics(
        &self,
        id: &str,
        run: &RunEntry,
        epochs: &[Epoch],
        finished: u64,
    ) -> Result<(), MlflowError> {
        let metric = |name: &str, value: f64, time: u64, step: u64| json!({ "key": key(name), "value": value, "timestamp": time * 1000, "step": step });
        let mut all = vec![];
        for Epoch { number, metrics, time, .. } in epochs {
            let time = time.unwrap_or(finished);
            all.extend(metrics.iter().map(|(name, value)| metric(name, *value, time, *number)));
        }
        let last = epochs.last().map_or(0, |epoch| epoch.number);
        let measured = read::text(&run.directory.join(layout::METRICS_JSON)).unwrap_or_default();
        let measured: BTreeMap<String, Value> = serde_json::from_str(&measured).unwrap_or_default();
        let numbers = measured.iter().filter_map(|(name, value)| Some((name, value.as_f64()?)));
        all.extend(numbers.map(|(name, value)| metric(name, value, finished, last)));
        for some in all.chunks(MOST_METRICS) {
            self.post("runs/log-batch", &json!({ "run_id": id, "metrics": some }))?;
        }
        Ok(())
    }

    /// Sends the files of a run except its weights.
    fn files(&self, run: &RunEntry, place: &str) -> Result<Option<usize>, MlflowError> {
        // Servers without a proxy for artifacts name a directory or a bucket.
        let Some(place) = place.strip_prefix("mlflow-artifacts:/") else { return Ok(None) };
        let place = place.trim_start_matches('/');
        let mut n = 0;
        for file in fs::files_below(&run.directory)? {
            let below = file.strip_prefix(&run.directory).unwrap_or(&file);
            let parts: Vec<String> =
                below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let is_sent = layout::is_known(&parts[0])
                && ![layout::WEIGHTS, layout::CHECKPOINT].contains(&parts[0].as_str());
            if is_sent && read::check(&file).is_ok() {
                let bytes = fs::read(&file)?;
                let path: Vec<String> = parts.iter().map(|part| percent(part)).collect();
                let what = format!("{place}/{}", path.join("/"));
                self.put(&what, &bytes)?;
                n += 1;
            }
        }
        Ok(Some(n))
    }

    /// Sends JSON, and gives the answer.
    fn post(&self, what: &str, body: &Value) -> Result<Value, MlflowError> {
        let request = self.agent.post(format!("{}/api/2.0/mlflow/{what}", self.server.url));
        let request = self.known(request.header("Content-Type", "application/json"));
        self.answer(what, request.send(body.to_string()))
    }

    /// Sends a file.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), MlflowError> {
        let place = format!("{}/api/2.0/mlflow-artifacts/artifacts/{path}", self.server.url);
        let request = self.agent.put(place).header("Content-Type", "application/octet-stream");
        self.answer("mlflow-artifacts", self.known(request).send(bytes)).map(drop)
    }

    /// A request that says who sends it.
    fn known<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.server.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        }
    }

    fn answer(
        &self,
        what: &str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, MlflowError> {
        let url = self.server.url.clone();
        let unreachable =
            |why: ureq::Error| MlflowError::Unreachable { url: url.clone(), why: why.to_string() };
        let mut response = response.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_string().map_err(unreachable)?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let why = match answer["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!("status {status}"),
        };
        Err(MlflowError::Refused {
            url: self.server.url.clone(),
            what: what.to_owned(),
            status,
            why,
        })
    }
}

impl MlflowError {
    /// Suggested fixes, one per hint.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Url(_) => "write it as in `http://127.0.0.1:5000`",
            Self::Unreachable { .. } => {
                "the run is unchanged; start the server, then use the same command again to send what is missing"
            }
            Self::Refused { .. } => {
                "the run is unchanged; the same command sends what is missing. `MLFLOW_TRACKING_TOKEN`, or \
                 `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`, are used if they are set"
            }
            Self::File(_) => return vec![],
        };
        vec![hint.to_owned()]
    }
}

/// What identifies a run: its images, pipeline and start, which stay when it is copied or moved.
fn tag(run: &RunEntry) -> String {
    let read = |name| read::text(&run.directory.join(name)).unwrap_or_default();
    let [resolved, splits, events] = [layout::RESOLVED, layout::SPLITS, layout::EVENTS].map(read);
    let started = events.lines().next().unwrap_or_default();
    let parts = [&resolved, &splits, started];
    let parts = parts.map(|part| Digest::of(part.as_bytes()).to_string());
    Digest::of(parts.concat().as_bytes()).to_string()
}

/// A name with the characters that servers take.
fn key(name: &str) -> String {
    let plain = name.replace('[', ".").replace(']', "");
    let is_taken = |c: char| c.is_alphanumeric() || "_-. :/".contains(c);
    plain.chars().map(|c| if is_taken(c) { c } else { '_' }).collect()
}

/// A part of a path in a URL.
fn percent(part: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(byte.into());
            }
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_only_characters_that_servers_take() {
        assert_eq!(key("augmentation[0].random_flip"), "augmentation.0.random_flip");
        assert_eq!(key("probability/a+b"), "probability/a_b");
        assert_eq!(percent("a b/ü"), "a%20b%2F%C3%BC");
    }
}
