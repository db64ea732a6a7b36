//! What is found when queued updates are looked at.

use crate::probe::ProbeError;

/// A queued update whose features, loss or predictions are not finite.
#[derive(Debug, thiserror::Error)]
#[error("update {update} since the last flush: {cause}")]
#[non_exhaustive]
pub struct UpdateError {
    /// Number of the update since the last [`flush`](super::OnlineProbes::flush), counted from 0.
    pub update: usize,
    /// [`ProbeError::NonFinite`] or [`ProbeError::Diverged`].
    pub cause: ProbeError,
}
