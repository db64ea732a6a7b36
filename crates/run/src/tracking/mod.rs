//! TensorBoard and W&B beside a run: they are told what it is told, and whatever becomes of them, the run goes on.

mod describe;
mod given_up;
mod gpu;
mod identity;
mod place;
mod progress;
mod system;
#[expect(clippy::module_inception, reason = "the trackers themselves, beside their parts")]
mod tracking;
mod upload;
mod variables;
mod wandb;

pub(crate) use given_up::GivenUp;
pub(crate) use gpu::memory as gpu_memory;
pub(crate) use tracking::{Part, Tracking};
pub use upload::Tracked;
pub(crate) use upload::upload;
pub use variables::TrackingVariables;
