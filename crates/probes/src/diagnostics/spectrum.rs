//! Effective ranks.

use faer::Mat;

use super::views::ViewFeatures;
use crate::algebra::{CHUNK, Gram, eigen, product, singular_values};
use crate::error::NumericError;

/// RankMe of the first view of each sample.
pub(super) fn rank_me(views: &ViewFeatures<'_>, epsilon: f64) -> Result<f64, NumericError> {
    Ok(entropy_rank(&singular_values(views.features(), views.views())?, epsilon))
}

/// LiDAR with the samples as classes.
pub(super) fn lidar(views: &ViewFeatures<'_>, delta: f64, epsilon: f64) -> Result<f64, NumericError> {
    let (samples, count, width) = (views.samples(), views.views(), views.features().width());
    let mut mean = vec![0.0; width];
    let mut row = vec![0.0; width];
    for index in 0..views.features().samples() {
        views.features().copy_row(index, &mut row, |_, value| value);
        mean.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
    }
    mean.iter_mut().for_each(|sum| *sum /= views.features().samples() as f64);

    let (mut between, mut within) = (Gram::new(width), Gram::new(width));
    let at_once = (CHUNK / count).max(1);
    for start in (0..samples).step_by(at_once) {
        let chunk = start..(start + at_once).min(samples);
        let mut means = vec![0.0; chunk.len() * width];
        let mut deviations = vec![0.0; chunk.len() * count * width];
        for (sample, (own, deviations)) in
            chunk.zip(means.chunks_exact_mut(width).zip(deviations.chunks_exact_mut(count * width)))
        {
            for (view, deviations) in deviations.chunks_exact_mut(width).enumerate() {
                views.features().copy_row(sample * count + view, deviations, |_, value| value);
                own.iter_mut().zip(&*deviations).for_each(|(sum, value)| *sum += value);
            }
            own.iter_mut().for_each(|sum| *sum /= count as f64);
            for deviations in deviations.chunks_exact_mut(width) {
                deviations.iter_mut().zip(&*own).for_each(|(value, own)| *value -= own);
            }
            own.iter_mut().zip(&mean).for_each(|(own, mean)| *own -= mean);
        }
        between.add(&means);
        within.add(&deviations);
    }
    let between = between.finish() * faer::Scale(((samples - 1) as f64).recip());
    let within = within.finish() * faer::Scale(((samples * (count - 1)) as f64).recip());

    // V^T B V, with V the eigenvectors of W over the roots of its eigenvalues, has the eigenvalues of
    // W^-1/2 B W^-1/2.
    let (values, vectors) = eigen(within.as_ref())?;
    let whitening = Mat::from_fn(width, width, |i, j| vectors[(i, j)] / (values[j] + delta).sqrt());
    let half = product(between.as_ref(), whitening.as_ref());
    let (values, _) = eigen(product(whitening.transpose(), half.as_ref()).as_ref())?;
    Ok(entropy_rank(&values, epsilon))
}

/// The exponential of the entropy of the values' shares; 0 if all are 0.
fn entropy_rank(values: &[f64], epsilon: f64) -> f64 {
    let total: f64 = values.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    let term = |value: &f64| {
        let share = value / total + epsilon;
        -share * share.ln()
    };
    values.iter().map(term).sum::<f64>().exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_full_rank() {
        assert!((entropy_rank(&[2.0; 7], 1e-7) - 7.0).abs() < 1e-4);
        assert!((entropy_rank(&[2.0, 0.0, 0.0], 1e-7) - 1.0).abs() < 1e-5);
        assert_eq!(entropy_rank(&[0.0; 3], 1e-7), 0.0);
        assert_eq!(entropy_rank(&[], 1e-7), 0.0);
    }
}
