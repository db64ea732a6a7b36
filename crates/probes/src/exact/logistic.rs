//! Multinomial logistic regression.

use faer::Mat;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::lbfgs::Limits;
use super::selection::select;
use super::softmax::{Fit, Samples};
use crate::algebra::{BLOCK, multiply};
use crate::error::{ProbeError, check_labels, check_size};
use crate::features::{Features, Labelled};
use crate::scaling::Scaling;

pub use super::lbfgs::Convergence;

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
    /// The fit has converged when the Euclidean norm of the gradient of the mean objective, the one
    /// above over C times the samples, with respect to the weights of scaled features is at most
    /// this; 1e-6 by default.
    pub tolerance: f64,
    /// Steps of L-BFGS at most; 1000 by default.
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
    fn validate(&self) -> Result<(), ProbeError> {
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        let inverses = &self.inverse_penalties;
        if inverses.is_empty() || !inverses.iter().all(positive) {
            let expected = "one or more finite numbers above 0";
            return Err(ProbeError::setting("logistic.inverse_penalties", expected, format!("{inverses:?}")));
        }
        if !positive(&self.held_out) || self.held_out >= 1.0 {
            return Err(ProbeError::setting("logistic.held_out", "between 0 and 1", self.held_out));
        }
        if !positive(&self.tolerance) {
            return Err(ProbeError::setting("logistic.tolerance", "above 0", self.tolerance));
        }
        if self.max_iterations == 0 {
            return Err(ProbeError::setting("logistic.max_iterations", "above 0", 0));
        }
        Ok(())
    }
}

/// A fitted logistic regression.
///
/// ```
/// use seqjepa_probes::exact::{Logistic, LogisticConfig};
/// use seqjepa_probes::{Features, Labelled};
///
/// let features = [-2.0, -1.0, 1.0, 2.0];
/// let data = Labelled::new(Features::new(&features, 1)?, &[0, 0, 1, 1])?;
/// let config = LogisticConfig { inverse_penalties: vec![1.0], ..Default::default() };
/// let logistic = Logistic::fit(&data, 2, &config)?;
/// assert!(logistic.convergence().converged);
/// assert_eq!(logistic.predict(&Features::new(&[-5.0, 5.0], 1)?)?, [0, 1]);
/// # Ok::<(), seqjepa_probes::ProbeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Logistic {
    scaling: Scaling,
    classes: usize,
    /// The classes with training samples, ascending.
    present: Vec<usize>,
    /// Of scaled features, `[width, present.len()]`.
    weights: Mat<f64>,
    intercepts: Vec<f64>,
    inverse_penalty: f64,
    loss: f64,
    convergence: Convergence,
}

impl Logistic {
    /// Fits `data`, whose labels are below `classes`.
    ///
    /// A class without training samples gets no weights and is never predicted. If no C can be chosen
    /// because no class has enough samples to hold one out, it is the one closest to 1.
    ///
    /// # Errors
    ///
    /// If there are no samples, a label or setting is out of range, or a decomposition does not
    /// converge. A fit that ends before it has converged is no error: see
    /// [`convergence`](Self::convergence).
    pub fn fit(data: &Labelled<'_>, classes: usize, config: &LogisticConfig) -> Result<Self, ProbeError> {
        config.validate()?;
        check_labels(data.labels(), classes)?;
        let features = data.features();
        if features.samples() == 0 {
            return Err(ProbeError::setting("training samples", "above 0", 0));
        }
        let mut place = vec![None; classes];
        data.labels().iter().for_each(|label| place[*label as usize] = Some(0));
        let present: Vec<usize> = (0..classes).filter(|class| place[*class].is_some()).collect();
        present.iter().enumerate().for_each(|(index, class)| place[*class] = Some(index));
        let known: Vec<usize> = data.labels().iter().filter_map(|label| place[*label as usize]).collect();

        let scaling = Scaling::of(features);
        let scaling = if config.standardize { scaling } else { scaling.only_shift() };
        let samples = Samples::new(features, &scaling, known.clone(), present.len())?;
        // Of the mean objective, in the parameters of the multinomial form.
        let binary = if present.len() == 2 { 2.0 } else { 1.0 };
        let penalty = |inverse: f64, samples: usize| binary / (inverse * samples as f64);
        let chosen = (present.len() > 1 && config.inverse_penalties.len() > 1)
            .then(|| select(&samples, features, &scaling, &known, config, penalty))
            .flatten();
        let (inverse_penalty, start) = chosen.unwrap_or_else(|| {
            let distance = |inverse: &f64| inverse.ln().abs();
            let closest = |a: &f64, b: &f64| distance(a).total_cmp(&distance(b));
            let inverse = config.inverse_penalties.iter().copied().min_by(closest);
            (inverse.unwrap_or(1.0), samples.start())
        });
        let rows: Vec<usize> = (0..features.samples()).collect();
        let limits = Limits { tolerance: config.tolerance, iterations: config.max_iterations };
        let Fit { parameters, loss, convergence } =
            samples.fit(&rows, penalty(inverse_penalty, rows.len()), start, &limits);
        if !convergence.converged {
            tracing::warn!(?convergence, inverse_penalty, "a logistic regression has not converged");
        }
        Ok(Self {
            weights: samples.weights(&parameters),
            intercepts: samples.intercepts(&parameters).to_vec(),
            scaling: scaling.clone(),
            classes,
            present,
            inverse_penalty,
            loss,
            convergence,
        })
    }

    /// Logits `[samples, classes]`, row-major; negative infinity for classes without training samples.
    ///
    /// # Errors
    ///
    /// If the features have another width.
    pub fn logits(&self, features: &Features<'_>) -> Result<Vec<f64>, ProbeError> {
        let width = self.weights.nrows();
        check_size("features' width", width, features.width())?;
        let mut logits = vec![f64::NEG_INFINITY; features.samples() * self.classes];
        logits.par_chunks_mut(BLOCK * self.classes).enumerate().for_each(|(block, out)| {
            let rows = out.len() / self.classes;
            let mut scaled = vec![0.0; rows * width];
            self.scaling.widen(features, block * BLOCK..block * BLOCK + rows, &mut scaled);
            let mut known = vec![0.0; rows * self.present.len()];
            multiply(&mut known, &scaled, self.weights.as_ref());
            for (out, known) in out.chunks_exact_mut(self.classes).zip(known.chunks_exact(self.present.len()))
            {
                for ((class, logit), intercept) in self.present.iter().zip(known).zip(&self.intercepts) {
                    out[*class] = logit + intercept;
                }
            }
        });
        Ok(logits)
    }

    /// The class of the highest logit of each sample, the lower among equals.
    ///
    /// # Errors
    ///
    /// If the features have another width.
    pub fn predict(&self, features: &Features<'_>) -> Result<Vec<u32>, ProbeError> {
        let best = |logits: &[f64]| {
            let better = |best, class| if logits[class] > logits[best] { class } else { best };
            (0..logits.len()).fold(0, better) as u32
        };
        Ok(self.logits(features)?.chunks_exact(self.classes).map(best).collect())
    }

    /// Weights of the features as they are given, `[classes, width]`, row-major: scikit-learn's
    /// `coef_` of more than two classes. Classes without training samples have none: zeros.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        let width = self.weights.nrows();
        let mut weights = vec![0.0; self.classes * width];
        for (index, class) in self.present.iter().enumerate() {
            for (feature, weight) in weights[class * width..(class + 1) * width].iter_mut().enumerate() {
                *weight = self.weights[(feature, index)] * self.scaling.factor(feature);
            }
        }
        weights
    }

    /// The inverse penalty C.
    #[must_use]
    pub fn inverse_penalty(&self) -> f64 {
        self.inverse_penalty
    }

    /// The mean objective over the training samples: mean cross-entropy plus the penalty over C times
    /// the number of samples.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// How the final fit ended.
    #[must_use]
    pub fn convergence(&self) -> Convergence {
        self.convergence
    }

    /// Whether a class had training samples.
    #[must_use]
    pub fn knows(&self, class: u32) -> bool {
        self.present.binary_search(&(class as usize)).is_ok()
    }
}
