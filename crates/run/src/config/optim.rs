use serde::{Deserialize, Serialize};

use super::{invalid, non_negative, positive, within};
use crate::TrainError;

/// `optim`: the model's optimizer and schedule, and the learning rate of the online probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimConfig {
    /// `adam`, `adamw` or `sgd`, each with PyTorch's defaults. Default `adam`.
    pub name: OptimizerKind,
    /// Learning rate. Default 1e-3.
    pub lr: f64,
    /// Learning rate that the cosine schedule ends at. Default: `lr`, as in the published code.
    pub min_lr: Option<f64>,
    /// Epochs of linear warm-up, `lr * (epoch + 1) / warmup_epochs`; read by the cosine schedule. Default 0.
    pub warmup_epochs: usize,
    /// Weight decay: decoupled for AdamW, added to the gradient for Adam and SGD. Default 0.
    pub weight_decay: f64,
    /// Momentum of SGD. Default 0.9.
    pub momentum: f64,
    /// `constant`, or `cosine` with warm-up; the rate is set once an epoch. Default `constant`.
    pub scheduler: SchedulerKind,
    /// Learning rate of the online probes, constant; each has an Adam of its own. Default 1e-3.
    pub probe_lr: f64,
    /// Width of the two hidden layers of the online regression probe. Default 1024.
    pub probe_hidden: usize,
}

/// Which optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam.
    #[default]
    #[serde(alias = "Adam")]
    Adam,
    /// Adam with decoupled weight decay.
    #[serde(alias = "AdamW")]
    AdamW,
    /// Stochastic gradient descent with momentum.
    #[serde(alias = "SGD")]
    Sgd,
}

/// Which learning-rate schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchedulerKind {
    /// `lr` throughout.
    #[default]
    Constant,
    /// Linear warm-up, then half a cosine down to `min_lr`.
    Cosine,
}

impl Default for OptimConfig {
    fn default() -> Self {
        Self {
            name: OptimizerKind::Adam,
            lr: 1e-3,
            min_lr: None,
            warmup_epochs: 0,
            weight_decay: 0.0,
            momentum: 0.9,
            scheduler: SchedulerKind::Constant,
            probe_lr: 1e-3,
            probe_hidden: 1024,
        }
    }
}

impl OptimConfig {
    pub(super) fn validate(&self, epochs: usize) -> Result<(), TrainError> {
        positive("optim.lr", self.lr)?;
        positive("optim.probe_lr", self.probe_lr)?;
        within("optim.probe_hidden", self.probe_hidden, 1 << 16)?;
        non_negative("optim.weight_decay", self.weight_decay)?;
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(invalid("optim.momentum", "at least 0 and below 1", self.momentum));
        }
        if let Some(min_lr) = self.min_lr {
            non_negative("optim.min_lr", min_lr)?;
            if min_lr > self.lr {
                return Err(invalid("optim.min_lr", format!("at most optim.lr = {}", self.lr), min_lr));
            }
        }
        if self.warmup_epochs > 0 && self.scheduler == SchedulerKind::Constant {
            return Err(invalid(
                "optim.warmup_epochs",
                "0 with the constant scheduler (warm-up belongs to `scheduler: cosine`)",
                self.warmup_epochs,
            ));
        }
        if self.warmup_epochs > epochs {
            return Err(invalid(
                "optim.warmup_epochs",
                format!("at most run.epochs = {epochs}"),
                self.warmup_epochs,
            ));
        }
        Ok(())
    }
}
