//! Sketched isotropic Gaussian regularisation (Balestriero & LeCun 2025, arXiv 2511.08544).

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::{DropoutKey, InitRng, host, matmul_in_f32};

/// Points at which characteristic functions are compared, and the last of them; the first is 0.
const KNOTS: usize = 17;
const LAST: f64 = 3.0;

/// How far rows, `[batch, features]`, are from a standard normal distribution: the mean over the columns of `directions`,
/// `[features, directions]`, each taken at length 1, of the Epps-Pulley statistic of the rows along them, `[1]`,
///
/// ```text
/// batch · ∫ |φ(t) - exp(-t²/2)|² exp(-t²/2) dt
/// ```
///
/// over t in [-3, 3] by the trapezoidal rule, φ the empirical characteristic function.
#[must_use]
pub fn sigreg(rows: Tensor<2>, directions: Tensor<2>) -> Tensor<1> {
    let [batch, _] = rows.dims();
    let [_, count] = directions.dims();
    let device = rows.device().without_autodiff();
    let unit = directions.clone() / directions.square().sum_dim(0).sqrt();

    let spacing = LAST / (KNOTS - 1) as f64;
    let knots: Vec<f64> = (0..KNOTS).map(|index| index as f64 * spacing).collect();
    let gaussian = knots.iter().map(|t| (-t * t / 2.0).exp());
    // Both halves of the axis have the same integrand.
    let ends = |index: usize| if index == 0 || index == KNOTS - 1 { spacing } else { 2.0 * spacing };
    let weights = gaussian.clone().enumerate().map(|(index, value)| value * ends(index));
    let points = |values: Vec<f64>| -> Tensor<3> {
        host::send(TensorData::new(values, [1, 1, KNOTS]).convert::<f32>(), &device)
    };
    let along = matmul_in_f32(rows, unit).reshape([batch, count, 1]) * points(knots.clone());
    let real = along.clone().cos().mean_dim(0) - points(gaussian.collect());
    let imaginary = along.sin().mean_dim(0);
    let distance = (real.square() + imaginary.square()) * points(weights.collect());
    distance.sum().mul_scalar(batch as f64 / count as f64)
}

/// Random directions for rows of `features`, `[features, count]`, drawn from `key`: others for every step.
pub(super) fn directions(features: usize, count: usize, key: DropoutKey, device: &Device) -> Tensor<2> {
    // Not the seed of the initial values.
    const OWN: u64 = 0x5349_4752_4547_0001;
    let seed = key.seed.rotate_left(32) ^ key.step.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ OWN;
    InitRng::new(seed).normal([features, count], 1.0, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seqjepa_nn::host::{read, read_scalar};

    const KEY: DropoutKey = DropoutKey { seed: 3, step: 5 };

    fn normal(scale: f64) -> Tensor<2> {
        InitRng::new(9).normal([512, 6], scale, &Device::flex())
    }

    fn of(rows: Tensor<2>) -> f64 {
        read_scalar(sigreg(rows, directions(6, 64, KEY, &Device::flex())))
    }

    #[test]
    fn normal_rows_are_near_and_others_are_not() {
        let near = of(normal(1.0));
        assert!(near > 0.0 && near < 2.0, "{near}");
        let collapsed = of(Tensor::zeros([512, 6], &Device::flex()));
        let shifted = of(normal(1.0).add_scalar(2.0));
        for (far, what) in [
            (collapsed, "collapsed"),
            (of(normal(3.0)), "wide"),
            (of(normal(0.3)), "narrow"),
            (shifted, "shifted"),
        ] {
            assert!(far > 20.0 * near, "{what}: {far}, normal {near}");
        }
    }

    #[test]
    fn a_point_mass_has_the_statistic_of_one() {
        // 2 · 512 · ∫ over [0, 3] of (1 - exp(-t²/2))² exp(-t²/2).
        let integrand = |t: f64| (1.0 - (-t * t / 2.0).exp()).powi(2) * (-t * t / 2.0).exp();
        let fine: f64 = (0..30_000).map(|index| integrand((f64::from(index) + 0.5) * 1e-4) * 1e-4).sum();
        let found = of(Tensor::zeros([512, 6], &Device::flex()));
        assert!((found / (1024.0 * fine) - 1.0).abs() < 2e-3, "{found}, expected {}", 1024.0 * fine);
    }

    #[test]
    fn directions_are_those_of_the_key() {
        let at = |step| read(directions(3, 4, DropoutKey { step, ..KEY }, &Device::flex()));
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }
}
