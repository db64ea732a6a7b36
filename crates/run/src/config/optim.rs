use schemars::JsonSchema;
use seqjepa_evaluation::settings::flag;
use serde::{Deserialize, Serialize};

use seqjepa_train::ScheduleUnit;

use super::error::{ConfigError, between, invalid, positive_to, within};

/// `optim`: the model's optimizer and schedule, and the learning rate of the online probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptimConfig {
    /// `adam`, `adamw` or `sgd`, each with PyTorch's defaults, or `lars`, which leaves one-dimensional parameters to plain
    /// SGD. Default `adam`.
    pub name: OptimizerKind,
    /// Learning rate. Default 0.001.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = LARGEST))]
    pub lr: f64,
    /// Learning rate that the cosine schedule ends at, at most `lr`. Default: `lr`, as in the published code.
    #[schemars(range(min = 0, max = LARGEST))]
    pub min_lr: Option<f64>,
    /// Epochs of linear warm-up, at most `run.epochs`: `lr (t + 1) / warmup_epochs` of `cosine`, `warmup_start + (lr -
    /// warmup_start) t / warmup_epochs` of `warmup`. Default 0.
    #[schemars(range(min = 0, max = 1000000))]
    pub warmup_epochs: usize,
    /// Learning rate that the warm-up of `scheduler: warmup` starts at. Default 0.
    #[schemars(range(min = 0, max = LARGEST))]
    pub warmup_start: f64,
    /// Weight decay: decoupled for AdamW, added to the gradient for Adam, SGD and LARS. Default 0.
    #[schemars(range(min = 0, max = LARGEST))]
    pub weight_decay: f64,
    /// Whether biases and the gains of norms take weight decay too, as in PyTorch's optimizers with one group. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub decay_one_dimensional: bool,
    /// Momentum of SGD and LARS. Default 0.9.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub momentum: f64,
    /// Trust coefficient of LARS. Default 0.001.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = LARGEST))]
    pub trust_coefficient: f64,
    /// `constant`; `cosine`, a warm-up, then half a cosine down to `min_lr`; or `warmup`, a warm-up from `warmup_start`, then
    /// constant. Default `constant`.
    pub scheduler: SchedulerKind,
    /// What `t` counts: the rate is set once an `epoch` (published) or once a `step`. Default `epoch`.
    pub schedule_by: ScheduleUnit,
    /// Learning rate of the online probes, constant; each has an Adam of its own. Default 0.001.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = LARGEST))]
    pub probe_lr: f64,
    /// Width of the two hidden layers of the online regression probe. Default 1024.
    #[schemars(range(min = 1, max = 65536))]
    pub probe_hidden: usize,
}

/// Which optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Layer-wise adaptive rate scaling.
    #[serde(alias = "LARS")]
    Lars,
}

/// Which learning-rate schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SchedulerKind {
    /// `lr` throughout.
    #[default]
    Constant,
    /// Linear warm-up, then half a cosine down to `min_lr`.
    Cosine,
    /// Linear warm-up from `warmup_start`, then `lr`: what the published code does.
    Warmup,
}

impl Default for OptimConfig {
    fn default() -> Self {
        Self {
            name: OptimizerKind::Adam,
            lr: 1e-3,
            min_lr: None,
            warmup_epochs: 0,
            warmup_start: 0.0,
            weight_decay: 0.0,
            decay_one_dimensional: true,
            momentum: 0.9,
            trust_coefficient: 1e-3,
            scheduler: SchedulerKind::Constant,
            schedule_by: ScheduleUnit::Epoch,
            probe_lr: 1e-3,
            probe_hidden: 1024,
        }
    }
}

/// Beyond, 32-bit floats, in which steps are made, have no number.
const LARGEST: f64 = 1e38;

impl OptimConfig {
    pub(super) fn validate(&self, epochs: usize) -> Result<(), ConfigError> {
        positive_to("optim.lr", self.lr, LARGEST)?;
        positive_to("optim.probe_lr", self.probe_lr, LARGEST)?;
        within("optim.probe_hidden", self.probe_hidden, 1 << 16)?;
        between("optim.weight_decay", self.weight_decay, 0.0, LARGEST)?;
        between("optim.warmup_start", self.warmup_start, 0.0, LARGEST)?;
        positive_to("optim.trust_coefficient", self.trust_coefficient, LARGEST)?;
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(invalid("optim.momentum", "at least 0 and below 1", self.momentum));
        }
        if let Some(min_lr) = self.min_lr {
            between("optim.min_lr", min_lr, 0.0, LARGEST)?;
            if min_lr > self.lr {
                return Err(invalid("optim.min_lr", format!("at most optim.lr = {}", self.lr), min_lr));
            }
        }
        if self.warmup_epochs > 0 && self.scheduler == SchedulerKind::Constant {
            return Err(invalid(
                "optim.warmup_epochs",
                "0 with the constant scheduler (warm-up belongs to `scheduler: cosine` and `warmup`)",
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
