//! Asking a run to stop, from a signal handler or another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that asks a run to finish the step it is in, save, and stop. Who drives the trainer looks at it between steps.
///
/// Clones are the same flag. Setting it is safe in a signal handler: hand the [`Arc`] to one.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use seqjepa_train::StopFlag;
///
/// let raised = Arc::new(AtomicBool::new(false));
/// let flag = StopFlag::from(Arc::clone(&raised));
/// raised.store(true, Ordering::Relaxed);
/// assert!(flag.is_requested());
/// ```
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run has been asked to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl From<Arc<AtomicBool>> for StopFlag {
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}
