//! The built-in weights, pre-trained on images drawn from formulas (data/weights/README.md).

/// The width of the network they are for.
pub const WIDTH: f64 = 0.35;

/// Bytes of the safetensors file.
pub const BYTES: &[u8] = include_bytes!("../../../data/weights/mobilenet_v2_0.35_160.safetensors");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mobilenet_v2;
    use crate::model::weights::import::WeightsFile;
    use crate::spec::Convention;

    #[test]
    fn they_are_complete_and_small() {
        assert!(BYTES.len() <= 2 << 20, "{} bytes", BYTES.len());
        let file = WeightsFile::builtin();
        assert_eq!(file.convention(), Convention::Keras);
        let graph = mobilenet_v2::build(Convention::Keras, WIDTH, 160, 160);
        assert_eq!(file.weights(&graph.parameters()).unwrap().iter().count(), 260);
    }
}
