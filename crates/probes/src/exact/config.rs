//! What the exact probes minimise.

use serde::{Deserialize, Serialize};

use crate::error::InputError;

/// Ridge regression: for each output the weights `w` and the intercept `b` that minimise
/// `Σ (y - b - w·x)² + penalty ‖w‖²`, with the penalty of least squared leave-one-out error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RidgeConfig {
    /// The penalties to choose from, scikit-learn's `alphas`; all above 0. By default 19 values from
    /// 1e-3 to 1e6, two per decade.
    pub penalties: Vec<f64>,
    /// Whether features are shifted and scaled to mean 0 and variance 1 over the training samples
    /// first, so that a penalty means the same for all features and models (the default).
    pub standardize: bool,
    /// Whether all outputs share the penalty of least error averaged over outputs, as `RidgeCV` does
    /// by default. Otherwise (the default) each output has its own, `alpha_per_target=True`: its
    /// figure then does not depend on which other outputs are asked for.
    pub shared_penalty: bool,
}

impl Default for RidgeConfig {
    fn default() -> Self {
        let penalties = (-6..=12).map(|half_decade| 10f64.powf(f64::from(half_decade) / 2.0)).collect();
        Self { penalties, standardize: true, shared_penalty: false }
    }
}

impl RidgeConfig {
    pub(super) fn validate(&self) -> Result<(), InputError> {
        let valid = |penalty: &f64| penalty.is_finite() && *penalty > 0.0;
        if !self.penalties.is_empty() && self.penalties.iter().all(valid) {
            return Ok(());
        }
        let expected = "one or more finite numbers above 0";
        Err(InputError::setting("ridge.penalties", expected, format!("{:?}", self.penalties)))
    }
}

/// Multinomial logistic regression: the weights and intercepts that minimise
/// `C · Σ cross-entropy + ½ ‖weights‖²`, scikit-learn's `LogisticRegression(C=C)` with its default
/// solver; intercepts bear no penalty. With two classes the penalty is that of scikit-learn's binary
/// form, on the difference of the two classes' weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticConfig {
    /// The inverse penalties C to choose from, all above 0. By default nine, the powers of ten from
    /// 1e-5 to 1e3. With a single one, nothing is held out.
    pub inverse_penalties: Vec<f64>,
    /// Whether features are shifted and scaled to mean 0 and variance 1 over the training samples
    /// first (the default). Otherwise they are only shifted, which changes nothing but the intercepts.
    pub standardize: bool,
    /// Share of each class's training samples that is held out to choose C by accuracy; 0.2 by
    /// default. The final fit is on all of them.
    pub held_out: f64,
    /// The fit has converged when no logit of a training sample is left to change by more than this; 1e-6 by default. Probabilities
    /// are then exact to this at least.
    pub tolerance: f64,
    /// Steps at most of L-BFGS, and as many of Newton's method after it; 1000 by default.
    pub max_iterations: usize,
    /// Seed of the choice of the samples that are held out.
    pub seed: u64,
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self {
            inverse_penalties: (-5..=3).map(|decade| 10f64.powi(decade)).collect(),
            standardize: true,
            held_out: 0.2,
            tolerance: 1e-6,
            max_iterations: 1000,
            seed: 0,
        }
    }
}

impl LogisticConfig {
    pub(super) fn validate(&self) -> Result<(), InputError> {
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        let inverses = &self.inverse_penalties;
        if inverses.is_empty() || !inverses.iter().all(positive) {
            let expected = "one or more finite numbers above 0";
            return Err(InputError::setting("logistic.inverse_penalties", expected, format!("{inverses:?}")));
        }
        if !positive(&self.held_out) || self.held_out >= 1.0 {
            return Err(InputError::setting("logistic.held_out", "between 0 and 1", self.held_out));
        }
        if !positive(&self.tolerance) {
            return Err(InputError::setting("logistic.tolerance", "above 0", self.tolerance));
        }
        if self.max_iterations == 0 {
            return Err(InputError::setting("logistic.max_iterations", "above 0", 0));
        }
        Ok(())
    }
}
