//! `alpaca-run bench --layers`: the table of the layers.

use std::fmt::Write as _;

use serde_json::json;

use crate::base::text;
use crate::exec::look::layer_times::{LayerPass, LayerReport};

/// The table for people.
pub(super) fn render(report: &LayerReport) -> String {
    let heads = [
        "stage",
        "pass",
        "layer",
        "us/image",
        "of time",
        "GMAC/s",
        "of peak",
        "MB/image",
        "of roofline",
    ];
    let mut table = vec![heads.map(str::to_owned).to_vec()];
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    for pass in &report.passes {
        let of_stage = report.passes.iter().filter(|other| other.stage == pass.stage);
        let all: f64 = of_stage.map(|pass| pass.seconds).sum();
        let LayerPass { seconds, multiply_adds, bytes, .. } = *pass;
        table.push(vec![
            pass.stage.clone(),
            pass.pass.to_owned(),
            pass.layer.clone(),
            format!("{:.1}", seconds * 1e6),
            percent(seconds / all),
            format!("{:.1}", multiply_adds / seconds / 1e9),
            percent(pass.share_of_peak(report.peak)),
            format!("{:.2}", bytes / 1e6),
            percent(pass.share_of_roofline(report.peak, report.bandwidth)),
        ]);
    }
    let mut rendered = format!(
        "batches of {} on {}, {}\n\n",
        text::count(report.n_images, "image"),
        text::count(report.n_threads, "thread"),
        report.instruction_set
    );
    rendered.push_str(&text::align(&table, &[3, 4, 5, 6, 7, 8]));
    let _ = writeln!(
        rendered,
        "\n{}; memory: {:.1} GB per second\n\
         of roofline: of what peak and memory allow if no value stays in a cache; above 100 %, caches help",
        report.peak,
        report.bandwidth / 1e9
    );
    if report.is_opaque {
        rendered.push_str(
            "the layers of this ONNX base model are run by tract, and not measured one by one; `bench` without \
             `--layers` measures them together\n",
        );
    }
    rendered
}

/// The measurements for programs.
pub(super) fn json(report: &LayerReport) -> String {
    let passes = report.passes.iter().map(|pass| {
        json!({
            "stage": pass.stage,
            "pass": pass.pass,
            "layer": pass.layer,
            "seconds_per_image": pass.seconds,
            "multiply_adds_per_image": pass.multiply_adds,
            "bytes_per_image": pass.bytes,
            "share_of_peak": pass.share_of_peak(report.peak),
            "share_of_roofline": pass.share_of_roofline(report.peak, report.bandwidth),
        })
    });
    let value = json!({
        "instruction_set": report.instruction_set,
        "threads": report.n_threads,
        "batch_size": report.n_images,
        "peak_multiply_adds_per_second": report.peak.numbers,
        "peak_int8_multiply_adds_per_second": report.peak.bytes,
        "bytes_per_second": report.bandwidth,
        "layers": passes.collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}
