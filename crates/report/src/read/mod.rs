//! What is in a run folder, which may be anybody's and of any state.

mod config;
mod curve;
mod metrics;
mod run;

pub(crate) use config::differences;
pub(crate) use run::ReportRun;
