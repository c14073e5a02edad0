//! Layers that measure their own time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::custom::SharedOperation;
use crate::engine::layer_time::LayerTime;
use crate::engine::layers::{Backward, InputGradients, Operation};

/// The time of one layer, in nanoseconds, over all calls.
#[derive(Debug, Default)]
pub(super) struct Clock {
    forward: AtomicU64,
    backward: AtomicU64,
}

/// The clocks of all layers of a network.
#[derive(Debug, Default)]
pub struct LayerClocks(pub(super) Vec<(LayerTime, Arc<Clock>)>);

impl LayerClocks {
    /// The time of each layer since the last call.
    pub fn take(&self) -> Vec<LayerTime> {
        let of = |time: &AtomicU64| Duration::from_nanos(time.swap(0, Ordering::Relaxed));
        let read = |(layer, clock): &(LayerTime, Arc<Clock>)| {
            let (forward, backward) = (of(&clock.forward), Some(of(&clock.backward)));
            LayerTime { forward, backward, ..layer.clone() }
        };
        self.0.iter().map(read).collect()
    }
}

/// An operation whose passes are timed.
#[derive(Debug)]
pub(super) struct Timed {
    operation: SharedOperation,
    clock: Arc<Clock>,
}

impl Timed {
    /// The operation, timed by a clock.
    pub(super) fn wrap(operation: &SharedOperation, clock: &Arc<Clock>) -> SharedOperation {
        Arc::new(Self { operation: Arc::clone(operation), clock: Arc::clone(clock) })
    }
}

/// Runs something, and adds its duration.
fn timed<T>(sum: &AtomicU64, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    sum.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    result
}

impl Operation for Timed {
    fn output_shape(&self) -> [usize; 3] {
        self.operation.output_shape()
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        timed(&self.clock.forward, || self.operation.forward(n, inputs))
    }

    fn reads_output(&self) -> bool {
        self.operation.reads_output()
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        timed(&self.clock.backward, || self.operation.backward(pass))
    }
}
