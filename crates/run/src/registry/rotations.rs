//! Images that are turned by quarters.

use std::sync::Arc;

use seqjepa_data::dataset::DatasetSource;
use seqjepa_data::{ActionSpace, Normalization, RotatedImages};
use seqjepa_train::observer::Observer;

use super::augmented::open_source;
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
        unaugmented::check(config, Some(Self::SIDE))?;
        let source = DatasetSource::Cifar10 { root: config.dataset.data_root.clone() };
        let normalization = self.normalization(config)?;
        let [train, test] = open_source(config, &source, observer)?
            .map(|images| RotatedImages::new(images, config.dataset.seq_len, normalization));
        Ok(DataSet::new(Arc::new(train?), Arc::new(test?)))
    }
}
