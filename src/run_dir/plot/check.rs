//! Checks that an SVG file only draws, as the plots of this program do.
//!
//! Pages embed plots as inline SVG, so that they follow light and dark mode and have tooltips. A
//! run directory may come from a stranger, so only the elements and attributes below are allowed.

use roxmltree::{Document, Node, ParsingOptions};

const NAMESPACE: &str = "http://www.w3.org/2000/svg";
const ELEMENTS: [&str; 11] =
    ["svg", "title", "desc", "style", "rect", "line", "polyline", "circle", "image", "text", "g"];
const ATTRIBUTES: [&str; 20] = [
    "width",
    "height",
    "viewBox",
    "role",
    "class",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "points",
    "cx",
    "cy",
    "r",
    "fill-opacity",
    "transform",
    "href",
    "aria-label",
    "id",
];
/// The allowed prefixes of image URLs: the images are part of the file.
const IMAGES: [&str; 2] = ["data:image/jpeg;base64,", "data:image/png;base64,"];

/// An SVG file that is not a plot of this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAPlot(String);

/// Checks that a file only draws.
///
/// # Errors
/// With the first construct that no plot has.
pub fn harmless(svg: &str) -> Result<(), NotAPlot> {
    let options = ParsingOptions { nodes_limit: 2_000_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(svg, options)
        .map_err(|error| NotAPlot(format!("it is not well-formed: {error}")))?;
    // Browsers end comments and CDATA at different places in an HTML page than in an SVG file.
    if svg.contains("<!") || svg.contains("<?") {
        return Err(NotAPlot("it has a comment, character data or an instruction".to_owned()));
    }
    document.root().descendants().try_for_each(check)
}

fn check(node: Node<'_, '_>) -> Result<(), NotAPlot> {
    if !node.is_element() {
        return Ok(());
    }
    let name = node.tag_name();
    if name.namespace() != Some(NAMESPACE) || !ELEMENTS.contains(&name.name()) {
        return Err(NotAPlot(format!("it has the element `{}`", name.name())));
    }
    for attribute in node.attributes() {
        let (name, value) = (attribute.name(), attribute.value());
        let is_fine = match name {
            "href" => is_image(value),
            _ => ATTRIBUTES.contains(&name) && !value.contains("url("),
        };
        if !is_fine || attribute.namespace().is_some() {
            return Err(NotAPlot(format!("it has the attribute `{name}`")));
        }
    }
    // What an SVG parser reads as text, an HTML parser may read as markup.
    let is_text = ["title", "desc", "text", "style"].contains(&name.name());
    if is_text && node.children().any(|child| child.is_element()) {
        return Err(NotAPlot(format!("it has an element in `{}`", name.name())));
    }
    if name.name() == "style" {
        check_style(node)?;
    }
    Ok(())
}

/// Style rules must not load anything. A backslash could hide a word, and `<` an element.
fn check_style(node: Node<'_, '_>) -> Result<(), NotAPlot> {
    let style: String = node.descendants().filter_map(|node| node.text()).collect();
    let lower = style.to_lowercase();
    let forbidden = ["url", "@import", "image(", "src(", "\\", "<", "position", "content"];
    match forbidden.iter().find(|word| lower.contains(*word)) {
        None => Ok(()),
        Some(word) => Err(NotAPlot(format!("its style has `{word}`"))),
    }
}

fn is_image(address: &str) -> bool {
    IMAGES
        .iter()
        .any(|start| address.strip_prefix(start).is_some_and(|data| data.chars().all(is_base64)))
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(body: &str) -> Result<(), NotAPlot> {
        harmless(&format!("<svg xmlns=\"{NAMESPACE}\" width=\"9\">{body}</svg>"))
    }

    #[test]
    fn what_draws_passes() {
        for body in [
            "<title>a &amp; b</title><style>.a{fill:#fff}@media(prefers-color-scheme:dark){.a{fill:#000}}</style>",
            "<g><rect class=\"a\" x=\"1\" fill-opacity=\"0.5\"><title>&lt;script&gt;</title></rect></g>",
            "<image x=\"1\" href=\"data:image/jpeg;base64,AAA+/=\"/>",
        ] {
            assert_eq!(with(body), Ok(()), "{body}");
        }
    }

    #[test]
    fn what_could_run_or_load_something_does_not() {
        for body in [
            "<script>alert(1)</script>",
            "<SCRIPT>alert(1)</SCRIPT>",
            "<rect onclick=\"alert(1)\"/>",
            "<a href=\"javascript:alert(1)\"/>",
            "<foreignObject><body xmlns=\"http://www.w3.org/1999/xhtml\"/></foreignObject>",
            "<image href=\"http://somewhere/a.jpg\"/>",
            "<image href=\"data:image/svg+xml;base64,AAAA\"/>",
            "<image xmlns:l=\"http://www.w3.org/1999/xlink\" l:href=\"data:image/png;base64,AA\"/>",
            "<style>@import 'a'</style>",
            "<style>.a{fill:u\\72l(a)}</style>",
            "<rect class=\"a\" style=\"fill:red\"/>",
            "<animate attributeName=\"href\"/>",
            "<set attributeName=\"href\" to=\"javascript:alert(1)\"/>",
            "<use href=\"#a\"/>",
            "<?xml-stylesheet href=\"a\"?>",
            "<s:script xmlns:s=\"http://www.w3.org/2000/svg\">alert(1)</s:script>",
            "<h:script xmlns:h=\"http://www.w3.org/1999/xhtml\">alert(1)</h:script>",
            "<!--> <script>alert(1)</script> -->",
            "<title><![CDATA[</title><script>alert(1)</script>]]></title>",
            "<title><style>a</style></title>",
            "<rect>",
        ] {
            assert!(with(body).is_err(), "{body}");
        }
        let entity =
            "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg xmlns=\"http://www.w3.org/2000/svg\"/>";
        assert!(harmless(entity).is_err());
    }
}
