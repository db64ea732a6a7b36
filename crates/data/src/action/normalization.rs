//! How actions are scaled.

use serde::{Deserialize, Serialize};

use super::ActionError;

/// How the raw actions of one sequence are scaled before a model sees them.
///
/// Only plain numbers are scaled; rotations (see [`GroupKind`](super::GroupKind)) stay as they are, whatever is chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionNormalization {
    /// Raw values.
    None,
    /// Each parameter is divided by its L2 norm over the views of the sequence, as
    /// `torch.nn.functional.normalize(actions, dim=0)` does, with epsilon 1e-12. The published pipeline.
    #[default]
    SequenceL2,
    /// `(x - mean) / std` with one fixed mean and standard deviation per parameter.
    Standardize {
        /// Means, one per parameter.
        mean: Vec<f32>,
        /// Standard deviations, one per parameter, above zero.
        std: Vec<f32>,
    },
}

/// The floor under a norm in [`ActionNormalization::SequenceL2`].
const EPSILON: f32 = 1e-12;

impl ActionNormalization {
    /// Whether a view's scaled action depends on that view alone, not on the others of its sequence.
    #[must_use]
    pub const fn of_one_view(&self) -> bool {
        !matches!(self, Self::SequenceL2)
    }

    /// Checks the constants against the width of the actions.
    pub(super) fn validate(&self, width: usize) -> Result<(), ActionError> {
        let Self::Standardize { mean, std } = self else { return Ok(()) };
        for (what, constants) in [("mean", mean), ("standard deviation", std)] {
            if constants.len() != width {
                return Err(ActionError::Constants { what, expected: width, found: constants.len() });
            }
        }
        let check = |what, constants: &[f32], expected, good: fn(f32) -> bool| {
            let bad = constants.iter().enumerate().find(|&(_, &x)| !good(x));
            bad.map_or(Ok(()), |(parameter, &found)| {
                Err(ActionError::Constant { what, parameter, expected, found })
            })
        };
        check("mean", mean, "a finite number", f32::is_finite)?;
        check("standard deviation", std, "a finite number above 0", |x| x.is_finite() && x > 0.0)
    }

    /// Scales one component of all views of a sequence in place: `actions` is `[views, width]`.
    pub(super) fn scale(&self, actions: &mut [f32], width: usize, parameter: usize) {
        match self {
            Self::None => {}
            Self::SequenceL2 => {
                let column = actions.iter().skip(parameter).step_by(width);
                let norm = column.fold(0.0_f32, |sum, x| sum + x * x).sqrt().max(EPSILON);
                actions.iter_mut().skip(parameter).step_by(width).for_each(|x| *x /= norm);
            }
            Self::Standardize { mean, std } => {
                let (mean, std) = (mean[parameter], std[parameter]);
                actions.iter_mut().skip(parameter).step_by(width).for_each(|x| *x = (*x - mean) / std);
            }
        }
    }
}
