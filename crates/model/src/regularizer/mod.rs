//! What keeps representations from collapse where no target encoder does.

mod coding_rate;
mod log_determinant;
mod sigreg;

use burn::tensor::Tensor;
use seqjepa_nn::DropoutKey;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::limits::{size, weight};

pub use coding_rate::coding_rate;
pub use sigreg::sigreg;

/// A term beside the prediction loss that keeps the aggregates of a batch apart, for a model without a target encoder.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Regularizer {
    /// Minus the [`coding_rate`].
    CodingRate {
        /// Weight of the term.
        weight: f64,
        /// Factor of the covariance.
        alpha: f64,
    },
    /// The distance from an isotropic Gaussian, [`sigreg`].
    #[serde(rename = "sigreg")]
    SigReg {
        /// Weight of the term.
        weight: f64,
        /// Random directions along which it is measured, drawn anew at every step.
        directions: usize,
    },
}

/// The largest factor of a covariance.
const MAX_ALPHA: f64 = 1e6;

impl Regularizer {
    /// The name of its loss term: `coding_rate` or `sigreg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CodingRate { .. } => "coding_rate",
            Self::SigReg { .. } => "sigreg",
        }
    }

    /// Its term of a loss, weight included, for rows `[batch, features]`: `[1]`. Random directions are drawn from `key`.
    #[must_use]
    pub fn term(self, rows: Tensor<2>, key: DropoutKey) -> Tensor<1> {
        match self {
            Self::CodingRate { weight, alpha } => coding_rate(rows, alpha).mul_scalar(-weight),
            Self::SigReg { weight, directions } => {
                let [_, features] = rows.dims();
                let device = rows.device().without_autodiff();
                let directions = sigreg::directions(features, directions, key, &device);
                sigreg(rows, directions).mul_scalar(weight)
            }
        }
    }

    /// Checks all values.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    pub fn validate(self) -> Result<(), ModelError> {
        match self {
            Self::CodingRate { weight: value, alpha } => {
                weight("regularizer.coding_rate.weight", value)?;
                if alpha > 0.0 && alpha <= MAX_ALPHA {
                    return Ok(());
                }
                let expected = format!("above 0, at most {MAX_ALPHA}");
                Err(ModelError::config("regularizer.coding_rate.alpha", expected, alpha))
            }
            Self::SigReg { weight: value, directions } => {
                weight("regularizer.sigreg.weight", value)?;
                size("regularizer.sigreg.directions", directions)
            }
        }
    }
}
