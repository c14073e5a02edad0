//! Views of an image that a model predicts, and whose predictions are averaged.

use serde::Serialize;

/// Test-time augmentation: the changed versions of an image that predictions are averaged over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestTimeAugmentation {
    /// The image alone.
    #[default]
    None,
    /// The image and its mirror image, left to right.
    Flip,
}

impl TestTimeAugmentation {
    /// Whether it is the image alone.
    pub fn is_none(self) -> bool {
        self == Self::None
    }
}
