//! The result card: every figure with all that a reader must know to compare it.

use std::path::{Path, PathBuf};

use seqjepa_nn::optimizer::OptimizerConfig;
use serde::{Deserialize, Serialize};

use super::cache::CacheUsage;
use super::diagnose::DiagnosticsRecord;
use crate::TrainError;
use crate::config::{Config, EncoderChoice, ProtocolKind};
use crate::run_folder::write_atomically;

/// Version of the card's layout.
const FORMAT: u32 = 1;

/// The frozen figures of a model beside those of the model as initialised, and the paper's.
///
/// Written as JSON: `evaluation.json` in a run folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultCard {
    /// Version of the card's layout.
    pub format: u32,
    /// The code that measured.
    pub code: CodeVersion,
    /// The model that was measured.
    pub model: ModelRecord,
    /// The images it was measured on.
    pub data: DataRecord,
    /// The encoder whose representations were probed.
    pub encoder: EncoderChoice,
    /// The backend and device.
    pub device: String,
    /// Every figure.
    pub figures: Vec<Figure>,
    /// The collapse diagnostics of the trained model and of the model as initialised.
    pub diagnostics: Diagnosed,
    /// The whole config, defaults included.
    pub config: Config,
    /// How often features came from the cache. No part of the file.
    #[serde(skip)]
    pub cache: CacheUsage,
}

/// The code that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeVersion {
    /// Version of this project.
    pub version: String,
    /// The git commit it was built from, with `-dirty` behind it if sources were changed; absent in a build outside git.
    pub commit: Option<String>,
}

impl CodeVersion {
    /// The running program's.
    #[must_use]
    pub fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: option_env!("SEQJEPA_COMMIT").map(str::to_owned),
        }
    }
}

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOrigin {
    /// How it came here.
    pub source: ModelSource,
    /// The checkpoint, where there is one.
    pub path: Option<PathBuf>,
    /// SHA-256 of that file.
    pub file_sha256: Option<String>,
    /// Epochs that it was trained, where that is known.
    pub epochs: Option<usize>,
    /// Optimizer steps that it was trained, where that is known.
    pub steps: Option<u64>,
    /// Whether its target encoder, where the config has one, was trained too: an imported file may lack it.
    pub target_encoder: bool,
}

/// How a model came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSource {
    /// Trained in this process.
    Run,
    /// A checkpoint of this project.
    Checkpoint,
    /// A PyTorch or SafeTensors file.
    Imported,
}

/// The model that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Where it came from.
    #[serde(flatten)]
    pub origin: ModelOrigin,
    /// SHA-256 over names, shapes and values of all its tensors.
    pub model_sha256: String,
    /// Observed views that it was trained with, M_train, by the config.
    pub observed_views: usize,
}

/// The images that a model was measured on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Name of the data set.
    pub name: String,
    /// Images that probes were fitted to.
    pub train_images: usize,
    /// Images that they were tested on.
    pub test_images: usize,
    /// Classes of the data set.
    pub classes: usize,
    /// Classes without a training image, and classes without a test image.
    pub missing_classes: [usize; 2],
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, such as `top1_z_agg_m5`; with the protocol's name it is unique in a card.
    pub name: String,
    /// The model's.
    pub trained: Measured,
    /// That of the model as its config's seed initialises it, under the same protocol.
    pub random: Measured,
    /// The paper's, where it has one.
    pub paper: Option<PaperFigure>,
    /// How it was measured.
    pub protocol: Protocol,
}

/// A value, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value: accuracies and hits in percent, R2 and mean reciprocal rank as they are.
    pub value: Option<f64>,
    /// 95 % bootstrap interval over the test samples.
    pub interval: Option<[f64; 2]>,
    /// The penalty that was chosen, where the fit has one.
    pub penalty: Option<f64>,
    /// Why there is no value, or what must be known of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
}

impl Measured {
    /// No value, for a reason.
    #[must_use]
    pub fn absent(reason: impl Into<String>) -> Self {
        Self { note: Some(reason.into()), ..Self::default() }
    }
}

/// A figure of the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperFigure {
    /// The value, in the figure's unit.
    pub value: f64,
    /// Whether data set and protocol are the paper's; otherwise the value is for orientation.
    pub comparable: bool,
    /// What differs from the paper's data set and protocol, and from its training.
    pub differences: Vec<String>,
}

/// How a figure was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// `exact`, `linear`, `paper`, `knn` or `retrieval`.
    pub name: String,
    /// The encoder behind the representation.
    pub encoder: EncoderChoice,
    /// What was read: `z_AGG`, `z_1`, `concat(z_1, z_2)`, or the predictor's output.
    pub representation: String,
    /// Observed views of the sequence, M_val.
    pub observed_views: usize,
    /// What was predicted, such as `class` or `relative action, crop`.
    pub target: String,
    /// What read it.
    pub probe: String,
    /// How the probe was fitted.
    pub fit: Fit,
    /// Training rows: images times passes; 0 if nothing is fitted.
    pub train_samples: usize,
    /// Augmentation passes over the training images.
    pub passes: usize,
    /// Test rows, of one pass.
    pub test_samples: usize,
    /// Seed of the views, and of whatever the probe draws.
    pub seed: u64,
    /// The distributions of the views.
    pub augmentation: String,
}

/// How a probe was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// To the optimum of its objective, in f64.
    Exact {
        /// The objective and solver.
        solver: String,
        /// How the penalty was chosen.
        penalty: String,
    },
    /// By gradient descent.
    Descent {
        /// The update rule.
        optimizer: OptimizerConfig,
        /// Learning rate, constant.
        lr: f64,
        /// Epochs over the training rows.
        epochs: usize,
        /// Rows of a step.
        batch_size: usize,
        /// Whether features were standardized.
        standardized: bool,
    },
    /// Not at all: neighbours and ranks have no parameters.
    None,
}

impl Fit {
    /// In a few words, for tables.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Exact { .. } => "exact".into(),
            Self::Descent { optimizer, lr, epochs, standardized, .. } => {
                let scaled = if *standardized { ", standardized" } else { "" };
                format!("{} lr {lr}, {epochs} epochs{scaled}", optimizer.name())
            }
            Self::None => "no fit".into(),
        }
    }
}

/// Collapse diagnostics of both models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosed {
    /// The trained model's.
    pub trained: DiagnosticsRecord,
    /// Those of the model as initialised.
    pub random: DiagnosticsRecord,
}

impl ResultCard {
    /// The layout's version, for a new card.
    pub(super) const FORMAT: u32 = FORMAT;

    /// The figure of that name under the first of the config's protocols that has it.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// The figure of that name under one protocol.
    #[must_use]
    pub fn figure_by(&self, name: &str, protocol: ProtocolKind) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name && figure.protocol.name == protocol.name())
    }

    /// Writes the card as JSON, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`].
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let mut text = serde_json::to_vec_pretty(self).expect("a card is plain data");
        text.push(b'\n');
        write_atomically(path, &text)
    }

    /// Reads a card that [`save`](Self::save) wrote.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] if the file cannot be read, [`TrainError::Card`] if it is no card of this layout.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let refuse = |message: String| TrainError::Card { path: path.to_owned(), message };
        let bytes = std::fs::read(path).map_err(|source| TrainError::io("read", path, source))?;
        let version: Version = serde_json::from_slice(&bytes)
            .map_err(|error| refuse(format!("expected a result card, found {error}")))?;
        if version.format != FORMAT {
            return Err(refuse(format!("expected layout {FORMAT}, found {}", version.format)));
        }
        serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))
    }
}
