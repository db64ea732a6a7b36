//! How much memory a run takes, and how much there is.
//!
//! [`MemoryEstimate`] says it before anything is computed, from what the method says of its layers
//! ([`MethodConfig::layer_memory`](seqjepa_model::MethodConfig::layer_memory)); [`MemoryThere`] is what machine or GPU have. A run that
//! needs more is warned about when it starts, and refused only if what it takes in any case is too much already. A device that runs out of
//! memory nevertheless ends the run with one message that says what to change.

mod estimate;
mod exhausted;
mod least;
mod there;

pub use estimate::{MemoryEstimate, MemoryPart};
pub(crate) use exhausted::guarded;
pub(crate) use least::check;
pub use there::MemoryThere;
