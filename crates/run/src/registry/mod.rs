//! What a config can name: methods and data sets. A new one is a line here, or in a program of one's own.

mod affine;
mod augmented;
mod data_sets;
mod glimpses;
mod methods;
mod objects;
mod own_keys;
mod rotations;
mod unaugmented;

pub use data_sets::{DataSet, DataSetEntry, DataSetError};

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use seqjepa_model::{
    ByolConfig, ConditionalByolConfig, ConvIJepaConfig, DynMethodConfig, EquiModConfig, MethodConfig,
    SenConfig, SieConfig, SimClrConfig, VicRegConfig, VicRegTrajConfig,
};

use crate::config::{Config, ConfigError, invalid};
use affine::AffineDataSet;
use augmented::AugmentedDataSet;
pub use augmented::open_images;
use glimpses::GlimpsesDataSet;
use methods::{MethodEntry, Named, SeqJepaEntry};
use objects::{RenderedDataSet, ThreeDieBenchDataSet};
use rotations::RotationsDataSet;

/// The methods and data sets that a config can name.
///
/// ```
/// use seqjepa_run::Registry;
///
/// let registry = Registry::standard();
/// assert!(registry.methods().any(|name| name == "seqjepa"));
/// assert!(registry.data_sets().any(|name| name == "cifar100_aug"));
/// ```
#[derive(Clone)]
pub struct Registry {
    methods: BTreeMap<String, Arc<dyn MethodEntry>>,
    data_sets: BTreeMap<String, Arc<dyn DataSetEntry>>,
}

impl Registry {
    /// The methods and data sets of this project.
    #[must_use]
    pub fn standard() -> Self {
        let empty = Self { methods: BTreeMap::new(), data_sets: BTreeMap::new() };
        let registry = empty
            .with_entry(SeqJepaEntry)
            .with_method::<SimClrConfig>()
            .with_method::<ByolConfig>()
            .with_method::<VicRegConfig>()
            .with_method::<ConditionalByolConfig>()
            .with_method::<EquiModConfig>()
            .with_method::<SenConfig>()
            .with_method::<SieConfig>()
            .with_method::<VicRegTrajConfig>()
            .with_method::<ConvIJepaConfig>();
        AugmentedDataSet::NAMES
            .into_iter()
            .fold(registry, |registry, name| registry.with_data_set(name, AugmentedDataSet))
            .with_data_set(RotationsDataSet::NAME, RotationsDataSet)
            .with_data_set(ThreeDieBenchDataSet::NAME, ThreeDieBenchDataSet)
            .with_data_set(RenderedDataSet::NAME, RenderedDataSet)
            .with_data_set(GlimpsesDataSet::NAME, GlimpsesDataSet)
            .with_data_set(AffineDataSet::MNIST.0, AffineDataSet::MNIST.1)
            .with_data_set(AffineDataSet::FASHION_MNIST.0, AffineDataSet::FASHION_MNIST.1)
    }

    /// Adds a method, or replaces the one of its name. Its settings are the section of its name in a config; the encoder and
    /// the number of action parameters come from the sections `model` and `dataset`.
    #[must_use]
    pub fn with_method<C: MethodConfig>(self) -> Self {
        self.with_entry(Named::<C>::default())
    }

    fn with_entry(mut self, entry: impl MethodEntry + 'static) -> Self {
        self.methods.insert(entry.name().to_owned(), Arc::new(entry));
        self
    }

    /// Adds a data set under a name, or replaces the one of that name.
    #[must_use]
    pub fn with_data_set(mut self, name: impl Into<String>, entry: impl DataSetEntry + 'static) -> Self {
        self.data_sets.insert(name.into(), Arc::new(entry));
        self
    }

    /// Names of the methods, sorted.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.keys().map(String::as_str)
    }

    /// Names of the data sets, sorted.
    pub fn data_sets(&self) -> impl Iterator<Item = &str> {
        self.data_sets.keys().map(String::as_str)
    }

    /// The method that a config describes, checked against the actions of its data set.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown method or data set, a setting that the method does not know, or a model that cannot be
    /// built.
    pub fn method(&self, config: &Config) -> Result<Box<dyn DynMethodConfig>, ConfigError> {
        let space = self.data_set(config)?.actions(config)?;
        config.check_action_dim(&space)?;
        let entry = self.method_entry(config)?;
        let method = entry.configure(config, &space)?;
        method.validate().map_err(|error| methods::refused(entry, error))?;
        Ok(method)
    }

    /// The data set that a config names.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if there is none of that name, or for a key that only others read.
    pub fn data_set(&self, config: &Config) -> Result<&dyn DataSetEntry, ConfigError> {
        let name = &config.dataset.name;
        own_keys::check(config)?;
        self.data_sets
            .get(name)
            .map(|entry| &**entry)
            .ok_or_else(|| invalid("dataset.name", one_of(self.data_sets()), name))
    }

    /// The keys of the section of a method's own settings with their defaults, empty where it has none.
    pub(crate) fn method_defaults(&self, config: &Config) -> Result<serde_yaml::Value, ConfigError> {
        Ok(self.method_entry(config)?.defaults())
    }

    fn method_entry(&self, config: &Config) -> Result<&dyn MethodEntry, ConfigError> {
        let name = &config.method;
        self.methods
            .get(name)
            .map(|entry| &**entry)
            .ok_or_else(|| invalid("method", one_of(self.methods()), name))
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}

impl Default for Registry {
    fn default() -> Self {
        Self::standard()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("methods", &self.methods.keys())
            .field("data_sets", &self.data_sets.keys())
            .finish()
    }
}
