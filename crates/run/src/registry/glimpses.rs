//! Glimpses of STL-10.

use std::sync::Arc;

use seqjepa_data::dataset::{Saliency, SaliencyMaps, Stl10Images, Stl10Part};
use seqjepa_data::{ActionSpace, DataError, GlimpseConfig, Glimpses, Normalization, SequenceSource};
use seqjepa_train::observer::Observer;

use super::data_sets::{DataSet, DataSetEntry, DataSetError};
use super::unaugmented;
use crate::config::{Config, ConfigError, SaliencyKind, invalid};

/// STL-10, looked at by a gaze. A glimpse has `model.img_size` pixels a side.
pub(super) struct GlimpsesDataSet;

impl GlimpsesDataSet {
    /// Its name in a config.
    pub(super) const NAME: &str = "stl10_glimpses";

    fn source(&self, config: &Config, part: Stl10Part) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        let dataset = &config.dataset;
        let limit = dataset.memory_limit();
        let images = Stl10Images::open(&dataset.data_root, part, limit)?;
        let saliency = match dataset.saliency {
            SaliencyKind::Uniform => Saliency::Uniform,
            SaliencyKind::Contrast => Saliency::contrast(&images, limit),
            SaliencyKind::Maps => {
                let root = dataset.saliency_root.as_ref().unwrap_or(&dataset.data_root);
                Saliency::Maps(SaliencyMaps::stl10(root, part)?)
            }
        };
        let glimpses = GlimpseConfig {
            glimpse_size: config.model.img_size,
            // Half the side of a glimpse, as published.
            inhibition: Some(config.model.img_size / 2),
            geometry: dataset.glimpse_geometry,
            normalization: self.normalization(config)?,
            ..GlimpseConfig::new(dataset.seq_len)
        };
        let made: Result<_, DataError> = Glimpses::new(Arc::new(images), saliency, glimpses);
        Ok(Arc::new(made?))
    }
}

impl DataSetEntry for GlimpsesDataSet {
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError> {
        unaugmented::check(config, None)?;
        Ok(GlimpseConfig::actions())
    }

    fn normalization(&self, config: &Config) -> Result<Normalization, ConfigError> {
        config.normalization(Normalization::STL10)
    }

    fn open(&self, config: &Config, _: &mut dyn Observer) -> Result<DataSet, DataSetError> {
        unaugmented::check(config, None)?;
        unaugmented::check_download(config)?;
        let part = config.dataset.stl10_train;
        let probe_train = (!part.labelled()).then(|| self.source(config, Stl10Part::Train)).transpose()?;
        let [train, test] = [part, Stl10Part::Test].map(|part| self.source(config, part));
        Ok(DataSet { train: train?, test: test?, probe_train })
    }

    fn open_training(
        &self,
        config: &Config,
        _: &mut dyn Observer,
    ) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        unaugmented::check(config, None)?;
        unaugmented::check_download(config)?;
        let part = config.dataset.stl10_train;
        if !part.labelled() {
            let expected = "train, where images are held out (dataset.validation): the others have no labels";
            return Err(invalid("dataset.stl10_train", expected, "unlabelled images").into());
        }
        self.source(config, part)
    }
}
