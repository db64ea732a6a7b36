//! How far two encoders are apart.

use serde::{Deserialize, Serialize};

use crate::algebra::{CHUNK, Gram};
use crate::cosine::normalize;
use crate::features::Features;
use crate::scaling::Scaling;

/// How far the online encoder's features are from the target encoder's, on the same views.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Mean of 1 minus the cosine similarity of a view's two features, 0 to 2; features of zeros have
    /// similarity 0.
    pub cosine_distance: f64,
    /// Frobenius norm of the difference over that of the target's features; absent if those are zeros.
    pub relative_distance: Option<f64>,
    /// Linear centred kernel alignment (Kornblith et al. 2019), 0 to 1: 1 if one is a rotation, scaling
    /// and shift of the other; absent if one of them does not vary.
    pub linear_cka: Option<f64>,
}

pub(super) fn drift(online: &Features<'_>, target: &Features<'_>) -> Drift {
    let width = online.width();
    let (mut own, mut other) = (vec![0.0_f64; width], vec![0.0; width]);
    let (mut cosines, mut difference, mut norm) = (0.0, 0.0, 0.0);
    for row in 0..online.samples() {
        online.copy_row(row, &mut own, |_, value| value);
        target.copy_row(row, &mut other, |_, value| value);
        difference += own.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        norm += other.iter().map(|value| value * value).sum::<f64>();
        normalize(&mut own);
        normalize(&mut other);
        cosines += own.iter().zip(&other).map(|(a, b)| a * b).sum::<f64>();
    }
    Drift {
        cosine_distance: (1.0 - cosines / online.samples() as f64).max(0.0),
        relative_distance: (norm > 0.0).then(|| (difference / norm).sqrt()),
        linear_cka: linear_cka(online, target),
    }
}

/// `‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖)` of centred features.
fn linear_cka(online: &Features<'_>, target: &Features<'_>) -> Option<f64> {
    let (samples, width) = (online.samples(), online.width());
    let both = online.clone().beside_checked(target);
    let centred = Scaling::of(&both).only_shift();
    let mut gram = Gram::new(2 * width);
    for start in (0..samples).step_by(CHUNK) {
        gram.add(&centred.widened(&both, start..(start + CHUNK).min(samples)));
    }
    let gram = gram.finish();
    let square = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| -> f64 {
        gram.submatrix(rows.start, columns.start, rows.len(), columns.len()).squared_norm_l2()
    };
    let (own, other) = (0..width, width..2 * width);
    let scale = (square(own.clone(), own.clone()) * square(other.clone(), other.clone())).sqrt();
    (scale > 0.0).then(|| square(own, other) / scale)
}
