//! An HTML page about a dataset.

use std::fmt::Write as _;

use super::tables::four;
use crate::base::text::{self, escape};
use crate::dataset::survey::{Alike, NumberSurvey, Place, SeveralSurvey, Survey};
use crate::dataset::thumbnail::Thumbnails;
use crate::run_dir::html;
use crate::run_dir::suspects::Suspects;

/// The longest side of an image on the page, in pixels.
const THUMBNAIL: u32 = 240;
/// The maximum number of groups that are shown.
const MOST_GROUPS: usize = 60;

/// Renders the page about a dataset, with its images.
pub fn render(
    title: &str,
    survey: &Survey,
    suspects: Option<&Suspects>,
    images: &Thumbnails,
) -> String {
    let mut body = format!("<h1>{}</h1>\n", escape(title));
    let _ = writeln!(
        body,
        "<p class=\"faint\">{} {}, {}</p>",
        text::count(survey.n_images, "image"),
        match survey.numbers {
            Some(_) => "with a number each".to_owned(),
            None => format!("of {}", text::count(survey.classes.len(), "class")),
        },
        text::bytes(survey.bytes)
    );
    for warning in &survey.warnings {
        let _ = writeln!(body, "<pre class=\"worse\">{}</pre>", escape(warning));
    }
    let (heads, rows) = classes(survey);
    body.push_str(&html::table(&heads, &rows, &[1, 2, 3, 4, 5]));
    let distribution = distribution(survey);
    if !distribution.is_empty() {
        body.push_str(&html::table(&[String::new(), String::new()], &distribution, &[1]));
    }
    let (heads, rows) = facts(survey);
    if !rows.is_empty() {
        body.push_str(&html::heading("Files"));
        body.push_str(&html::table(&heads, &rows, &[]));
    }
    if !survey.bad.is_empty() {
        let rows: Vec<Vec<String>> =
            survey.bad.iter().map(|(path, why)| vec![path.clone(), why.clone()]).collect();
        body.push_str(&html::heading("Unreadable images"));
        body.push_str(&html::table(&["file", "reason"].map(str::to_owned), &rows, &[]));
    }
    let small = |place: &Place| images.find(&place.path, THUMBNAIL);
    let differ = match (&survey.numbers, &survey.several) {
        (Some(_), _) => "with different numbers",
        (None, Some(_)) => "with different labels",
        (None, None) => "in more than one class",
    };
    if let Some(suspects) = suspects {
        body.push_str(&doubtful_labels(suspects, images));
    }
    groups(&mut body, ("Identical files", differ), &survey.duplicates, &small);
    groups(&mut body, ("Similar images", differ), &survey.near_duplicates, &small);
    html::document(title, &body)
}

/// The images whose labels look wrong.
fn doubtful_labels(suspects: &Suspects, images: &Thumbnails) -> String {
    let Suspects { n_images, images: found } = suspects;
    let mut body = html::heading(&format!("Labels that look wrong: {}", found.len()));
    let _ = writeln!(
        body,
        "<p class=\"faint\">Of {}. Probabilities are those of models that were not trained on the \
         image.</p>\n<div class=\"images\">",
        text::count(*n_images, "predicted image")
    );
    for image in found.iter().take(MOST_GROUPS) {
        let _ = writeln!(
            body,
            "<figure>{}<figcaption>{}{} {:.3}, rather {} {:.3}</figcaption></figure>",
            thumbnail(&image.path, images.find(&image.path, THUMBNAIL)),
            html::image_name(&image.path),
            escape(&image.label),
            image.probability,
            escape(&image.suggested),
            image.suggested_probability,
        );
    }
    body.push_str("</div>\n");
    if found.len() > MOST_GROUPS {
        let _ = writeln!(body, "<p>… and {} more</p>", found.len() - MOST_GROUPS);
    }
    body
}

/// An image of the page, as JPEG.
fn thumbnail(path: &str, bytes: Option<Vec<u8>>) -> String {
    match bytes {
        Some(bytes) => format!("<img alt=\"{}\" src=\"{}\">", escape(path), html::jpeg(&bytes)),
        None => "<div class=\"none\">not found</div>".to_owned(),
    }
}

/// The classes as a table.
pub fn classes(survey: &Survey) -> (Vec<String>, Vec<Vec<String>>) {
    let heads = ["class", "images", "share", "train", "validation", "test"];
    let rows = survey.classes.iter().map(|class| {
        let part = |name: &str| class.parts.get(name).copied().unwrap_or(0).to_string();
        let share = 100.0 * class.n_images as f64 / survey.n_images as f64;
        vec![
            class.name.clone(),
            class.n_images.to_string(),
            format!("{share:.1} %"),
            part("train"),
            part("validation"),
            part("test"),
        ]
    });
    (heads.map(str::to_owned).to_vec(), rows.collect())
}

/// How numbers, or labels per image, are distributed.
fn distribution(survey: &Survey) -> Vec<Vec<String>> {
    let mut rows = vec![];
    if let Some(SeveralSurvey { mean, most, n_without }) = survey.several {
        rows.push(["labels per image".to_owned(), format!("{mean:.2}")]);
        rows.push(["most labels".to_owned(), most.to_string()]);
        rows.push(["images without a label".to_owned(), n_without.to_string()]);
    }
    if let Some(NumberSurvey { quartiles, mean, deviation }) = survey.numbers {
        let names = ["smallest", "first quartile", "median", "third quartile", "largest"];
        let numbers = names.into_iter().zip(quartiles);
        rows.extend(numbers.map(|(name, number)| [name.to_owned(), number.to_string()]));
        rows.push(["mean".to_owned(), four(mean)]);
        rows.push(["standard deviation".to_owned(), four(deviation)]);
    }
    rows.into_iter().map(Vec::from).collect()
}

fn facts(survey: &Survey) -> (Vec<String>, Vec<Vec<String>>) {
    let mut rows = vec![];
    if let Some(sizes) = &survey.sizes {
        rows.push(["smallest".to_owned(), size(sizes.smallest)]);
        rows.push(["median".to_owned(), size(sizes.median)]);
        rows.push(["largest".to_owned(), size(sizes.largest)]);
        rows.push(["upscaled by the pipeline".to_owned(), sizes.n_enlarged.to_string()]);
    }
    rows.extend(survey.formats.iter().map(|(format, n)| [format.clone(), n.to_string()]));
    (vec![String::new(), String::new()], rows.into_iter().map(Vec::from).collect())
}

fn size([width, height]: [u32; 2]) -> String {
    format!("{width}×{height}")
}

/// `differ` is what is said if labels differ; `small` gives the thumbnail of an image, as JPEG.
fn groups(
    body: &mut String,
    (title, differ): (&str, &str),
    groups: &[Alike],
    small: &dyn Fn(&Place) -> Option<Vec<u8>>,
) {
    if groups.is_empty() {
        return;
    }
    body.push_str(&html::heading(&format!("{title}: {}", groups.len())));
    for group in groups.iter().take(MOST_GROUPS) {
        let mut notes = vec![];
        if group.across_parts {
            notes.push("in more than one split");
        }
        if group.across_classes {
            notes.push(differ);
        }
        let note = if notes.is_empty() {
            String::new()
        } else {
            format!("<p class=\"worse\">{}</p>\n", notes.join(", "))
        };
        let _ = writeln!(body, "{note}<div class=\"images\">");
        for place in &group.images {
            let image = thumbnail(&place.path, small(place));
            let _ = writeln!(
                body,
                "<figure>{image}<figcaption>{}{}</figcaption></figure>",
                html::image_name(&place.path),
                place.part
            );
        }
        body.push_str("</div>\n");
    }
    if groups.len() > MOST_GROUPS {
        let _ = writeln!(body, "<p>… and {} more</p>", groups.len() - MOST_GROUPS);
    }
}
