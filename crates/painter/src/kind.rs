//! The kinds of drawn images.

use serde::Serialize;

/// A kind of drawn images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Fractals of affine maps.
    Fractals,
    /// Outlines filled with cloth.
    Contours,
    /// Textures without a figure.
    Textures,
    /// Objects of a few rounded parts.
    Solids,
    /// Four-legged animals of rounded parts in landscapes.
    Animals,
    /// Painted four-legged animals of invented species in scenes.
    Species,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Fractals,
        Self::Contours,
        Self::Textures,
        Self::Solids,
        Self::Animals,
        Self::Species,
    ];

    /// The name of the kind in a pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fractals => "fractals",
            Self::Contours => "contours",
            Self::Textures => "textures",
            Self::Solids => "solids",
            Self::Animals => "animals",
            Self::Species => "species",
        }
    }
}
