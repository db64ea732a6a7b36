//! Everything that learns, and one step of it.

use burn::tensor::Tensor;
use seqjepa_model::DynMethod;
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_nn::{DropoutKey, host};
use seqjepa_probes::ProbeError;
use seqjepa_probes::online::{OnlineProbes, Phase, UpdateError};

use super::uploaded::{HostTargets, Uploaded};
use crate::error::TrainError;

/// The method, its optimizer and the online probes.
#[derive(Debug)]
pub(super) struct Learner {
    pub method: Box<dyn DynMethod>,
    pub optimizer: Optimizer,
    pub probes: OnlineProbes,
}

/// What a step depends on beside the state and the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepSettings {
    pub learning_rate: f64,
    pub key: DropoutKey,
    pub total_steps: u64,
}

/// A step that has been handed to the device.
#[derive(Debug)]
pub(super) struct HandedStep {
    /// `[1]`
    pub loss: Tensor<1>,
    /// `[1]` each.
    pub terms: Vec<(&'static str, Tensor<1>)>,
    /// Squared norm of all gradients, `[1]`: not finite if one of them is not. `None` without gradients.
    pub gradient: Option<Tensor<1>>,
    pub targets: HostTargets,
}

/// What came of a step that was looked at.
#[derive(Debug)]
pub(super) enum CheckedStep {
    /// Everything has learnt from the batch.
    Done { loss: f64, terms: Vec<(&'static str, f64)>, targets: HostTargets },
    /// Nothing has, and everything is what it was before.
    NotFinite { what: String, skippable: bool, targets: HostTargets },
}

impl Learner {
    /// The same state; it shares every tensor.
    pub(super) fn snapshot(&self) -> Self {
        Self {
            method: self.method.clone_box(),
            optimizer: self.optimizer.clone(),
            probes: self.probes.clone(),
        }
    }

    /// Forward, backward, the online probes on what the forward pass gave, update, and what the method does after it.
    /// Nothing is read from the device.
    pub(super) fn step(&mut self, batch: Uploaded, settings: StepSettings) -> Result<HandedStep, TrainError> {
        let Uploaded { input, targets } = batch;
        let output = self.method.training_forward(input, settings.key)?;
        let loss = output.loss.clone().inner();
        let terms = output.terms.into_iter().map(|term| (term.name, term.value.inner())).collect();
        let gradients = self.method.take_gradients(&mut output.loss.backward());
        let gradient = gradients.norm_squared();
        targets.show(&mut self.probes, Phase::Train, output.representations)?;
        self.update(gradients, settings)?;
        Ok(HandedStep { loss, terms, gradient, targets })
    }

    /// The same, but loss, gradients and probes are looked at before anything learns from them.
    pub(super) fn checked_step(
        &mut self,
        batch: Uploaded,
        settings: StepSettings,
    ) -> Result<CheckedStep, TrainError> {
        let Uploaded { input, targets } = batch;
        // A forward pass moves the running statistics, a NaN included.
        let before = (self.method.clone_box(), self.probes.clone());
        let output = self.method.training_forward(input, settings.key)?;
        let loss = host::read_scalar(output.loss.clone().inner());
        let terms: Vec<_> =
            output.terms.into_iter().map(|term| (term.name, host::read_scalar(term.value.inner()))).collect();
        if !loss.is_finite() {
            (self.method, self.probes) = before;
            return Ok(CheckedStep::NotFinite {
                what: format!("the loss is {loss}"),
                skippable: true,
                targets,
            });
        }
        let gradients = self.method.take_gradients(&mut output.loss.backward());
        if let Some(what) = not_finite(&gradients) {
            (self.method, self.probes) = before;
            return Ok(CheckedStep::NotFinite { what, skippable: true, targets });
        }
        targets.show(&mut self.probes, Phase::Train, output.representations)?;
        match self.probes.flush() {
            Err(UpdateError { cause, .. }) if is_non_finite(&cause) => {
                (self.method, self.probes) = before;
                return Ok(CheckedStep::NotFinite { what: cause.to_string(), skippable: false, targets });
            }
            result => result.map_err(|error| error.cause)?,
        }
        // The update may then work in place.
        drop(before);
        self.update(gradients, settings)?;
        Ok(CheckedStep::Done { loss, terms, targets })
    }

    fn update(&mut self, gradients: ParameterGradients, settings: StepSettings) -> Result<(), TrainError> {
        self.method.optimizer_step(&mut self.optimizer, settings.learning_rate, gradients)?;
        self.method.after_step(settings.key.step, settings.total_steps);
        Ok(())
    }
}

/// Whether a probe has met something that is not finite, be it its own doing or the features'.
pub(super) fn is_non_finite(error: &ProbeError) -> bool {
    matches!(error, ProbeError::NonFinite { .. } | ProbeError::Diverged { .. })
}

fn not_finite(gradients: &ParameterGradients) -> Option<String> {
    let names = gradients.non_finite();
    let (first, others) = names.split_first()?;
    Some(match others.len() {
        0 => format!("the gradient of `{first}` is not finite"),
        more => format!("the gradients of `{first}` and {more} more parameters are not finite"),
    })
}
