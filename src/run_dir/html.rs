//! HTML pages that need no network: one file, for light and dark mode, phones and desktops.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base::text::escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1f2328;--faint:#59636e;--page:#fff;--line:#d1d9e0;--good:#1a7f37;--bad:#cf222e;--soft:#f6f8fa}\
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--faint:#9198a1;--page:#0d1117;--line:#3d444d;--good:#3fb950;--bad:#f85149;--soft:#151b23}}\
body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;color:var(--text);background:var(--page);max-width:60rem;margin:2rem auto;padding:0 1rem;overflow-wrap:break-word}\
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2.5rem 0 .5rem}p{margin:.5rem 0}.faint{color:var(--faint)}\
.wide{overflow-x:auto;--more:color-mix(in srgb,var(--text) 20%,transparent);background:\
linear-gradient(to right,var(--page) 1rem,transparent) left/2.5rem 100% no-repeat local,linear-gradient(to left,var(--page) 1rem,transparent) right/2.5rem 100% no-repeat local,\
linear-gradient(to right,var(--more),transparent) left/.75rem 100% no-repeat,linear-gradient(to left,var(--more),transparent) right/.75rem 100% no-repeat}\
table{border-collapse:collapse}th,td{text-align:left;padding:.25rem 1rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-weight:600;white-space:nowrap}td{font-variant-numeric:tabular-nums}td.n,th.n{text-align:right;white-space:nowrap}svg{max-width:100%;height:auto}\
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:1rem}figure{margin:0;overflow-wrap:anywhere}\
figure img,.none{width:100%;aspect-ratio:1;object-fit:contain;background:color-mix(in srgb,var(--line) 40%,transparent);border-radius:4px;display:flex;align-items:center;justify-content:center;color:var(--faint)}\
figcaption{font-size:.85rem}.better{color:var(--good)}.worse{color:var(--bad)}pre{white-space:pre-wrap;font:inherit;margin:.5rem 0}\
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem;align-items:start}.plots svg{width:100%}\
.figure{font-size:3rem;line-height:1.1;font-weight:650;letter-spacing:-.02em;margin:1rem 0 .25rem;font-variant-numeric:tabular-nums}\
.pairs{grid-template-columns:repeat(auto-fill,minmax(min(100%,14rem),1fr))}.pair{display:flex;gap:2px}.pair img{flex:1 1 0;min-width:0}\
details{margin:.5rem 0}summary{cursor:pointer;color:var(--faint)}\
code{font:.85em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--soft);border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}";

/// The content security policy: a page may use only the images and styles embedded in it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// A complete HTML document; `body` is HTML.
pub fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A table that scrolls on narrow pages, with a shadow at the edge where there is more of it.
/// The columns in `right` are right-aligned.
pub fn table(heads: &[String], rows: &[Vec<String>], right: &[usize]) -> String {
    let row = |cells: &[String], tag: &str| {
        let cells = cells.iter().enumerate().map(|(column, cell)| {
            let class = if right.contains(&column) { " class=\"n\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", escape(cell))
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows: String = rows.iter().map(|cells| row(cells, "td")).collect();
    format!("<div class=\"wide\"><table>\n{}{rows}</table></div>\n", row(heads, "th"))
}

/// The number of rows that a page shows unfolded.
const MOST_SHOWN: usize = 60;
/// The maximum number of rows of a table, the folded ones included.
const MOST_ROWS: usize = 2_000;

/// A table of any number of rows. The first rows are shown and the rest can be unfolded, up to a
/// bound that keeps pages small. `file` is the file that has all rows.
pub fn long_table(heads: &[String], rows: &[Vec<String>], right: &[usize], file: &str) -> String {
    if rows.len() <= MOST_SHOWN {
        return table(heads, rows, right);
    }
    let rest = &rows[MOST_SHOWN..rows.len().min(MOST_ROWS)];
    let all = if rows.len() > MOST_ROWS {
        format!(" ({} of {} rows; {file} has all rows)", MOST_ROWS, rows.len())
    } else {
        String::new()
    };
    format!(
        "{}<details><summary>{} more{all}</summary>\n{}</details>\n",
        table(heads, &rows[..MOST_SHOWN], right),
        rest.len(),
        table(heads, rest, right),
    )
}

/// A JPEG image as a `data:` URL.
pub fn jpeg(bytes: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tables_fold_and_are_bounded() {
        let heads = ["name".to_owned()];
        let rows = |n: usize| (0..n).map(|i| vec![format!("row {i}")]).collect::<Vec<_>>();
        let drawn = |n| long_table(&heads, &rows(n), &[], "all.csv");
        assert!(!drawn(60).contains("<details>"));
        let some = drawn(1000);
        assert!(some.contains("<summary>940 more</summary>") && some.contains(">row 999<"));
        let many = drawn(100_000);
        assert!(
            many.contains("2000 of 100000 rows; all.csv has all rows")
                && !many.contains(">row 2000<")
        );
        assert!(many.len() < 100_000);
    }
}
