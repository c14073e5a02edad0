//! Writes SVG: elements in drawing order, numbers with at most two decimals.

use std::fmt::Write as _;

use crate::base::text::escape;

/// The size of most plots. It is that of a phone, so that text keeps its size there; pages place
/// plots side by side where there is room.
pub(super) const WIDTH: f64 = 360.0;
pub(super) const HEIGHT: f64 = 300.0;
/// The left edge of titles.
pub(super) const MARGIN: f64 = 12.0;
/// The area inside the axes.
pub(super) const LEFT: f64 = 44.0;
pub(super) const RIGHT: f64 = WIDTH - 14.0;
pub(super) const BOTTOM: f64 = HEIGHT - 42.0;
/// The baselines of the title and of the line below it.
pub(super) const TITLE: f64 = 22.0;
pub(super) const SUMMARY: f64 = 40.0;
/// The distance between two lines of text.
pub(super) const LINE: f64 = 15.0;
/// An upper bound on the average width of a character.
pub(super) const CHARACTER: f64 = 6.6;

/// The fonts and colors of all plots, for light and then for dark pages. Colors are repeated for
/// each class, because not every viewer supports CSS variables.
///
/// A color has one meaning everywhere: blue is validation, gray training, green correct, red wrong.
/// The palette of classes and runs has none of these.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:12px;fill:#1f2328}\
.title{font-size:14px;font-weight:600}.faint{fill:#59636e}.end{text-anchor:end}.middle{text-anchor:middle}\
.page{fill:#fff}.grid{stroke:#e4e7eb}.mark{stroke:#6e7781;stroke-dasharray:4 4}\
.line{fill:none;stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}.ring{fill:#fff;stroke-width:1.75}\
.line.train,.ring.train{stroke:#6e7781}.line.val,.ring.val{stroke:#0969da}\
.label{font-weight:600}.label.train,.dot.train{fill:#59636e}.label.val,.dot.val{fill:#0969da}\
.line.plain{stroke:#1f2328}.dot.plain{fill:#1f2328}.label.good,.bar.good{fill:#1a7f37}.label.bad,.bar.bad{fill:#cf222e}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#9198a1}.page,.ring{fill:#0d1117}\
.grid{stroke:#2a3038}.mark{stroke:#9198a1}.line.train,.ring.train{stroke:#9198a1}.line.val,.ring.val{stroke:#58a6ff}\
.label.train,.dot.train{fill:#9198a1}.label.val,.dot.val{fill:#58a6ff}\
.line.plain{stroke:#e6edf3}.dot.plain{fill:#e6edf3}.label.good,.bar.good{fill:#3fb950}.label.bad,.bar.bad{fill:#f85149}}";

/// Plots up to this width are shown at twice their size on their own.
const SMALL: f64 = 400.0;

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
        let factor = if width <= SMALL { 2.0 } else { 1.0 };
        let [shown_width, shown_height] = [width, height].map(|side| number(side * factor));
        let (width, height) = (number(width), number(height));
        let _ = write!(
            svg.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{shown_width}\" height=\"{shown_height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<style>{STYLE}{style}</style>\n\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n",
            escape(title),
            escape(description),
        );
        svg
    }

    /// Writes the title and the line below it.
    pub(super) fn titles(&mut self, title: &str, summary: &str) {
        self.text("title", (MARGIN, TITLE), title);
        self.text("faint", (MARGIN, SUMMARY), summary);
    }

    /// Writes the names of series beside the title, each with its CSS class.
    pub(super) fn legend(&mut self, series: &[(&str, &str)]) {
        let mut right = RIGHT;
        for (class, name) in series.iter().rev() {
            self.text(&format!("label end {class}"), (right, TITLE), name);
            // Bold characters are wider.
            right -= (name.chars().count() as f64 + 1.5) * (CHARACTER + 0.4);
        }
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

    /// Draws a line through points, with a tooltip.
    pub(super) fn titled_path(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        let points: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
        let (points, title) = (points.join(" "), escape(title));
        let _ = writeln!(
            self.text,
            "<polyline class=\"{class}\" points=\"{points}\"><title>{title}</title></polyline>"
        );
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
    pub(super) fn image(&mut self, at: (f64, f64), size: (f64, f64), data: &str, title: &str) {
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
