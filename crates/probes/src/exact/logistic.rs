//! Multinomial logistic regression.

use faer::Mat;
use rayon::prelude::*;

use super::config::LogisticConfig;
use super::lbfgs::{Convergence, Limits};
use super::selection::select;
use super::softmax::{Fit, Samples};
use crate::algebra::{BLOCK, multiply};
use crate::error::{InputError, NumericError, check_classes, check_labels, check_size};
use crate::features::{Features, Labelled};
use crate::scaling::Scaling;

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
/// # Ok::<(), seqjepa_probes::NumericError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Logistic {
    scaling: Scaling,
    classes: usize,
    /// The classes with training samples, ascending.
    present: Vec<usize>,
    /// Weights of the scaled features, `[width, present.len()]`.
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
    /// If there are no samples, a label or setting is out of range, there are more than 2^23 weights or 2^27
    /// logits (samples times classes), or a decomposition does not converge. A fit that ends before it has converged is no error: see
    /// [`convergence`](Self::convergence).
    pub fn fit(data: &Labelled<'_>, classes: usize, config: &LogisticConfig) -> Result<Self, NumericError> {
        config.validate()?;
        check_labels(data.labels(), classes)?;
        let features = data.features();
        if features.samples() == 0 {
            return Err(InputError::setting("training samples", "above 0", 0).into());
        }
        check_classes("logits of training samples", features.samples(), classes)?;
        // L-BFGS remembers some forty times as many numbers as there are weights.
        check_classes("weights", 16 * (features.width().min(features.samples()) + 1), classes)?;
        let mut place = vec![None; classes];
        data.labels().iter().for_each(|label| place[*label as usize] = Some(0));
        let present: Vec<usize> = (0..classes).filter(|class| place[*class].is_some()).collect();
        present.iter().enumerate().for_each(|(index, class)| place[*class] = Some(index));
        let known: Vec<usize> = data.labels().iter().filter_map(|label| place[*label as usize]).collect();

        let scaling = Scaling::of(features);
        let scaling = if config.standardize { scaling } else { scaling.only_shift() };
        let samples = Samples::new(features, &scaling, known, present.len())?;
        // Of the mean objective, in the parameters of the multinomial form.
        let binary = if present.len() == 2 { 2.0 } else { 1.0 };
        let penalty = |inverse: f64, samples: usize| binary / (inverse * samples as f64);
        let chosen = (present.len() > 1 && config.inverse_penalties.len() > 1)
            .then(|| select(&samples, config, penalty))
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
    /// If the features have another width, or there are more than 2^27 logits.
    pub fn logits(&self, features: &Features<'_>) -> Result<Vec<f64>, InputError> {
        let width = self.weights.nrows();
        check_size("features' width", width, features.width())?;
        check_classes("logits", features.samples(), self.classes)?;
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
    /// As [`logits`](Self::logits).
    pub fn predict(&self, features: &Features<'_>) -> Result<Vec<u32>, InputError> {
        Ok(self.logits(features)?.chunks_exact(self.classes).map(highest).collect())
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

/// The class of the highest logit, the lower among equals.
pub(super) fn highest(logits: &[f64]) -> u32 {
    let better = |best: (u32, f64), other: (u32, f64)| if other.1 > best.1 { other } else { best };
    (0..).zip(logits.iter().copied()).reduce(better).map_or(0, |(class, _)| class)
}
