//! Data sets, bit-exact PIL augmentation with action parameters, and the sequence loader of seq-JEPA.

mod action;
pub mod augment;
pub mod dataset;
#[cfg(feature = "download")]
pub mod download;
mod error;
mod image;
mod loader;
#[cfg(feature = "picture")]
pub mod picture;
mod rng;
mod sequence;

pub use action::{ActionGroup, ActionNormalization, ActionParameter, ActionSpace, relative_actions};
pub use augment::{AugmentError, AugmentParams, AugmentPolicy, Normalization, Scratch};
pub use dataset::ImageSet;
pub use error::DataError;
pub use image::{ImageView, PixelFormat};
pub use loader::{LoaderConfig, PooledBatch, SequenceBatch, SequenceEpoch, SequenceLoader};
pub use rng::{KeyedRng, ShuffleKey, Split, ViewKey};
pub use sequence::SequenceConfig;
