use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelOrigin {
    /// How it came here.
    pub source: ModelSource,
    /// The checkpoint, where there is one.
    #[serde(serialize_with = "as_text")]
    pub path: Option<PathBuf>,
    /// SHA-256 of that file.
    pub file_sha256: Option<String>,
    /// Epochs that it was trained, where that is known.
    pub epochs: Option<usize>,
    /// Optimizer steps that it was trained, where that is known.
    pub steps: Option<u64>,
    /// Whether its target encoder, where the method has one, was trained too: an imported file may lack it.
    pub target_encoder: bool,
}

/// Writes a path as the text that it is shown as: one that is not UTF-8 has no other.
fn as_text<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
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
    /// Sequences of a training step, by the config.
    #[serde(default)]
    pub batch_size: Option<usize>,
}

/// Which images figures are measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestedSplit {
    /// The test split.
    #[default]
    Test,
    /// Images of the training split that were held out: settings may be chosen by them, so that no figure stands beside a published one.
    Validation,
}

impl TestedSplit {
    /// Its name: `test` or `validation`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Validation => "validation",
        }
    }

    /// Whether it is the test split, which older cards are all of.
    fn is_test(&self) -> bool {
        *self == Self::Test
    }
}

/// The images that a model was measured on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Name of the data set.
    pub name: String,
    /// The data set that the model was trained on, where it is another: the figures are of transfer, and nothing published is beside them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<String>,
    /// Images that probes were fitted to.
    pub train_images: usize,
    /// Images that they were tested on.
    pub test_images: usize,
    /// What those are of.
    #[serde(default, skip_serializing_if = "TestedSplit::is_test")]
    pub tested: TestedSplit,
    /// Classes of the data set; 0 if it has no labels.
    pub classes: usize,
    /// Classes without a training image, and classes without a test image.
    pub missing_classes: [usize; 2],
}
