//! Forward and backward over what one device has of a batch.

use burn::tensor::Tensor;
use seqjepa_model::{DynMethod, Representations};
use seqjepa_nn::optimizer::ParameterGradients;

use super::learner::StepSettings;
use super::micro_batches::{MicroBatch, MicroBatches, joined, weighted};
use crate::error::TrainError;

/// What the passes over a batch gave.
#[derive(Debug)]
pub(super) struct Passes {
    pub means: Means,
    pub representations: Representations,
}

/// Means over the batch, or what of them the micro-batches so far add up to.
#[derive(Debug)]
pub(super) struct Means {
    /// `[1]`
    pub loss: Tensor<1>,
    /// `[1]` each.
    pub terms: Vec<(&'static str, Tensor<1>)>,
    pub gradients: ParameterGradients,
}

impl Means {
    fn add(mut self, other: Self) -> Self {
        self.gradients.accumulate(other.gradients);
        let pairs = self.terms.into_iter().zip(other.terms);
        Self {
            loss: self.loss + other.loss,
            terms: pairs.map(|((name, sum), (_, value))| (name, sum + value)).collect(),
            gradients: self.gradients,
        }
    }
}

/// Forward and backward of every micro-batch, each with its share of the batch's sequences.
pub(super) fn passes(
    method: &dyn DynMethod,
    parts: MicroBatches,
    settings: StepSettings,
) -> Result<Passes, TrainError> {
    let mut means: Option<Means> = None;
    let mut representations = Vec::new();
    for part in parts {
        let MicroBatch { input, index, share, .. } = part?;
        let key = settings.key.micro_batch(index);
        let forward = || settings.precision.within(|| method.training_forward(input, key));
        let (output, recording) = settings.recompute.record(forward);
        let output = output?;
        representations.push(output.representations);
        let loss = weighted(output.loss, share);
        let terms = output.terms.into_iter();
        let terms = terms.map(|term| (term.name, weighted(term.value.inner(), share))).collect();
        let value = loss.clone().inner();
        let mut gradients = ParameterGradients::default();
        recording.backward(loss, |part| gradients.accumulate(method.take_gradients(part)));
        let part = Means { loss: value, terms, gradients };
        means = Some(match means {
            None => part,
            Some(sum) => sum.add(part),
        });
    }
    let means = means.expect("a batch has a sequence");
    Ok(Passes { means, representations: joined(representations) })
}
