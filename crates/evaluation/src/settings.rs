use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{at_least_one, flag, invalid, positive, within};
use crate::TrainError;

/// `eval`: the frozen evaluation of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalConfig {
    /// Observed views that the aggregate sees, M_val. Default 5.
    pub seq_len: usize,
    /// Top-1 and top-5 are measured for M_val from 1 to this (at least to `seq_len`). Default 8.
    pub max_seq_len: usize,
    /// How probes are fitted: any of `exact`, `linear`, `paper`. Default `[exact]`.
    pub protocols: Option<Vec<ProtocolKind>>,
    /// Adds `linear` or `paper` to `protocols`: the older spelling. Default: none.
    pub regressors: Option<RegressorKind>,
    /// The encoder whose representations are probed. Default `online`.
    pub encoder: EncoderChoice,
    /// Epochs of the probes of `linear` and `paper`. Default 100.
    pub probe_epochs: usize,
    /// Optimizer of the probes of `linear` and `paper`: `sgd` with momentum 0.9 (published), or `adam`, which no scale of
    /// features makes diverge. Default `sgd`.
    pub probe_optimizer: ProbeOptimizer,
    /// Learning rate of the probes of `linear` and `paper`. Default 0.1.
    pub probe_lr: f64,
    /// In `linear` and `paper`, shifts and scales each feature to mean 0 and variance 1 over the first training pass. Not
    /// done in the published protocol, but SGD at 0.1 diverges on the large features of a model early in training.
    /// Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    pub standardize: bool,
    /// Sequences per batch, of feature extraction and of the probes of `linear` and `paper`. Default 128.
    pub batch_size: usize,
    /// Threads that augment. Default: one per core, at most 8.
    pub num_workers: Option<usize>,
    /// The action space that is probed; only `aug`.
    pub latent_type: String,
    /// The augmentation family that is evaluated; only `aug`.
    pub eval_type: String,
    /// Times the training split is augmented and encoded for `linear` and `paper`; probe epochs cycle through these
    /// passes. Default: `probe_epochs`, so that every probe epoch sees new views, as published; fewer cost less.
    pub feature_passes: Option<usize>,
    /// Times the training split is augmented and encoded for `exact`, whose probes are fitted to all passes at once.
    /// Default 1.
    pub exact_passes: usize,
    /// Target views of the same image among which the predicted one is looked for, the true one included. Default 16.
    pub candidates: usize,
    /// Target views of as many images among which the predicted one is looked for, the true one included. Default 256.
    pub other_candidates: usize,
    /// Resamples of the test split behind each 95 % interval; 0 leaves the intervals out. Default 1000.
    pub bootstrap: usize,
    /// Keeps extracted features on disk, for the next evaluation of the same model on the same views. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    pub cache: bool,
    /// Folder of the kept features. Default: `features` in the run folder, or beside the checkpoint.
    pub cache_dir: Option<PathBuf>,
    /// Size of that folder in GiB above which the features that were longest unused are removed. Default 16.
    pub cache_limit_gib: f64,
}

/// How the frozen probes are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProtocolKind {
    /// Ridge regression in closed form and multinomial logistic regression to convergence, in f64.
    Exact,
    /// Linear probes by gradient descent, as published.
    Linear,
    /// As `linear`, but crop and jitter through an MLP 2D-1024-1024-4 (the paper's).
    Paper,
}

impl ProtocolKind {
    /// Its name in configs, tables and cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Linear => "linear",
            Self::Paper => "paper",
        }
    }
}

/// Which of the model's encoders is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderChoice {
    /// The one that is trained by gradients.
    #[default]
    Online,
    /// Its moving average.
    Target,
}

impl EncoderChoice {
    /// Its name in configs, tables and cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Target => "target",
        }
    }
}

/// The optimizer of the frozen probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeOptimizer {
    /// SGD with momentum 0.9 (the published protocols).
    #[default]
    Sgd,
    /// Adam with PyTorch's defaults.
    Adam,
}

/// A protocol by gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegressorKind {
    /// [`ProtocolKind::Linear`].
    Linear,
    /// [`ProtocolKind::Paper`].
    Paper,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self {
            seq_len: 5,
            max_seq_len: 8,
            protocols: None,
            regressors: None,
            encoder: EncoderChoice::Online,
            probe_epochs: 100,
            probe_optimizer: ProbeOptimizer::Sgd,
            probe_lr: 0.1,
            standardize: false,
            batch_size: 128,
            num_workers: None,
            latent_type: "aug".into(),
            eval_type: "aug".into(),
            feature_passes: None,
            exact_passes: 1,
            candidates: 16,
            other_candidates: 256,
            bootstrap: 1000,
            cache: true,
            cache_dir: None,
            cache_limit_gib: 16.0,
        }
    }
}

impl EvalConfig {
    /// Threads of the loader: `num_workers`, or one per core up to 8.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.num_workers.unwrap_or_else(super::dataset::default_workers)
    }

    /// Passes of augmented features over the training split in the protocols by gradient descent.
    #[must_use]
    pub fn passes(&self) -> usize {
        self.feature_passes.unwrap_or(self.probe_epochs).min(self.probe_epochs)
    }

    /// Observed views of the sequences that are encoded: the largest M_val.
    #[must_use]
    pub fn views(&self) -> usize {
        self.max_seq_len.max(self.seq_len)
    }

    /// The protocols to run, each once, in the order given.
    #[must_use]
    pub fn protocols(&self) -> Vec<ProtocolKind> {
        let older = self.regressors.map(|regressors| match regressors {
            RegressorKind::Linear => ProtocolKind::Linear,
            RegressorKind::Paper => ProtocolKind::Paper,
        });
        let mut chosen = Vec::new();
        for protocol in self.protocols.iter().flatten().copied().chain(older) {
            if !chosen.contains(&protocol) {
                chosen.push(protocol);
            }
        }
        if self.protocols.is_none() {
            chosen.insert(0, ProtocolKind::Exact);
        }
        chosen
    }

    pub(super) fn validate(&self) -> Result<(), TrainError> {
        // The regressors read the first two observed views.
        if self.seq_len < 2 {
            return Err(invalid(
                "eval.seq_len",
                "at least 2 (R2 is read from the views 1 and 2)",
                self.seq_len,
            ));
        }
        if self.views() > 255 {
            return Err(invalid("eval.max_seq_len", "at most 255", self.views()));
        }
        at_least_one("eval.max_seq_len", self.max_seq_len)?;
        if self.protocols().is_empty() {
            return Err(invalid("eval.protocols", "at least one of exact, linear, paper", "none"));
        }
        at_least_one("eval.probe_epochs", self.probe_epochs)?;
        positive("eval.probe_lr", self.probe_lr)?;
        within("eval.batch_size", self.batch_size, 1 << 16)?;
        at_least_one("eval.feature_passes", self.feature_passes.unwrap_or(1))?;
        at_least_one("eval.exact_passes", self.exact_passes)?;
        // The further candidates are the views of one sequence: at least one observed and the target.
        if !(3..=256).contains(&self.candidates) {
            return Err(invalid("eval.candidates", "3 to 256", self.candidates));
        }
        if self.other_candidates < 2 {
            return Err(invalid("eval.other_candidates", "at least 2", self.other_candidates));
        }
        positive("eval.cache_limit_gib", self.cache_limit_gib)?;
        for (key, value) in [("eval.latent_type", &self.latent_type), ("eval.eval_type", &self.eval_type)] {
            if value != "aug" {
                return Err(invalid(key, "aug (augmentation parameters)", value));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_exact_unless_something_else_is_asked_for() {
        use ProtocolKind::{Exact, Linear, Paper};
        let with = |protocols: Option<Vec<_>>, regressors| {
            EvalConfig { protocols, regressors, ..EvalConfig::default() }.protocols()
        };
        assert_eq!(with(None, None), [Exact]);
        assert_eq!(with(None, Some(RegressorKind::Paper)), [Exact, Paper]);
        assert_eq!(with(Some(vec![Linear, Linear]), None), [Linear]);
        assert_eq!(with(Some(vec![Linear]), Some(RegressorKind::Linear)), [Linear]);
        assert!(EvalConfig { protocols: Some(vec![]), ..EvalConfig::default() }.validate().is_err());
    }
}
