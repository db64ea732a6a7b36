//! Data sets, bit-exact PIL augmentation with action parameters, and the sequence loader of seq-JEPA.
//!
//! The crate depends on no deep-learning framework; its batches are plain `f32` buffers. From the bottom up:
//!
//! - [`augment`]: random views as torchvision makes them from 8-bit PIL images. [`AugmentPolicy`] is a distribution,
//!   [`AugmentParams`] one draw from it: a value that can be stored and replayed.
//! - [`ActionSpace`]: what the numbers of an action are - plain numbers, rotations, angles - how they are normalised, and what
//!   leads from one action to the next.
//! - [`dataset`]: decoders for CIFAR-100 and CIFAR-10, MNIST and Fashion-MNIST, Tiny ImageNet, STL-10, image folders and a procedural
//!   set, into memory ([`ImageSet`]) or when an image is asked for ([`dataset::ImageFiles`], [`dataset::Stl10Images`]), each an
//!   [`ImageSource`]; `download` (a feature) fetches the CIFAR archives.
//! - [`three_d`]: objects in several views under known rotations and colours, 3DIEBench; [`render`]: a stand-in for it that needs no
//!   files.
//! - [`npy`]: NumPy's files of arrays, read as untrusted. [`regular`]: opening files that anybody may have made.
//! - [`SequenceSource`]: what makes sequences of observed views and a target. [`AugmentedImages`] draws them from images,
//!   [`RotatedImages`] turns images by quarters, [`AffineImages`] scales, rotates and moves them, [`Glimpses`] cuts them out where a
//!   gaze along a saliency map falls; a source of one's own, of any data and any action, is one implementation.
//! - [`SequenceLoader`]: batches of any source, made in parallel, the same bits whatever the number of threads, in bounded
//!   memory.
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
//! use seqjepa_data::{AugmentedImages, LoaderConfig, SequenceConfig, SequenceLoader, Split};
//!
//! # fn main() -> Result<(), seqjepa_data::DataError> {
//! // Any data set by its name, folder and source size; this one needs no folder.
//! let source = DatasetSource::from_name("synthetic", "data", 32)?;
//! let images = source.load(Split::Train)?.random_subset(256, 42)?;
//!
//! // Three observed views and a target of 32x32 pixels, as published; batches of 64, seed 42.
//! let config = SequenceConfig::new(32, 3, source.normalization())?;
//! let sequences = AugmentedImages::new(Arc::new(images), config)?;
//! let loader = SequenceLoader::new(Arc::new(sequences), LoaderConfig::train(64, 42))?;
//! for batch in loader.epoch(0, 0) {
//!     let batch = batch?;
//!     assert_eq!(batch.observed.len(), 64 * 3 * 3 * 32 * 32); // [batch, views, 3, height, width]
//!     assert_eq!(batch.actions.len(), 64 * 4 * 9); // [batch, views + 1, parameters]
//! }
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers of tests")
)]

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
mod fingerprint;
mod loader;
pub mod npy;
#[cfg(feature = "picture")]
pub mod picture;
pub mod regular;
pub mod render;
mod rng;
mod source;
pub mod three_d;

pub use action::{ActionError, ActionGroup, ActionNormalization, ActionParameter, ActionSpace, GroupKind};
pub use augment::{
    AugmentError, AugmentParams, AugmentPolicy, ImageView, Normalization, PixelFormat, PixelTable, Scratch,
};
pub use dataset::{ImageSet, ImageSource, PixelBuffer};
pub use error::DataError;
pub use fingerprint::Fingerprint;
pub use loader::{
    BatchParts, ByteViews, LoaderConfig, PooledBatch, SequenceBatch, SequenceEpoch, SequenceLoader,
};
pub use rng::{KeyedRng, ShuffleKey, Split, ViewKey};
pub use source::{
    AffineConfig, AffineImages, AffineParams, AugmentedImages, ByteSource, GlimpseConfig, GlimpseGeometry,
    Glimpses, RotatedImages, SequenceConfig, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot,
    SequenceSource,
};
