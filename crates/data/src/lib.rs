//! Data sets, bit-exact PIL augmentation with action parameters, and the sequence loader of seq-JEPA.

pub mod dataset;
mod error;

#[doc(hidden)]
mod stand_in;
use stand_in as rng;
use stand_in as image;

pub use dataset::ImageSet;
pub use error::DataError;
