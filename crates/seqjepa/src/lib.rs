//! seq-JEPA in Rust: a self-supervised world model of images and their augmentations (arXiv 2505.03176), on the Burn
//! framework.
//!
//! This crate is the facade: it re-exports the layered crates, holds the cargo features that choose backends, and has the command
//! `seqjepa`.
//!
//! | module | crate | what it is |
//! |---|---|---|
//! | [`data`] | `seqjepa-data` | data sets, augmentation with PIL's bytes, action spaces, sequences, the loader |
//! | [`cpu`] | `seqjepa-cpu` | convolution, batch norm, Adam on slices |
//! | [`nn`] | `seqjepa-nn` | PyTorch's layer, initialisation and optimizer semantics on Burn |
//! | [`model`] | `seqjepa-model` | methods, the model, EMA, the exchange with PyTorch |
//! | [`probes`] | `seqjepa-probes` | metrics, online and frozen probes |
//! | [`train`] | `seqjepa-train` | the loop, schedules, checkpoints, observers |
//! | [`evaluation`] | `seqjepa-evaluation` | the frozen evaluation, result cards, comparisons |
//! | [`tracking`] | `seqjepa-tracking` | TensorBoard event files and W&B offline runs, without Python |
//! | [`run`] | `seqjepa-run` | one YAML file to one run folder: config, registry, devices, resume, embedding |
//! | `report` | `seqjepa-report` | one HTML page from run folders (feature `report`) |
//! | [`burn`] | `burn` | the framework, in the version that all of these are built on |
//!
//! # Training in a few lines
//!
//! ```no_run
//! use std::path::Path;
//! use seqjepa::prelude::*;
//!
//! fn main() -> Result<(), RunError> {
//!     let config = Config::load(Path::new("configs/quickstart.yaml"), &["run.epochs=2"])?;
//!     let mut run = Run::start(config, &mut Observers::new())?;
//!     run.train(&mut Observers::new())?;
//!     let card = run.evaluate(&mut Observers::new())?;
//!     println!("{}", results_table(run.rows().last(), &card));
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! - `flex` (default; pure Rust CPU), `ndarray`, `cuda`, `vulkan`, `metal`, `rocm`, `wgpu`: backends, any number of them;
//!   `run.device` picks one at run time. `wgpu-untuned` is `wgpu` without autotune, for software adapters.
//!   `remote`: devices that another process or machine serves.
//! - `command` (default): the program `seqjepa`. A project that depends on the library leaves it out, and builds nothing of
//!   what only the program needs: `default-features = false, features = ["flex"]`.
//! - `report`: HTML pages from run folders (part of `command`).
//! - `progress`: progress on a terminal or in a log (part of `command`).
//! - `download`: fetches the archives of data sets (part of `command`).

/// The README's programs compile as they stand.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use burn;
pub use seqjepa_cpu as cpu;
pub use seqjepa_data as data;
pub use seqjepa_evaluation as evaluation;
pub use seqjepa_model as model;
pub use seqjepa_nn as nn;
pub use seqjepa_probes as probes;
#[cfg(feature = "report")]
pub use seqjepa_report as report;
pub use seqjepa_run as run;
pub use seqjepa_tracking as tracking;
pub use seqjepa_train as train;

#[cfg(feature = "command")]
pub mod command;

/// What most programs need.
pub mod prelude {
    pub use seqjepa_data::{
        ActionSpace, AugmentParams, AugmentPolicy, AugmentedImages, ImageSet, LoaderConfig, Normalization,
        SequenceConfig, SequenceLoader, SequenceSource, Split,
    };
    pub use seqjepa_evaluation::{ResultCard, results_table};
    pub use seqjepa_model::{Method, MethodConfig, SeqJepa, SeqJepaConfig};
    #[cfg(feature = "progress")]
    pub use seqjepa_run::progress::ProgressBars;
    pub use seqjepa_run::{Config, Registry, Run, RunError};
    pub use seqjepa_train::observer::{Event, Observer, Observers};
    pub use seqjepa_train::{MetricsRow, Trainer, TrainerBuilder};
}
