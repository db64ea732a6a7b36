//! One file for a table: methods by data sets by seeds, each combination a run in a folder of its own.
//!
//! A [`SweepPlan`] is what a sweep file comes to: every run with its checked config and its folder, whatever of it is done. It trains
//! nothing; whoever does asks each run how it [stands](PlannedRun::standing) and goes on from there, any number of times.

mod card;
mod error;
mod file;
mod index;
mod plan;
mod rehearse;
mod slug;
mod standing;

pub use error::SweepError;
pub use index::{IndexedRun, SweepIndex};
pub use plan::{PlannedRun, SweepPlan};
pub use rehearse::rehearse;
pub use standing::{Look, Standing};
