//! What a self-supervised method is to whoever trains, evaluates or embeds with one: what goes in, what comes out, what it
//! declares of itself, and the same for methods that are chosen at run time.

mod check;
mod dynamic;
mod input;
mod layout;
mod output;
mod traits;

pub(crate) use check::{check_observed, check_target};
pub use dynamic::{DynMethod, DynMethodConfig, boxed, boxed_config};
pub use input::{SequenceActions, SequenceInput};
pub use layout::{
    EncoderChoice, EquivariantRepresentation, InvariantRepresentation, RepresentationLayout, TensorRole,
    ViewsUsed,
};
pub use output::{EvaluationOutput, LossTerm, Representations, TrainingOutput};
pub use traits::{Method, MethodConfig};
