//! Actions as data: their parameters, units, ranges and groups, and everything that is done with their numbers.
//!
//! An [`ActionSpace`] normalises the actions of a sequence and makes the relative actions between its views
//! ([`ActionSpace::sequence`]), for training, evaluation and embedding alike. Nothing else in the project knows how many
//! numbers an action has, or what they mean.

mod augmentation;
mod error;
mod group;
mod normalization;
mod rotation;
mod space;

pub use error::ActionError;
pub use group::{ActionGroup, ActionParameter, GroupKind};
pub use normalization::ActionNormalization;
pub use space::ActionSpace;
