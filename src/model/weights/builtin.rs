//! The built-in weights (data/weights/README.md).

use crate::spec::Architecture;

/// Weights that are compiled in.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Network that they are for.
    pub architecture: Architecture,
    /// Width of the network, if its family has several.
    pub width: Option<f64>,
    /// Bytes of the safetensors file.
    pub bytes: &'static [u8],
}

/// All built-in weights, the best first: those of EfficientNet-Lite0 were trained on ImageNet, those
/// of MobileNetV2 on images drawn from formulas.
pub const ALL: [Builtin; 2] = [
    Builtin {
        architecture: Architecture::EfficientnetLite0,
        width: None,
        bytes: include_bytes!("../../../data/weights/efficientnet_lite0_f16.safetensors"),
    },
    Builtin {
        architecture: Architecture::MobilenetV2,
        width: Some(0.35),
        bytes: include_bytes!("../../../data/weights/mobilenet_v2_0.35_160.safetensors"),
    },
];

/// The built-in weights of a network; `None` if it has none.
pub fn of(architecture: Architecture) -> Option<Builtin> {
    ALL.into_iter().find(|builtin| builtin.architecture == architecture)
}

/// How to use built-in weights instead of others.
pub fn hint() -> String {
    let choices = ALL.map(|Builtin { architecture, width, .. }| {
        let width = width.map_or(String::new(), |width| format!(" and `width: {width}`"));
        format!("`base: {}`{width}", architecture.name())
    });
    format!("`weights: builtin` needs no download and works with {}", choices.join(", or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture;
    use crate::model::weights::import::WeightsFile;
    use crate::spec::Convention;

    #[test]
    fn they_are_complete_and_small() {
        for (Builtin { architecture, width, bytes }, convention, most, n) in [
            (ALL[0], Convention::EfficientnetLite, 7 << 20, 245),
            (ALL[1], Convention::Keras, 2 << 20, 260),
        ] {
            assert!(bytes.len() <= most, "{} bytes", bytes.len());
            let file = WeightsFile::builtin(architecture).unwrap();
            assert_eq!(file.convention(architecture, 1.0).unwrap(), convention);
            let graph = architecture::outline(architecture, convention, width.unwrap_or(1.0));
            let weights = file.weights(architecture, &graph.parameters()).unwrap();
            assert_eq!(weights.iter().count(), n);
        }
    }
}
