//! The images of a run and the loaders over them.

use std::sync::Arc;

use seqjepa_data::dataset::{DatasetSource, subset_indices};
use seqjepa_data::download::{Downloader, Progress};
use seqjepa_data::{ImageSet, LoaderConfig, Normalization, SequenceConfig, SequenceLoader, Split};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::config::{Config, invalid};
use crate::fingerprint::images_sha256;
use crate::observer::{Event, Observer};

/// The two splits of a run's data set, decoded, and what belongs to them.
#[derive(Debug, Clone)]
pub struct RunData {
    /// Images to train on.
    pub train: Arc<ImageSet>,
    /// Images to test on.
    pub test: Arc<ImageSet>,
    /// Normalisation of the data set, used where the config gives none.
    pub normalization: Normalization,
}

/// What tells one decoded data set from another: SHA-256 over the size, labels and pixels of each split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFingerprint {
    /// Of the training split.
    pub train: String,
    /// Of the test split.
    pub test: String,
}

impl RunData {
    /// The fingerprint of both splits, by which a resumed run knows its data.
    #[must_use]
    pub fn fingerprint(&self) -> DataFingerprint {
        DataFingerprint { train: images_sha256(&self.train), test: images_sha256(&self.test) }
    }

    /// Fetches (where `dataset.download` says so and the files are missing) and decodes both splits.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`] names the file, what was expected and what was found.
    pub fn load(config: &Config, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        let source = source(config)?;
        if config.dataset.download {
            download(config, &source, observer)?;
        }
        let data = Self {
            train: Arc::new(source.load(Split::Train)?),
            test: Arc::new(source.load(Split::Test)?),
            normalization: source.normalization(),
        };
        tracing::info!(train = data.train.len(), test = data.test.len(), "decoded the data set");
        Ok(data)
    }

    /// The shuffled loader of the training split, and with it the checks that need the data.
    ///
    /// # Errors
    ///
    /// [`TrainError::TooFewImages`] if there is no batch in an epoch, [`TrainError::InvalidValue`] if the last one would be a
    /// single image.
    pub fn train_loader(&self, config: &Config) -> Result<SequenceLoader, TrainError> {
        let limit = step_limit(config.run.max_steps, config.dataset.batch_size);
        let subset = subset(config, self.train.len(), config.dataset.subset_train, limit)?;
        let found = subset.as_ref().map_or(self.train.len(), Vec::len);
        let expected = if config.run.drop_last { config.dataset.batch_size } else { 2 };
        if found < expected {
            let reason = "one whole batch, dataset.batch_size, since run.drop_last leaves out smaller ones";
            let reason =
                if config.run.drop_last { reason } else { "batch norm needs two sequences in a batch" };
            return Err(TrainError::TooFewImages { split: "training", found, expected, reason });
        }
        if !config.run.drop_last && found % config.dataset.batch_size == 1 {
            let expected = format!(
                "a size that leaves no batch of one of {found} images (batch norm needs two), or run.drop_last: true"
            );
            return Err(invalid("dataset.batch_size", expected, config.dataset.batch_size));
        }
        let loader = LoaderConfig {
            batch_size: config.dataset.batch_size,
            threads: config.dataset.workers(),
            prefetch: config.dataset.prefetch,
            shuffle: true,
            drop_last: config.run.drop_last,
            split: Split::Train,
            subset,
        };
        let sequence = config.sequence_config(config.dataset.seq_len, self.normalization)?;
        Ok(SequenceLoader::new(Arc::clone(&self.train), sequence, loader)?)
    }

    /// Whether the training images that are used are of at least two classes; else they are unlabelled.
    pub(crate) fn has_classes(&self, config: &Config) -> Result<bool, TrainError> {
        let labels = self.train.labels();
        let limit = step_limit(config.run.max_steps, config.dataset.batch_size);
        Ok(match subset(config, self.train.len(), config.dataset.subset_train, limit)? {
            Some(used) => used.iter().any(|image| labels[*image as usize] != labels[used[0] as usize]),
            None => labels.iter().any(|label| *label != labels[0]),
        })
    }

    /// The loader of the test split, in order and whole.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`] if the split is empty.
    pub fn test_loader(&self, config: &Config) -> Result<SequenceLoader, TrainError> {
        self.ordered_loader(
            config,
            Split::Test,
            config.sequence_config(config.dataset.seq_len, self.normalization)?,
            config.dataset.batch_size,
            config.dataset.workers(),
        )
    }

    /// A loader of either split, in order and whole, for the frozen evaluation: the same images that the run uses, each as
    /// many observed views as the evaluation needs at most, and a target.
    ///
    /// # Errors
    ///
    /// [`TrainError::Data`] if the split is empty.
    pub fn evaluation_loader(&self, config: &Config, split: Split) -> Result<SequenceLoader, TrainError> {
        let sequence = config.sequence_config(config.eval.views(), self.normalization)?;
        self.ordered_loader(config, split, sequence, config.eval.batch_size, config.eval.workers())
    }

    /// A loader of some rows of the evaluation's test split, as other sequences.
    pub(crate) fn test_sequences(
        &self,
        config: &Config,
        sequence: SequenceConfig,
        rows: &[usize],
    ) -> Result<SequenceLoader, TrainError> {
        let limit = step_limit(config.run.max_val_steps, config.dataset.batch_size);
        let split = subset(config, self.test.len(), config.dataset.subset_val, limit)?;
        let image = |row: &usize| split.as_ref().map_or(*row as u32, |split| split[*row]);
        let loader = LoaderConfig {
            threads: config.eval.workers(),
            subset: Some(rows.iter().map(image).collect()),
            ..LoaderConfig::test(config.eval.batch_size)
        };
        Ok(SequenceLoader::new(Arc::clone(&self.test), sequence, loader)?)
    }

    fn ordered_loader(
        &self,
        config: &Config,
        split: Split,
        sequence: SequenceConfig,
        batch_size: usize,
        threads: usize,
    ) -> Result<SequenceLoader, TrainError> {
        let (images, count, steps) = match split {
            Split::Train => (&self.train, config.dataset.subset_train, config.run.max_steps),
            _ => (&self.test, config.dataset.subset_val, config.run.max_val_steps),
        };
        let limit = step_limit(steps, config.dataset.batch_size);
        let loader = LoaderConfig {
            batch_size,
            threads,
            prefetch: config.dataset.prefetch,
            shuffle: false,
            drop_last: false,
            split,
            subset: subset(config, images.len(), count, limit)?,
        };
        Ok(SequenceLoader::new(Arc::clone(images), sequence, loader)?)
    }
}

/// Images that fit a number of steps.
fn step_limit(steps: Option<usize>, batch_size: usize) -> usize {
    steps.map_or(usize::MAX, |steps| steps.saturating_mul(batch_size))
}

/// The images to use: `None` for all.
fn subset(
    config: &Config,
    available: usize,
    count: Option<usize>,
    limit: usize,
) -> Result<Option<Vec<u32>>, TrainError> {
    let count = count.filter(|count| *count > 0).unwrap_or(usize::MAX).min(limit);
    if count >= available {
        return Ok(None);
    }
    Ok(Some(subset_indices(available, count, config.dataset.subset_seed)?))
}

fn source(config: &Config) -> Result<DatasetSource, TrainError> {
    let dataset = &config.dataset;
    let mut source = DatasetSource::from_name(&dataset.name, &dataset.data_root, config.model.img_size)?;
    if let DatasetSource::Synthetic(synthetic) = &mut source {
        synthetic.seed = config.run.seed;
        (synthetic.train_images, synthetic.test_images) = (dataset.synthetic_train, dataset.synthetic_val);
    }
    Ok(source)
}

/// Fetches the archive of a CIFAR data set whose folder is not there.
fn download(config: &Config, source: &DatasetSource, observer: &mut dyn Observer) -> Result<(), TrainError> {
    if !matches!(source, DatasetSource::Cifar100 { .. } | DatasetSource::Cifar10 { .. }) {
        let expected = "false: only the CIFAR data sets have an official archive to fetch";
        return Err(invalid("dataset.download", expected, format!("true for {}", config.dataset.name)));
    }
    let downloader = match &config.dataset.download_url {
        Some(url) => Downloader::with_base_url(url),
        None => Downloader::default(),
    };
    // The downloader's callback cannot fail; the first error of an observer is kept for after it.
    let mut told = Ok(());
    source.download(&downloader, &mut |progress| {
        if told.is_ok() {
            let Progress { received, total } = progress;
            told = observer.observe(&Event::Downloading { received, total });
        }
    })?;
    told
}
