use std::path::PathBuf;

use schemars::JsonSchema;
use seqjepa_model::EncoderChoice;
use seqjepa_probes::knn::KnnConfig;
use serde::{Deserialize, Serialize};

use super::error::SettingError;
use super::flag;
use super::kinds::{ProbeOptimizer, ProtocolKind, RegressorKind};

/// What a frozen evaluation measures and how: the section `eval` of a config.
///
/// [`validate`](Self::validate) checks every range, so that nothing is refused after the work has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationSettings {
    /// Observed views that the frozen aggregate sees, M_val. Default 5.
    #[schemars(range(min = 2, max = MAX_VIEWS))]
    pub seq_len: usize,
    /// Protocol `exact` measures top-1 and top-5 for M_val from 1 to this, at least to `seq_len`. Default 8.
    #[schemars(range(min = 1, max = MAX_VIEWS))]
    pub max_seq_len: usize,
    /// How probes are fitted: any of `exact`, `linear`, `paper`. Default: `[exact]`.
    #[schemars(length(min = 1))]
    pub protocols: Option<Vec<ProtocolKind>>,
    /// Adds `linear` or `paper` to `protocols`: the older spelling. Default: none.
    pub regressors: Option<RegressorKind>,
    /// The encoder whose representations are probed. Default `online`.
    pub encoder: EncoderChoice,
    /// Epochs of the probes of `linear` and `paper`. Default 100.
    #[schemars(range(min = 1, max = 100000))]
    pub probe_epochs: usize,
    /// Optimizer of the probes of `linear` and `paper`: `sgd` with momentum 0.9 (published), or `adam` or `adamw`, which no scale of
    /// features makes diverge. Default `sgd`.
    pub probe_optimizer: ProbeOptimizer,
    /// Weight decay of the probes of `linear` and `paper`; biases have none. Default 0.
    #[schemars(range(min = 0))]
    pub probe_weight_decay: f64,
    /// Learning rate of the probes of `linear` and `paper`. Default 0.1.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub probe_lr: f64,
    /// In `linear` and `paper`, shifts and scales each feature to mean 0 and variance 1 over the first training pass. Not
    /// done in the published protocol. SGD at 0.1 diverges on the large features of a model early in training; a probe that
    /// does begins anew at a tenth of the rate, and its figures say so. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub standardize: bool,
    /// Sequences per batch, of feature extraction and of the probes of `linear` and `paper`. Default 128.
    #[schemars(range(min = 1, max = 65536))]
    pub batch_size: usize,
    /// Threads that augment. Default: one per core, at most 8.
    #[schemars(range(min = 0, max = 256))]
    pub num_workers: Option<usize>,
    /// The action space that is probed; only `aug`. Default `aug`.
    #[schemars(extend("enum" = ["aug"]))]
    pub latent_type: String,
    /// The augmentation family that is evaluated; only `aug`. Default `aug`.
    #[schemars(extend("enum" = ["aug"]))]
    pub eval_type: String,
    /// Times the training split is augmented and encoded for `linear` and `paper`; probe epochs cycle through these passes;
    /// fewer cost less. Default: `probe_epochs`, so that every probe epoch sees new views, as published.
    #[schemars(range(min = 1, max = 100000))]
    pub feature_passes: Option<usize>,
    /// Times the training split is augmented and encoded for `exact`, whose probes are fitted to all passes at once.
    /// Default 1.
    #[schemars(range(min = 1, max = 1000))]
    pub exact_passes: usize,
    /// Target views of the same image among which the predicted one is looked for, the true one included. Default 16.
    #[schemars(range(min = 3, max = 256))]
    pub candidates: usize,
    /// Target views of as many images among which the predicted one is looked for, the true one included. Default 256.
    #[schemars(range(min = 2, max = 1048576))]
    pub other_candidates: usize,
    /// Whether classes are also read from the encoder's representation of the clean image: `top1_clean` and so on. Default: for methods whose
    /// invariant representation is of one view, where the data have clean images.
    pub clean_images: Option<bool>,
    /// Temperature of the nearest neighbours' weights: 0.07 is that of instance discrimination (Wu et al. 2018) and of DINO's evaluation,
    /// 0.1 a usual one for monitoring. Default 0.1.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1e6))]
    pub knn_temperature: f64,
    /// Resamples of the test split behind each 95 % interval; 0 leaves the intervals out. Default 1000.
    #[schemars(range(min = 0, max = 1000000))]
    pub bootstrap: usize,
    /// Keeps extracted features on disk while an evaluation goes on, so that one that was cut short finds them; false: in
    /// nameless temporary files. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub cache: bool,
    /// Folder in which extracted features stay, for later evaluations of the same model on the same views. Default: none; they are in
    /// `features` in the run folder or beside the checkpoint, and are removed once the card is written.
    pub cache_dir: Option<PathBuf>,
    /// Size of `cache_dir` in GiB above which the features that were longest unused are removed. Default 16.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1048576))]
    pub cache_limit_gib: f64,
}

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self {
            seq_len: 5,
            max_seq_len: 8,
            protocols: None,
            regressors: None,
            encoder: EncoderChoice::Online,
            probe_epochs: 100,
            probe_optimizer: ProbeOptimizer::Sgd,
            probe_weight_decay: 0.0,
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
            clean_images: None,
            knn_temperature: KnnConfig::MONITORING,
            bootstrap: 1000,
            cache: true,
            cache_dir: None,
            cache_limit_gib: 16.0,
        }
    }
}

impl EvaluationSettings {
    /// Threads of the loader: `num_workers`, or one per core up to 8.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.num_workers.unwrap_or_else(default_workers)
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

    /// Checks every value.
    ///
    /// # Errors
    ///
    /// [`SettingError`] names the first key whose value is out of range.
    pub fn validate(&self) -> Result<(), SettingError> {
        // The regressors read the first two observed views.
        if self.seq_len < 2 {
            let expected = "at least 2 (R2 is read from the views 1 and 2)";
            return Err(SettingError::new("eval.seq_len", expected, self.seq_len));
        }
        if self.views() > MAX_VIEWS {
            let key = if self.seq_len > MAX_VIEWS { "eval.seq_len" } else { "eval.max_seq_len" };
            return Err(SettingError::new(key, format!("at most {MAX_VIEWS}"), self.views()));
        }
        if self.protocols().is_empty() {
            let expected = "at least one of exact, linear, paper";
            return Err(SettingError::new("eval.protocols", expected, "none"));
        }
        for (key, value, least, most) in [
            ("eval.max_seq_len", self.max_seq_len, 1, MAX_VIEWS),
            ("eval.probe_epochs", self.probe_epochs, 1, 100_000),
            ("eval.batch_size", self.batch_size, 1, 1 << 16),
            ("eval.num_workers", self.num_workers.unwrap_or(0), 0, 256),
            ("eval.feature_passes", self.feature_passes.unwrap_or(1), 1, 100_000),
            ("eval.exact_passes", self.exact_passes, 1, 1000),
            // The further candidates are the views of one sequence: at least one observed and the target.
            ("eval.candidates", self.candidates, 3, 256),
            ("eval.other_candidates", self.other_candidates, 2, 1 << 20),
            ("eval.bootstrap", self.bootstrap, 0, 1_000_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(SettingError::new(key, format!("{least} to {most}"), value));
            }
        }
        for (key, value, most) in [
            ("eval.probe_lr", self.probe_lr, f64::MAX),
            ("eval.knn_temperature", self.knn_temperature, 1e6),
            // A pebibyte.
            ("eval.cache_limit_gib", self.cache_limit_gib, (1 << 20) as f64),
        ] {
            if !(value > 0.0 && value <= most) {
                let bound = if most == f64::MAX { String::new() } else { format!(", at most {most}") };
                return Err(SettingError::new(key, format!("a finite number above 0{bound}"), value));
            }
        }
        if !(self.probe_weight_decay >= 0.0 && self.probe_weight_decay.is_finite()) {
            let expected = "a finite number of at least 0";
            return Err(SettingError::new("eval.probe_weight_decay", expected, self.probe_weight_decay));
        }
        for (key, value) in [("eval.latent_type", &self.latent_type), ("eval.eval_type", &self.eval_type)] {
            if value != "aug" {
                return Err(SettingError::new(key, "aug (augmentation parameters)", value));
            }
        }
        Ok(())
    }
}

/// Most observed views of a sequence that is evaluated.
const MAX_VIEWS: usize = 255;

/// One thread per core, at most 8.
fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_exact_unless_something_else_is_asked_for() {
        use ProtocolKind::{Exact, Linear, Paper};
        let with = |protocols: Option<Vec<_>>, regressors| {
            EvaluationSettings { protocols, regressors, ..EvaluationSettings::default() }.protocols()
        };
        assert_eq!(with(None, None), [Exact]);
        assert_eq!(with(None, Some(RegressorKind::Paper)), [Exact, Paper]);
        assert_eq!(with(Some(vec![Linear, Linear]), None), [Linear]);
        assert_eq!(with(Some(vec![Linear]), Some(RegressorKind::Linear)), [Linear]);
    }

    #[test]
    fn values_out_of_range_are_refused_before_any_work() {
        let refused = |change: fn(&mut EvaluationSettings)| {
            let mut settings = EvaluationSettings::default();
            settings.validate().unwrap();
            change(&mut settings);
            settings.validate().unwrap_err().to_string()
        };
        type Change = fn(&mut EvaluationSettings);
        let changes: [(&str, Change); 20] = [
            ("`eval.probe_weight_decay`: expected a finite number of at least 0, found -1", |s| {
                s.probe_weight_decay = -1.0;
            }),
            ("`eval.knn_temperature`: expected a finite number above 0, at most 1000000, found 0", |s| {
                s.knn_temperature = 0.0
            }),
            ("`eval.seq_len`: expected at least 2 (R2 is read from the views 1 and 2), found 1", |s| {
                s.seq_len = 1
            }),
            ("`eval.seq_len`: expected at most 255, found 256", |s| s.seq_len = 256),
            ("`eval.max_seq_len`: expected at most 255, found 256", |s| s.max_seq_len = 256),
            ("`eval.max_seq_len`: expected 1 to 255, found 0", |s| s.max_seq_len = 0),
            ("`eval.protocols`: expected at least one of exact", |s| s.protocols = Some(vec![])),
            ("`eval.probe_epochs`: expected 1 to 100000, found 0", |s| s.probe_epochs = 0),
            ("`eval.batch_size`: expected 1 to 65536, found 0", |s| s.batch_size = 0),
            ("`eval.num_workers`: expected 0 to 256, found 2000", |s| s.num_workers = Some(2000)),
            ("`eval.feature_passes`: expected 1 to", |s| s.feature_passes = Some(0)),
            ("`eval.exact_passes`: expected 1 to 1000, found 1001", |s| s.exact_passes = 1001),
            ("`eval.candidates`: expected 3 to 256, found 2", |s| s.candidates = 2),
            ("`eval.other_candidates`: expected 2 to", |s| s.other_candidates = 1),
            ("`eval.bootstrap`: expected 0 to 1000000, found 9000000000000000000", |s| {
                s.bootstrap = 9_000_000_000_000_000_000;
            }),
            ("`eval.probe_lr`: expected a finite number above 0, found NaN", |s| s.probe_lr = f64::NAN),
            ("`eval.probe_lr`: expected a finite number above 0, found inf", |s| s.probe_lr = f64::INFINITY),
            ("`eval.cache_limit_gib`: expected a finite number above 0", |s| s.cache_limit_gib = 0.0),
            ("`eval.latent_type`: expected aug", |s| s.latent_type = "crop".into()),
            ("`eval.eval_type`: expected aug", |s| s.eval_type = "test".into()),
        ];
        for (message, change) in changes {
            let found = refused(change);
            assert!(found.starts_with(message), "{found}");
        }
    }

    #[test]
    fn flags_are_also_written_as_numbers() {
        let read = |text: &str| serde_json::from_str::<EvaluationSettings>(text);
        assert!(!read(r#"{"cache": 0}"#).unwrap().cache);
        assert!(read(r#"{"standardize": 1}"#).unwrap().standardize);
        assert!(read(r#"{"cache": 2}"#).unwrap_err().to_string().contains("true, false, 1 or 0"));
        assert!(read(r#"{"seqlen": 2}"#).unwrap_err().to_string().contains("unknown field"));
    }
}
