//! Data sets, bit-exact PIL augmentation with action parameters, and the sequence loader of seq-JEPA.
//!
//! The crate depends on no deep-learning framework; its batches are plain `f32` buffers. From the bottom up:
//!
//! - [`dataset`]: decoders for CIFAR-100 and CIFAR-10, Fashion-MNIST, image folders and a procedural set, all to one
//!   type, [`ImageSet`]; `download` (a feature) fetches the CIFAR archives.
//! - [`augment`]: random views as torchvision makes them from 8-bit PIL images. [`AugmentPolicy`] is a distribution,
//!   [`AugmentParams`] one draw from it: a value that can be stored and replayed.
//! - [`ActionSpace`], [`ActionNormalization`]: the action vector that a view records, and how it is scaled.
//! - [`SequenceConfig`], [`SequenceLoader`]: sequences of observed views and a target, in batches, made in parallel,
//!   the same bits whatever the number of threads.
//!
//! Every random draw is keyed: see [`ViewKey`].
//!
//! One view of one image:
//!
//! ```
//! use seqjepa_data::{AugmentPolicy, ImageView, Normalization, Scratch, Split, ViewKey};
//!
//! let pixels = vec![128; 48 * 64 * 3]; // any 8-bit RGB image, [height, width, 3]
//! let image = ImageView::new(&pixels, 48, 64)?;
//! let key = ViewKey { seed: 42, split: Split::Train, epoch: 0, sample: 0, view: 0 };
//! let params = AugmentPolicy::observed(32).sample(&mut key.rng(), image.height(), image.width());
//! let mut view = vec![0.0; params.output_len()]; // [3, height, width]
//! params.apply_normalized(image, &Normalization::IMAGENET, &mut Scratch::new(), &mut view)?;
//! # Ok::<(), seqjepa_data::AugmentError>(())
//! ```
//!
//! A data set in batches of sequences:
//!
//! ```
//! use std::sync::Arc;
//! use seqjepa_data::dataset::DatasetSource;
//! use seqjepa_data::{LoaderConfig, SequenceConfig, SequenceLoader, Split};
//!
//! # fn main() -> Result<(), seqjepa_data::DataError> {
//! // Any data set by its name, folder and source size; this one needs no folder.
//! let source = DatasetSource::from_name("synthetic", "data", 32)?;
//! let images = source.load(Split::Train)?.random_subset(256, 42)?;
//!
//! // Three observed views and a target of 32x32 pixels, as published; batches of 64.
//! let sequence = SequenceConfig::new(32, 3, source.normalization(), 42)?;
//! let loader = SequenceLoader::new(Arc::new(images), sequence, LoaderConfig::train(64))?;
//! for batch in loader.epoch(0, 0) {
//!     let batch = batch?;
//!     assert_eq!(batch.observed.len(), 64 * 3 * 3 * 32 * 32); // [batch, views, 3, height, width]
//!     assert_eq!(batch.actions.len(), 64 * 4 * 9); // [batch, views + 1, parameters]
//! }
//! # Ok(())
//! # }
//! ```

/// The README's programs run as they stand.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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
