//! MobileNetV2 in tract: inference, an image at a time, a thread each.
//!
//! `tract-inference MODEL.onnx THREADS SIZE BATCH SECONDS` prints the images a second as JSON.
//! Larger batches are slower in tract, and one plan does not use several threads.

use std::error::Error;
use std::time::{Duration, Instant};

use tract_onnx::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |position: usize| arguments[position].parse::<usize>();
    let (threads, size, batch, seconds) = (number(2)?, number(3)?, number(4)?, number(5)?);
    let shape = [1, 3, size, size];
    let plan = tract_onnx::onnx()
        .model_for_path(&arguments[1])?
        .with_input_fact(0, f32::fact(shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let least = Duration::from_secs(seconds as u64);
    let worker = || -> TractResult<f64> {
        let picture = Tensor::zero::<f32>(&shape)?;
        let n = batch.div_ceil(threads);
        let mut rates = vec![];
        let start = Instant::now();
        while rates.len() < 5 || start.elapsed() < least {
            let begin = Instant::now();
            for _ in 0..n {
                plan.run(tvec!(picture.clone().into()))?;
            }
            rates.push(n as f64 / begin.elapsed().as_secs_f64());
        }
        rates.sort_by(f64::total_cmp);
        Ok(rates[rates.len() / 2])
    };
    let rate = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic in tract")).sum::<TractResult<f64>>()
    })?;
    println!("{{\"inference\": {rate}}}");
    Ok(())
}
