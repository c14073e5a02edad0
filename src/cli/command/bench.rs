//! `alpaca-run bench PIPELINE`

use std::fmt::Write as _;
use std::time::Duration;

use super::{Fetching, bench_layers, on_threads, prepare};
use crate::base::text;
use crate::cli::args::BenchArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::look::bench::{self, BenchReport};
use crate::exec::look::layer_times;

/// Measures how fast each part of a pipeline runs.
pub(in crate::cli) fn run(
    arguments: &BenchArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (loaded, prepared) = prepare(&arguments.pipeline, settings, Fetching::Never)?;
    let least = Duration::from_secs_f64(arguments.seconds);
    if arguments.layers {
        let measure = || layer_times::layer_times(&loaded.spec, prepared, settings.threads, least);
        let report = on_threads(settings, measure)??;
        let text = if arguments.json {
            bench_layers::json(&report)
        } else {
            bench_layers::render(&report)
        };
        terminal.result(&text).map_err(Failure::usage)?;
        return Ok(Exit::Done);
    }
    let report =
        on_threads(settings, || bench::bench(&loaded.spec, prepared, settings.threads, least))??;
    let text = if arguments.json { json(&report) } else { render(&report) };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn render(report: &BenchReport) -> String {
    let heads =
        ["stage", "part", "images/s", "slowest", "fastest", "ms/image", "GMAC/s", "of peak"];
    let mut table = vec![heads.map(str::to_owned).to_vec()];
    for phase in &report.phases {
        let [slowest, median, fastest] = phase.rates;
        let speed = phase.multiply_adds.map(|cost| cost * median / 1e9);
        let share = phase.share_of(report.peak);
        table.push(vec![
            phase.stage.clone().unwrap_or_default(),
            phase.name.to_owned(),
            format!("{median:.0}"),
            format!("{slowest:.0}"),
            format!("{fastest:.0}"),
            format!("{:.3}", 1000.0 / median),
            speed.map(|speed| format!("{speed:.1}")).unwrap_or_default(),
            share.map(|share| format!("{:.0} %", share * 100.0)).unwrap_or_default(),
        ]);
    }
    let mut rendered = format!(
        "batches of {} images on {}, {}\n\n",
        report.batch_size,
        text::count(report.n_threads, "thread"),
        report.instruction_set
    );
    rendered.push_str(&text::align(&table, &[2, 3, 4, 5, 6, 7]));
    let _ = writeln!(rendered, "\n{}, measured with arithmetic alone", report.peak);
    if report.phases.iter().any(|phase| phase.share_of(report.peak) > Some(1.0)) {
        rendered.push_str(
            "more than 100 %: some 3x3 convolutions need fewer multiplications than are counted \
             (Winograd's algorithm)\n",
        );
    }
    rendered
}

fn json(report: &BenchReport) -> String {
    let parts = report.phases.iter().map(|phase| {
        let [slowest, median, fastest] = phase.rates;
        serde_json::json!({
            "stage": phase.stage,
            "part": phase.name,
            "images_per_second": { "slowest": slowest, "median": median, "fastest": fastest },
            "multiply_adds_per_image": phase.multiply_adds,
            "share_of_peak": phase.share_of(report.peak),
        })
    });
    let value = serde_json::json!({
        "instruction_set": report.instruction_set,
        "threads": report.n_threads,
        "batch_size": report.batch_size,
        "peak_multiply_adds_per_second": report.peak.numbers,
        "peak_int8_multiply_adds_per_second": report.peak.bytes,
        "parts": parts.collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}
