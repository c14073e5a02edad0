//! The input of an ONNX file, and the images it accepts.

use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, tensor_proto::DataType};

use super::error::BackboneError;
use crate::base::text;
use crate::model::backbone::Channels;
use crate::spec::ImageSize;

/// The only input of a graph.
pub(super) struct Input {
    name: String,
    element: i32,
    /// The length of each axis, if it is fixed.
    axes: Vec<Option<usize>>,
}

fn refused(reason: String, hint: &str) -> BackboneError {
    BackboneError::Input { reason, hint: hint.to_owned() }
}

impl Input {
    pub(super) fn of(graph: &GraphProto) -> Result<Self, BackboneError> {
        let [input] = &graph.input[..] else {
            let names: Vec<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
            let reason = match names[..] {
                [] => "its features do not depend on any input".to_owned(),
                _ => format!("its features need the inputs {}", text::all_of(names)),
            };
            return Err(refused(reason, "a base model has one input, for images"));
        };
        let tensor = input.r#type.as_ref().and_then(|of| of.value.as_ref());
        let Some(Value::TensorType(tensor)) = tensor else {
            let reason = format!("its input `{}` has no type", input.name);
            return Err(refused(reason, "it must be a tensor of 32-bit floats"));
        };
        let axes = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|axis| match axis.value {
            Some(Dimension::DimValue(length)) => usize::try_from(length).ok().filter(|n| *n > 0),
            _ => None,
        });
        let (name, element) = (input.name.clone(), tensor.elem_type);
        Ok(Self { name, element, axes: axes.collect() })
    }

    /// The number of images, if it is fixed.
    pub(super) fn n_images(&self) -> Option<usize> {
        self.axes.first().copied().flatten()
    }

    /// The order of axes in which the input accepts images of a size. If no axis has the length 3,
    /// channels come first.
    pub(super) fn check(&self, size: ImageSize) -> Result<Channels, BackboneError> {
        let name = &self.name;
        if self.element != DataType::Float as i32 {
            let reason = format!("its input `{name}` does not take 32-bit floats");
            return Err(refused(reason, "export it with a float input and without preprocessing"));
        }
        let (channels, n, height, width) = match self.axes[..] {
            [_, Some(3), height, width] => (Channels::First, 3, height, width),
            [_, height, width, Some(3)] => (Channels::Last, 3, height, width),
            [_, n, height, width] => (Channels::First, n.unwrap_or(3), height, width),
            _ => {
                let n = self.axes.len();
                let reason = format!("its input `{name}` has {n} axes, but images need four");
                return Err(refused(
                    reason,
                    "the axes are [n, 3, height, width] or [n, height, width, 3]",
                ));
            }
        };
        if n != 3 {
            let reason = format!("its input `{name}` has {n} channels, but images have three");
            return Err(refused(reason, "the channels are red, green and blue"));
        }
        if height.is_none_or(|height| height == size.height)
            && width.is_none_or(|width| width == size.width)
        {
            return Ok(channels);
        }
        let [height, width] =
            [height, width].map(|length| length.map_or("any".to_owned(), |n| n.to_string()));
        let reason = format!(
            "its input `{name}` takes images of {height}×{width} pixels, but the pipeline uses {}×{}",
            size.height, size.width
        );
        let wanted = if height == width { height } else { format!("[{height}, {width}]") };
        Err(refused(reason, &format!("write `image_size: {wanted}` under `dataset`")))
    }
}
