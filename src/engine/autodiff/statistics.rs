//! Batch statistics of normalizations, and their running means.

use std::collections::BTreeMap;

use crate::base::tensor::Tensor;
use crate::engine::layers::Statistics;
use crate::model::fuse::{Norm, Unit, UnitKind};
use crate::model::graph::Role;
use crate::model::weights::Weights;
use crate::spec::Convention;

/// The statistics of a batch, by normalization layer.
pub(super) type BatchStatistics = BTreeMap<String, Statistics>;

/// The normalization of a unit, if it uses batch statistics: its scale must be trained, and the
/// stage must train normalizations.
pub(super) fn trained_norm<'a>(unit: &'a Unit, trained: &[String]) -> Option<&'a Norm> {
    let UnitKind::Convolution(convolution) = &unit.kind else { return None };
    convolution.norm.as_ref().filter(|norm| trained.contains(&norm.parameter(Role::Gamma)))
}

/// The update rule of running means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RunningMeans {
    /// The weight of the old mean in an update.
    pub(super) momentum: f64,
    /// Keras averages the biased batch variance, PyTorch the unbiased one.
    pub(super) convention: Convention,
}

impl RunningMeans {
    /// The running means after a batch: `old · momentum + batch · (1 - momentum)`.
    pub(super) fn after<'a>(
        &self,
        statistics: &BatchStatistics,
        old: impl Fn(&str) -> Option<&'a Tensor>,
    ) -> Weights {
        let mut new = Weights::default();
        for (layer, Statistics { mean, variance, n }) in statistics {
            let n = *n as f64;
            let correction =
                if self.convention.is_of_pytorch() { n / (n - 1.0).max(1.0) } else { 1.0 };
            for (role, batch, factor) in
                [(Role::MovingMean, mean, 1.0), (Role::MovingVariance, variance, correction)]
            {
                let name = format!("{layer}/{}", role.name());
                let Some(mut tensor) = old(&name).cloned() else { continue };
                for (old, batch) in tensor.values_mut().iter_mut().zip(batch) {
                    let mean = f64::from(*old) * self.momentum
                        + f64::from(*batch) * factor * (1.0 - self.momentum);
                    *old = mean as f32;
                }
                new.insert(name, tensor);
            }
        }
        new
    }
}
