//! Distinguishes directories of a split (`train`, `validation_set`, `Test Images`) from classes, by
//! their names and their contents.
//!
//! A single name proves little: `train` is a vehicle, and `test` may occur next to `control`. But
//! two different parts of a split next to each other are not classes.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::text;
use crate::dataset::part::Part;

/// A directory that would be read as a class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClassDirectory {
    /// Name of the directory.
    pub(super) name: String,
    /// Directories directly inside it.
    pub(super) inner: BTreeSet<String>,
}

/// Whether the directories of a dataset are classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They are parts of a split. The part of a directory is `None` if its name does not tell.
    Split(Vec<(String, Option<Part>)>),
    /// They may not be classes.
    Doubtful(String),
    /// They are probably classes.
    Classes,
}

const ROLES: [(&str, Part); 39] = [
    ("train", Part::Train),
    ("training", Part::Train),
    ("trn", Part::Train),
    ("trainval", Part::Train),
    ("val", Part::Validation),
    ("valid", Part::Validation),
    ("validate", Part::Validation),
    ("validation", Part::Validation),
    ("validating", Part::Validation),
    ("dev", Part::Validation),
    ("develop", Part::Validation),
    ("development", Part::Validation),
    ("test", Part::Test),
    ("tests", Part::Test),
    ("testing", Part::Test),
    ("tst", Part::Test),
    ("eval", Part::Test),
    ("evaluate", Part::Test),
    ("evaluation", Part::Test),
    ("evaluating", Part::Test),
    ("holdout", Part::Test),
    ("heldout", Part::Test),
    ("unseen", Part::Test),
    // German, French, Spanish, Portuguese
    ("trainingsdaten", Part::Train),
    ("validierung", Part::Validation),
    ("validierungsdaten", Part::Validation),
    ("testdaten", Part::Test),
    ("entrainement", Part::Train),
    ("entraînement", Part::Train),
    ("entrenamiento", Part::Train),
    ("validacion", Part::Validation),
    ("validación", Part::Validation),
    ("prueba", Part::Test),
    ("pruebas", Part::Test),
    ("treino", Part::Train),
    ("treinamento", Part::Train),
    ("validacao", Part::Validation),
    ("validação", Part::Validation),
    ("teste", Part::Test),
];

/// Words that have no meaning next to one of those, as in `train data` and `test set`.
const FILLERS: [&str; 24] = [
    "set",
    "sets",
    "data",
    "dataset",
    "datasets",
    "image",
    "images",
    "img",
    "imgs",
    "picture",
    "pictures",
    "pic",
    "pics",
    "photo",
    "photos",
    "split",
    "subset",
    "part",
    "dir",
    "directory",
    "folder",
    "file",
    "files",
    "samples",
];

/// Directories that occur next to the parts of a split and are neither parts nor classes.
const COMPANIONS: [&str; 30] = [
    "image",
    "images",
    "img",
    "imgs",
    "jpegimages",
    "label",
    "labels",
    "annotation",
    "annotations",
    "ann",
    "anns",
    "mask",
    "masks",
    "bbox",
    "bboxes",
    "meta",
    "metadata",
    "doc",
    "docs",
    "csv",
    "json",
    "xml",
    "splits",
    "imagesets",
    "readme",
    "info",
    "code",
    "scripts",
    "model",
    "models",
];

/// Most directories that can be recognized as parts of a split by their contents alone.
const MOST_PARTS: usize = 10;

/// A directory that is named like a part of a split.
struct Named<'a> {
    directory: &'a ClassDirectory,
    role: Part,
    /// Rest of the name.
    stem: String,
    /// Whether the name is a word that a class may have, such as `train`.
    is_plain_word: bool,
}

/// Decides whether the directories of a dataset are classes.
pub(super) fn judge(directories: &[ClassDirectory]) -> Verdict {
    let parts: Vec<Named<'_>> = directories.iter().filter_map(part).collect();
    let is_part = |name: &str| parts.iter().any(|part| part.directory.name == name);
    let is_companion =
        |directory: &ClassDirectory| !is_part(&directory.name) && is_companion(&directory.name);
    let others: Vec<&ClassDirectory> = directories
        .iter()
        .filter(|directory| !is_part(&directory.name) && !is_companion(directory))
        .collect();
    if is_split(&parts, others.len()) {
        let parts = parts.iter().map(|part| (part.directory.name.clone(), Some(part.role)));
        return Verdict::Split(parts.collect());
    }
    if let [part] = &parts[..]
        && !part.is_plain_word
        && others.iter().all(|other| is_same_inside(part.directory, other))
        && !others.is_empty()
    {
        let others = others.iter().map(|other| (other.name.clone(), None));
        let named = (part.directory.name.clone(), Some(part.role));
        return Verdict::Split(std::iter::once(named).chain(others).collect());
    }
    let meant: Vec<&ClassDirectory> =
        directories.iter().filter(|directory| !is_companion(directory)).collect();
    doubts(&meant, &parts).map_or(Verdict::Classes, Verdict::Doubtful)
}

/// Whether directories of this name occur next to the parts of a split and hold no classes.
pub(super) fn is_companion(name: &str) -> bool {
    COMPANIONS.contains(&name.to_lowercase().as_str())
}

/// Whether the directories are parts of one split and not classes among others.
fn is_split(parts: &[Named<'_>], n_others: usize) -> bool {
    let Some(first) = parts.iter().min_by_key(|part| part.role) else { return false };
    let has_pair = parts
        .iter()
        .any(|part| part.role != first.role && is_same_inside(part.directory, first.directory));
    let mut groups: BTreeMap<&str, Vec<Part>> = BTreeMap::new();
    for part in parts {
        groups.entry(part.stem.as_str()).or_default().push(part.role);
    }
    has_pair
        || groups.into_values().any(|mut roles| {
            roles.sort_unstable();
            let outnumbers = roles[0] == Part::Train && parts.len() > n_others;
            roles[0] != roles[roles.len() - 1] && (n_others == 0 || outnumbers)
        })
}

/// A warning if the directories are probably not classes.
fn doubts(directories: &[&ClassDirectory], parts: &[Named<'_>]) -> Option<String> {
    let roles: BTreeSet<Part> = parts.iter().map(|part| part.role).collect();
    if roles.len() > 1 {
        let parts = some_of(parts.iter().map(|part| &part.directory.name));
        return Some(format!(
            "{parts} are read as classes; if they are parts of a split, write them as `train`, \
             `validation` and `test` under `dataset`, in place of `directory`"
        ));
    }
    let first = directories.first()?;
    let inner = || some_of(first.inner.iter());
    if directories.len() > 1 && directories.iter().all(|directory| is_split_inside(directory)) {
        return Some(format!(
            "each class directory contains {}: their images are combined and split again",
            inner()
        ));
    }
    let is_alike = directories.len() > 1
        && directories.len() <= MOST_PARTS
        && directories.iter().all(|other| is_same_inside(first, other));
    is_alike.then(|| {
        let directories = some_of(directories.iter().map(|directory| &directory.name));
        format!(
            "{directories} are read as classes, and each contains {}: if those are the classes, pass one \
             of the directories as `dataset.directory`",
            inner()
        )
    })
}

/// Names for a message, of which at most two are written out.
fn some_of<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<&str> = names.map(String::as_str).collect();
    match all.len() {
        0..=4 => text::all_of(all),
        n => format!("`{}`, `{}` and {} more", all[0], all[1], n - 2),
    }
}

/// Whether a directory contains different parts of a split.
fn is_split_inside(directory: &ClassDirectory) -> bool {
    let roles: BTreeSet<Part> =
        directory.inner.iter().filter_map(|name| role_of(name)).map(|(role, ..)| role).collect();
    roles.len() > 1
}

/// Whether two directories contain the same directories, as the parts of a split contain the same
/// classes.
fn is_same_inside(a: &ClassDirectory, b: &ClassDirectory) -> bool {
    let n_shared = a.inner.intersection(&b.inner).count();
    // A part may lack a class.
    n_shared >= 2 && 2 * n_shared >= a.inner.len().max(b.inner.len())
}

fn part(directory: &ClassDirectory) -> Option<Named<'_>> {
    let (role, stem, n_words) = role_of(&directory.name)?;
    let is_plain_word = n_words == 1
        && [
            "train",
            "training",
            "test",
            "tests",
            "testing",
            "valid",
            "dev",
            "development",
            "unseen",
        ]
        .contains(&directory.name.to_lowercase().as_str());
    Some(Named { directory, role, stem, is_plain_word })
}

/// The part of a split that a name means, as `valid` and `Test set` do.
pub(super) fn part_named(name: &str) -> Option<Part> {
    role_of(name).map(|(part, ..)| part)
}

/// The part of a split in a name, the rest of the name, and its number of words.
fn role_of(name: &str) -> Option<(Part, String, usize)> {
    let words = words(name);
    let mut roles = vec![];
    let mut stem = vec![];
    for word in &words {
        match role_of_word(word) {
            Some(role) => roles.push(role),
            None if FILLERS.contains(&word.as_str()) => {}
            None => stem.push(word.clone()),
        }
    }
    let role = roles.into_iter().min()?;
    Some((role, stem.join(" "), words.len()))
}

/// The word without a filler at its end or start, as in `trainset` and `TESTDATA`.
fn role_of_word(word: &str) -> Option<Part> {
    let ends = FILLERS.iter().filter_map(|filler| word.strip_suffix(filler));
    let starts = FILLERS.iter().filter_map(|filler| word.strip_prefix(filler));
    std::iter::once(word)
        .chain(ends)
        .chain(starts)
        .find_map(|word| ROLES.iter().find(|(name, _)| *name == word).map(|(_, role)| *role))
}

/// The words of a name in lower case: `trainingSet-01` has `training` and `set`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = before.is_lowercase() && c.is_uppercase();
        if !c.is_alphabetic() || begins {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    if let Some(at) = words
        .windows(2)
        .position(|pair| ["hold", "held"].contains(&pair[0].as_str()) && pair[1] == "out")
    {
        words[at].push_str("out");
        words.remove(at + 1);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directories as `name` or `name/inner,inner`.
    fn verdict(directories: &[&str]) -> Verdict {
        let directory = |text: &&str| {
            let (name, inner) = text.split_once('/').unwrap_or((text, ""));
            let inner = inner.split(',').filter(|inner| !inner.is_empty()).map(str::to_owned);
            ClassDirectory { name: name.to_owned(), inner: inner.collect() }
        };
        judge(&directories.iter().map(directory).collect::<Vec<_>>())
    }

    #[track_caller]
    fn assert_split(directories: &[&str], train: &str) {
        match verdict(directories) {
            Verdict::Split(parts) => {
                let first = parts.iter().min_by_key(|(_, part)| part.unwrap_or(Part::Test));
                assert_eq!(first.unwrap().0, train, "{directories:?}");
                assert!(parts.len() > 1, "{parts:?}");
            }
            other => panic!("{directories:?}: {other:?}"),
        }
    }

    #[test]
    fn usual_spellings_are_a_split() {
        for (a, b) in [
            ("train", "test"),
            ("train", "val"),
            ("Train", "Valid"),
            ("TRAIN", "TEST"),
            ("training", "validation"),
            ("training_set", "validation_set"),
            ("training-set", "test-set"),
            ("training set", "test set"),
            ("train_data", "test_data"),
            ("trainset", "testset"),
            ("TrainingSet", "TestSet"),
            ("traindata", "valdata"),
            ("Training", "Testing"),
            ("train", "dev"),
            ("train", "eval"),
            ("train", "holdout"),
            ("train", "hold_out"),
            ("seg_train", "seg_test"),
            ("trainA", "testA"),
            ("train2017", "val2017"),
            ("01_train", "02_test"),
            ("train_images", "test_images"),
            ("images_train", "images_val"),
            ("Train Images", "Test Images"),
            ("train.d", "test.d"),
            ("alpaca-train", "alpaca-test"),
            ("train_256", "valid_256"),
            ("Trainingsdaten", "Testdaten"),
            ("entrenamiento", "prueba"),
        ] {
            assert_split(&[a, b], a);
            assert_split(&[b, a, "labels"], a);
            assert_split(&[a, "annotations", "images", b], a);
        }
        assert_split(&["validation", "test"], "validation");
        assert_split(&["train", "test", "single_prediction"], "train");
        assert_split(&["chest_xray", "test", "train", "val"], "train");
    }

    #[test]
    fn what_is_inside_decides_where_other_directories_are_there() {
        let inside = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("{name}/alpaca,llama")).collect()
        };
        let all = inside(&["train", "test", "extra", "more", "others"]);
        assert_split(&all.iter().map(String::as_str).collect::<Vec<_>>(), "train");
        let two = inside(&["train_cropped", "test"]);
        assert_split(&two.iter().map(String::as_str).collect::<Vec<_>>(), "train_cropped");
        let two = inside(&["training_set", "hidden"]);
        assert_split(&two.iter().map(String::as_str).collect::<Vec<_>>(), "training_set");
        let two = inside(&["seen", "validation_set"]);
        let two: Vec<&str> = two.iter().map(String::as_str).collect();
        let unknown = ("seen".to_owned(), None);
        assert!(matches!(verdict(&two), Verdict::Split(parts) if parts.contains(&unknown)));
    }

    #[test]
    fn honest_classes_are_classes() {
        for classes in [
            &["alpaca", "not alpaca"][..],
            &["test", "control"],
            &["train", "bus"],
            &["train", "bus", "car", "plane"],
            &["valid", "invalid"],
            &["steam train", "bullet train"],
            &["train station", "bus station"],
            &["train_front", "train_back"],
            &["test tube", "flask"],
            &["test1", "test2"],
            &["dev board", "sensor"],
            &["trainers", "boots"],
            &["training shoes", "football shoes"],
            &["image", "text"],
            &["images", "labels"],
            &["positive", "negative"],
            &["crash test", "road"],
            &["value", "tester"],
            &["cat/2020,2021", "dog/2019"],
            &["0", "1"],
        ] {
            assert_eq!(verdict(classes), Verdict::Classes, "{classes:?}");
        }
    }

    #[test]
    fn doubts_are_told_and_nothing_is_refused() {
        for directories in [
            &["bus", "car", "test", "train"][..],
            &["bus/day,night", "train/day,night"],
            &["fold_0/alpaca,llama", "fold_1/alpaca,llama"],
            &["images", "learn/alpaca,llama", "probe/alpaca,llama"],
            &["alpaca/test,train", "llama/test,train"],
        ] {
            let verdict = verdict(directories);
            assert!(matches!(verdict, Verdict::Doubtful(_)), "{directories:?}: {verdict:?}");
        }
    }
}
