//! The parts of an action vector.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// One component of an action vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionParameter {
    /// Short name, unique in its space.
    pub name: String,
    /// Unit of the raw value, for people; `"factor"` for a plain multiplier.
    pub unit: String,
    /// Smallest raw value that can be recorded.
    pub low: f32,
    /// Largest raw value that can be recorded.
    pub high: f32,
    /// The raw value at which the operator does nothing.
    pub identity: f32,
}

/// What the numbers of a group are, and so what lies between two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Plain numbers. From `a` to `b`: the difference `b - a`.
    #[default]
    Vector,
    /// A rotation in space as a unit quaternion `(x, y, z, w)`, four components. From `a` to `b`: `a⁻¹ b`, the rotation
    /// that makes `b` of `a` in `a`'s own frame.
    ///
    /// `q` and `-q` are the same rotation and both are accepted. The relative rotation has `w >= 0`, so that it does not
    /// depend on which of the two was recorded; at `w = 0`, where both remain, the first component that is not 0 is
    /// positive.
    Quaternion,
    /// An angle in the plane as `(sin, cos)`, two components. From `a` to `b`: sine and cosine of the angle `b - a`, which
    /// thereby wraps around.
    Angle,
}

impl GroupKind {
    /// The number of components, where the kind fixes it.
    #[must_use]
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Vector => None,
            Self::Quaternion => Some(4),
            Self::Angle => Some(2),
        }
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Vector => "vector",
            Self::Quaternion => "unit quaternion",
            Self::Angle => "sine and cosine",
        })
    }
}

/// Consecutive components that belong together: that one probe predicts, or that are one rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionGroup {
    /// Short name, unique in its space.
    pub name: String,
    /// The components, as a half-open range of indices.
    pub range: Range<usize>,
    /// What the components are; [`GroupKind::Vector`] where a file does not say.
    #[serde(default)]
    pub kind: GroupKind,
}

impl ActionGroup {
    /// A group of plain numbers.
    #[must_use]
    pub fn vector(name: impl Into<String>, range: Range<usize>) -> Self {
        Self { name: name.into(), range, kind: GroupKind::Vector }
    }
}
