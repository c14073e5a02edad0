//! The 1,000 classes of the ImageNet challenge of 2012, in the order of their WordNet identifiers
//! (Russakovsky et al. 2015, arXiv 1409.0575). Every classifier trained on it uses this order.

use std::sync::LazyLock;

use crate::base::text;

/// The number of classes.
pub const N_CLASSES: usize = 1000;

/// A class of ImageNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagenetClass {
    /// WordNet identifier, which is the directory name in ImageNet: `n02437616`.
    pub id: &'static str,
    /// First of its WordNet names: `llama`. Two pairs of classes share a name.
    pub name: &'static str,
}

/// All classes, in the order of a classifier's outputs.
pub fn classes() -> &'static [ImagenetClass] {
    static CLASSES: LazyLock<Vec<ImagenetClass>> = LazyLock::new(|| {
        let lines = include_str!("imagenet_classes.csv").lines().skip(1);
        lines
            .filter_map(|line| line.split_once(','))
            .map(|(id, name)| ImagenetClass { id, name })
            .collect()
    });
    &CLASSES
}

/// Class names that are unknown to ImageNet, ambiguous, or the same class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct NotImagenet {
    unknown: Vec<String>,
    ambiguous: Vec<String>,
    /// Names of the same class.
    twice: Vec<String>,
}

fn quoted(names: &[String]) -> String {
    text::all_of(names.iter().map(String::as_str))
}

impl NotImagenet {
    fn message(&self) -> String {
        if !self.unknown.is_empty() {
            let names = quoted(&self.unknown);
            format!("the classifier that came with the weights has no class for {names}")
        } else if !self.ambiguous.is_empty() {
            format!("ImageNet has two classes called {}", quoted(&self.ambiguous))
        } else {
            format!("{} are the same ImageNet class", quoted(&self.twice))
        }
    }

    /// Similar names, and how to name a class.
    pub fn hints(&self) -> Vec<String> {
        let near = self.unknown.iter().take(5).filter_map(|name| {
            let names = classes().iter().map(|class| class.name);
            let near = text::nearest(name, names, 3);
            (!near.is_empty())
                .then(|| format!("for `{name}`, did you mean {}?", text::any_of(near.into_iter())))
        });
        let ids = self.ambiguous.iter().map(|name| {
            let same = classes().iter().filter(|class| plain(class.name) == plain(name));
            format!("`{name}` is {}", text::any_of(same.map(|class| class.id)))
        });
        let how = "name the directories after ImageNet classes, such as `llama` or `n02437616`; with \
                   `top: new` any names will do";
        near.chain(ids).chain([how.to_owned()]).collect()
    }
}

/// The outputs of the classes with these identifiers or names. Case, spaces, `_` and `-` are
/// ignored.
///
/// # Errors
/// With all names that are unknown or ambiguous.
pub fn indices(names: &[String]) -> Result<Vec<usize>, NotImagenet> {
    let mut indices: Vec<usize> = vec![];
    let mut error = NotImagenet { unknown: vec![], ambiguous: vec![], twice: vec![] };
    for name in names {
        let found: Vec<usize> = classes()
            .iter()
            .enumerate()
            .filter(|(_, class)| plain(class.name) == plain(name) || class.id == name)
            .map(|(i, _)| i)
            .collect();
        match found[..] {
            [index] => {
                if let Some(other) = indices.iter().position(|found| *found == index) {
                    error.twice = vec![names[other].clone(), name.clone()];
                }
                indices.push(index);
            }
            [] => error.unknown.push(name.clone()),
            _ => error.ambiguous.push(name.clone()),
        }
    }
    let is_fine = error.unknown.is_empty() && error.ambiguous.is_empty() && error.twice.is_empty();
    if is_fine { Ok(indices) } else { Err(error) }
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_the_order_of_their_identifiers() {
        let classes = classes();
        assert_eq!(classes.len(), N_CLASSES);
        assert!(classes.is_sorted_by_key(|class| class.id));
        assert_eq!(classes[0], ImagenetClass { id: "n01440764", name: "tench" });
        assert_eq!(classes[999].name, "toilet tissue");
    }

    #[test]
    fn classes_are_found_by_either_name() {
        let find =
            |names: &[&str]| indices(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(find(&["llama", "n01440764", "Great_White-Shark"]).unwrap(), [355, 0, 2]);
        let twice = find(&["llama", "tench", "n02437616"]).unwrap_err().to_string();
        assert_eq!(twice, "`llama` and `n02437616` are the same ImageNet class");
        let error = find(&["alpaca", "crane"]).unwrap_err();
        assert_eq!(
            (&error.unknown[..], &error.ambiguous[..]),
            (&["alpaca".to_owned()][..], &["crane".to_owned()][..])
        );
    }
}
