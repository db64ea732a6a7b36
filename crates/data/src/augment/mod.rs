//! Augmented views with PIL's bytes, and the action parameters that made them.
//!
//! [`AugmentPolicy::sample`] draws an [`AugmentParams`]; [`AugmentParams::apply`] turns a source image into that
//! view. Sampling and applying are apart, so any view can be replayed from its parameters.
//!
//! The order of the steps is fixed: resized crop, horizontal flip, colour jitter (its four in the drawn
//! order), greyscale, Gaussian blur, solarisation, normalisation. Each gives the bytes of torchvision's
//! functional operator on an 8-bit PIL image; `docs/augmentation.md` states that contract and its limits.
//!
//! ```
//! use seqjepa_data::{AugmentPolicy, ImageView, Normalization, Scratch, Split, ViewKey};
//!
//! let pixels = vec![128; 32 * 32 * 3];
//! let image = ImageView::new(&pixels, 32, 32)?;
//! let policy = AugmentPolicy::observed(32);
//! policy.validate()?;
//!
//! let key = ViewKey { seed: 42, split: Split::Train, epoch: 0, sample: 0, view: 0 };
//! let params = policy.sample(&mut key.rng(), image.height(), image.width());
//! let mut view = vec![0.0; 3 * 32 * 32];
//! params.apply_normalized(image, &Normalization::CIFAR100, &mut Scratch::new(), &mut view)?;
//! assert_eq!(params.action()[8], params.blur.unwrap().sigma);
//! # Ok::<(), seqjepa_data::AugmentError>(())
//! ```

mod apply;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blend;
mod blur;
mod check;
mod crop;
mod error;
mod grayscale;
mod hue;
mod image;
mod level;
pub(crate) mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod normalize;
mod params;
mod pixel_table;
mod planes;
mod policy;
mod resize;
mod scratch;
mod solarize;

pub use error::AugmentError;
pub use image::{ImageView, PixelFormat};
pub use normalize::Normalization;
pub use params::{AugmentParams, ColorJitter, Crop, GaussianBlur, Interpolation, JitterStep};
pub use pixel_table::PixelTable;
pub use policy::{AugmentPolicy, published_kernel_size};
pub use scratch::Scratch;
pub use seqjepa_cpu::{InstructionSet, Instructions};
