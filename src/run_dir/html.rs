//! HTML pages that need no network: one file, for light and dark mode, phones and desktops.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::plot::short::short;
use crate::base::text::escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--text:#1f2328;--faint:#59636e;--page:#fff;--line:#d1d9e0;--good:#1a7f37;--bad:#cf222e;--soft:#f6f8fa}\
@media screen and (prefers-color-scheme:dark){:root{--text:#e6edf3;--faint:#9198a1;--page:#0d1117;--line:#3d444d;--good:#3fb950;--bad:#f85149;--soft:#151b23}}\
body{font:15px/1.5 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;color:var(--text);background:var(--page);max-width:80rem;margin:2rem auto;padding:0 1.25rem;overflow-wrap:break-word}\
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2.5rem 0 .75rem}h2 a{color:inherit;text-decoration:none}h2 a:hover{text-decoration:underline}\
p{margin:.5rem 0;max-width:48rem}.faint{color:var(--faint)}\
.wide{overflow-x:auto;max-width:100%;--more:color-mix(in srgb,var(--text) 20%,transparent);background:\
linear-gradient(to right,var(--page) 1rem,transparent) left/2.5rem 100% no-repeat local,linear-gradient(to left,var(--page) 1rem,transparent) right/2.5rem 100% no-repeat local,\
linear-gradient(to right,var(--more),transparent) left/.75rem 100% no-repeat,linear-gradient(to left,var(--more),transparent) right/.75rem 100% no-repeat}\
table{border-collapse:collapse}th,td{text-align:left;padding:.25rem 1rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-weight:600;white-space:nowrap}td{font-variant-numeric:tabular-nums}.n{text-align:right;white-space:nowrap}tbody th{font-weight:400;white-space:normal;min-width:8rem;max-width:20rem;overflow-wrap:anywhere}\
svg{display:block;max-width:100%;height:auto}\
.images{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:1rem}figure{margin:0;min-width:0}\
figure img,.none{width:100%;aspect-ratio:1;object-fit:contain;background:color-mix(in srgb,var(--line) 40%,transparent);border-radius:4px;display:flex;align-items:center;justify-content:center;color:var(--faint)}\
figcaption{font-size:.85rem;overflow-wrap:anywhere}.name{display:block;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;color:var(--faint)}\
.better{color:var(--good)}.worse{color:var(--bad)}pre{white-space:pre-wrap;font:inherit;margin:.5rem 0}\
.beside{display:flex;flex-wrap:wrap;gap:1rem 3rem;align-items:flex-start}.beside>div{min-width:0;max-width:100%}.beside>.wide{flex:0 1 auto}.beside>.plots{flex:1 1 21rem}.beside>.plots:has(svg:nth-child(2)){flex-basis:43rem}\
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20.5rem),1fr));gap:1.5rem 2rem;align-items:start;min-width:0}.plots svg{width:100%;max-width:30rem}\
.full{overflow-x:auto;margin:1rem 0}.full svg{width:100%;min-width:47.5rem;max-width:60rem}\
.figure{font-size:3rem;line-height:1.1;font-weight:650;letter-spacing:-.02em;margin:1rem 0 .25rem;font-variant-numeric:tabular-nums}\
.pairs{grid-template-columns:repeat(auto-fill,minmax(min(100%,14rem),1fr))}.pair{display:flex;gap:2px}.pair img{flex:1 1 0;min-width:0}\
details{margin:.5rem 0}summary{cursor:pointer;color:var(--faint)}details.run{margin:1.5rem 0;border-top:1px solid var(--line);padding-top:1rem}details.run>summary{font-size:1.15rem;font-weight:600;color:var(--text)}\
code{font:.85em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--soft);border-radius:4px;padding:.1em .3em;overflow-wrap:anywhere}\
:focus-visible{outline:2px solid #0969da;outline-offset:2px}\
@media(max-width:600px){body{margin:1rem auto;padding:0 1rem}h2{margin-top:2rem}.figure{font-size:2.5rem}th,td{padding-right:.75rem}.wide tbody th{min-width:6rem;max-width:9rem}.images:not(.pairs){grid-template-columns:repeat(auto-fill,minmax(136px,1fr))}}\
@media print{body{max-width:none;margin:0;font-size:10pt}.plots{grid-template-columns:repeat(3,1fr)}.images{grid-template-columns:repeat(4,1fr)}.wide,.full{overflow:visible}.full svg{min-width:0}h2{break-after:avoid}svg,figure,tr{break-inside:avoid}}";

/// The content security policy: a page may use only the images and styles embedded in it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// A complete HTML document; `body` is HTML.
pub fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A heading with an address of its own.
pub fn heading(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let id = words.map(str::to_lowercase).collect::<Vec<String>>().join("-");
    format!("<h2 id=\"{id}\"><a href=\"#{id}\">{}</a></h2>\n", escape(title))
}

/// The path of an image below its picture: on one line, shortened in the middle, with the whole path
/// as a tooltip.
pub fn image_name(path: &str) -> String {
    let shown = short(path, MOST_CHARACTERS);
    format!("<span class=\"name\" title=\"{}\">{}</span>", escape(path), escape(&shown))
}

/// The maximum characters of an image's name.
const MOST_CHARACTERS: usize = 30;

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// The CSS class, such as `better`.
    pub class: &'static str,
}

/// A table that scrolls on narrow pages, with a shadow at the edge where there is more of it.
/// The columns in `right` are right-aligned. If `heads` are empty, the first cell of each row is its
/// heading.
pub fn table(heads: &[String], rows: &[Vec<String>], right: &[usize]) -> String {
    let cell = |text: &String| Cell { text: text.clone(), class: "" };
    let rows: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    table_of_cells(heads, &rows, right)
}

/// A table like that of [`table`], whose cells have classes.
pub fn table_of_cells(heads: &[String], rows: &[Vec<Cell>], right: &[usize]) -> String {
    let classes = |column: usize, class: &str| {
        let right = if right.contains(&column) { "n" } else { "" };
        match (right, class) {
            ("", "") => String::new(),
            ("", one) | (one, "") => format!(" class=\"{one}\""),
            (right, class) => format!(" class=\"{right} {class}\""),
        }
    };
    let head = |(column, head): (usize, &String)| match head.as_str() {
        "" => "<td></td>".to_owned(),
        head => format!("<th scope=\"col\"{}>{}</th>", classes(column, ""), escape(head)),
    };
    let has_heads = heads.iter().any(|head| !head.is_empty());
    let heads: String = heads.iter().enumerate().map(head).collect();
    let heads =
        if has_heads { format!("<thead><tr>{heads}</tr></thead>\n") } else { String::new() };
    let cell = |(column, Cell { text, class }): (usize, &Cell)| {
        let (classes, text) = (classes(column, class), escape(text));
        match column {
            0 => format!("<th scope=\"row\"{classes}>{text}</th>"),
            _ => format!("<td{classes}>{text}</td>"),
        }
    };
    let row = |cells: &Vec<Cell>| {
        let cells: String = cells.iter().enumerate().map(cell).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows = rows.iter().map(row).collect::<Vec<String>>().concat();
    format!(
        "<div class=\"wide\" tabindex=\"0\"><table>\n{heads}<tbody>\n{rows}</tbody></table></div>\n"
    )
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
