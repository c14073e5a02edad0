//! A difference as one page that needs no network.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::text::{self, Style, Table};
use super::{Diff, Flip, Pair, picture_file, render_svg};
use crate::base::text::escape;
use crate::dataset::thumbnail;

/// The longest side of a picture on the page, in pixels; twice what is shown, for sharp screens.
const THUMBNAIL: u32 = 320;
/// Pictures that flipped and are shown, for each pair.
const MOST_PICTURES: usize = 200;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1f2328;--faint:#59636e;--page:#fff;--line:#d1d9e0;--good:#1a7f37;--bad:#cf222e}\
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--faint:#9198a1;--page:#0d1117;--line:#3d444d;--good:#3fb950;--bad:#f85149}}\
body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;color:var(--text);background:var(--page);max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.5rem 0}.faint{color:var(--faint)}\
.wide{overflow-x:auto}table{border-collapse:collapse}th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-weight:600;white-space:nowrap}td{font-variant-numeric:tabular-nums}svg{max-width:100%;height:auto}\
.flips{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:1rem}figure{margin:0;overflow-wrap:anywhere}\
figure img,.none{width:100%;aspect-ratio:1;object-fit:contain;background:color-mix(in srgb,var(--line) 40%,transparent);border-radius:4px;display:flex;align-items:center;justify-content:center;color:var(--faint)}\
figcaption{font-size:.85rem}.better{color:var(--good)}.worse{color:var(--bad)}pre{white-space:pre-wrap;font:inherit;margin:.5rem 0}";

/// Renders the page.
pub fn render_html(diff: &Diff, style: Style) -> String {
    let labels = text::labels(diff);
    let mut body = format!("<h1>{}</h1>\n", escape(&labels.join(" and ")));
    let places: Vec<String> = diff.runs.iter().map(|run| escape(run)).collect();
    let _ = writeln!(body, "<p class=\"faint\">Runs {}</p>", places.join(", "));
    if diff.is_same {
        body.push_str("<p>Nothing that matters differs: pipeline, pictures, program, figures, predictions and weights are the same.</p>\n");
    }
    for pair in &diff.pairs {
        if let Some(chance) = &pair.chance {
            let said = text::about(pair, diff, chance);
            let _ = writeln!(body, "<pre>{}</pre>", escape(&said));
        }
    }
    table(&mut body, "Pipeline", &text::values(diff, style));
    table(&mut body, "Environment", &text::environment(diff, style));
    for pair in &diff.pairs {
        let said = text::pictures(pair, style);
        if !said.is_empty() {
            let _ = writeln!(body, "<h2>Pictures</h2>\n<pre>{}</pre>", escape(&said.join("\n")));
        }
    }
    table(&mut body, "Figures", &text::metrics(diff, style));
    let _ = writeln!(body, "<h2>Curves</h2>\n{}", render_svg(diff));
    for pair in &diff.pairs {
        flips(&mut body, pair, diff, &labels);
    }
    let title = escape(&labels.join(" and "));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn table(body: &mut String, title: &str, Table { heads, rows }: &Table) {
    if rows.is_empty() {
        return;
    }
    let row = |cells: &[String], tag: &str| {
        let cell = |cell: &String| format!("<{tag}>{}</{tag}>", escape(cell));
        format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<Vec<_>>().concat())
    };
    let rows: String = rows.iter().map(|cells| row(cells, "td")).collect();
    let _ = writeln!(
        body,
        "<h2>{title}</h2>\n<div class=\"wide\"><table>\n{}{rows}</table></div>",
        row(heads, "th")
    );
}

fn flips(body: &mut String, pair: &Pair, diff: &Diff, labels: &[String]) {
    if pair.flips.is_empty() {
        return;
    }
    let other = diff.runs.iter().position(|run| *run == pair.other).unwrap_or(1);
    let _ = writeln!(
        body,
        "<h2>Pictures that flipped from {} to {}</h2>\n<div class=\"flips\">",
        escape(&labels[0]),
        escape(&labels[other])
    );
    for flip in pair.flips.iter().take(MOST_PICTURES) {
        figure(body, flip, diff);
    }
    body.push_str("</div>\n");
    if pair.flips.len() > MOST_PICTURES {
        let _ = writeln!(body, "<p>… and {} more</p>", pair.flips.len() - MOST_PICTURES);
    }
}

fn figure(body: &mut String, flip: &Flip, diff: &Diff) {
    let Flip { path, label, predicted, .. } = flip;
    let picture = picture_file(diff, path).and_then(|file| thumbnail::thumbnail(&file, THUMBNAIL));
    let picture = match picture {
        Some(bytes) => {
            let data = STANDARD.encode(bytes);
            format!("<img alt=\"{}\" src=\"data:image/jpeg;base64,{data}\">", escape(path))
        }
        None => "<div class=\"none\">not there</div>".to_owned(),
    };
    let [before, now] = predicted.each_ref().map(|(class, p)| format!("{} {p:.2}", escape(class)));
    let verdict = flip.verdict();
    let _ = writeln!(
        body,
        "<figure>{picture}<figcaption><span class=\"{verdict}\">{verdict}</span>: {before} → {now}<br>\
         is {}<br><span class=\"faint\">{}</span></figcaption></figure>",
        escape(label),
        escape(path)
    );
}
