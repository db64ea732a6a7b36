//! What a method declares of itself.

use serde::{Deserialize, Serialize};

/// What representations a method has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepresentationLayout {
    /// The representation meant to be invariant to the actions.
    pub invariant: InvariantRepresentation,
    /// The encoder's own representation, meant to be equivariant to the actions.
    pub equivariant: EquivariantRepresentation,
    /// Whether the method predicts the target view's representation ([`Method::predict`](super::Method::predict)).
    pub predicts: bool,
    /// Whether there is a target encoder beside the online one ([`EncoderChoice::Target`]).
    pub target_encoder: bool,
}

/// A representation of a whole image or sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvariantRepresentation {
    /// Its name in the literature, as `z_AGG`.
    pub name: &'static str,
    /// Number of features.
    pub width: usize,
    /// Whether it is made of the whole sequence and so depends on the number of observed views; else of the first view alone.
    pub of_sequence: bool,
}

/// A representation of each view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EquivariantRepresentation {
    /// Its name in the literature, as `z_t`.
    pub name: &'static str,
    /// Number of features.
    pub width: usize,
}

/// Which views of a sequence a method looks at; the others need not be rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewsUsed {
    /// Number of observed views, from the first; `None` for all of them.
    pub observed: Option<usize>,
    /// Whether it looks at the target view.
    pub target: bool,
}

impl ViewsUsed {
    /// All observed views and the target.
    pub const ALL: Self = Self { observed: None, target: true };
}

/// Which of a method's encoders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum EncoderChoice {
    /// The one that is trained by gradients.
    #[default]
    Online,
    /// The one that predictions are held against where a method has two: its moving average.
    Target,
}

impl EncoderChoice {
    /// Its name in configs, tables and cards: `online` or `target`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Target => "target",
        }
    }
}

/// What a tensor of a method is needed for: it tells whoever reads a file that lacks some tensors what the model can still do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorRole {
    /// The representations of the online encoder, and the invariant ones of them.
    Representation,
    /// The target encoder. Not trained by gradients, and not counted among a method's parameters.
    TargetEncoder,
    /// The loss or the prediction alone.
    Objective,
}
