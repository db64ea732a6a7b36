//! How a config becomes the config of a method.

use std::marker::PhantomData;

use seqjepa_data::ActionSpace;
use seqjepa_model::{DynMethodConfig, MethodConfig, ModelError, SeqJepaConfig, boxed_config};
use seqjepa_train::storage::{abridged, expected_and_found};
use serde::de::IntoDeserializer;
use serde_yaml::{Mapping, Value};

use crate::config::{Config, ConfigError, UNLOCATED, invalid};

/// A method that a config can name.
pub(super) trait MethodEntry: Send + Sync {
    /// The name.
    fn name(&self) -> &'static str;

    /// The keys of its own section with their defaults.
    fn defaults(&self) -> Value;

    /// The method that `config` describes, for the actions of `space`.
    fn configure(
        &self,
        config: &Config,
        space: &ActionSpace,
    ) -> Result<Box<dyn DynMethodConfig>, ConfigError>;
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

    fn configure(
        &self,
        config: &Config,
        space: &ActionSpace,
    ) -> Result<Box<dyn DynMethodConfig>, ConfigError> {
        let action_columns = told_columns(config, space)?;
        Ok(boxed_config(SeqJepaConfig { action_columns, ..config.seq_jepa(space.width()) }))
    }
}

/// The numbers of the group of actions that `model.act_group` names; `None` for all.
fn told_columns(config: &Config, space: &ActionSpace) -> Result<Option<[usize; 2]>, ConfigError> {
    let Some(name) = &config.model.act_group else {
        return Ok(None);
    };
    match space.groups().iter().find(|group| group.name == *name) {
        Some(group) => Ok(Some([group.range.start, group.range.end])),
        None => {
            let names = space.groups().iter().map(|group| group.name.as_str());
            Err(invalid("model.act_group", super::one_of(names), name))
        }
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

    fn configure(
        &self,
        config: &Config,
        space: &ActionSpace,
    ) -> Result<Box<dyn DynMethodConfig>, ConfigError> {
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
        Ok(boxed_config(method.with_input(config.encoder(), space.width())))
    }
}

/// What a method says of a setting, with the key that holds it where that is in the method's own section.
pub(super) fn refused(entry: &dyn MethodEntry, error: ModelError) -> ConfigError {
    match error {
        ModelError::Config { field, expected, found } if entry.defaults().get(field).is_some() => {
            let key = format!("{}.{field}", entry.name());
            ConfigError::Mistyped { key, origin: UNLOCATED.into(), expected, found: abridged(&found) }
        }
        error => error.into(),
    }
}
