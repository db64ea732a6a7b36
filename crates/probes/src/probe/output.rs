//! What came out of one batch.

use burn::tensor::{Int, Tensor};
use seqjepa_nn::host;

/// What came out of one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeOutput {
    /// Mean loss over the batch.
    pub loss: f64,
    /// Logits or values, `[samples, outputs]`, row-major.
    pub predictions: Vec<f32>,
}

/// What came out of one batch, still on the device and not yet known to be finite.
#[derive(Clone, Debug)]
pub struct DeviceOutput {
    /// Mean loss over the batch, `[1]`, outside autodiff.
    pub loss: Tensor<1>,
    /// Logits or values, `[samples, outputs]`, outside autodiff.
    pub predictions: Tensor<2>,
    pub(super) features: Tensor<2>,
}

impl DeviceOutput {
    /// Whether the features that it was made of are finite, `[1]`: 0 if they all are, otherwise NaN.
    #[must_use]
    pub fn features_are_finite(&self) -> Tensor<1> {
        zero_if_finite(self.features.clone())
    }

    /// Brings it to the host in one transfer, with whether the features are finite. The output is absent if they, the
    /// loss or the predictions are not.
    pub(super) fn read(self) -> (Option<ProbeOutput>, bool) {
        let features = self.features_are_finite();
        let mut parts = host::read_all(vec![self.loss, features, self.predictions.flatten(0, 1)]).into_iter();
        let mut next = || parts.next().expect("three tensors were read");
        let (loss, features_are_finite, predictions) = (f64::from(next()[0]), next()[0] == 0.0, next());
        let finite =
            features_are_finite && loss.is_finite() && predictions.iter().all(|value| value.is_finite());
        (finite.then_some(ProbeOutput { loss, predictions }), features_are_finite)
    }
}

/// Rows of `scores`, `[samples, classes]`, whose highest score is that of their label, `[samples, 1]`; among equal
/// scores the lower class counts as the higher. `[1]`; NaN if a score is not finite. Exact up to 2^24 samples.
pub(crate) fn hits(scores: Tensor<2>, labels: Tensor<2, Int>) -> Tensor<1> {
    let classes = i64::try_from(scores.dims()[1]).expect("the number of classes was an i64 before");
    let lower_class =
        Tensor::<1, Int>::arange(0..classes, &scores.device()).unsqueeze::<2>().lower(labels.clone());
    let own = scores.clone().gather(1, labels);
    let ties = scores.clone().equal(own.clone()).bool_and(lower_class);
    let before = scores.clone().greater(own).bool_or(ties);
    before.any_dim(1).bool_not().float().sum() + zero_if_finite(scores)
}

/// Nothing times zero is zero, but for what is not finite: `[1]`, otherwise NaN.
fn zero_if_finite(values: Tensor<2>) -> Tensor<1> {
    values.mul_scalar(0.0).sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::rank;

    fn on_device(scores: &[f32], classes: usize, labels: &[u32]) -> f32 {
        let device = Device::flex();
        let labels: Vec<i64> = labels.iter().map(|label| i64::from(*label)).collect();
        let samples = labels.len();
        let scores = Tensor::from_data(TensorData::new(scores.to_vec(), [samples, classes]), &device);
        host::read(hits(scores, Tensor::from_data(TensorData::new(labels, [samples, 1]), &device)))[0]
    }

    proptest! {
        /// Few different scores, so that most rows have ties.
        #[test]
        fn hits_are_first_ranks(
            (classes, rows) in (1usize..6).prop_flat_map(|classes| {
                let row = (prop::collection::vec(-1i8..2, classes), 0..classes as u32);
                (Just(classes), prop::collection::vec(row, 1..20))
            })
        ) {
            let scores: Vec<f32> = rows.iter().flat_map(|(scores, _)| scores.iter().map(|s| f32::from(*s))).collect();
            let labels: Vec<u32> = rows.iter().map(|(_, label)| *label).collect();
            let first = |(row, label): &(&[f32], &u32)| rank(row, **label as usize) == 0;
            let expected = scores.chunks_exact(classes).zip(&labels).filter(first).count();
            prop_assert_eq!(on_device(&scores, classes, &labels), expected as f32);
        }
    }

    #[test]
    fn scores_that_are_not_finite_have_no_hits() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(on_device(&[1.0, 0.0, bad, 0.0], 2, &[0, 1]).is_nan());
        }
        // Finite, though their sum is not.
        assert_eq!(on_device(&[f32::MAX, f32::MAX], 2, &[0]), 1.0);
    }
}
