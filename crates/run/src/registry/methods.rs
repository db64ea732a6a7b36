//! How a config becomes the config of a method.

use std::marker::PhantomData;

use seqjepa_model::{DynMethodConfig, MethodConfig, SeqJepaConfig, boxed_config};
use seqjepa_train::storage::{abridged, expected_and_found};
use serde::de::IntoDeserializer;
use serde_yaml::{Mapping, Value};

use crate::config::{Config, ConfigError, UNLOCATED};

/// A method that a config can name.
pub(super) trait MethodEntry: Send + Sync {
    /// The name.
    fn name(&self) -> &'static str;

    /// The keys of its own section with their defaults.
    fn defaults(&self) -> Value;

    /// The method that `config` describes, for actions of `action_dim` parameters.
    fn configure(&self, config: &Config, action_dim: usize) -> Result<Box<dyn DynMethodConfig>, ConfigError>;
}

/// seq-JEPA, whose settings are the published keys of the section `model`.
pub(super) struct SeqJepaEntry;

impl MethodEntry for SeqJepaEntry {
    fn name(&self) -> &'static str {
        SeqJepaConfig::NAME
    }

    fn defaults(&self) -> Value {
        Value::Mapping(Mapping::new())
    }

    fn configure(&self, config: &Config, action_dim: usize) -> Result<Box<dyn DynMethodConfig>, ConfigError> {
        Ok(boxed_config(config.seq_jepa(action_dim)))
    }
}

/// Any other method, whose settings are the section of its name.
pub(super) struct Named<C>(PhantomData<fn() -> C>);

impl<C> Default for Named<C> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<C: MethodConfig> MethodEntry for Named<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn defaults(&self) -> Value {
        serde_yaml::to_value(C::default()).expect("a method's config is plain data")
    }

    fn configure(&self, config: &Config, action_dim: usize) -> Result<Box<dyn DynMethodConfig>, ConfigError> {
        let method: C = match config.method_settings.get(C::NAME) {
            None | Some(Value::Null) => C::default(),
            Some(settings) => {
                let settings = settings.clone().into_deserializer();
                serde_path_to_error::deserialize(settings).map_err(|error| {
                    let (expected, found) = expected_and_found(&error.inner().to_string());
                    let key = format!("{}.{}", C::NAME, error.path());
                    ConfigError::Mistyped { key, origin: UNLOCATED.into(), expected, found: abridged(&found) }
                })?
            }
        };
        Ok(boxed_config(method.with_input(config.encoder(), action_dim)))
    }
}
