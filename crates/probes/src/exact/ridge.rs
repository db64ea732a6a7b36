//! Ridge regression in closed form.

use faer::Mat;
use rayon::prelude::*;

use super::config::RidgeConfig;
use super::leave_one_out::{self, Solution};
use crate::algebra::{BLOCK, multiply};
use crate::error::{InputError, NumericError, check_size};
use crate::features::{Features, Targeted};
use crate::scaling::Scaling;

/// A fitted ridge regression.
///
/// ```
/// use seqjepa_probes::exact::{Ridge, RidgeConfig};
/// use seqjepa_probes::{Features, Targeted};
///
/// let features = [0.0, 1.0, 2.0, 3.0];
/// let data = Targeted::new(Features::new(&features, 1)?, &[1.0, 3.0, 5.0, 7.0], 1)?;
/// let ridge = Ridge::fit(&data, &RidgeConfig::default())?;
/// let predictions = ridge.predict(&Features::new(&[10.0], 1)?)?;
/// assert!((predictions[0] - 21.0).abs() < 0.01);
/// # Ok::<(), seqjepa_probes::NumericError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ridge {
    scaling: Scaling,
    /// Weights of the scaled features, `[width, outputs]`.
    weights: Mat<f64>,
    target_means: Vec<f64>,
    penalties: Vec<f64>,
    errors: Vec<f64>,
}

impl Ridge {
    /// Fits all outputs of `data`.
    ///
    /// With more samples than features it takes the eigendecomposition of the features' Gram matrix,
    /// otherwise that of the samples'. Features are read in pieces and stay in f32.
    ///
    /// # Errors
    ///
    /// If there are no samples, a penalty is out of range, or the decomposition does not converge.
    pub fn fit(data: &Targeted<'_>, config: &RidgeConfig) -> Result<Self, NumericError> {
        config.validate()?;
        let samples = data.features().samples();
        if samples == 0 {
            return Err(InputError::setting("training samples", "above 0", 0).into());
        }
        let scaling = Scaling::of(data.features());
        let scaling = if config.standardize { scaling } else { scaling.only_shift() };
        let target_means = target_means(data);
        let Solution { weights, penalties, errors } =
            leave_one_out::solve(data, &scaling, &target_means, config)?;
        Ok(Self { scaling, weights, target_means, penalties, errors })
    }

    /// Predictions `[samples, outputs]`, row-major.
    ///
    /// # Errors
    ///
    /// If the features have another width.
    pub fn predict(&self, features: &Features<'_>) -> Result<Vec<f64>, InputError> {
        let (width, outputs) = (self.weights.nrows(), self.weights.ncols());
        check_size("features' width", width, features.width())?;
        let mut predictions = vec![0.0; features.samples() * outputs];
        predictions.par_chunks_mut(BLOCK * outputs).enumerate().for_each(|(block, out)| {
            let rows = out.len() / outputs;
            let mut scaled = vec![0.0; rows * width];
            self.scaling.widen(features, block * BLOCK..block * BLOCK + rows, &mut scaled);
            multiply(out, &scaled, self.weights.as_ref());
            for row in out.chunks_exact_mut(outputs) {
                row.iter_mut().zip(&self.target_means).for_each(|(value, mean)| *value += mean);
            }
        });
        Ok(predictions)
    }

    /// Weights of the features as they are given, `[outputs, width]`, row-major: scikit-learn's
    /// `coef_`.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        let column = |output: usize| {
            (0..self.weights.nrows())
                .map(move |feature| self.weights[(feature, output)] * self.scaling.factor(feature))
        };
        (0..self.weights.ncols()).flat_map(column).collect()
    }

    /// The intercept of each output, for the features as they are given.
    #[must_use]
    pub fn intercepts(&self) -> Vec<f64> {
        let width = self.weights.nrows();
        let weights = self.weights();
        let shift = |weights: &[f64]| -> f64 {
            weights.iter().enumerate().map(|(feature, weight)| weight * self.scaling.mean(feature)).sum()
        };
        self.target_means.iter().zip(weights.chunks_exact(width)).map(|(mean, w)| mean - shift(w)).collect()
    }

    /// The penalty of each output.
    #[must_use]
    pub fn penalties(&self) -> &[f64] {
        &self.penalties
    }

    /// Mean squared leave-one-out error of each output at its penalty.
    #[must_use]
    pub fn leave_one_out_errors(&self) -> &[f64] {
        &self.errors
    }
}

fn target_means(data: &Targeted<'_>) -> Vec<f64> {
    let mut means = vec![0.0; data.outputs()];
    for row in data.targets().chunks_exact(data.outputs()) {
        means.iter_mut().zip(row).for_each(|(sum, target)| *sum += f64::from(*target));
    }
    means.iter_mut().for_each(|sum| *sum /= data.features().samples() as f64);
    // Exactly the target where it is constant: its deviations are then 0.
    for (output, mean) in means.iter_mut().enumerate() {
        let mut column = data.targets().iter().skip(output).step_by(data.outputs());
        if let Some(first) = column.next()
            && column.all(|target| target == first)
        {
            *mean = f64::from(*first);
        }
    }
    means
}
