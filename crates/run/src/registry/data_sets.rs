//! How a config becomes the two splits of a data set.

use std::sync::Arc;

use seqjepa_data::{ActionSpace, Normalization, SequenceSource};
use seqjepa_train::observer::{Observer, ObserverError};
use thiserror::Error;

use crate::config::{Config, ConfigError, invalid};

/// The splits of a data set as sources of sequences of `dataset.seq_len` observed views and a target.
#[derive(Debug, Clone)]
pub struct DataSet {
    /// Sequences to train on.
    pub train: Arc<dyn SequenceSource>,
    /// Sequences to test on.
    pub test: Arc<dyn SequenceSource>,
    /// Labelled sequences that frozen probes are fitted to, where those to train on have no labels; `None` where probes are fitted to the
    /// training sequences. Their classes are those of the test split. Online probes learn beside the model on its own batches: without
    /// labels these have no class probes.
    pub probe_train: Option<Arc<dyn SequenceSource>>,
}

impl DataSet {
    /// A data set whose frozen probes are fitted to its training sequences.
    #[must_use]
    pub fn new(train: Arc<dyn SequenceSource>, test: Arc<dyn SequenceSource>) -> Self {
        Self { train, test, probe_train: None }
    }

    /// The sequences that frozen probes are fitted to.
    #[must_use]
    pub fn fitted(&self) -> &Arc<dyn SequenceSource> {
        self.probe_train.as_ref().unwrap_or(&self.train)
    }

    /// A training split of which a part is held out to test on.
    pub(crate) fn training_alone(train: Arc<dyn SequenceSource>) -> Self {
        Self::new(Arc::clone(&train), train)
    }
}

/// A data set that a config can name.
pub trait DataSetEntry: Send + Sync {
    /// The actions of its sequences, which need no data to be known.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a setting that the data set cannot have.
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError>;

    /// Whether views are the augmentations of an image that `config` describes, which can be made of any other image too.
    fn augments(&self) -> bool {
        false
    }

    /// What pixels are normalised with, which needs no data to be known: images that are embedded are normalised so.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where the data set has none for any image, unless it says otherwise.
    fn normalization(&self, config: &Config) -> Result<Normalization, ConfigError> {
        let expected = "a data set whose images are normalised by channel";
        Err(invalid("dataset.name", expected, &config.dataset.name))
    }

    /// Fetches what is missing, where the config asks for it, and opens both splits.
    ///
    /// # Errors
    ///
    /// [`DataSetError`] says what cannot be used; nothing is left half-written.
    fn open(&self, config: &Config, observer: &mut dyn Observer) -> Result<DataSet, DataSetError>;

    /// The same for the training split alone, of which a part is held out to test on (`dataset.validation`): the files of the test split
    /// are not looked at and need not be there. Where this is not said, both splits are opened.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    fn open_training(
        &self,
        config: &Config,
        observer: &mut dyn Observer,
    ) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        Ok(self.open(config, observer)?.train)
    }
}

/// A data set that cannot be opened, or is not enough for a run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataSetError {
    /// Files that are missing or damaged.
    #[error(transparent)]
    Data(#[from] seqjepa_data::DataError),
    /// A setting that the data set cannot have.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Fewer images than a batch.
    #[error("images of the {split} split: expected at least {expected} ({reason}), found {found}")]
    TooFew {
        /// `training` or `test`.
        split: &'static str,
        /// Images there are.
        found: usize,
        /// Images needed.
        expected: usize,
        /// Why.
        reason: &'static str,
    },
    /// Splits whose classes differ, by whose numbers the same class would be two.
    #[error(
        "the splits number other classes: expected in the test split class {index} to be {expected}, as in the training split, found {found}"
    )]
    Classes {
        /// The first number that differs.
        index: usize,
        /// The class of that number in the training split.
        expected: String,
        /// The class of that number in the test split.
        found: String,
    },
    /// An observer that could not go on.
    #[error(transparent)]
    Observer(#[from] ObserverError),
}
