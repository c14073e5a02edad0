//! The weight of each class in the training loss.

use crate::base::names;
use crate::spec::ClassWeightsSpec;

/// The weights of the classes with the names `classes`, of which the training set has `counts`
/// images each; `None` if all have the weight 1.
///
/// - `balanced`: `n / (n_classes * count)`, as scikit-learn's `compute_class_weight`, so that the
///   mean weight of the training images is 1;
/// - `effective`: `(1 - beta) / (1 - beta^count)` (Cui et al. 2019, arXiv 1901.05555, section 3.3),
///   scaled so that the sum over the classes is their number.
///
/// # Panics
/// When a class has no name in the spec. The classes are compared with it before a run starts.
pub fn class_weights(
    spec: &ClassWeightsSpec,
    classes: &[String],
    counts: &[usize],
) -> Option<Vec<f64>> {
    let n_classes = counts.len() as f64;
    // The training set has images of every class.
    let counts = counts.iter().map(|&count| count.max(1) as f64);
    match spec {
        ClassWeightsSpec::None => None,
        ClassWeightsSpec::Balanced => {
            let n: f64 = counts.clone().sum();
            Some(counts.map(|count| n / (n_classes * count)).collect())
        }
        ClassWeightsSpec::Effective { beta } => {
            // Beta to the power of many images is close to one or to zero.
            let weight = |count: f64| (1.0 - beta) / -libm::expm1(count * libm::log(*beta));
            let weights: Vec<f64> = counts.map(weight).collect();
            let sum: f64 = weights.iter().sum();
            Some(weights.into_iter().map(|weight| weight * n_classes / sum).collect())
        }
        ClassWeightsSpec::ByName(weights) => {
            let weight = |class: &String| {
                let is_class = |name: &str| names::normal(name) == names::normal(class);
                let found = weights.iter().find(|(name, _)| is_class(name));
                *found.expect("every class has a weight").1
            };
            Some(classes.iter().map(weight).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: &ClassWeightsSpec, counts: &[usize], expected: &[f64]) {
        let classes: Vec<String> = (0..counts.len()).map(|class| format!("c{class}")).collect();
        let found = class_weights(spec, &classes, counts).unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9 * expected, "{found} instead of {expected}");
        }
    }

    /// scikit-learn 1.9: `compute_class_weight("balanced", classes=[0, 1, 2], y=y)`, where `y` has
    /// 270, 30 and 60 of each.
    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        let expected = [0.444_444_444_444_444_4, 4.0, 2.0];
        check(&ClassWeightsSpec::Balanced, &[270, 30, 60], &expected);
    }

    /// `NumPy`, as in the code of Cui et al.: `w = (1 - beta) / (1 - beta ** n); w / w.sum() * len(n)`.
    #[test]
    fn effective_weights_are_those_of_their_authors() {
        check(
            &ClassWeightsSpec::Effective { beta: 0.999 },
            &[270, 30, 60],
            &[0.229_555_026_543_928_87, 1.837_770_555_504_954_6, 0.932_674_417_951_116_6],
        );
        check(
            &ClassWeightsSpec::Effective { beta: 0.9 },
            &[270, 30, 60],
            &[0.984_876_252_259_849_5, 1.028_474_476_578_054_7, 0.986_649_271_162_095_6],
        );
        check(&ClassWeightsSpec::Effective { beta: 0.0 }, &[270, 30, 60], &[1.0, 1.0, 1.0]);
    }

    #[test]
    fn weights_by_name_are_in_the_order_of_the_classes() {
        let weights = [("b".to_owned(), 2.0), ("a\u{308}".to_owned(), 0.5)].into();
        let classes = ["\u{e4}".to_owned(), "b".to_owned()];
        let found = class_weights(&ClassWeightsSpec::ByName(weights), &classes, &[1, 1]);
        assert_eq!(found, Some(vec![0.5, 2.0]));
        assert_eq!(class_weights(&ClassWeightsSpec::None, &classes, &[1, 9]), None);
    }
}
