//! seq-JEPA in Rust: a self-supervised world model of images and their augmentations (arXiv 2505.03176), on the Burn
//! framework.
//!
//! This crate is the facade: it re-exports the layered crates and holds the cargo features that choose backends.
//!
//! | module | crate | what it is |
//! |---|---|---|
//! | [`data`] | `seqjepa-data` | data sets, augmentation with PIL's bytes, sequences, the loader |
//! | [`nn`] | `seqjepa-nn` | PyTorch's layer, initialisation and optimizer semantics on Burn |
//! | [`model`] | `seqjepa-model` | the model, EMA, the exchange with PyTorch |
//! | [`probes`] | `seqjepa-probes` | metrics, online and frozen probes |
//! | [`train`] | `seqjepa-train` | config, devices, the loop, checkpoints, evaluation |
//!
//! # Training in a few lines
//!
//! ```no_run
//! use std::path::Path;
//! use seqjepa::prelude::*;
//!
//! fn main() -> Result<(), TrainError> {
//!     let config = Config::load(Path::new("configs/quickstart.yaml"), &["run.epochs=2"])?;
//!     let mut run = Run::start(config, &mut ProgressBars::new())?;
//!     run.train(&mut ProgressBars::new())?;
//!     let card = run.evaluate(&mut ProgressBars::new())?;
//!     println!("{}", results_table(run.rows().last(), &card));
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! `flex` (default; pure Rust CPU), `ndarray`, `cuda`, `vulkan`, `metal`, `rocm`: backends, any number of them;
//! `run.device` picks one at run time. `progress` (default): progress bars.

/// The README's program compiles as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use seqjepa_data as data;
pub use seqjepa_model as model;
pub use seqjepa_nn as nn;
pub use seqjepa_probes as probes;
pub use seqjepa_train as train;

/// What most programs need.
pub mod prelude {
    pub use seqjepa_data::{
        ActionSpace, AugmentParams, AugmentPolicy, ImageSet, Normalization, SequenceConfig, SequenceLoader,
        Split,
    };
    pub use seqjepa_model::{Method, SeqJepa, SeqJepaConfig};
    pub use seqjepa_train::observer::{Event, Observer, Observers};
    #[cfg(feature = "progress")]
    pub use seqjepa_train::progress::ProgressBars;
    pub use seqjepa_train::report::results_table;
    pub use seqjepa_train::{Config, MetricsRow, ResultCard, Run, TrainError, Trainer};
}
