//! Data sets of images whose views are augmentations.

use std::sync::Arc;

use seqjepa_data::dataset::DatasetSource;
use seqjepa_data::{
    ActionSpace, AugmentedImages, DataError, ImageSource, Normalization, SequenceSource, Split,
};
use seqjepa_train::observer::Observer;

use super::data_sets::{DataSet, DataSetEntry, DataSetError};
use crate::config::{Config, ConfigError};

/// One of the image data sets that `seqjepa-data` decodes.
pub(super) struct AugmentedDataSet;

impl AugmentedDataSet {
    /// Their names in a config.
    pub(super) const NAMES: [&str; 9] = DatasetSource::NAMES;
}

impl DataSetEntry for AugmentedDataSet {
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError> {
        Ok(config.augmentation_space())
    }

    fn augments(&self) -> bool {
        true
    }

    fn normalization(&self, config: &Config) -> Result<Normalization, ConfigError> {
        config.normalization(source(config)?.normalization())
    }

    fn open(&self, config: &Config, observer: &mut dyn Observer) -> Result<DataSet, DataSetError> {
        let normalization = self.normalization(config)?;
        let [train, test] = open_images(config, observer)?;
        Ok(DataSet::new(sequences(config, train, normalization)?, sequences(config, test, normalization)?))
    }

    fn open_training(
        &self,
        config: &Config,
        observer: &mut dyn Observer,
    ) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        let train = open_training_images(config, &source(config)?, observer)?;
        sequences(config, train, self.normalization(config)?)
    }
}

/// Opens the training and the test images of the data set that `config` names, one of those of this project; fetches what is
/// missing, where the config asks for it.
///
/// # Errors
///
/// [`DataSetError`] names the file, what was expected and what was found.
pub fn open_images(
    config: &Config,
    observer: &mut dyn Observer,
) -> Result<[Arc<dyn ImageSource>; 2], DataSetError> {
    open_source(config, &source(config)?, observer)
}

/// The same of a data set that is known already.
pub(super) fn open_source(
    config: &Config,
    source: &DatasetSource,
    observer: &mut dyn Observer,
) -> Result<[Arc<dyn ImageSource>; 2], DataSetError> {
    fetch(config, source, observer)?;
    let images = images(source, config.dataset.memory_limit())?;
    tracing::info!(train = images[0].len(), test = images[1].len(), "opened the data set");
    Ok(images)
}

/// The training images of such a data set alone.
pub(super) fn open_training_images(
    config: &Config,
    source: &DatasetSource,
    observer: &mut dyn Observer,
) -> Result<Arc<dyn ImageSource>, DataSetError> {
    fetch(config, source, observer)?;
    let train = training_images(source, config.dataset.memory_limit())?;
    tracing::info!(train = train.len(), "opened the training split of the data set");
    Ok(train)
}

/// Fetches images that are missing, if the config asks for it.
fn fetch(config: &Config, source: &DatasetSource, observer: &mut dyn Observer) -> Result<(), DataSetError> {
    if config.dataset.download {
        download::archive(config, source, observer)?;
    }
    Ok(())
}

/// Both splits: in memory, or of many files with more than `limit` bytes of decoded pixels as files, of which as many
/// bytes are kept.
fn images(source: &DatasetSource, limit: u64) -> Result<[Arc<dyn ImageSource>; 2], DataError> {
    let [train, test] = [Split::Train, Split::Test];
    if let (Some(train), Some(test)) = (source.files(train)?, source.files(test)?) {
        let counts = [train.len() as u64, test.len() as u64];
        let each = 3 * (train.side() * train.side()) as u64;
        let all = (counts[0] + counts[1]).saturating_mul(each);
        if all <= limit {
            return Ok([Arc::new(train.load()?), Arc::new(test.load()?)]);
        }
        let share = |count: u64| (limit / (counts[0] + counts[1])).saturating_mul(count);
        let [train_bytes, test_bytes] = counts.map(share);
        return Ok([Arc::new(train.stream(train_bytes)?), Arc::new(test.stream(test_bytes)?)]);
    }
    Ok([Arc::new(source.load(train)?), Arc::new(source.load(test)?)])
}

/// The training split alone, in memory or as files as [`images`] has it.
fn training_images(source: &DatasetSource, limit: u64) -> Result<Arc<dyn ImageSource>, DataError> {
    let Some(files) = source.files(Split::Train)? else {
        return Ok(Arc::new(source.load(Split::Train)?));
    };
    let all = (files.len() as u64).saturating_mul(3 * (files.side() * files.side()) as u64);
    if all <= limit { Ok(Arc::new(files.load()?)) } else { Ok(Arc::new(files.stream(limit)?)) }
}

fn sequences(
    config: &Config,
    images: Arc<dyn ImageSource>,
    normalization: Normalization,
) -> Result<Arc<dyn SequenceSource>, DataSetError> {
    let sequences = config.sequences(config.dataset.seq_len, normalization)?;
    Ok(Arc::new(AugmentedImages::new(images, sequences)?))
}

/// Where the images are.
fn source(config: &Config) -> Result<DatasetSource, ConfigError> {
    let dataset = &config.dataset;
    let mut source = DatasetSource::from_name(&dataset.name, &dataset.data_root, config.source_size())?;
    match &mut source {
        DatasetSource::Synthetic(synthetic) => {
            synthetic.seed = config.run.seed;
            (synthetic.train_images, synthetic.test_images) =
                (dataset.synthetic_train, dataset.synthetic_val);
        }
        DatasetSource::ImageFolder(folder) => folder.truncated_images = dataset.truncated_images,
        DatasetSource::TinyImageNet(set) => set.truncated_images = dataset.truncated_images,
        _ => {}
    }
    Ok(source)
}

#[cfg(feature = "download")]
mod download {
    use std::ops::ControlFlow;

    use seqjepa_data::dataset::DatasetSource;
    use seqjepa_data::download::{Downloader, Progress};
    use seqjepa_train::observer::{Event, Observer, Stage};

    use super::super::data_sets::DataSetError;
    use crate::config::{Config, invalid};

    /// Fetches the archive of a CIFAR data set whose folder is not there.
    pub(super) fn archive(
        config: &Config,
        source: &DatasetSource,
        observer: &mut dyn Observer,
    ) -> Result<(), DataSetError> {
        if !matches!(source, DatasetSource::Cifar100 { .. } | DatasetSource::Cifar10 { .. }) {
            let expected = "false: only the CIFAR data sets have an official archive to fetch";
            let found = format!("true for {}", config.dataset.name);
            return Err(invalid("dataset.download", expected, found).into());
        }
        let downloader = match &config.dataset.download_url {
            Some(url) => Downloader::with_base_url(url),
            None => Downloader::default(),
        };
        // An error of an observer ends the download, and is why it has ended.
        let mut told = Ok(());
        let downloaded = source.download(&downloader, &mut |Progress { received, total }| {
            let stage = Stage::Downloading;
            told = observer.observe(&Event::Progress { stage, what: None, done: received, total });
            if told.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        told?;
        Ok(downloaded?)
    }
}

#[cfg(not(feature = "download"))]
mod download {
    use seqjepa_data::dataset::DatasetSource;
    use seqjepa_train::observer::Observer;

    use super::super::data_sets::DataSetError;
    use crate::config::{Config, invalid};

    /// Says that this build cannot.
    pub(super) fn archive(_: &Config, _: &DatasetSource, _: &mut dyn Observer) -> Result<(), DataSetError> {
        let expected = "false: this build lacks the cargo feature `download`";
        Err(invalid("dataset.download", expected, true).into())
    }
}
