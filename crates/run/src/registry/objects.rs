//! Objects in several views: 3DIEBench from its files, and rendered ones.

use std::sync::Arc;

use seqjepa_data::render::RenderedObjects;
use seqjepa_data::three_d::{ThreeDieBench, ViewLatents};
use seqjepa_data::{ActionSpace, Normalization, SequenceSource, Split};
use seqjepa_train::observer::Observer;

use super::data_sets::{DataSet, DataSetEntry, DataSetError};
use super::unaugmented;
use crate::config::{Config, ConfigError, invalid};

/// 3DIEBench.
pub(super) struct ThreeDieBenchDataSet;

impl ThreeDieBenchDataSet {
    /// Its name in a config.
    pub(super) const NAME: &str = "3diebench";

    fn sequences(&self, config: &Config, split: Split) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        unaugmented::check(config, None)?;
        unaugmented::check_download(config)?;
        let dataset = &config.dataset;
        let bench = ThreeDieBench {
            lists: dataset.lists.clone(),
            image_size: config.model.img_size,
            views_per_object: dataset.views_per_object,
            first_view: dataset.first_view,
            cache_bytes: dataset.memory_limit(),
            normalization: self.normalization(config)?,
            ..ThreeDieBench::new(&dataset.data_root)
        };
        Ok(Arc::new(bench.sequences(split, dataset.seq_len)?))
    }
}

impl DataSetEntry for ThreeDieBenchDataSet {
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError> {
        unaugmented::check(config, None)?;
        Ok(ViewLatents::action_space())
    }

    fn normalization(&self, config: &Config) -> Result<Normalization, ConfigError> {
        config.normalization(ThreeDieBench::NORMALIZATION)
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

/// The procedural set in its likeness.
pub(super) struct RenderedDataSet;

impl RenderedDataSet {
    /// Its name in a config.
    pub(super) const NAME: &str = "rendered_objects";

    fn sequences(&self, config: &Config, split: Split) -> Result<Arc<dyn SequenceSource>, DataSetError> {
        self.actions(config)?;
        unaugmented::check_download(config)?;
        let dataset = &config.dataset;
        let objects = RenderedObjects {
            image_size: config.model.img_size,
            train_objects: dataset.rendered_train,
            test_objects: dataset.rendered_val,
            views_per_object: dataset.views_per_object,
            seed: config.run.seed,
            ood: dataset.ood,
            cache_bytes: dataset.memory_limit(),
            ..RenderedObjects::default()
        };
        Ok(Arc::new(objects.sequences(split, dataset.seq_len)?))
    }
}

impl DataSetEntry for RenderedDataSet {
    fn actions(&self, config: &Config) -> Result<ActionSpace, ConfigError> {
        unaugmented::check(config, None)?;
        if config.dataset.mean.is_some() {
            let expected = "none: rendered_objects has a mean and a deviation of its own";
            return Err(invalid("dataset.mean", expected, "three numbers"));
        }
        Ok(ViewLatents::action_space())
    }

    fn normalization(&self, _: &Config) -> Result<Normalization, ConfigError> {
        Ok(RenderedObjects::NORMALIZATION)
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
