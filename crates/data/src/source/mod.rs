//! Where sequences come from: a trait, and its most used implementation.
//!
//! A [`SequenceSource`] makes the views of a sequence and the parameters that tell one view from another. Everything else -
//! order, threads, buffers, the normalisation of actions - belongs to the [`SequenceLoader`](crate::SequenceLoader), which
//! takes any of them. [`AugmentedImages`] is the source of the published experiments on augmentations; [`RotatedImages`] and
//! [`AffineImages`] turn and move whole images.

mod affine;
mod augmented;
mod byte_source;
mod description;
mod glimpses;
mod layout;
mod pixel;
mod rotated;
mod sequence_config;
mod sequence_source;
mod square;
#[cfg(test)]
mod test_source;

pub use affine::{AffineConfig, AffineImages, AffineParams};
pub use augmented::AugmentedImages;
pub use byte_source::ByteSource;
pub use glimpses::{GlimpseConfig, GlimpseGeometry, Glimpses};
pub use layout::SequenceLayout;
pub(crate) use pixel::Pixel;
pub use rotated::RotatedImages;
pub use sequence_config::SequenceConfig;
pub use sequence_source::{SequenceKey, SequenceScratch, SequenceSlot, SequenceSource};
