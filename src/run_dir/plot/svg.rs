//! Writes SVG: elements in drawing order, numbers with at most two decimals.

use std::fmt::Write as _;

use crate::base::text::escape;

/// The fonts and colors of all plots, for light and then for dark pages. Colors are repeated for
/// each class, because not every viewer supports CSS variables.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328}\
.title{font-size:17px;font-weight:600}.faint{fill:#59636e}.end{text-anchor:end}.middle{text-anchor:middle}\
.page{fill:#fff}.grid{stroke:#e4e7eb}.mark{stroke:#6e7781;stroke-dasharray:4 4}\
.line{fill:none;stroke-width:2.25;stroke-linejoin:round;stroke-linecap:round}.ring{fill:#fff;stroke-width:2.25}\
.line.train,.ring.train{stroke:#0969da}.line.val,.ring.val{stroke:#bc4c00}\
.label{font-weight:600}.label.train,.dot.train{fill:#0969da}.label.val,.dot.val{fill:#bc4c00}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#9198a1}.page,.ring{fill:#0d1117}\
.grid{stroke:#2a3038}.mark{stroke:#9198a1}.line.train,.ring.train{stroke:#58a6ff}.line.val,.ring.val{stroke:#f0883e}\
.label.train,.dot.train{fill:#58a6ff}.label.val,.dot.val{fill:#f0883e}}";

/// An SVG under construction.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// An empty SVG of the given size, with a title and description for screen readers.
    pub(super) fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        Self::with_style(width, height, title, description, "")
    }

    /// An empty SVG with additional CSS rules.
    pub(super) fn with_style(
        width: f64,
        height: f64,
        title: &str,
        description: &str,
        style: &str,
    ) -> Self {
        let mut svg = Self { text: String::new() };
        let (width, height) = (number(width), number(height));
        let _ = write!(
            svg.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<style>{STYLE}{style}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n",
            escape(title),
            escape(description),
        );
        svg
    }

    /// Draws a straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        let _ = writeln!(
            self.text,
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
        );
    }

    /// Draws a line through points.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
        let _ =
            writeln!(self.text, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// Draws a circle with a tooltip.
    pub(super) fn circle(&mut self, class: &str, centre: (f64, f64), radius: f64, title: &str) {
        let [x, y, r] = [centre.0, centre.1, radius].map(number);
        let title = escape(title);
        let _ = writeln!(
            self.text,
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"><title>{title}</title></circle>"
        );
    }

    /// Draws a rectangle with a tooltip; `opacity` is from 0 to 1.
    pub(super) fn rect(
        &mut self,
        class: &str,
        at: (f64, f64),
        size: (f64, f64),
        opacity: f64,
        title: &str,
    ) {
        let [x, y, width, height, opacity] = [at.0, at.1, size.0, size.1, opacity].map(number);
        let title = escape(title);
        let _ = writeln!(
            self.text,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill-opacity=\"{opacity}\"><title>{title}</title></rect>"
        );
    }

    /// Draws an embedded image with a tooltip.
    pub(super) fn picture(&mut self, at: (f64, f64), size: (f64, f64), data: &str, title: &str) {
        let [x, y, width, height] = [at.0, at.1, size.0, size.1].map(number);
        let title = escape(title);
        let _ = writeln!(
            self.text,
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" href=\"{data}\"><title>{title}</title></image>"
        );
    }

    /// Draws a line of text. Its baseline starts, ends or is centered at a point, by class.
    pub(super) fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let [x, y] = [at.0, at.1].map(number);
        self.placed_text(class, &format!("x=\"{x}\" y=\"{y}\""), text);
    }

    /// Draws a line of text that runs upwards from a point.
    pub(super) fn upward_text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let [x, y] = [at.0, at.1].map(number);
        self.placed_text(class, &format!("transform=\"translate({x} {y}) rotate(-90)\""), text);
    }

    fn placed_text(&mut self, class: &str, place: &str, text: &str) {
        let _ = writeln!(self.text, "<text class=\"{class}\" {place}>{}</text>", escape(text));
    }

    /// The finished SVG.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// A coordinate with at most two decimals.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
