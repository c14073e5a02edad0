//! The frozen part of a network, run on batches.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use alpaca_kernels::{Filling, Out, with_scratch};
use rayon::prelude::*;

use super::group::Group;
use super::plan::{Place, Plan, Step};

use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::engine::{EngineError, FeatureExtractor, Features, LayerTime};
use crate::model::cut::Cut;
use crate::model::network::Network;
use crate::model::weights::Weights;

/// The maximum number of images per task: enough to amortize loading the weights for small maps.
const GROUP: usize = 4;

/// Runs the units before a cut.
pub struct NativeExtractor {
    plan: Plan,
}

impl NativeExtractor {
    /// Folds and packs the weights of the frozen part.
    ///
    /// # Errors
    /// When this engine does not support a unit of the frozen part.
    pub fn new(network: &Network, cut: &Cut, weights: &Weights) -> Result<Self, EngineError> {
        Ok(Self { plan: Plan::new(network, cut, weights)? })
    }

    /// The time of each layer for a batch, added up over all threads.
    pub fn layer_times(&self, batch: &Batch) -> Vec<LayerTime> {
        let layers = self.plan.steps.iter().map(|step| step.layer.clone());
        let layers = Mutex::new(layers.collect::<Vec<_>>());
        self.run_groups(batch, |n, images, rooms| {
            let mut times = Vec::with_capacity(self.plan.steps.len());
            let mut last = Instant::now();
            self.run(n, images, rooms, || {
                times.push(last.elapsed());
                last = Instant::now();
            });
            let mut layers = layers.lock().unwrap_or_else(PoisonError::into_inner);
            for (layer, time) in layers.iter_mut().zip(times) {
                layer.forward += time;
            }
        });
        layers.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a group of images; `rooms` receives the features. Calls `done` after each step.
    fn run(&self, n: usize, images: &[f32], mut rooms: Vec<Out<'_>>, mut done: impl FnMut()) {
        with_scratch([self.plan.memory * n], |[memory]| {
            for step in &self.plan.steps {
                self.run_step(step, n, images, memory, &mut rooms);
                done();
            }
            for ((place, _), room) in self.plan.boundary.iter().zip(rooms) {
                match *place {
                    Place::Image => room.write(images),
                    Place::Memory { start, len } => room.write(&memory[start * n..][..len * n]),
                    Place::Boundary(_) => {}
                }
            }
        });
    }

    fn run_step(
        &self,
        step: &Step,
        n: usize,
        images: &[f32],
        memory: &mut [f32],
        rooms: &mut [Out<'_>],
    ) {
        // By construction of the plan, the output does not overlap the inputs.
        let (read, output) = match step.output {
            Place::Memory { start, len } => {
                let (before, rest) = memory.split_at_mut(start * n);
                let (output, behind) = rest.split_at_mut(len * n);
                (Read { images, before, behind, behind_start: (start + len) * n }, output.into())
            }
            Place::Boundary(position) => {
                let len = rooms[position].len();
                let read = Read { images, before: memory, behind: &[], behind_start: usize::MAX };
                (read, rooms[position].take(len))
            }
            Place::Image => unreachable!("no step writes the images"),
        };
        let at = |place: Place| match place {
            Place::Memory { start, len } => read.part(start * n..(start + len) * n),
            Place::Image => read.images,
            Place::Boundary(_) => unreachable!("a step reads from working memory"),
        };
        let group =
            Group { n, lengths: step.lengths, x: at(step.input), shortcut: step.shortcut.map(at) };
        step.kind.run(self.plan.kernels, &group, output);
    }
}

/// The memory that a step may read: the images, and working memory before and after its output.
struct Read<'a> {
    images: &'a [f32],
    before: &'a [f32],
    behind: &'a [f32],
    behind_start: usize,
}

impl<'a> Read<'a> {
    fn part(&self, range: std::ops::Range<usize>) -> &'a [f32] {
        if range.start < self.behind_start {
            &self.before[range]
        } else {
            &self.behind[range.start - self.behind_start..range.end - self.behind_start]
        }
    }
}

impl FeatureExtractor for NativeExtractor {
    fn extract(&self, batch: &Batch) -> Result<Features, EngineError> {
        Ok(self.run_groups(batch, |n, images, rooms| self.run(n, images, rooms, || {})))
    }
}

impl NativeExtractor {
    /// Runs all images of a batch, in groups: calls `run` with the number of images of a group, their
    /// values, and the places for their features.
    fn run_groups(
        &self,
        batch: &Batch,
        run: impl Fn(usize, &[f32], Vec<Out<'_>>) + Sync,
    ) -> Features {
        let n = batch.samples.len();
        let image_len = batch.images.values().len() / n.max(1);
        // Results do not depend on how images are grouped.
        let group = (n / (2 * rayon::current_num_threads())).clamp(1, GROUP);
        let sizes: Vec<usize> = (0..n).step_by(group).map(|first| group.min(n - first)).collect();
        let lengths: Vec<usize> =
            self.plan.boundary.iter().map(|(_, shape)| shape.iter().product()).collect();
        let mut fillings: Vec<Filling> = lengths.iter().map(|len| Filling::new(n * len)).collect();
        let mut rooms_of_groups: Vec<Vec<Out<'_>>> = sizes.iter().map(|_| vec![]).collect();
        for (filling, len) in fillings.iter_mut().zip(&lengths) {
            let rooms = filling.rooms(sizes.iter().map(|size| size * len));
            for (group, room) in rooms_of_groups.iter_mut().zip(rooms) {
                group.push(room);
            }
        }
        let images = batch.images.values().par_chunks(group * image_len);
        sizes
            .par_iter()
            .zip(images)
            .zip(rooms_of_groups)
            .for_each(|((&n, images), rooms)| run(n, images, rooms));
        let shapes = self.plan.boundary.iter().map(|(_, shape)| shape);
        let values = fillings
            .into_iter()
            .zip(shapes)
            .map(|(filling, shape)| Tensor::new(&[&[n], &shape[..]].concat(), filling.finish()));
        Features { values: values.collect() }
    }
}
