//! PyTorch's layer, initialisation and optimizer semantics on the Burn framework.
//!
//! Burn's own modules differ from PyTorch in ways that change published results: the running variance
//! of batch norm is biased, training behaviour follows the device instead of the caller, running
//! statistics are shared between clones, initial distributions and optimizer defaults are others. This
//! crate is the thin layer that gives PyTorch's numbers, with PyTorch's parameter names and layouts, so
//! that a [`state_dict`] here *is* the state dict there.
//!
//! - Layers: [`Linear`], [`Conv2d`], [`BatchNorm`], [`LayerNorm`], [`MultiHeadAttention`],
//!   [`TransformerEncoderLayer`]. Whoever calls a layer says what it shall do: batch norm takes a
//!   [`Mode`], dropout an optional [`DropoutMasks`].
//! - [`optimizer`]: Adam, AdamW and SGD as in `torch.optim`, and LARS, their state keyed by parameter names.
//! - [`host`]: reading from a device, counted.
//! - `kernel_store` (feature `kernel-cache`): compiled kernels and autotune's findings beyond a process.
//! - [`pixels`]: bytes that become values on the device.
//! - [`InitRng`]: initial values from one seeded generator, drawn eagerly in a fixed order.
//! - [`visit`]: a module's tensors by their dotted names, in closures.
//! - [`state_dict`] and [`load_state_dict`]: named tensors of any module, running statistics included.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use seqjepa_nn::{BatchNorm, Mode, state_dict};
//!
//! let device = Device::flex();
//! let norm = BatchNorm::new(3, &device);
//! let images = Tensor::<4>::ones([2, 3, 8, 8], &device);
//! let normalized = norm.forward(images, Mode::Train);
//! assert_eq!(normalized.dims(), [2, 3, 8, 8]);
//!
//! let names: Vec<String> = state_dict(&norm).into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]);
//! ```

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests look at values"))]

/// The README's program runs as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod attention;
mod batch_norm;
mod buffer;
mod conv;
mod copy;
#[cfg(feature = "cube")]
mod cube;
mod dropout;
mod error;
mod finite;
#[cfg(feature = "flex")]
mod flex;
#[cfg(any(feature = "flex", feature = "cube"))]
mod floats;
mod gelu;
pub mod host;
mod init;
#[cfg(feature = "kernel-cache")]
pub mod kernel_store;
mod launches;
mod layer_norm;
mod linear;
mod mode;
mod moving_average;
pub mod optimizer;
#[cfg(any(feature = "flex", feature = "cube"))]
mod own_kernels;
pub mod pixels;
mod precision;
mod recompute;
mod relu;
mod running_statistics;
mod state_dict;
mod total;
mod transformer;
mod transparent;
pub mod visit;

pub use attention::MultiHeadAttention;
pub use batch_norm::BatchNorm;
pub use buffer::{Buffer, Counter};
pub use conv::{Conv2d, split_weight_gradient};
pub use copy::independent_copy;
pub use dropout::{DropoutKey, DropoutMasks};
pub use error::NnError;
pub use finite::{finite_flag, non_finite};
pub use gelu::gelu;
pub use init::InitRng;
pub use launches::{Launches, count_launches};
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use mode::Mode;
pub use moving_average::ema_update;
pub use precision::{Precision, matmul, matmul_in_f32, narrowed, widened};
pub use recompute::{Recompute, Recording, recomputable};
pub use relu::relu;
pub use running_statistics::{running_statistics, with_running_statistics};
pub use state_dict::{StateDict, TensorSpec, is_buffer, load_state_dict, state_dict, tensor_specs};
pub use transformer::{
    FeedForwardActivation, NormPlacement, TransformerEncoderLayer, TransformerLayerConfig,
};
