//! From sequences to features: augmentation passes through a frozen method, kept in files.

mod extractor;
mod passes;
pub(crate) mod section;
mod wanted;

pub(crate) use passes::{CleanImages, Passes, Subject};
pub(crate) use wanted::{diagnosed, spread};
