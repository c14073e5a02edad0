//! Normalizations that go by the statistics of their batch, and the running means of these.

use std::collections::BTreeMap;

use crate::base::tensor::Tensor;
use crate::engine::layers::Statistics;
use crate::model::fuse::{Norm, Unit, UnitKind};
use crate::model::graph::Role;
use crate::model::weights::Weights;
use crate::spec::Convention;

/// The statistics of a batch by the layer of the normalization.
pub(super) type BatchStatistics = BTreeMap<String, Statistics>;

/// The normalization of a unit that goes by the batch: one whose scale trains, where normalizations
/// train at all.
pub(super) fn trained_norm<'a>(unit: &'a Unit, trained: &[String]) -> Option<&'a Norm> {
    let UnitKind::Convolution(convolution) = &unit.kind else { return None };
    convolution.norm.as_ref().filter(|norm| trained.contains(&norm.parameter(Role::Gamma)))
}

/// How running means follow the batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RunningMeans {
    /// The share of the old mean that is kept in a step.
    pub(super) momentum: f64,
    /// Keras keeps the variance of the batch, PyTorch the estimate of that of all images.
    pub(super) convention: Convention,
}

impl RunningMeans {
    /// The values that running means take after a batch: `old · momentum + batch · (1 - momentum)`.
    pub(super) fn after<'a>(
        &self,
        statistics: &BatchStatistics,
        old: impl Fn(&str) -> Option<&'a Tensor>,
    ) -> Weights {
        let mut new = Weights::default();
        for (layer, Statistics { mean, variance, n }) in statistics {
            let n = *n as f64;
            let correction = match self.convention {
                Convention::Keras => 1.0,
                Convention::Torch => n / (n - 1.0).max(1.0),
            };
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
