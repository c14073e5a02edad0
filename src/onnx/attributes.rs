//! Attributes of ONNX nodes.

use alpaca_kernels::{Padding, Window};
use tract_onnx::pb::NodeProto;

use crate::model::weights::import::constants::{Constants, attribute};

/// An integer attribute.
pub(super) fn integer(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i)
}

/// An attribute that is a list of integers.
pub(super) fn integers(node: &NodeProto, name: &str) -> Option<Vec<i64>> {
    attribute(node, name).map(|attribute| attribute.ints.clone())
}

/// A list of integers that older operators have as an attribute and newer ones as their second
/// input.
pub(super) fn list(node: &NodeProto, name: &str, constants: &Constants<'_>) -> Option<Vec<i64>> {
    integers(node, name).or_else(|| constants.integers(node, 1).ok())
}

/// A text attribute.
pub(super) fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a str> {
    attribute(node, name).and_then(|attribute| str::from_utf8(&attribute.s).ok())
}

/// The window of a convolution or a pooling layer. The error states why it is not supported.
pub(super) fn window(
    node: &NodeProto,
    [height, width]: [usize; 2],
    sides: [usize; 2],
) -> Result<Window, String> {
    let whole = |name: &str| -> Option<Vec<usize>> {
        integers(node, name)?.into_iter().map(|n| usize::try_from(n).ok()).collect()
    };
    let [kernel, other] = sides;
    if kernel != other {
        return Err(format!("has a window of {kernel}×{other} pixels, which is not square"));
    }
    let stride = match whole("strides").unwrap_or_default()[..] {
        [] => 1,
        [rows, columns] if rows == columns && rows > 0 => rows,
        _ => return Err("has different strides for rows and columns".to_owned()),
    };
    if whole("dilations").unwrap_or_default().iter().any(|n| *n != 1) {
        return Err("has a window with gaps (`dilations`)".to_owned());
    }
    let padding = match text(node, "auto_pad").unwrap_or("NOTSET") {
        "NOTSET" => match whole("pads").as_deref() {
            None | Some([]) => Padding::default(),
            Some(&[top, left, bottom, right]) => Padding { top, bottom, left, right },
            Some(_) => return Err("does not pad exactly two axes".to_owned()),
        },
        "VALID" => Padding::default(),
        "SAME_UPPER" => Padding::same(height, width, kernel, stride),
        "SAME_LOWER" => {
            let Padding { top, bottom, left, right } = Padding::same(height, width, kernel, stride);
            Padding { top: bottom, bottom: top, left: right, right: left }
        }
        other => return Err(format!("has the padding `{other}`")),
    };
    Ok(Window { kernel, stride, padding })
}
