//! How far a device's results lie from the reference's, and how far they may.

use std::fmt;

use seqjepa_nn::Precision;
use thiserror::Error;

/// How far results may lie from the reference's. Distances are relative: the root of the sum of squared differences over that of
/// the reference's squares.
///
/// Two right implementations differ by the order of sums, and where a unit lies at the edge of its rectification also by a whole term; a
/// wrong kernel is off by a tenth and more. Where a device rounds the factors of products, so does the reference, and
/// four times what that does to each of its results is allowed as well: how much it is, the model says itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Of single operators and of what a forward pass gives.
    pub forward: f64,
    /// Of a parameter's gradient after a whole backward pass. Gradients much smaller than the largest one are held against
    /// a thousandth of that.
    pub gradient: f64,
}

/// How many times the distance between the reference's results with and without rounding a device's may be off. One that rounds all
/// factors likewise is off by less than once; sums in another order and products that it does not round add to that.
const ROUNDINGS: f64 = 4.0;

/// What is farther off is wrong whatever rounding does: zeros in place of a result are off by 1.
const MOST: f64 = 0.5;

impl Bounds {
    /// For products in f32: forward 1e-4, gradients 1e-2.
    pub const F32: Self = Self { forward: 1e-4, gradient: 1e-2 };

    /// For products with rounded factors, beside what the rounding does: forward 1e-3, gradients 2e-2, since sums in bf16 and what
    /// is fused are rounded elsewhere on a device than on the reference.
    pub const ROUNDED: Self = Self { forward: 1e-3, gradient: 2e-2 };

    pub(super) fn of(rounding: Precision) -> Self {
        if rounds(rounding) { Self::ROUNDED } else { Self::F32 }
    }

    /// Those of a pass over so many views. With rounded factors some unit lies at the edge of its rectification in every pass, and one of as
    /// many terms of its gradients is there or not.
    pub(super) fn of_pass(rounding: Precision, views: usize) -> Self {
        let bounds = Self::of(rounding);
        let term = if rounds(rounding) { (1.0 / (views as f64).sqrt()).min(MOST / 2.0) } else { 0.0 };
        Self { gradient: bounds.gradient + term, ..bounds }
    }
}

/// What a device of `backend` rounds the factors of products to in a precision: on CUDA Burn computes f32 products on tensor cores, in
/// TF32, where it can. What a remote device is, it does not say: it may be one of CUDA.
pub(super) fn rounding(backend: &str, precision: Precision) -> Precision {
    match (backend, precision) {
        ("cuda" | "remote", Precision::Full) => Precision::Tf32,
        _ => precision,
    }
}

/// Whether a device of `backend` rounds the factors of products in a precision.
pub(crate) fn rounds_factors(backend: &str, precision: Precision) -> bool {
    rounds(rounding(backend, precision))
}

/// Whether factors are rounded in a precision, as [`rounding`] gave it.
pub(super) fn rounds(precision: Precision) -> bool {
    match precision {
        Precision::Full | Precision::F32 => false,
        Precision::Bf16 | Precision::Tf32 => true,
    }
}

/// One result of a device beside the reference's.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// What was compared: an operator and what of it, or a tensor of the method.
    pub what: String,
    /// The shapes that went in, for people.
    pub shapes: String,
    /// The relative distance; not a number if the device's values are not.
    pub distance: f64,
    /// How large it may be.
    pub bound: f64,
    /// The device's value where both differ most.
    pub found: f64,
    /// The reference's value there.
    pub expected: f64,
}

impl Deviation {
    /// Compares `found` with `expected`; differences are measured against at least `least`, a root of a sum of squares.
    pub(super) fn between(
        (what, shapes): (String, String),
        found: &[f32],
        expected: &[f32],
        (bound, least): (f64, f64),
    ) -> Self {
        let missing = found.len() != expected.len();
        let counts = format!("; {} values of {}", found.len(), expected.len());
        let shapes = if missing { shapes + &counts } else { shapes };
        let difference = |(found, expected): (&f32, &f32)| f64::from(*found) - f64::from(*expected);
        let squares: f64 = found.iter().zip(expected).map(|pair| difference(pair).powi(2)).sum();
        let scale = root_of_squares(expected).max(least);
        let distance = match squares.sqrt() {
            _ if missing => f64::NAN,
            0.0 => 0.0,
            // Without the sign that a NaN may have, which would make it the least in the order of all floats.
            root => (root / scale).abs(),
        };
        // NaN is the greatest in this order.
        let worst =
            found.iter().zip(expected).max_by(|a, b| difference(*a).abs().total_cmp(&difference(*b).abs()));
        let (found, expected) =
            worst.map_or((f64::NAN, f64::NAN), |(found, expected)| ((*found).into(), (*expected).into()));
        Self { what, shapes, distance, bound, found, expected }
    }

    /// Allows for the rounding of factors too: `plain` is what the reference gives without it, where `expected` is with it.
    pub(super) fn allowing(mut self, plain: Option<&[f32]>, expected: &[f32], least: f64) -> Self {
        if let Some(plain) = plain {
            let nothing = (String::new(), String::new());
            let rounding = Self::between(nothing, plain, expected, (0.0, least)).distance;
            if rounding.is_finite() {
                self.bound = (self.bound + ROUNDINGS * rounding).min(MOST.max(self.bound));
            }
        }
        self
    }

    /// Whether the results are close enough.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.distance <= self.bound
    }

    /// The distance as a share of its bound: above 1, or not a number, where it is too large.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.distance / self.bound
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, shapes, distance, bound, found, expected } = self;
        write!(
            formatter,
            "{what} ({shapes}): expected {expected:e}, found {found:e} where they differ most; in all {distance:.1e} from the \
             reference, at most {bound:.0e} is right"
        )
    }
}

/// The root of the sum of squares.
pub(super) fn root_of_squares(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// A device that must not be trained on, or that cannot be checked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceCheckError {
    /// Its results are wrong.
    #[error(
        "device `{backend}` computes wrongly: {deviation}. Training on it would go on and learn something else. `seqjepa devices --check` \
         says which operator it is. Try the environment variable BURN_FUSION_MAX_EXPLORATIONS=0 (kernels that are not fused), then \
         CUBECL_AUTOTUNE_LEVEL=0 (others are chosen), a newer driver, another backend, or a batch size that is a multiple of 16; \
         `run.device_check: off` trains all the same"
    )]
    Wrong {
        /// The backend.
        backend: String,
        /// The worst result.
        deviation: Box<Deviation>,
    },
    /// There is nothing to hold it against.
    #[error(
        "device `{backend}` cannot be checked: this build has no `flex` backend; build with the cargo feature `flex`"
    )]
    NoReference {
        /// The backend.
        backend: String,
    },
    /// The method could not be computed.
    #[error(transparent)]
    Model(#[from] seqjepa_model::ModelError),
    /// The optimizer's step could not be made.
    #[error(transparent)]
    Optimizer(#[from] seqjepa_nn::NnError),
}

/// The device that results are held against, where this build has it.
pub(super) fn reference(backend: &str) -> Result<burn::tensor::Device, DeviceCheckError> {
    #[cfg(feature = "flex")]
    {
        let _ = backend;
        Ok(burn::tensor::Device::flex())
    }
    #[cfg(not(feature = "flex"))]
    Err(DeviceCheckError::NoReference { backend: backend.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(found: &[f32], expected: &[f32], least: f64) -> Deviation {
        Deviation::between(("sum".into(), "[2]".into()), found, expected, (1e-3, least))
    }

    #[test]
    fn distances_are_relative_to_the_reference() {
        let found = between(&[3.0, 4.5], &[3.0, 4.0], 0.0);
        assert_eq!((found.distance, found.found, found.expected), (0.1, 4.5, 4.0));
        assert!(!found.is_within() && found.share() > 99.0);
        assert_eq!(between(&[3.0, 4.5], &[3.0, 4.0], 50.0).distance, 0.01);
        assert!(between(&[0.0, 0.0], &[0.0, 0.0], 0.0).is_within());
        assert!(between(&[3.0, 4.0], &[3.0, 4.0], 0.0).is_within());
    }

    #[test]
    fn what_is_no_number_or_not_there_is_wrong() {
        for found in [&[3.0, f32::NAN][..], &[3.0, -f32::NAN], &[f32::INFINITY, 4.0], &[3.0], &[0.0, 0.0]] {
            let deviation = between(found, &[3.0, 4.0], 0.0);
            assert!(!deviation.is_within(), "{deviation}");
            assert!(deviation.share().total_cmp(&1.0).is_gt(), "{deviation}");
        }
        assert!(between(&[3.0], &[3.0, 4.0], 0.0).to_string().contains("1 values of 2"));
        assert!(!between(&[1.0, 0.0], &[0.0, 0.0], 0.0).is_within());
        assert!(between(&[3.0, f32::NAN], &[3.0, 4.0], 0.0).found.is_nan());
    }

    #[test]
    fn what_rounding_does_is_allowed_for_four_times() {
        let off_by = |tenths: f32| {
            let found = [3.0, 4.0 + tenths / 10.0];
            between(&found, &[3.0, 4.0], 0.0).allowing(Some(&[3.0, 4.1]), &[3.0, 4.0], 0.0)
        };
        assert!(off_by(3.9).is_within() && !off_by(4.2).is_within());
        assert!(!between(&[3.0, 4.1], &[3.0, 4.0], 0.0).allowing(None, &[3.0, 4.0], 0.0).is_within());
        // Zeros are wrong however much rounding does, and so is what the reference does not have.
        for (found, plain, expected) in
            [([0.0, 0.0], [9.0, 9.0], [3.0, 4.0]), ([1.0, 0.0], [1.0, 1.0], [0.0, 0.0])]
        {
            let deviation = between(&found, &expected, 0.0).allowing(Some(&plain), &expected, 0.0);
            assert!(!deviation.is_within(), "{deviation}");
        }
    }

    #[test]
    fn of_few_views_a_term_of_a_gradient_may_be_missing() {
        assert_eq!(Bounds::of_pass(Precision::Full, 1), Bounds::F32);
        let gradient = |views| Bounds::of_pass(Precision::Tf32, views).gradient;
        assert!((gradient(10_000) - 0.03).abs() < 1e-12 && gradient(1) < MOST);
    }

    #[test]
    fn a_message_says_what_both_gave() {
        let error = DeviceCheckError::Wrong {
            backend: "cuda".into(),
            deviation: Box::new(between(&[0.0, 0.0], &[3.0, 4.0], 0.0)),
        };
        let text = error.to_string();
        for part in ["`cuda`", "sum ([2])", "expected 4e0, found 0e0", "device_check: off"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
