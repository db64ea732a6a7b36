//! What one probe has scored in one phase of the current epoch.

use super::queue;
use super::spec::MetricNames;
use crate::error::InputError;
use crate::metrics::{Mean, Metrics, R2, TopK};
use crate::probe::Task;

#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    loss: Mean,
    score: Score,
}

#[derive(Clone, Debug)]
enum Score {
    Accuracy(TopK),
    R2(R2),
}

impl Accumulator {
    pub(super) fn new(task: Task) -> Result<Self, InputError> {
        let score = match task {
            Task::Classification { .. } => Score::Accuracy(TopK::new(&[1])?),
            Task::Regression { outputs } => Score::R2(R2::new(outputs)),
        };
        Ok(Self { loss: Mean::new(), score })
    }

    /// Takes in what a probe made of a batch, all of it finite.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of samples, which the caller has found finite"
    )]
    pub(super) fn update(&mut self, loss: f64, score: &queue::Score) -> Result<(), InputError> {
        match (&mut self.score, score) {
            (Score::Accuracy(top), queue::Score::Hits { hits, samples }) => {
                top.count(*samples, &[*hits as u64]);
            }
            (Score::R2(r2), queue::Score::Predictions { predictions, targets }) => {
                r2.update(predictions, targets)?;
            }
            _ => unreachable!("the probe has checked the kind of its targets"),
        }
        self.loss.update(loss);
        Ok(())
    }

    /// Adds the figures of this phase under their names; undefined ones stay away.
    pub(super) fn report(&self, names: &MetricNames, phase: &str, metrics: &mut Metrics) {
        match &self.score {
            Score::Accuracy(top) => {
                if let Some(accuracy) = top.value(1) {
                    metrics.insert(format!("{}_{phase}", names.score), 100.0 * accuracy);
                }
            }
            Score::R2(r2) => {
                if let Some(score) = r2.value() {
                    metrics.insert(format!("{}_{phase}", names.score), score.mean());
                    for group in &names.groups {
                        let value = score.mean_of(group.range.clone());
                        metrics.insert(format!("{}_{}_{phase}", names.score, group.name), value);
                    }
                }
            }
        }
        if let Some(loss) = self.loss.value() {
            metrics.insert(format!("{}_{phase}", names.loss), loss);
        }
    }

    /// The accumulated numbers: those of the loss, then those of the score.
    pub(super) fn to_values(&self) -> Vec<f64> {
        let mut values = self.loss.to_values();
        values.extend(match &self.score {
            Score::Accuracy(top) => top.to_values(),
            Score::R2(r2) => r2.to_values(),
        });
        values
    }

    /// Takes over what [`to_values`](Self::to_values) returned, or nothing if it does not fit.
    pub(super) fn set_values(&mut self, values: &[f64]) -> Option<()> {
        let loss_values = self.loss.to_values().len();
        let (loss, score) = values.split_at_checked(loss_values)?;
        let loss = Mean::from_values(loss)?;
        match &mut self.score {
            Score::Accuracy(top) => top.set_values(score)?,
            Score::R2(r2) => r2.set_values(score)?,
        }
        self.loss = loss;
        Some(())
    }
}
