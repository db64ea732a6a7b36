//! Steps that were handed to the device and have not been looked at.

use seqjepa_nn::host;

use super::learner::{HandedStep, Learner};

/// One of them.
#[derive(Debug)]
pub(super) struct PendingStep {
    /// Steps done before it.
    pub step: u64,
    /// Batch of the epoch, from 0.
    pub batch: usize,
    pub learning_rate: f64,
    pub handed: HandedStep,
}

/// Those since the last look, and the state before the first of them.
#[derive(Debug, Default)]
pub(super) struct Pending {
    steps: Vec<PendingStep>,
    before: Option<Learner>,
}

/// What a step turned out to be.
#[derive(Debug)]
pub(super) struct StepFigures {
    pub step: PendingStep,
    pub loss: f64,
    pub terms: Vec<(&'static str, f64)>,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Keeps the state before the first step. The copy shares every tensor: what it costs is one update of the
    /// parameters that does not work in place.
    pub(super) fn begin(&mut self, learner: &Learner) {
        self.before.get_or_insert_with(|| learner.snapshot());
    }

    pub(super) fn push(&mut self, step: PendingStep) {
        self.steps.push(step);
    }

    /// Takes everything out: the state before, and the steps with their figures, all read in one transfer. Whether every
    /// loss and gradient is finite.
    pub(super) fn read(&mut self) -> Option<(Learner, Vec<StepFigures>, bool)> {
        let steps = std::mem::take(&mut self.steps);
        let before = self.before.take()?;
        let tensors = steps.iter().flat_map(|step| {
            let HandedStep { loss, gradient, terms, .. } = &step.handed;
            let terms = terms.iter().map(|(_, value)| value.clone());
            [loss.clone()].into_iter().chain(gradient.clone()).chain(terms)
        });
        let mut values = host::read_all(tensors.collect()).into_iter().map(|value| f64::from(value[0]));
        let mut next = || values.next().expect("every tensor has come back");
        let mut finite = true;
        let figures = steps.into_iter().map(|step| {
            let loss = next();
            finite &= loss.is_finite() && step.handed.gradient.as_ref().is_none_or(|_| next().is_finite());
            let terms = step.handed.terms.iter().map(|(name, _)| (*name, next())).collect();
            StepFigures { step, loss, terms }
        });
        let figures = figures.collect();
        Some((before, figures, finite))
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
