//! Checkpoints: one SafeTensors file with every state that a run needs to go on, and the folder that keeps them.

mod content;
mod error;
mod file;
mod kind;
mod store;

pub use content::{Checkpoint, NoRecord, Progress, UnderWay};
pub use error::CheckpointError;
pub use kind::is_checkpoint;
pub use store::{BestState, CheckpointStore, Found};
