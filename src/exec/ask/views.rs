//! The predictions of a network for a batch, averaged over views of its images.

use crate::base::batch::Batch;
use crate::engine::EngineError;
use crate::engine::inference::Inference;
use crate::spec::TestTimeAugmentation;
use crate::train::readout::Readout;

/// The outputs for each image of a batch: the mean over its views of the probability of each class, or
/// of the number.
///
/// # Errors
/// When the engine fails.
pub(super) fn outputs(
    inference: &mut Inference,
    batch: &Batch,
    readout: Readout,
    views: TestTimeAugmentation,
) -> Result<Vec<Vec<f64>>, EngineError> {
    let logits = inference.logits(batch)?;
    let mut outputs: Vec<Vec<f64>> = logits.rows().map(|row| readout.read(row)).collect();
    if views == TestTimeAugmentation::Flip {
        let logits = inference.logits(&mirrored(batch))?;
        for (of_image, row) in outputs.iter_mut().zip(logits.rows()) {
            let of_view = readout.read(row);
            of_image.iter_mut().zip(of_view).for_each(|(mean, other)| *mean = mean.midpoint(other));
        }
    }
    Ok(outputs)
}

/// The mirror images of a batch, left to right.
fn mirrored(batch: &Batch) -> Batch {
    let mut mirrored = batch.clone();
    let width = batch.images.shape()[2];
    for row in mirrored.images.values_mut().chunks_exact_mut(3 * width) {
        row.as_chunks_mut::<3>().0.reverse();
    }
    mirrored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tensor::Tensor;

    #[test]
    fn pixels_of_a_row_change_places_and_colors_do_not() {
        let values = (0..12u8).map(f32::from).collect();
        let batch = Batch { images: Tensor::new(&[1, 2, 2, 3], values), samples: vec![0] };
        let expected = [3.0, 4.0, 5.0, 0.0, 1.0, 2.0, 9.0, 10.0, 11.0, 6.0, 7.0, 8.0];
        assert_eq!(mirrored(&batch).images.values(), expected);
        assert_eq!(mirrored(&mirrored(&batch)), batch);
    }
}
