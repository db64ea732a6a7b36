//! The training loop: any method, its optimizer, and the online probes beside it, a batch at a time.

mod all_reduce;
mod builder;
mod exchange;
mod learner;
mod micro_batches;
mod nonfinite;
mod passes;
mod pending;
mod replicas;
mod targets;
mod team;
mod test_pass;
#[expect(clippy::module_inception, reason = "the loop itself, beside its parts")]
mod trainer;

pub use all_reduce::AllReduce;
pub use builder::TrainerBuilder;
pub use nonfinite::NonFiniteStep;
pub use trainer::{Advance, Loaders, Trainer};
