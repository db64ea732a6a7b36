//! Principal components of features.

use crate::algebra::{CHUNK, Gram, eigen};
use crate::error::{InputError, NumericError};
use crate::features::Features;

/// Coordinates of samples on the directions of greatest variance.
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalComponents {
    /// Number of components.
    pub components: usize,
    /// Coordinates `[samples, components]`, row-major, centred. Of each component the coordinate farthest from 0 is positive.
    pub coordinates: Vec<f64>,
    /// The share of the total variance on each component, 0 to 1; all 0 for a constant.
    pub shares: Vec<f64>,
}

/// Principal components of `features`, centred and not scaled, from the greatest variance down: as many as are asked for, at most
/// as there are samples or features. The same bits at any number of threads.
///
/// ```
/// use seqjepa_probes::{Features, principal_components};
///
/// // Points on a line.
/// let values = [0.0, 0.0, 3.0, 4.0, 6.0, 8.0];
/// let found = principal_components(&Features::new(&values, 2)?, 1)?;
/// assert!((found.shares[0] - 1.0).abs() < 1e-12 && (found.coordinates[2].abs() - 5.0).abs() < 1e-12);
/// # Ok::<(), seqjepa_probes::NumericError>(())
/// ```
///
/// # Errors
///
/// Without samples, or if the decomposition does not converge.
pub fn principal_components(
    features: &Features<'_>,
    components: usize,
) -> Result<PrincipalComponents, NumericError> {
    let (samples, width) = (features.samples(), features.width());
    if samples == 0 {
        return Err(InputError::setting("samples", "above 0", 0).into());
    }
    let mut rows = vec![0.0; samples * width];
    for (index, row) in rows.chunks_exact_mut(width).enumerate() {
        features.copy_row(index, row, |_, value| value);
    }
    for column in 0..width {
        let mean = rows.iter().skip(column).step_by(width).sum::<f64>() / samples as f64;
        rows.iter_mut().skip(column).step_by(width).for_each(|value| *value -= mean);
    }
    // The smaller of X'X and XX' has the same eigenvalues.
    let by_samples = samples < width;
    let side = samples.min(width);
    let mut gram = Gram::new(side);
    if by_samples {
        let mut columns = vec![0.0; samples * width];
        for (index, row) in rows.chunks_exact(width).enumerate() {
            row.iter().enumerate().for_each(|(column, value)| columns[column * samples + index] = *value);
        }
        columns.chunks(CHUNK * samples).for_each(|chunk| gram.add(chunk));
    } else {
        rows.chunks(CHUNK * width).for_each(|chunk| gram.add(chunk));
    }
    let (values, vectors) = eigen(gram.finish().as_ref())?;
    let total: f64 = values.iter().sum();
    let components = components.min(side);
    let mut coordinates = vec![0.0; samples * components];
    let mut shares = Vec::with_capacity(components);
    for component in 0..components {
        // Ascending.
        let place = side - 1 - component;
        let scale = values[place].sqrt();
        let own: Vec<f64> = if by_samples {
            (0..samples).map(|sample| vectors[(sample, place)] * scale).collect()
        } else {
            let along =
                |row: &[f64]| row.iter().enumerate().map(|(i, value)| value * vectors[(i, place)]).sum();
            rows.chunks_exact(width).map(along).collect()
        };
        let farthest = own
            .iter()
            .copied()
            .fold(0.0, |far: f64, value| if value.abs() > far.abs() { value } else { far });
        let sign = if farthest < 0.0 { -1.0 } else { 1.0 };
        own.iter()
            .enumerate()
            .for_each(|(sample, value)| coordinates[sample * components + component] = sign * value);
        shares.push(if total > 0.0 { values[place] / total } else { 0.0 });
    }
    Ok(PrincipalComponents { components, coordinates, shares })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree_and_a_constant_has_no_variance() {
        // More samples than features, and the same samples with columns of zeros.
        let values: Vec<f32> = (0..40_u32).map(|value| (value * 7919 % 101) as f32).collect();
        let wide: Vec<f32> = values.chunks(4).flat_map(|row| row.iter().copied().chain([0.0; 20])).collect();
        let narrow = principal_components(&Features::new(&values, 4).unwrap(), 3).unwrap();
        let wide = principal_components(&Features::new(&wide, 24).unwrap(), 3).unwrap();
        for (a, b) in narrow.coordinates.iter().zip(&wide.coordinates) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
        assert!(
            narrow.shares.is_sorted_by(|a, b| a >= b) && narrow.shares.iter().sum::<f64>() <= 1.0 + 1e-12
        );
        let constant = principal_components(&Features::new(&[2.0; 12], 3).unwrap(), 2).unwrap();
        assert!(constant.coordinates.iter().all(|value| *value == 0.0) && constant.shares == [0.0; 2]);
        assert!(principal_components(&Features::new(&[], 3).unwrap(), 2).is_err());
    }
}
