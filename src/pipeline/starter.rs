//! Writes the first pipeline for some images: what fits them, with comments.

use std::fmt::Write as _;

use crate::base::names;
use crate::base::text;

/// The sides of images that pipelines resize to, each with the smallest side of images that it is for.
/// Larger than the 224 pixels that the network was trained at is better (docs/best.md).
const SIDES: [(u32, u32); 3] = [(384, 300), (288, 200), (224, 0)];
/// From this number of images on, the time of larger images counts.
const MANY: usize = 10_000;
/// The ratio of the largest class to the smallest from which classes are called uneven.
const UNEVEN: f64 = 3.0;
/// Images of the smallest class below which a fifth of them says little.
const FEW: usize = 25;
/// Classes that are named in a comment.
const NAMED: usize = 8;

/// Images, and where they are.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// The key of a dataset that names them, such as `directory`.
    pub key: &'static str,
    /// The path, relative to the pipeline file.
    pub path: String,
    /// Their number.
    pub n: usize,
    /// The classes with the number of images of each.
    pub classes: Vec<(String, usize)>,
    /// The shorter side of the image of median size, in pixels.
    pub side: Option<u32>,
    /// What gives the parts of the split, if they are given.
    pub split_by: Option<String>,
    /// A file that is not a readable image, and the number of such files.
    pub bad: Option<(String, usize)>,
    /// Number of images that are copies of others of the same class.
    pub n_copies: usize,
    /// Number of images with copies in other classes.
    pub n_conflicts: usize,
}

impl Images {
    /// Whether labels are numbers to predict. A table does not say so; but no number of classes could be
    /// learned of which some have a single image.
    fn are_numbers(&self) -> bool {
        let mut names = self.classes.iter().map(|(name, _)| name);
        self.key == "table"
            && self.classes.len() > NAMED
            && self.classes.iter().any(|(_, n)| *n < 2)
            && names.all(|name| name.parse::<f64>().is_ok())
    }

    /// What they are, in words.
    pub fn what(&self) -> String {
        let n = text::count(self.n, "image");
        if self.are_numbers() {
            format!("{n} with a number each")
        } else {
            format!("{n} of {}", text::count(self.classes.len(), "class"))
        }
    }
}

/// The part of a pipeline that says where the images are, for a look at them.
pub fn draft(key: &str, path: &str) -> String {
    let path = quoted(path);
    format!(
        "version: 1\ndataset: {{ {key}: {path}, duplicates: keep, on_bad_image: skip }}\n\
         model: {{ base: efficientnet_lite0, weights: builtin }}\n\
         stages: {{ head: {{ fit: {{ logistic: {{ l2: auto }} }} }} }}\n"
    )
}

/// The text of a pipeline. `file` is what to call it.
pub fn pipeline(file: &str, images: &Images) -> String {
    let mut text = String::new();
    let Images { key, path, classes, .. } = images;
    let (run, file) = (file.strip_suffix(".yaml").unwrap_or(file), text::shell_word(file));
    let run = text::shell_word(&format!("runs/{}", run.rsplit('/').next().unwrap_or(run)));
    let what = if images.are_numbers() {
        format!("A model for {}", images.what())
    } else {
        format!("A classifier for {}: {}", images.what(), listed(classes))
    };
    let _ = write!(
        text,
        "# {what}.\n\
         #\n\
         #   alpaca-run check {file}  # reports all problems\n\
         #   alpaca-run {file}        # trains; the result is in {run}\n\
         #   alpaca-run predict {run} PHOTO.jpg\n\
         #\n\
         # A value can also be changed for one run: `alpaca-run {file} -S dataset.image_size=224`.\n\
         version: 1\n\
         \n\
         dataset:\n  \
           {key}: {}\n",
        quoted(path),
    );
    labels(&mut text, images);
    size(&mut text, images);
    split(&mut text, images);
    if let Some((first, n_bad)) = &images.bad {
        let first = names::visible(first);
        let _ = match n_bad {
            1 => writeln!(text, "  # One file is not a readable image: {first}."),
            n => writeln!(
                text,
                "  # {} files are not readable images, such as {first}.",
                text::thousands(*n)
            ),
        };
        text.push_str("  on_bad_image: skip\n");
    }
    copies(&mut text, images);
    stages(&mut text, images);
    text
}

/// The network and its stages.
fn stages(text: &mut String, images: &Images) {
    let head = if images.are_numbers() { "ridge" } else { "logistic" };
    let _ = write!(
        text,
        "\n\
         # The weights were trained on ImageNet, and are part of the program.\n\
         model:\n  \
           base: efficientnet_lite0\n  \
           weights: builtin\n\
         \n\
         stages:\n  \
           # The base model is frozen, and the best head for its features is computed. There are no\n  \
           # epochs and no learning rate to choose.\n  \
           head:\n    \
             fit: {{ {head}: {{ l2: auto }} }}\n\
         \n  \
           # Fine-tuning changes the last blocks of the base model, too. It takes most of the time, and\n  \
           # helps most with many images, or with images unlike photographs.\n  \
           # finetune:\n  \
           #   train:\n  \
           #     from: head\n  \
           #     unfreeze_last: 3\n  \
           #     augmentation: [{{ random_flip: horizontal }}]\n  \
           #     epochs: 5\n  \
           #     optimizer: {{ adam: {{ learning_rate: 0.00001 }} }}\n"
    );
}

/// What becomes of copies.
fn copies(text: &mut String, images: &Images) {
    let are = |n| if n == 1 { "is" } else { "are" };
    if images.n_conflicts > 0 {
        let n = text::count(images.n_conflicts, "image");
        let _ = writeln!(
            text,
            "  # {n} {} in more than one class, and left out. `alpaca-run data` lists them: keep the right one.",
            are(images.n_conflicts)
        );
    }
    if images.n_copies > 0 {
        let n = text::count(images.n_copies, "image");
        let what = if images.n_copies == 1 { "a copy of another" } else { "copies of others" };
        let _ = writeln!(text, "  # {n} {} {what}. One of each is kept.", are(images.n_copies));
    }
    if images.n_copies + images.n_conflicts > 0 {
        text.push_str("  duplicates: drop\n");
    }
}

/// What labels of a table may mean other than one class an image.
fn labels(text: &mut String, images: &Images) {
    let mut names = images.classes.iter().map(|(name, _)| name.as_str());
    if images.key != "table" {
        return;
    }
    if images.are_numbers() {
        text.push_str(
            "  # Most numbers occur once, so the model predicts a number, not one of some classes.\n  \
               target: number\n",
        );
    } else if images.classes.len() > NAMED && names.clone().all(|name| name.parse::<f64>().is_ok())
    {
        text.push_str(
            "  # Each number is a class. To predict a number instead, write `target: number` here and\n  \
               # `fit: { ridge: { l2: auto } }` below (docs/numbers.md).\n",
        );
    } else if names.any(|name| name.contains([',', ';', '|'])) {
        text.push_str(
            "  # Some labels look like several. If an image may have several labels, write\n  \
               # `labels: many` here (docs/several-labels.md).\n",
        );
    }
}

/// The size of the images.
fn size(text: &mut String, images: &Images) {
    let least = images.side.unwrap_or(u32::MAX);
    let fits =
        |(side, at_least): &&(u32, u32)| least >= *at_least && (images.n < MANY || *side < 384);
    let side = SIDES.iter().find(fits).map_or(224, |(side, _)| *side);
    if let Some(least) = images.side {
        let _ = writeln!(text, "  # The shorter side of your images is {least} pixels (median).");
    }
    text.push_str(match side {
        224 => "  # The base model was trained at 224 pixels.\n",
        _ => {
            "  # The base model was trained at 224 pixels, and sees more at larger sizes. Less is faster.\n"
        }
    });
    let _ = writeln!(text, "  image_size: {side}");
    text.push_str(
        "  # Cuts the longer side off at both ends. If what matters is at the edge, write `stretch`.\n  \
           resize: { fit: crop }\n",
    );
}

/// The split, and how far its metrics can be trusted.
fn split(text: &mut String, images: &Images) {
    if let Some(by) = &images.split_by {
        let by = names::visible(by);
        let _ = writeln!(text, "  # The split is given by {by}.");
    } else {
        text.push_str(
            "  # A fifth of each class is not trained on, and shows how good the model is.\n  \
               split: { validation: 0.2, by: stratified }\n",
        );
    }
    if images.are_numbers() {
        return;
    }
    let counts = || images.classes.iter().map(|(_, n)| *n);
    let (Some(fewest), Some(most)) = (counts().min(), counts().max()) else { return };
    if fewest < FEW {
        text.push_str(
            "  # Some classes have few images, so that metrics depend on which ones validate the model:\n  \
               # `alpaca-run folds` uses each image for validation once.\n",
        );
    }
    if most as f64 >= UNEVEN * fewest as f64 {
        let times = (most as f64 / fewest as f64).round();
        let _ = writeln!(
            text,
            "  # The largest class has {times} times the images of the smallest: compare the balanced\n  \
             # accuracy, and see docs/uneven-classes.md."
        );
    }
}

/// The classes with their numbers.
fn listed(classes: &[(String, usize)]) -> String {
    let named = classes.iter().take(NAMED);
    let named = named.map(|(name, n)| format!("{} {}", names::visible(name), text::thousands(*n)));
    let mut named: Vec<String> = named.collect();
    if classes.len() > NAMED {
        named.push(format!("{} more", text::thousands(classes.len() - NAMED)));
    }
    text::join(named, "and")
}

/// Text as a YAML value on one line.
fn quoted(text: &str) -> String {
    // Words that YAML, or another program that reads it, takes for something else.
    const OTHERS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let is_path = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        || [".", ".."].iter().any(|up| text == *up || text.starts_with(&format!("{up}/")));
    let is_other = OTHERS.contains(&&*text.to_ascii_lowercase());
    if is_path && !is_other && text.chars().all(is_plain) {
        return text.to_owned();
    }
    serde_json::to_string(text).expect("a text is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_yaml_needs_it() {
        for (path, value) in [
            ("photos", "photos"),
            ("../My photos", "\"../My photos\""),
            (".", "."),
            (".5", "\".5\""),
            ("null", "\"null\""),
            ("7", "\"7\""),
            ("a: b", "\"a: b\""),
            ("t/*.tar", "\"t/*.tar\""),
        ] {
            assert_eq!(quoted(path), value);
        }
    }
}
