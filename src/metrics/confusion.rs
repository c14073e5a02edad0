//! Which classes are taken for which.

use serde::{Deserialize, Serialize};

use super::Scored;

/// Counts of pictures by class and the class they are given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct ConfusionMatrix(Vec<Vec<usize>>);

impl ConfusionMatrix {
    /// Counts pictures.
    pub fn count(n_classes: usize, scored: &[Scored<'_>]) -> Self {
        let mut counts = vec![vec![0; n_classes]; n_classes];
        for Scored { label, predicted, .. } in scored {
            counts[*label][*predicted] += 1;
        }
        Self(counts)
    }

    /// How many classes there are.
    pub fn n_classes(&self) -> usize {
        self.0.len()
    }

    /// How many pictures of a class are given a class.
    pub fn get(&self, label: usize, predicted: usize) -> usize {
        self.0[label][predicted]
    }

    /// How many pictures are given their own class.
    pub fn n_correct(&self) -> usize {
        (0..self.0.len()).map(|class| self.0[class][class]).sum()
    }

    /// How many pictures are of a class.
    pub fn n_of(&self, class: usize) -> usize {
        self.0[class].iter().sum()
    }

    /// How many pictures are given a class.
    pub fn n_given(&self, class: usize) -> usize {
        self.0.iter().map(|row| row[class]).sum()
    }

    /// The pairs of classes (own, given) that are mistaken for each other most often, with how often;
    /// of equal ones the first.
    pub fn most_confused(&self, n: usize) -> Vec<(usize, usize, usize)> {
        let n_classes = self.0.len();
        let mut pairs: Vec<_> = (0..n_classes)
            .flat_map(|label| (0..n_classes).map(move |predicted| (label, predicted)))
            .filter(|(label, predicted)| label != predicted)
            .map(|(label, predicted)| (label, predicted, self.0[label][predicted]))
            .filter(|(.., count)| *count > 0)
            .collect();
        pairs.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        pairs.truncate(n);
        pairs
    }
}
