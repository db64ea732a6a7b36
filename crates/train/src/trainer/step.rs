//! One training step.

use burn::tensor::Device;
use seqjepa_data::SequenceBatch;
use seqjepa_model::{Method, Representations};
use seqjepa_nn::DropoutKey;
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_probes::ProbeError;
use seqjepa_probes::online::{AGGREGATE, FIRST, OnlineProbes, Phase, ProbeInputs, RELATIVE_ACTION, SECOND};

use crate::TrainError;
use crate::batch::sequence_input;

/// What came of a step.
pub(super) enum StepOutcome {
    /// Everything has learnt from the batch.
    Done {
        /// Loss of the batch.
        loss: f64,
    },
    /// The model has not learnt from the batch and is what it was before.
    NotFinite {
        /// What is not finite.
        what: String,
        /// The probes have not learnt from it either.
        skippable: bool,
    },
}

/// Forward, backward, the online probes on what the forward pass gave, update, EMA.
#[expect(clippy::too_many_arguments, reason = "the parts of the trainer, borrowed one by one")]
pub(super) fn train_step<M: Method>(
    place: &mut Option<M>,
    optimizer: &mut Optimizer,
    probes: &mut OnlineProbes,
    batch: &SequenceBatch,
    device: &Device,
    learning_rate: f64,
    key: DropoutKey,
    total_steps: u64,
) -> Result<StepOutcome, TrainError> {
    let method = place.as_ref().expect("the method is only away during a step");
    // A forward pass moves the running statistics, a NaN included. The copy shares every tensor.
    let before = method.clone();
    let output = method.training_forward(sequence_input(batch, device), key)?;
    let loss = f64::from(output.loss.clone().into_scalar::<f32>());
    if !loss.is_finite() {
        *place = Some(before);
        return Ok(StepOutcome::NotFinite { what: format!("the loss is {loss}"), skippable: true });
    }
    let gradients = ParameterGradients::take(&mut output.loss.backward(), method);
    if let Some(what) = not_finite(&gradients) {
        *place = Some(before);
        return Ok(StepOutcome::NotFinite { what, skippable: true });
    }
    match update_probes(probes, Phase::Train, output.representations, batch) {
        Err(TrainError::Probe(error @ (ProbeError::NonFinite { .. } | ProbeError::Diverged { .. }))) => {
            *place = Some(before);
            return Ok(StepOutcome::NotFinite { what: error.to_string(), skippable: false });
        }
        result => result?,
    }
    // The update may then work in place.
    drop(before);
    let method = place.take().expect("it was there at the start of the step");
    let method = optimizer.step(learning_rate, method, gradients)?;
    *place = Some(method.after_step(key.step, total_steps));
    Ok(StepOutcome::Done { loss })
}

fn not_finite(gradients: &ParameterGradients) -> Option<String> {
    let names = gradients.non_finite();
    let (first, others) = names.split_first()?;
    Some(match others.len() {
        0 => format!("the gradient of `{first}` is not finite"),
        more => format!("the gradients of `{first}` and {more} more parameters are not finite"),
    })
}

/// Shows the probes what a forward pass gave; in training they also learn from it.
pub(super) fn update_probes(
    probes: &mut OnlineProbes,
    phase: Phase,
    representations: Representations,
    batch: &SequenceBatch,
) -> Result<(), TrainError> {
    // The relative action from view 1 to view 2: the first of each sequence's rows.
    let parameters = batch.parameter_count();
    let relative: Vec<f32> = batch
        .relative
        .chunks(batch.views() * parameters)
        .flat_map(|rows| &rows[..parameters])
        .copied()
        .collect();
    let inputs = ProbeInputs::new()
        .representation(AGGREGATE, representations.aggregate)
        .representation(FIRST, representations.first)
        .representation(SECOND, representations.second)
        .labels(&batch.labels)
        .values(RELATIVE_ACTION, &relative);
    probes.update(phase, &inputs)?;
    Ok(())
}
