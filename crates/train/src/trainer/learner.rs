//! Everything that learns, and one step of it.

use burn::tensor::Tensor;
use seqjepa_data::SequenceBatch;
use seqjepa_model::DynMethod;
use seqjepa_nn::optimizer::{Optimizer, ParameterGradients};
use seqjepa_nn::{DropoutKey, Precision, Recompute, host};
use seqjepa_probes::ProbeError;
use seqjepa_probes::online::{OnlineProbes, Phase, UpdateError};

use super::passes::{Means, Passes};
use super::replicas::Replicas;
use super::targets::HostTargets;
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
    /// The most sequences that pass the method at once; `None` for all of a batch.
    pub micro_batch: Option<usize>,
    pub precision: Precision,
    pub recompute: Recompute,
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

    /// Forward and backward, the online probes on what the forward passes gave, update, and what the method does after it.
    /// Nothing is read from the device.
    pub(super) fn step(
        &mut self,
        mut batch: SequenceBatch,
        replicas: &mut Replicas,
        settings: StepSettings,
    ) -> Result<HandedStep, TrainError> {
        let targets = HostTargets::of(&mut batch);
        let Passes { means, representations } = replicas.passes(self, batch, settings)?;
        let Means { loss, terms, gradients } = means;
        let gradient = gradients.norm_squared();
        targets.show(&mut self.probes, Phase::Train, representations)?;
        self.update(gradients, replicas, settings)?;
        Ok(HandedStep { loss, terms, gradient, targets })
    }

    /// The same, but loss, gradients and probes are looked at before anything learns from them.
    pub(super) fn checked_step(
        &mut self,
        mut batch: SequenceBatch,
        replicas: &mut Replicas,
        settings: StepSettings,
    ) -> Result<CheckedStep, TrainError> {
        let targets = HostTargets::of(&mut batch);
        // A forward pass moves the running statistics, a NaN included.
        let before = (self.method.clone_box(), self.probes.clone());
        let Passes { means, representations } = replicas.passes(self, batch, settings)?;
        let Means { loss, terms, gradients } = means;
        let loss = host::read_scalar(loss);
        let terms: Vec<_> = terms.into_iter().map(|(name, value)| (name, host::read_scalar(value))).collect();
        let what =
            if loss.is_finite() { not_finite(&gradients) } else { Some(format!("the loss is {loss}")) };
        if let Some(what) = what {
            (self.method, self.probes) = before;
            replicas.forget();
            return Ok(CheckedStep::NotFinite { what, skippable: true, targets });
        }
        targets.show(&mut self.probes, Phase::Train, representations)?;
        match self.probes.flush() {
            Err(UpdateError { cause, .. }) if is_non_finite(&cause) => {
                (self.method, self.probes) = before;
                replicas.forget();
                return Ok(CheckedStep::NotFinite { what: cause.to_string(), skippable: false, targets });
            }
            result => result.map_err(|error| error.cause)?,
        }
        // The update may then work in place.
        drop(before);
        self.update(gradients, replicas, settings)?;
        Ok(CheckedStep::Done { loss, terms, targets })
    }

    fn update(
        &mut self,
        gradients: ParameterGradients,
        replicas: &mut Replicas,
        settings: StepSettings,
    ) -> Result<(), TrainError> {
        self.method.optimizer_step(&mut self.optimizer, settings.learning_rate, gradients)?;
        self.method.after_step(settings.key.step, settings.total_steps);
        replicas.update(settings)
    }
}

/// Whether a probe has met something that is not finite, be it its own doing or the features'.
pub(super) fn is_non_finite(error: &ProbeError) -> bool {
    matches!(error, ProbeError::NonFinite { .. } | ProbeError::Diverged { .. })
}

fn not_finite(gradients: &ParameterGradients) -> Option<String> {
    let names = gradients.non_finite();
    let Some((first, others)) = names.split_first() else {
        // Of values whose squares are too large.
        let norm = gradients.norm();
        return (!norm.is_finite()).then(|| format!("the norm of the gradient is {norm}"));
    };
    Some(match others.len() {
        0 => format!("the gradient of `{first}` is not finite"),
        more => format!("the gradients of `{first}` and {more} more parameters are not finite"),
    })
}
