use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which trackers of a run have failed: they are not tried again by the same process, so that there is one warning.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenUp {
    events: Arc<AtomicBool>,
    wandb: Arc<AtomicBool>,
}

impl GivenUp {
    /// Whether TensorBoard's has.
    pub(super) fn events(&self) -> bool {
        self.events.load(Ordering::Relaxed)
    }

    /// Whether W&B's has.
    pub(super) fn wandb(&self) -> bool {
        self.wandb.load(Ordering::Relaxed)
    }

    /// What TensorBoard's has done, or a warning.
    pub(super) fn unless_events<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Option<T> {
        kept(result, "TensorBoard", &self.events)
    }

    /// What W&B's has done, or a warning.
    pub(super) fn unless_wandb<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> Option<T> {
        kept(result, "W&B", &self.wandb)
    }
}

fn kept<T, E: std::fmt::Display>(result: Result<T, E>, tracker: &str, given_up: &AtomicBool) -> Option<T> {
    let result = result.inspect_err(|error| {
        given_up.store(true, Ordering::Relaxed);
        tracing::warn!("{tracker}: {error}; the run goes on without it");
    });
    result.ok()
}
