//! What the server has done so far, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;

/// Upper bounds of the buckets of response times, in seconds.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Counters since the start of the server.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    by_status: BTreeMap<u16, u64>,
    /// Responses with images that were classified, by the bucket of their time.
    in_bucket: [u64; BUCKETS.len() + 1],
    seconds: f64,
    n_images: u64,
    n_batches: u64,
    busy_seconds: f64,
}

impl Counts {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a response, and the time since its request came.
    pub(super) fn answered(&self, status: StatusCode, time: Duration) {
        let mut numbers = self.numbers();
        *numbers.by_status.entry(status.as_u16()).or_default() += 1;
        if status == StatusCode::OK {
            let seconds = time.as_secs_f64();
            let bucket = BUCKETS.iter().position(|most| seconds <= *most);
            numbers.in_bucket[bucket.unwrap_or(BUCKETS.len())] += 1;
            numbers.seconds += seconds;
        }
    }

    /// Counts images that were classified together.
    pub(super) fn classified(&self, n_images: usize, time: Duration) {
        let mut numbers = self.numbers();
        numbers.n_images += n_images as u64;
        numbers.n_batches += 1;
        numbers.busy_seconds += time.as_secs_f64();
    }

    /// All numbers as text.
    pub(super) fn text(&self, n_waiting: usize) -> String {
        let numbers = self.numbers();
        let mut text = String::new();
        let head = |name: &str, kind: &str, help: &str| {
            format!("# HELP alpaca_run_{name} {help}\n# TYPE alpaca_run_{name} {kind}\n")
        };
        text += &head(
            "requests_total",
            "counter",
            "Requests to /predict by the status of the response.",
        );
        for (status, n) in &numbers.by_status {
            let _ = writeln!(text, "alpaca_run_requests_total{{status=\"{status}\"}} {n}");
        }
        let name = "request_seconds";
        text += &head(
            name,
            "histogram",
            "Time from a request to its response, if images were classified.",
        );
        let mut n = 0;
        for (bucket, in_bucket) in numbers.in_bucket.iter().enumerate() {
            n += in_bucket;
            let most = BUCKETS.get(bucket).map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(text, "alpaca_run_{name}_bucket{{le=\"{most}\"}} {n}");
        }
        let _ = writeln!(
            text,
            "alpaca_run_{name}_sum {}\nalpaca_run_{name}_count {n}",
            numbers.seconds
        );
        for (name, kind, help, value) in [
            (
                "images_total",
                "counter",
                "Images that were classified or found unreadable.",
                numbers.n_images as f64,
            ),
            (
                "batches_total",
                "counter",
                "Groups of images that were classified together.",
                numbers.n_batches as f64,
            ),
            (
                "busy_seconds_total",
                "counter",
                "Time in which the model was busy.",
                numbers.busy_seconds,
            ),
            (
                "waiting_images",
                "gauge",
                "Images that are waiting or being classified.",
                n_waiting as f64,
            ),
        ] {
            text += &head(name, kind, help);
            let _ = writeln!(text, "alpaca_run_{name} {value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_all_faster_responses() {
        let counts = Counts::default();
        for milliseconds in [1, 20, 99_000] {
            counts.answered(StatusCode::OK, Duration::from_millis(milliseconds));
        }
        counts.answered(StatusCode::TOO_MANY_REQUESTS, Duration::ZERO);
        let text = counts.text(3);
        for line in [
            "alpaca_run_requests_total{status=\"429\"} 1",
            "alpaca_run_request_seconds_bucket{le=\"0.005\"} 1",
            "alpaca_run_request_seconds_bucket{le=\"0.025\"} 2",
            "alpaca_run_request_seconds_bucket{le=\"30\"} 2",
            "alpaca_run_request_seconds_bucket{le=\"+Inf\"} 3",
            "alpaca_run_request_seconds_count 3",
            "alpaca_run_waiting_images 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
