//! What can go wrong in probes that are trained by gradient descent.

use seqjepa_nn::NnError;

use crate::error::InputError;
use crate::state::StateError;

/// Why a probe does not learn, or its figures mean nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// Sizes, targets or a setting are refused.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A probe was given features with a NaN or an infinity.
    #[error("probe `{probe}`: features must be finite, found NaN or infinity at step {step}")]
    NonFinite {
        /// The probe.
        probe: String,
        /// The step that it was at, counted from 1.
        step: u64,
    },
    /// A probe's loss or predictions are no longer finite, though its features are.
    #[error(
        "probe `{probe}` diverged at step {step}: its features are finite, its predictions are not; \
         lower its learning rate (now {lr}) or standardise its features"
    )]
    Diverged {
        /// The probe.
        probe: String,
        /// Its step, counted from 1.
        step: u64,
        /// Its learning rate.
        lr: f64,
    },
    /// A probe asks for a representation or target that the caller did not give.
    #[error("probe `{probe}` needs {what} `{name}`, which was not given")]
    Missing {
        /// The probe.
        probe: String,
        /// What kind of thing is missing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A saved state does not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// The optimizer or the network refuses something.
    #[error(transparent)]
    Nn(#[from] NnError),
}
