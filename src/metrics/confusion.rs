//! The confusion matrix.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scored;

/// Most classes for which files contain the whole matrix. With more classes they contain only the
/// counts that are not zero.
const MOST_WHOLE: usize = 100;

/// Counts of images by true and predicted class. With many classes most pairs never occur, so only
/// counts that are not zero are stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Written", into = "Written")]
pub struct ConfusionMatrix {
    counts: BTreeMap<(usize, usize), usize>,
    /// Number of images of each class.
    of: Vec<usize>,
    /// Number of images predicted as each class.
    given: Vec<usize>,
}

/// The matrix as it is stored in files.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    /// One row per class.
    Whole(Vec<Vec<usize>>),
    /// True class, predicted class and count, for counts that are not zero.
    Sparse { n_classes: usize, counts: Vec<[usize; 3]> },
}

impl ConfusionMatrix {
    /// Counts images by true and predicted class.
    pub fn count(n_classes: usize, scored: &[Scored<'_>]) -> Self {
        let mut matrix = Self::empty(n_classes);
        for Scored { label, predicted, .. } in scored {
            matrix.add(*label, *predicted, 1);
        }
        matrix
    }

    fn empty(n_classes: usize) -> Self {
        Self { counts: BTreeMap::new(), of: vec![0; n_classes], given: vec![0; n_classes] }
    }

    fn add(&mut self, label: usize, predicted: usize, count: usize) {
        // A file may name classes that do not exist.
        if count == 0 || label.max(predicted) >= self.of.len() {
            return;
        }
        *self.counts.entry((label, predicted)).or_insert(0) += count;
        self.of[label] += count;
        self.given[predicted] += count;
    }

    /// The number of classes.
    pub fn n_classes(&self) -> usize {
        self.of.len()
    }

    /// The number of images of one class that are predicted as another.
    pub fn get(&self, label: usize, predicted: usize) -> usize {
        self.counts.get(&(label, predicted)).copied().unwrap_or(0)
    }

    /// The true class, the predicted class and the count of each pair that occurs, row by row.
    pub fn cells(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.counts.iter().map(|(&(label, predicted), &count)| (label, predicted, count))
    }

    /// The number of images that are classified correctly.
    pub fn n_correct(&self) -> usize {
        (0..self.of.len()).map(|class| self.get(class, class)).sum()
    }

    /// The number of images of a class.
    pub fn n_of(&self, class: usize) -> usize {
        self.of[class]
    }

    /// The number of images predicted as a class.
    pub fn n_given(&self, class: usize) -> usize {
        self.given[class]
    }

    /// The mean recall over the classes that have images; zero if there are none.
    pub fn balanced_accuracy(&self) -> f64 {
        mean(
            (0..self.n_classes())
                .filter(|&class| self.of[class] > 0)
                .map(|class| self.get(class, class) as f64 / self.of[class] as f64),
        )
    }

    /// The mean F1 score over the classes that have images or are predicted for one, as in
    /// scikit-learn.
    pub fn macro_f1(&self) -> f64 {
        let n = |class: usize| self.of[class] + self.given[class];
        mean(
            (0..self.n_classes())
                .filter(|&class| n(class) > 0)
                .map(|class| (2 * self.get(class, class)) as f64 / n(class) as f64),
        )
    }

    /// The pairs of classes (true, predicted) that are confused most often, with their counts. The
    /// first pair wins a tie.
    pub fn most_confused(&self, n: usize) -> Vec<(usize, usize, usize)> {
        let mut pairs: Vec<_> = self.cells().filter(|(own, given, _)| own != given).collect();
        pairs.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        pairs.truncate(n);
        pairs
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    sum / n.max(1) as f64
}

impl From<Written> for ConfusionMatrix {
    fn from(written: Written) -> Self {
        let (n_classes, cells) = match written {
            Written::Whole(rows) => {
                let cells = rows.iter().enumerate().flat_map(|(label, row)| {
                    row.iter().enumerate().map(move |(predicted, &count)| [label, predicted, count])
                });
                (rows.len(), cells.collect())
            }
            Written::Sparse { n_classes, counts } => (n_classes, counts),
        };
        let mut matrix = Self::empty(n_classes);
        for [label, predicted, count] in cells {
            matrix.add(label, predicted, count);
        }
        matrix
    }
}

impl From<ConfusionMatrix> for Written {
    fn from(matrix: ConfusionMatrix) -> Self {
        let n_classes = matrix.n_classes();
        if n_classes > MOST_WHOLE {
            let counts = matrix.cells().map(|(label, given, count)| [label, given, count]);
            return Self::Sparse { n_classes, counts: counts.collect() };
        }
        let rows = (0..n_classes)
            .map(|label| (0..n_classes).map(|given| matrix.get(label, given)).collect());
        Self::Whole(rows.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(n_classes: usize) -> ConfusionMatrix {
        let one = |label, predicted| Scored { label, predicted, probabilities: &[] };
        let scored = [one(0, 0), one(0, 1), one(1, 1), one(2, 1), one(2, 1), one(2, 2)];
        ConfusionMatrix::count(n_classes, &scored)
    }

    #[test]
    fn counts_are_by_class_and_class_given() {
        let matrix = matrix(3);
        assert_eq!([matrix.get(2, 1), matrix.get(1, 2), matrix.n_of(2)], [2, 0, 3]);
        assert_eq!([matrix.n_given(1), matrix.n_correct(), matrix.n_classes()], [4, 3, 3]);
        assert_eq!(matrix.most_confused(9), [(2, 1, 2), (0, 1, 1)]);
        // As in scikit-learn 1.9; classes that do not occur do not count.
        for n_classes in [3, 5] {
            let matrix = self::matrix(n_classes);
            assert!((matrix.balanced_accuracy() - 11.0 / 18.0).abs() < 1e-15);
            assert!((matrix.macro_f1() - (2.0 / 3.0 + 0.4 + 0.5) / 3.0).abs() < 1e-15);
        }
    }

    #[test]
    fn files_have_all_of_few_classes_and_what_is_not_zero_of_many() {
        let text = |n| serde_json::to_string(&matrix(n)).unwrap();
        assert_eq!(text(3), "[[1,1,0],[0,1,0],[0,2,1]]");
        assert!(text(2000).starts_with(r#"{"n_classes":2000,"counts":[[0,0,1],[0,1,1],"#));
        for n in [3, MOST_WHOLE, 2000] {
            let again: ConfusionMatrix = serde_json::from_str(&text(n)).unwrap();
            assert_eq!(again, matrix(n));
        }
    }
}
