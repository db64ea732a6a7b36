//! What can go wrong in a frozen protocol.

use super::features::BoxError;
use crate::error::InputError;
use crate::probe::ProbeError;

/// Why a frozen protocol ends without a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrozenError {
    /// Features, labels or a setting are refused.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A probe cannot be trained.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The training features have classes, those of the test split have none.
    #[error("probe `{probe}` needs labels, expected one per sample, found none")]
    Unlabelled {
        /// The probe.
        probe: String,
    },
    /// A feature source could not deliver.
    #[error("the {split} features of pass {pass} could not be had")]
    Source {
        /// `train` or `test`.
        split: &'static str,
        /// The pass that was asked for.
        pass: usize,
        /// Why.
        #[source]
        cause: BoxError,
    },
}
