//! Experiment tracking without Python: TensorBoard event files and W&B offline runs.
//!
//! The crate knows numbers, texts, settings and pictures, and nothing of training: any program can log with it. It opens no
//! connection, reads no environment and no clock, and never sees a key.
//!
//! - [`tensorboard::EventLog`]: a folder that `tensorboard --logdir` shows.
//! - [`wandb::OfflineRun`]: a folder that `wandb sync` sends; [`wandb::Upload`] runs that command.
//!
//! Both are written as a run goes. What was flushed can be read however the process ends, and a run that goes on from a
//! checkpoint [cuts off](wandb::OfflineRun::resume) what it will log again, so that nothing is there twice.
//!
//! ```
//! use seqjepa_tracking::tensorboard::EventLog;
//! use seqjepa_tracking::wandb::{OfflineRun, Row, RunDescription, RunId};
//! use seqjepa_tracking::{LocalFolder, Timestamp, TrackingError};
//!
//! # fn main() -> Result<(), TrackingError> {
//! # let scratch = tempfile::tempdir().unwrap();
//! # let folder = scratch.path();
//! let mut events = EventLog::create(&LocalFolder::at(folder.join("tensorboard")), Timestamp::now())?;
//! let mut run = RunDescription::new(RunId::new("4kx81b2m")?, "trainer 1.0");
//! run.project = "digits".into();
//! let mut run = OfflineRun::create(LocalFolder::at(folder.join("wandb")), &run, Timestamp::now())?;
//! for step in 0..100_u32 {
//!     let loss = (-0.1 * f64::from(step)).exp();
//!     events.scalars(step.into(), Timestamp::now(), [("loss", loss)])?;
//!     run.log(&Row::new().with("loss", loss), Timestamp::now())?;
//! }
//! events.flush()?;
//! run.finish(0, Timestamp::now())?;
//! # Ok(())
//! # }
//! ```

/// The README's program compiles as it stands.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod appender;
mod error;
mod picture;
mod place;
pub mod tensorboard;
mod timestamp;
pub mod wandb;

pub use error::TrackingError;
pub use picture::Picture;
pub use place::{LocalFolder, Place};
pub use timestamp::Timestamp;
