//! The classifier that came with weights: one dense layer over the 1,000 classes of ImageNet.

use super::names::{Naming, keras};
use super::{TensorFile, WeightsFile, check_numbers};
use crate::base::tensor::Tensor;
use crate::model::graph::Role;
use crate::model::imagenet;
use crate::model::network::n_outputs;
use crate::model::weights::Weights;
use crate::model::weights::error::WeightsError;

/// A dense layer over all classes of ImageNet.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// `[features, classes]`.
    kernel: Tensor,
    /// `[classes]`.
    bias: Tensor,
}

impl Classifier {
    /// The weights of a head with one output per class. For two classes it has a single output, for
    /// the second class against the first.
    pub fn head_for(&self, classes: &[usize]) -> Weights {
        let n_classes = self.bias.values().len();
        let n_features = self.kernel.values().len() / n_classes;
        let row = |values: &[f32]| -> Vec<f32> {
            match classes {
                // A softmax over two outputs is a sigmoid of their difference.
                &[first, second] => vec![values[second] - values[first]],
                classes => classes.iter().map(|&class| values[class]).collect(),
            }
        };
        let kernel = self.kernel.values().chunks_exact(n_classes).flat_map(row).collect();
        let n = n_outputs(classes.len());
        [
            ("head/kernel".to_owned(), Tensor::new(&[n_features, n], kernel)),
            ("head/bias".to_owned(), Tensor::new(&[n], row(self.bias.values()))),
        ]
        .into_iter()
        .collect()
    }
}

impl WeightsFile {
    /// The classifier of the file.
    ///
    /// # Errors
    /// When it has no classifier over ImageNet's 1,000 classes, or it cannot be read.
    pub fn classifier(&self) -> Result<Classifier, WeightsError> {
        let none = || WeightsError::NoClassifier { path: self.path.clone() };
        let failed = |source| WeightsError::Format { path: self.path.clone(), source };
        let (kernel, bias) = place(self.naming, &*self.file).ok_or_else(none)?;
        let shapes = self.file.shapes();
        let n = imagenet::N_CLASSES;
        let is_turned = !matches!(self.naming, Naming::Own | Naming::Keras | Naming::Keras3);
        let n_features = match (is_turned, &shapes[&kernel][..]) {
            (true, &[classes, features])
            // A pointwise convolution after the pooling is a dense layer.
            | (false, &[features, classes] | &[1, 1, features, classes])
                if classes == n =>
            {
                features
            }
            _ => return Err(none()),
        };
        if shapes[&bias] != [n] {
            return Err(none());
        }
        let [kernel, bias] = [kernel, bias].map(|name| self.file.read(&name).map_err(failed));
        let (mut kernel, bias) = (kernel?, bias?);
        for values in [&kernel, &bias] {
            check_numbers("of the classifier", values, Role::Kernel).map_err(failed)?;
        }
        if is_turned {
            let places = (0..n_features)
                .flat_map(|feature| (0..n).map(move |class| class * n_features + feature));
            kernel = places.map(|place| kernel[place]).collect();
        }
        let kernel = Tensor::new(&[n_features, n], kernel);
        Ok(Classifier { kernel, bias: Tensor::new(&[n], bias) })
    }
}

/// The names of kernel and bias of the classifier in a file.
fn place(naming: Naming, file: &dyn TensorFile) -> Option<(String, String)> {
    let layers: Vec<String> = match naming {
        // The second of MobileNetV3, after the linear layer behind its pooling.
        Naming::Torchvision => vec!["classifier.1".to_owned(), "classifier.3".to_owned()],
        Naming::Timm => vec!["classifier".to_owned()],
        Naming::Resnet => vec!["fc".to_owned()],
        Naming::EfficientnetPytorch => vec!["_fc".to_owned()],
        Naming::Own | Naming::Keras => keras::CLASSIFIERS.map(str::to_owned).to_vec(),
        Naming::Keras3 => keras::numbered_classifier(file.shapes()).into_iter().collect(),
    };
    let [kernel, bias] = match naming {
        Naming::Own | Naming::Keras => ["/kernel", "/bias"],
        Naming::Keras3 => ["/vars/0", "/vars/1"],
        _ => [".weight", ".bias"],
    };
    let find = |end: String| {
        let mut names = file.shapes().keys();
        let found = names.find(|name| {
            let name = name.strip_suffix(":0").unwrap_or(name);
            let rest = name.strip_suffix(end.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(['/', '.']))
        });
        found.cloned()
    };
    layers.iter().find_map(|layer| {
        Some((find(format!("{layer}{kernel}"))?, find(format!("{layer}{bias}"))?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_the_classes_it_is_for() {
        let kernel = Tensor::new(&[2, 3], vec![1.0, 2.0, 4.0, 10.0, 20.0, 40.0]);
        let classifier = Classifier { kernel, bias: Tensor::new(&[3], vec![0.5, 0.25, 0.0]) };
        let three = classifier.head_for(&[2, 0, 1]);
        assert_eq!(three.get("head/kernel").values(), [4.0, 1.0, 2.0, 40.0, 10.0, 20.0]);
        assert_eq!(three.get("head/bias").values(), [0.0, 0.5, 0.25]);
        let two = classifier.head_for(&[0, 2]);
        assert_eq!(
            (two.get("head/kernel").shape(), two.get("head/kernel").values()),
            (&[2, 1][..], &[3.0, 30.0][..])
        );
        assert_eq!(two.get("head/bias").values(), [-0.5]);
    }
}
