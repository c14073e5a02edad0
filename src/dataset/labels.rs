//! The labels of a dataset: what the number that is the label of an image stands for.

use std::sync::Arc;

use crate::base::label_list;
use crate::base::target::Target;
use crate::spec::TargetSpec;

/// The labels of a dataset. Images store the position of their label here, so that a million of them
/// take no more memory than a number each, whatever labels are.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Labels {
    /// An image is of one class: its label is the position of the class.
    #[default]
    Class,
    /// An image is of several classes: its label is the position of a set of classes in this sorted
    /// list. The positions of the classes in a set are ascending.
    Classes(Vec<Arc<[u32]>>),
    /// An image has a number: its label is the position of the number in this ascending list.
    Number(Vec<f64>),
}

// Numbers in tables are finite.
impl Eq for Labels {}

impl Labels {
    /// The labels for sets of classes, and the label of each set. The order of the sets does not
    /// matter.
    pub fn of_sets(sets: Vec<Vec<u32>>) -> (Self, Vec<usize>) {
        let sorted = sets.into_iter().map(|mut set| {
            set.sort_unstable();
            set.dedup();
            set
        });
        let sets: Vec<Vec<u32>> = sorted.collect();
        let mut all: Vec<&Vec<u32>> = sets.iter().collect();
        all.sort_unstable();
        all.dedup();
        let place = |set: &Vec<u32>| all.binary_search(&set).expect("the set is among all of them");
        let places = sets.iter().map(place).collect();
        (Self::Classes(all.into_iter().map(|set| Arc::from(set.as_slice())).collect()), places)
    }

    /// The labels for classes of which an image has at least one, for images with one of them so far:
    /// the label of an image is then the position of its class.
    pub fn of_single_classes(n_classes: usize) -> Self {
        Self::Classes((0..n_classes as u32).map(|class| Arc::from([class])).collect())
    }

    /// The labels for finite numbers, and the label of each number. The order of the numbers does not
    /// matter.
    pub fn of_numbers(numbers: &[f64]) -> (Self, Vec<usize>) {
        let mut all = numbers.to_vec();
        all.sort_unstable_by(f64::total_cmp);
        all.dedup();
        let place = |number: &f64| {
            let found = all.binary_search_by(|other| other.total_cmp(number));
            found.expect("the number is among all of them")
        };
        let places = numbers.iter().map(place).collect();
        (Self::Number(all), places)
    }

    /// What a model learns from them.
    pub fn target(&self) -> TargetSpec {
        match self {
            Self::Class => TargetSpec::Class,
            Self::Classes(_) => TargetSpec::Classes,
            Self::Number(_) => TargetSpec::Number,
        }
    }

    /// The target of an image with a label.
    pub fn target_of(&self, label: usize) -> Target {
        match self {
            Self::Class => Target::Class(label),
            Self::Classes(sets) => Target::Classes(Arc::clone(&sets[label])),
            Self::Number(numbers) => Target::Number(numbers[label]),
        }
    }

    /// The positions of the classes of an image with a label. A number counts as the one class that
    /// there is.
    pub fn classes_of(&self, label: usize) -> impl Iterator<Item = usize> {
        let (one, several): (Option<usize>, &[u32]) = match self {
            Self::Class => (Some(label), &[]),
            Self::Classes(sets) => (None, &sets[label]),
            Self::Number(_) => (Some(0), &[]),
        };
        one.into_iter().chain(several.iter().map(|class| *class as usize))
    }

    /// A label as tables have it; `classes` are the names of all classes.
    pub fn text(&self, classes: &[String], label: usize) -> String {
        match self {
            Self::Class => classes[label].clone(),
            Self::Classes(sets) => label_list::written(
                sets[label].iter().map(|class| classes[*class as usize].as_str()),
            ),
            Self::Number(numbers) => numbers[label].to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_depend_on_the_order_of_images() {
        let (labels, places) = Labels::of_sets(vec![vec![2, 0], vec![], vec![1], vec![0, 2]]);
        let (others, reversed) = Labels::of_sets(vec![vec![0, 2], vec![1], vec![], vec![2, 0]]);
        assert_eq!(labels, others);
        assert_eq!(places, [1, 0, 2, 1]);
        assert_eq!(reversed, [1, 2, 0, 1]);
        let classes = ["a", "b", "c"].map(str::to_owned);
        let texts: Vec<String> = (0..3).map(|label| labels.text(&classes, label)).collect();
        assert_eq!(texts, ["", "a|c", "b"]);
        assert_eq!(labels.classes_of(1).collect::<Vec<_>>(), [0, 2]);
        let (labels, places) = Labels::of_numbers(&[3.5, -1.0, 3.5, 20.0]);
        assert_eq!(places, [1, 0, 1, 2]);
        assert_eq!(labels.target_of(2), Target::Number(20.0));
        assert_eq!(labels.text(&classes, 1), "3.5");
    }
}
