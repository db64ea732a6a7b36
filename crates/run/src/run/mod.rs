//! A whole run: from a config to a trained, evaluated model and its folder.

mod build;
mod check;
mod error;
mod record;
mod rehearsal;
mod resume;
#[expect(clippy::module_inception, reason = "the run itself, beside its parts")]
mod run;
mod train;

pub(crate) use build::standard_probes;
pub use error::RunError;
pub use record::{RunCheckpoint, RunRecord};
pub use rehearsal::{Rehearsal, StepCost};
pub use resume::ResumeOptions;
pub use run::{DrawPictures, Run};
