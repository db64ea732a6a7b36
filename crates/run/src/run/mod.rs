//! A whole run: from a config to a trained, evaluated model and its folder.

mod build;
mod error;
mod record;
mod rehearsal;
mod resume;
mod train;
mod whole;

pub use error::RunError;
pub use record::{RunCheckpoint, RunRecord};
pub use rehearsal::Rehearsal;
pub use resume::ResumeOptions;
pub use whole::Run;
