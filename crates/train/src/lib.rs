//! The training loop and its state: trainer, learning-rate schedules, checkpoints, observers.
//!
//! [`Trainer`] trains any [`Method`](seqjepa_model::Method) on the sequences of any
//! [`SequenceSource`](seqjepa_data::SequenceSource), with online probes beside it. It knows no config file, no run folder
//! and no concrete method: those are `seqjepa-run`'s.
//!
//! - [`Trainer`], made by a [`TrainerBuilder`]; between any two batches its state is a [`checkpoint`].
//! - [`LearningRateSchedule`], per epoch or per step.
//! - [`observer`]: what is told meanwhile, and to whom.
//! - [`storage`]: writing files so that none is ever left half-written.

mod batch;
pub mod checkpoint;
mod collapse;
mod error;
mod history;
mod metrics;
pub mod observer;
mod panic_text;
mod schedule;
mod stop;
pub mod storage;
mod trainer;
mod version;

pub use batch::sequence_input;
pub use error::TrainError;
pub use history::{History, HistoryPosition};
pub use metrics::MetricsRow;
pub use panic_text::panic_text;
pub use schedule::{LearningRateSchedule, ScheduleShape, ScheduleUnit};
pub use stop::StopFlag;
pub use trainer::{Advance, AllReduce, Loaders, NonFiniteStep, Trainer, TrainerBuilder};
pub use version::CodeVersion;
