//! Images that are scaled, rotated and moved.

use std::sync::Arc;

use seqjepa_data::dataset::MnistFormat;
use seqjepa_data::{ActionSpace, AffineConfig, AffineImages, Normalization, SequenceSource, Split};
use seqjepa_train::observer::Observer;

use super::data_sets::{DataSet, DataSetEntry, DataSetError};
use super::unaugmented;
use crate::config::{Config, ConfigError};

/// MNIST or Fashion-MNIST under affine maps.
pub(super) struct AffineDataSet(MnistFormat);

impl AffineDataSet {
    /// Digits, with their name in a config.
    pub(super) const MNIST: (&str, Self) = ("mnist_affine", Self(MnistFormat::Mnist));
    /// Clothing, with its name in a config.
    pub(super) const FASHION_MNIST: (&str, Self) = ("fashion_mnist_affine", Self(MnistFormat::FashionMnist));
    /// Side of the images in pixels.
    const SIDE: usize = 28;

    fn affine(&self, config: &Config) -> Result<AffineConfig, ConfigError> {
        unaugmented::check(config, Some(Self::SIDE))?;
        Ok(AffineConfig::new(config.dataset.seq_len, self.normalization(config)?))
    }

    fn sequences(&self, config: &Config, split: Split) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        let affine = self.affine(config)?;
        unaugmented::check_download(config)?;
        let images = self.0.load(&config.dataset.data_root, split)?;
        tracing::info!(?split, images = images.len(), "opened a split of the data set");
        Ok(Arc::new(AffineImages::new(Arc::new(images), affine)?))
    }
}

impl DataSetEntry for AffineDataSet {
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError> {
        Ok(self.affine(config)?.action_space())
    }

    fn normalization(&self, config: &Config) -> Result<Normalization, ConfigError> {
        config.normalization(self.0.normalization())
    }

    fn open(&self, config: &Config, _: &mut dyn Observer) -> Result<DataSet, DataSetError> {
        Ok(DataSet::new(self.sequences(config, Split::Train)?, self.sequences(config, Split::Test)?))
    }

    fn open_training(
        &self,
        config: &Config,
        _: &mut dyn Observer,
    ) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        self.sequences(config, Split::Train)
    }
}
