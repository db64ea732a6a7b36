//! The sweep file as it is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use seqjepa_train::storage::StorageError;
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};

use super::error::SweepError;
use crate::config::{ConfigError, abridged};
use crate::config_file::{Origins, deserialize_value, kind, read_text, refuse_unknown_in, yaml_root};

/// Keys that the axes of a sweep give, with the axis, or that say whose run it is.
const TAKEN: [(&str, &str); 5] = [
    ("method", "it stands in `methods`"),
    ("dataset.name", "it stands in `datasets`"),
    ("run.seed", "it stands in `seeds`"),
    ("run.name", "every run is named after its combination"),
    ("run.output_dir", "every run has its own folder in that of the sweep, `output`"),
];

/// A sweep file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SweepFile {
    /// Folder of the sweep. Default: `runs/` and the name of the sweep file.
    pub(super) output: Option<PathBuf>,
    /// What all runs have in common.
    #[serde(default)]
    pub(super) base: Base,
    /// The methods: a name of the registry, or a name of one's own with `method` and `set`.
    #[schemars(schema_with = "named_or_name::<SweptMethod>", length(min = 1))]
    pub(super) methods: Vec<SweptMethod>,
    /// The data sets: a name of the registry, or a name of one's own with `dataset` and `set`.
    #[schemars(schema_with = "named_or_name::<SweptDataSet>", length(min = 1))]
    pub(super) datasets: Vec<SweptDataSet>,
    /// The seeds of every combination.
    #[schemars(length(min = 1))]
    pub(super) seeds: Vec<u64>,
}

/// `base`: what all runs have in common.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Base {
    /// A config file, by its path from the sweep file. Default: the defaults of every key.
    pub(super) config: Option<PathBuf>,
    /// Keys of the config, as `run.epochs: 5`.
    pub(super) set: Settings,
}

/// A method of a sweep.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SweptMethod {
    /// Its row in the table. Default: `method`.
    pub(super) name: Option<String>,
    /// The method, by its name in the registry.
    pub(super) method: String,
    /// Keys of the config for this method.
    #[serde(default)]
    pub(super) set: Settings,
}

/// A data set of a sweep.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SweptDataSet {
    /// Its table. Default: `dataset`.
    pub(super) name: Option<String>,
    /// The data set, by its name in the registry.
    pub(super) dataset: String,
    /// Keys of the config for this data set.
    #[serde(default)]
    pub(super) set: Settings,
}

/// Keys of a config, `section.key`, with their values.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Settings(#[schemars(with = "BTreeMap<String, serde_json::Value>")] Mapping);

impl Settings {
    /// As overrides, `section.key=value`.
    pub(super) fn overrides(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(key, value)| format!("{}={}", key.as_str().unwrap_or_default(), in_a_line(value)))
    }

    /// Refuses keys that are none of a config's, or that the sweep gives itself.
    fn check(&self, place: &str, origin: &str) -> Result<(), ConfigError> {
        for (key, value) in &self.0 {
            let refuse = |expected: &str, found: String| ConfigError::Mistyped {
                key: place.into(),
                origin: origin.into(),
                expected: expected.into(),
                found,
            };
            let Some(key) = key.as_str() else {
                return Err(refuse("keys of a config, as `run.epochs: 5`", kind(key).into()));
            };
            if let Some((key, why)) = TAKEN.iter().find(|(taken, _)| *taken == key) {
                return Err(refuse(&format!("keys other than `{key}`: {why}"), format!("`{key}`")));
            }
            if !key.contains('.') {
                let found = format!("`{}` with {}", abridged(key), kind(value));
                return Err(refuse("keys with their section, as `run.epochs: 5`", found));
            }
        }
        Ok(())
    }
}

/// A value as YAML in one line.
fn in_a_line(value: &Value) -> String {
    match value {
        Value::Sequence(_) | Value::Mapping(_) => serde_json::to_string(value).unwrap_or_default(),
        value => serde_yaml::to_string(value).expect("a value is plain data").trim_end().to_owned(),
    }
}

/// The schema of a list whose elements may be names alone.
fn named_or_name<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "array",
        "items": {"anyOf": [{"type": "string"}, generator.subschema_for::<T>()]}
    })
}

impl SweepFile {
    /// Reads and checks a sweep file; what its keys come to, the configs say.
    pub(super) fn read(path: &Path) -> Result<Self, SweepError> {
        let text =
            read_text(path).map_err(|source| StorageError::new("read the sweep file", path, source))?;
        Ok(Self::parse(&text, &path.display().to_string())?)
    }

    pub(super) fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        let mut root = yaml_root(text, origin)?;
        let origins = Origins::with_overrides::<&str>(origin, &[]);
        let known = |keys: &[&str]| {
            let keys = keys.iter().map(|key| (Value::String((*key).into()), Value::Null));
            Value::Mapping(keys.collect())
        };
        let mut top = known(&["output", "base", "methods", "datasets", "seeds"]);
        top["base"] = known(&["config", "set"]);
        refuse_unknown_in(&root, &top, "", &origins)?;
        let absent = |key: String, expected: &str| ConfigError::Mistyped {
            key,
            origin: origin.into(),
            expected: expected.into(),
            found: "none".into(),
        };
        for key in ["methods", "datasets", "seeds"] {
            if root.get(key).is_none_or(Value::is_null) {
                return Err(absent(key.into(), "a list with at least one"));
            }
        }
        for (list, key) in [("methods", "method"), ("datasets", "dataset")] {
            let Some(Value::Sequence(entries)) = root.get_mut(list) else { continue };
            for (place, entry) in entries.iter_mut().enumerate() {
                if entry.is_string() {
                    let name = std::mem::take(entry);
                    *entry = Value::Mapping([(Value::String(key.into()), name)].into_iter().collect());
                }
                refuse_unknown_in(
                    entry,
                    &known(&["name", key, "set"]),
                    &format!("{list}[{place}]"),
                    &origins,
                )?;
                if entry.get(key).is_none() {
                    return Err(absent(format!("{list}[{place}].{key}"), "a name of the registry"));
                }
            }
        }
        let file: Self = deserialize_value(root, origin)?;
        file.check(origin)?;
        Ok(file)
    }

    fn check(&self, origin: &str) -> Result<(), ConfigError> {
        let refuse = |key: &str, expected: &str, found: String| {
            let (key, expected) = (key.to_owned(), expected.to_owned());
            Err(ConfigError::Mistyped { key, origin: origin.into(), expected, found })
        };
        for (key, entries) in
            [("methods", self.methods.len()), ("datasets", self.datasets.len()), ("seeds", self.seeds.len())]
        {
            if entries == 0 {
                return refuse(key, "at least one", "none".into());
            }
        }
        for (place, seed) in self.seeds.iter().enumerate() {
            if self.seeds[..place].contains(seed) {
                return refuse("seeds", "each seed once", format!("{seed} twice"));
            }
        }
        self.base.set.check("base.set", origin)?;
        for (place, method) in self.methods.iter().enumerate() {
            method.set.check(&format!("methods[{place}].set"), origin)?;
        }
        for (place, data_set) in self.datasets.iter().enumerate() {
            data_set.set.check(&format!("datasets[{place}].set"), origin)?;
        }
        Ok(())
    }
}

/// The JSON schema (draft 7) of a sweep file.
pub(super) fn json_schema() -> serde_json::Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<SweepFile>();
    schema.ensure_object().insert("title".into(), "A sweep of seqjepa".into());
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        SweepFile::parse(text, "s.yaml").unwrap_err().to_string()
    }

    const REST: &str = "datasets: [synthetic]\nseeds: [1]\n";

    #[test]
    fn a_name_stands_for_an_entry() {
        let text =
            format!("methods: [seqjepa, {{name: ours, method: sie, set: {{sie.equi_factor: 0.5}}}}]\n{REST}");
        let file = SweepFile::parse(&text, "s.yaml").unwrap();
        assert_eq!((file.methods[0].method.as_str(), &file.methods[0].name), ("seqjepa", &None));
        assert_eq!(file.methods[1].set.overrides().collect::<Vec<_>>(), ["sie.equi_factor=0.5"]);
        assert_eq!((file.datasets[0].dataset.as_str(), &file.seeds[..]), ("synthetic", &[1][..]));
    }

    #[test]
    fn values_are_written_in_a_line() {
        let text = "a: [0.5, 1]\nb: {x: {y: true}}\nc: 'a: b'\nd: null\ne: .inf\nf: '12'\n";
        let values: Mapping = serde_yaml::from_str(text).unwrap();
        for (key, value) in &values {
            let line = in_a_line(value);
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(serde_yaml::from_str::<Value>(&line).unwrap(), *value, "{key:?}: {line}");
        }
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        for (text, words) in [
            (
                format!("method: [seqjepa]\n{REST}"),
                "unknown key `method` in s.yaml; the nearest known key is `methods`",
            ),
            (
                format!("base: {{sett: {{}}}}\nmethods: [seqjepa]\n{REST}"),
                "the nearest known key is `base.set`",
            ),
            (format!("methods: [{{nmae: x, method: seqjepa}}]\n{REST}"), "`methods[0].nmae`"),
            (format!("methods: [{{nmae: x, method: seqjepa}}]\n{REST}"), "`name`"),
        ] {
            assert!(refused(&text).contains(words), "{}", refused(&text));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, words) in [
            (REST.to_owned(), "`methods` in s.yaml: expected a list with at least one, found none"),
            (format!("methods: []\n{REST}"), "`methods` in s.yaml: expected at least one, found none"),
            (format!("methods: [seqjepa, 3]\n{REST}"), "methods[1]"),
            (
                format!("methods: [{{name: x}}]\n{REST}"),
                "`methods[0].method` in s.yaml: expected a name of the registry, found none",
            ),
            (
                "methods: [seqjepa]\ndatasets: [synthetic]\nseeds: [1, 2, 1]\n".into(),
                "each seed once, found 1 twice",
            ),
            ("methods: [seqjepa]\ndatasets: [synthetic]\nseeds: [-1]\n".into(), "seeds"),
            (format!("base: {{set: {{run.seed: 3}}}}\nmethods: [seqjepa]\n{REST}"), "it stands in `seeds`"),
            (
                format!("base: {{set: {{model: {{width: 3}}}}}}\nmethods: [seqjepa]\n{REST}"),
                "keys with their section",
            ),
            (format!("methods: [{{method: seqjepa, set: {{dataset.name: x}}}}]\n{REST}"), "methods[0].set"),
            ("[1".into(), "s.yaml"),
        ] {
            assert!(refused(&text).contains(words), "{text}: {}", refused(&text));
        }
    }
}
