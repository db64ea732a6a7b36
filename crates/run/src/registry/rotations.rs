//! Images that are turned by quarters.

use std::sync::Arc;

use seqjepa_data::dataset::DatasetSource;
use seqjepa_data::{ActionSpace, ImageSource, Normalization, RotatedImages, SequenceSource};
use seqjepa_train::observer::Observer;

use super::augmented::{open_source, open_training_images};
use super::data_sets::{DataSet, DataSetEntry, DataSetError};
use super::unaugmented;
use crate::config::{Config, ConfigError};

/// CIFAR-10 turned by 0, 90, 180 or 270 degrees.
pub(super) struct RotationsDataSet;

impl RotationsDataSet {
    /// Its name in a config.
    pub(super) const NAME: &str = "cifar10_rotations";
    /// Side of the images in pixels.
    const SIDE: usize = 32;

    fn images(config: &Config) -> Result<DatasetSource, ConfigError> {
        unaugmented::check(config, Some(Self::SIDE))?;
        Ok(DatasetSource::Cifar10 { root: config.dataset.data_root.clone() })
    }

    fn sequences(
        &self,
        config: &Config,
        images: Arc<dyn ImageSource>,
    ) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        let rotated = RotatedImages::new(images, config.dataset.seq_len, self.normalization(config)?)?;
        Ok(Arc::new(rotated))
    }
}

impl DataSetEntry for RotationsDataSet {
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError> {
        unaugmented::check(config, Some(Self::SIDE))?;
        Ok(RotatedImages::action_space())
    }

    fn normalization(&self, config: &Config) -> Result<Normalization, ConfigError> {
        config.normalization(Normalization::CIFAR10)
    }

    fn open(&self, config: &Config, observer: &mut dyn Observer) -> Result<DataSet, DataSetError> {
        let [train, test] = open_source(config, &Self::images(config)?, observer)?
            .map(|images| self.sequences(config, images));
        Ok(DataSet::new(train?, test?))
    }

    fn open_training(
        &self,
        config: &Config,
        observer: &mut dyn Observer,
    ) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        self.sequences(config, open_training_images(config, &Self::images(config)?, observer)?)
    }
}
