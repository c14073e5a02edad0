//! What is true of an image: the answer that a model is trained to give.

use std::sync::Arc;

/// The target of an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The position of its class.
    Class(usize),
    /// The positions of its classes, ascending; none at all are possible.
    Classes(Arc<[u32]>),
    /// A number, in the unit of the table that it is from.
    Number(f64),
}

impl Target {
    /// The class of an image that has one.
    ///
    /// # Panics
    /// When the target is another one. All images of a dataset have the same kind of target.
    pub fn class(&self) -> usize {
        match self {
            Self::Class(class) => *class,
            other => unreachable!("{other:?} is not one class"),
        }
    }

    /// The classes of an image that may have several.
    ///
    /// # Panics
    /// When the target is another one.
    pub fn classes(&self) -> &[u32] {
        match self {
            Self::Classes(classes) => classes,
            other => unreachable!("{other:?} is not a set of classes"),
        }
    }

    /// Whether an image that may have several classes has this one.
    ///
    /// # Panics
    /// When the target is another one.
    pub fn has(&self, class: usize) -> bool {
        self.classes().binary_search(&(class as u32)).is_ok()
    }

    /// The number of an image.
    ///
    /// # Panics
    /// When the target is another one.
    pub fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            other => unreachable!("{other:?} is not a number"),
        }
    }
}

/// The mean of some numbers, and their standard deviation (that of the population). Zeros without
/// numbers.
pub fn moments(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|number| (number - mean) * (number - mean)).sum();
    (mean, (squares / n).sqrt())
}
