//! YAML text and dot overrides to a checked [`Config`].

mod origins;
mod text;

use std::path::Path;

use seqjepa_model::DynMethodConfig;
use seqjepa_train::storage::{COUNT, StorageError, check_nesting, expected_and_found, yaml_words};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_yaml::{Mapping, Value};

use crate::config::{Config, ConfigError, abridged, invalid};
use crate::device::DeviceError;
use crate::device::DeviceRequest;
use crate::registry::Registry;
use crate::run_devices;
pub(crate) use origins::Origins;
pub(crate) use text::{LIMIT, read as read_text};

impl Config {
    /// Reads `path`, applies `overrides` in order, and checks the result.
    ///
    /// An override is `section.key=value`, its value read as YAML: `optim.lr=1e-3`, `dataset.subset_train=null`. The file is a
    /// regular one of at most 1 MiB, in UTF-8, or in UTF-16 with a byte order mark.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] says where, what was expected and what was found: an unreadable file, YAML that does not parse (with its
    /// line), an unknown key (with the nearest known one), a value of the wrong type, a value out of range.
    pub fn load<S: AsRef<str>>(path: &Path, overrides: &[S]) -> Result<Self, ConfigError> {
        Self::load_with(&Registry::standard(), path, overrides)
    }

    /// The same with methods or data sets of one's own.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn load_with<S: AsRef<str>>(
        registry: &Registry,
        path: &Path,
        overrides: &[S],
    ) -> Result<Self, ConfigError> {
        let text = text::read(path).map_err(|source| StorageError::new("read the config", path, source))?;
        Self::parse_with(registry, &text, &path.display().to_string(), overrides)
    }

    /// A config from YAML text; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse<S: AsRef<str>>(text: &str, origin: &str, overrides: &[S]) -> Result<Self, ConfigError> {
        Self::parse_with(&Registry::standard(), text, origin, overrides)
    }

    /// The same with methods or data sets of one's own.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn parse_with<S: AsRef<str>>(
        registry: &Registry,
        text: &str,
        origin: &str,
        overrides: &[S],
    ) -> Result<Self, ConfigError> {
        let mut root = yaml_root(text, origin)?;
        let mut origins = Origins::new(origin);
        for text in overrides {
            let key = apply_override(&mut root, text.as_ref())?;
            origins.overridden(&key, &abridged(text.as_ref()));
        }
        let config = read(registry, root, &origins);
        config.map_err(|error| error.found_in(&origins))
    }

    /// Checks all that can be known without the data: every section, the device's name, the method and its model.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first value that cannot be.
    pub fn check(&self, registry: &Registry) -> Result<(), ConfigError> {
        self.validate()?;
        DeviceRequest::parse(&self.run.device).map_err(|error| match error {
            DeviceError::Unknown { expected, found } => invalid("run.device", expected, abridged(&found)),
            error => error.into(),
        })?;
        run_devices::check(self)?;
        let method = registry.method(self)?;
        self.check_devices(&*method)?;
        match self.dataset.micro_batch {
            Some(most) if most < self.dataset.batch_size && !method.loss_is_mean() => {
                let expected = format!(
                    "none, or the dataset.batch_size: the loss of {} holds the samples of a batch against each other, which \
                     micro-batches would not",
                    method.name()
                );
                Err(invalid("dataset.micro_batch", expected, most))
            }
            _ => Ok(()),
        }
    }
}

impl Config {
    /// Refuses to share out what cannot be divided.
    fn check_devices(&self, method: &dyn DynMethodConfig) -> Result<(), ConfigError> {
        let (devices, batch) = (self.devices(), self.dataset.batch_size);
        let expected = if devices > 1 && !method.loss_is_mean() {
            format!(
                "none: the loss of {} holds the samples of a batch against each other, which the parts of several devices would not",
                method.name()
            )
        } else if devices > 1 && batch / devices < 2 {
            format!(
                "at most {} for the {batch} sequences of dataset.batch_size, 2 for each device (batch norm needs a variance)",
                (batch / 2).saturating_sub(1)
            )
        } else {
            return Ok(());
        };
        Err(invalid("run.further_devices", expected, self.run.further_devices.len()))
    }
}

/// What a whole file holds; of an empty one no keys.
pub(crate) fn yaml_root(text: &str, origin: &str) -> Result<Value, ConfigError> {
    let syntax = |found: String| ConfigError::Syntax { origin: origin.into(), found };
    let root = yaml(text::without_mark(text)).map_err(syntax)?;
    Ok(if root.is_null() { Value::Mapping(Mapping::new()) } else { root })
}

/// YAML, unless it is made to keep its parser busy.
fn yaml(text: &str) -> Result<Value, String> {
    check_nesting(text)?;
    serde_yaml::from_str(text).map_err(|error| {
        let message = error.to_string();
        let number =
            message.split_once("invalid type: integer `").and_then(|(_, rest)| rest.split_once("` as "));
        match number {
            Some((number, _)) => format!("{}, a whole number of more than 64 bits", abridged(number)),
            None => yaml_words(&error),
        }
    })
}

/// A checked config from what was parsed.
fn read(registry: &Registry, mut root: Value, origins: &Origins<'_>) -> Result<Config, ConfigError> {
    let known = known_keys(registry, &root)?;
    refuse_unknown(&root, &known, &known, "", origins)?;
    drop_empty_sections(&mut root);
    let config: Config = match deserialize(root.clone()) {
        Ok(config) => config,
        Err((key, expected, found)) => {
            let expected = match expected == COUNT {
                true => range_of(registry, root, &key).unwrap_or(expected),
                false => expected,
            };
            let origin = origins.of(Some(&key));
            return Err(ConfigError::Mistyped { origin, key, expected, found: abridged(&found) });
        }
    };
    config.check(registry)?;
    Ok(config)
}

/// The value, where every part of it has the right type.
pub(crate) fn deserialize_value<T: DeserializeOwned>(root: Value, origin: &str) -> Result<T, ConfigError> {
    deserialize(root).map_err(|(key, expected, found)| ConfigError::Mistyped {
        key,
        origin: origin.into(),
        expected,
        found: abridged(&found),
    })
}

/// The value, or the key of one of the wrong type, with what was expected and found.
fn deserialize<T: DeserializeOwned>(root: Value) -> Result<T, (String, String, String)> {
    serde_path_to_error::deserialize(root.into_deserializer()).map_err(|error| {
        let (expected, found) = expected_and_found(&error.inner().to_string());
        (error.path().to_string(), expected, found)
    })
}

/// The range of a key that takes a whole number but not 0, found by trying that.
fn range_of(registry: &Registry, mut root: Value, key: &str) -> Option<String> {
    let mut place = &mut root;
    for part in key.split('.') {
        place = place.get_mut(part)?;
    }
    *place = Value::Number(0.into());
    match deserialize::<Config>(root).ok()?.check(registry) {
        Err(ConfigError::Invalid { key: refused, expected, .. }) if refused == key => {
            Some(format!("a whole number, {}", expected.trim_start_matches("a whole number of ")))
        }
        _ => None,
    }
}

/// The default config, with the section of the method that `root` names.
fn known_keys(registry: &Registry, root: &Value) -> Result<Value, ConfigError> {
    let mut config = Config::default();
    if let Some(name) = root.get("method").and_then(Value::as_str) {
        config.method = name.to_owned();
    }
    let settings = registry.method_defaults(&config)?;
    let mut known = serde_yaml::to_value(&config).expect("a default config is plain data");
    if let (Value::Mapping(known), Value::Mapping(settings)) = (&mut known, settings)
        && !settings.is_empty()
    {
        known.insert(Value::String(config.method.clone()), Value::Mapping(settings));
    }
    Ok(known)
}

/// Sets one key, and returns its name.
fn apply_override(root: &mut Value, text: &str) -> Result<String, ConfigError> {
    let refuse = |found: &str| ConfigError::Override { text: abridged(text), found: found.into() };
    let (path, value) = text.split_once('=').ok_or_else(|| refuse("no `=`"))?;
    let value = yaml(value).map_err(|error| refuse(&format!("{error} in the value")))?;
    let path = path.trim();
    let mut place = root;
    for part in path.split('.') {
        if part.is_empty() {
            return Err(refuse("an empty part of the key"));
        }
        if place.is_null() {
            *place = Value::Mapping(Mapping::new());
        }
        let Value::Mapping(section) = place else {
            return Err(refuse(&format!("`{part}` below a value that is not a section")));
        };
        place = section.entry(Value::String(part.into())).or_insert(Value::Null);
    }
    *place = value;
    Ok(path.to_owned())
}

/// Refuses keys of `found`, which stands at `prefix`, that `known` does not have.
pub(crate) fn refuse_unknown_in(
    found: &Value,
    known: &Value,
    prefix: &str,
    origins: &Origins<'_>,
) -> Result<(), ConfigError> {
    refuse_unknown(found, known, known, prefix, origins)
}

/// Compares the keys of `found` with those of `known`, section by section.
fn refuse_unknown(
    found: &Value,
    known: &Value,
    all: &Value,
    prefix: &str,
    origins: &Origins<'_>,
) -> Result<(), ConfigError> {
    let Value::Mapping(known) = known else {
        return Ok(());
    };
    let found = match found {
        Value::Mapping(found) => found,
        Value::Null => return Ok(()),
        other => {
            return Err(ConfigError::Mistyped {
                key: if prefix.is_empty() { "(the whole file)".into() } else { prefix.into() },
                origin: origins.of(Some(prefix).filter(|prefix| !prefix.is_empty())),
                expected: "a section of keys".into(),
                found: kind(other).into(),
            });
        }
    };
    for (key, value) in found {
        let name = key.as_str().map_or_else(|| kind(key).to_owned(), str::to_owned);
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match known.get(key) {
            Some(known) => refuse_unknown(value, known, all, &path, origins)?,
            None => return Err(unknown_key(&path, &name, all, &origins.of(Some(&path)))),
        }
    }
    Ok(())
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a section",
        Value::Tagged(_) => "a tagged value",
    }
}

fn unknown_key(path: &str, name: &str, known: &Value, origin: &str) -> ConfigError {
    let mut paths = Vec::new();
    collect_paths(known, "", &mut paths);
    let (path, name) = (abridged(path), abridged(name));
    // A key in the wrong section keeps its own name, so the last part counts most.
    let score = |candidate: &String| {
        let last = candidate.rsplit('.').next().unwrap_or(candidate);
        // Letters in a wrong order are few changes; of short names the other measure sees none.
        let alike =
            |a: &str, b: &str| strsim::jaro_winkler(a, b).max(strsim::normalized_damerau_levenshtein(a, b));
        let depth = |path: &str| path.matches('.').count();
        let beside = if depth(candidate) == depth(&path) { 0.2 } else { 0.0 };
        alike(last, &name) + 0.5 * alike(candidate, &path) + beside
    };
    let nearest = paths.into_iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or_default();
    let hint = match nearest.split_once('.') {
        Some((section, key)) if nearest == name => {
            format!("in a file, `{key}` stands in a section of its own, `{section}:`")
        }
        _ => format!("the nearest known key is `{nearest}`"),
    };
    ConfigError::UnknownKey { key: path, origin: origin.into(), hint }
}

fn collect_paths(value: &Value, prefix: &str, paths: &mut Vec<String>) {
    if let Value::Mapping(section) = value {
        for (key, value) in section {
            let name = key.as_str().unwrap_or_default();
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            paths.push(path.clone());
            collect_paths(value, &path, paths);
        }
    }
}

/// `gating:` with nothing below it means all of its defaults.
fn drop_empty_sections(root: &mut Value) {
    if let Value::Mapping(sections) = root {
        sections.retain(|_, value| !value.is_null());
        if let Some(Value::Mapping(logging)) = sections.get_mut("logging") {
            logging.retain(|_, value| !value.is_null());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OptimizerKind;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse::<&str>(text, "test.yaml", &[])
    }

    #[test]
    fn an_empty_file_is_the_default_config() {
        assert_eq!(parse("").unwrap(), Config::default());
        assert_eq!(parse("gating:\nlogging:\n  wandb:\n").unwrap(), Config::default());
    }

    #[test]
    fn a_resolved_config_reads_back_as_itself() {
        let config = Config::parse("", "x", &["optim.lr=3e-4", "gating.loss_max=0.5"]).unwrap();
        assert_eq!(parse(&config.to_yaml()).unwrap(), config);
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let message = parse("dataset:\n  batchsize: 32\n").unwrap_err().to_string();
        assert!(
            message.contains("`dataset.batchsize`") && message.contains("`dataset.batch_size`"),
            "{message}"
        );
        let message = parse("optim:\n  momentun: 0.5\n").unwrap_err().to_string();
        assert!(message.contains("`optim.momentum`"), "{message}");
        let message = parse("modell:\n  depth: 18\n").unwrap_err().to_string();
        assert!(message.contains("`model`"), "{message}");
        let message = parse("rnu:\n  epochs: 2\n").unwrap_err().to_string();
        assert!(message.contains("`run`"), "{message}");
    }

    #[test]
    fn a_dotted_key_is_told_its_section() {
        let message = parse("run.epochs: 3\n").unwrap_err().to_string();
        assert!(message.contains("`epochs` stands in a section of its own, `run:`"), "{message}");
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(parse("\u{feff}run: {epochs: 3}\ndataset: {name: synthetic}\n").unwrap().run.epochs, 3);
    }

    #[test]
    fn unknown_methods_and_data_sets_name_the_known_ones() {
        let message = parse("method: mine\n").unwrap_err().to_string();
        assert!(
            message.contains("`method`") && message.contains("seqjepa") && message.contains("mine"),
            "{message}"
        );
        let message = parse("dataset: {name: mnist}\n").unwrap_err().to_string();
        assert!(message.contains("`dataset.name`") && message.contains("fashion_mnist"), "{message}");
    }

    #[test]
    fn a_key_in_the_wrong_section_is_found_by_its_name() {
        let message = parse("run:\n  batch_size: 32\n").unwrap_err().to_string();
        assert!(message.contains("batch_size`"), "{message}");
    }

    #[test]
    fn a_mistyped_value_names_its_key() {
        let message = parse("run:\n  epochs: many\n").unwrap_err().to_string();
        assert!(message.contains("run.epochs") && message.contains("many"), "{message}");
        // 0 is not taken either.
        for (value, found) in [("-1", "-1"), ("1.5", "1.5"), ("many", "the text \"many\"")] {
            let message = parse(&format!("run: {{epochs: {value}}}\n")).unwrap_err().to_string();
            let expected = "`run.epochs` in test.yaml: expected a whole number, 1 to 1000000, found ";
            assert_eq!(message, format!("{expected}{found}"));
        }
        let message = parse("run: {seed: -1}\n").unwrap_err().to_string();
        assert!(message.ends_with("expected a whole number of at least 0, found -1"), "{message}");
        let message = parse("run: {seed: 99999999999999999999999}\n").unwrap_err().to_string();
        assert!(
            message.ends_with("found 99999999999999999999999, a whole number of more than 64 bits"),
            "{message}"
        );
        let message = parse("run: 3\n").unwrap_err().to_string();
        assert!(message.contains("`run`") && message.contains("section"), "{message}");
    }

    #[test]
    fn a_broken_file_names_its_line() {
        let message = parse("run:\n  name: [\n").unwrap_err().to_string();
        assert!(message.contains("test.yaml") && message.contains("line"), "{message}");
    }

    #[test]
    fn values_out_of_range_say_what_was_expected() {
        for (text, key) in [
            ("optim: {lr: 0}", "optim.lr"),
            ("optim: {lr: .nan}", "optim.lr"),
            ("dataset: {batch_size: 1}", "dataset.batch_size"),
            ("model: {depth: 19}", "model.depth"),
            ("model: {ema_decay: 1.5}", "model.ema_decay"),
            ("eval: {seq_len: 1}", "eval.seq_len"),
            ("run: {epochs: 0}", "run.epochs"),
            ("run: {name: ../x}", "run.name"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(key) && message.contains("expected"), "{text}: {message}");
        }
    }

    #[test]
    fn micro_batches_are_held_against_batch_and_method() {
        let parse = |given: &[&str]| {
            let given: Vec<_> = given.iter().copied().chain(["dataset.batch_size=9"]).collect();
            Config::parse("", "a.yaml", &given)
        };
        for (most, at_once) in [(9, 9), (8, 5), (5, 5), (4, 3), (3, 3)] {
            let config = parse(&[&format!("dataset.micro_batch={most}")]).unwrap();
            assert_eq!(config.sequences_at_once(), at_once, "{most}");
        }
        assert_eq!(parse(&[]).unwrap().sequences_at_once(), 9);
        for (most, words) in [
            ("10", "expected 2 to 9, the dataset.batch_size"),
            ("1", "expected 2 to 9, the dataset.batch_size"),
            ("0", "expected 2 to 9, the dataset.batch_size"),
            ("-1", "expected a whole number, 2 to 9"),
            ("2", "expected at least 3, since pairs of the 9 sequences"),
        ] {
            let message = parse(&[&format!("dataset.micro_batch={most}")]).unwrap_err().to_string();
            assert!(
                message.contains("`dataset.micro_batch`") && message.contains(words),
                "{most}: {message}"
            );
        }
        let mut coupled: Vec<_> = ["simclr", "vicreg", "simclr_equimod", "sen", "sie", "vicreg_traj"]
            .into_iter()
            .map(|name| vec![format!("method={name}")])
            .collect();
        coupled.extend(["coding_rate", "sigreg"].map(|name| vec![format!("model.regularizer={name}")]));
        for given in coupled {
            let given: Vec<_> = given.iter().map(String::as_str).collect();
            assert!(parse(&[&given[..], &["dataset.micro_batch=9"]].concat()).is_ok(), "{given:?}");
            let message = parse(&[&given[..], &["dataset.micro_batch=3"]].concat()).unwrap_err().to_string();
            assert!(
                message.contains("holds the samples of a batch against each other"),
                "{given:?}: {message}"
            );
        }
        for name in ["seqjepa", "byol", "conditional_byol", "conv_ijepa"] {
            assert!(parse(&[&format!("method={name}"), "dataset.micro_batch=3"]).is_ok(), "{name}");
        }
    }

    #[test]
    fn models_that_cannot_be_built_are_refused() {
        for (text, words) in [
            ("model: {num_heads: 3}", "a multiple of the 3 heads"),
            ("model: {width: 18446744073709551615}", "1 to 65536"),
            ("model: {width: 65536}", "number of parameters"),
            ("model: {num_enc_layers: 100000}", "1 to 1024"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }

    #[test]
    fn values_that_do_not_go_together_name_the_override() {
        let parse = |given: &[&str]| Config::parse("", "a.yaml", given).unwrap_err().to_string();
        let message = parse(&["model.num_heads=3"]);
        assert!(message.starts_with("a.yaml with the override `model.num_heads=3`: "), "{message}");
        assert!(message.contains("; keys: `model.width`"), "{message}");
        let late =
            invalid("run.best_metric", "one of ep_loss", "foo").located("a.yaml", &["run.best_metric=foo"]);
        let message = late.to_string();
        assert!(
            message.contains("in the override `run.best_metric=foo`: expected one of ep_loss"),
            "{message}"
        );
    }

    #[test]
    fn flags_may_be_written_as_numbers() {
        let config = parse("model: {act_cond: 0, learn_act_emb: 1}").unwrap();
        assert!(!config.model.act_cond && config.model.learn_act_emb);
        assert!(parse("model: {act_cond: 2}").is_err());
    }

    /// The keys that published configs have beside those that mean something here.
    #[test]
    fn published_configs_are_read_as_they_are() {
        let config = parse(
            "run: {mps_fallback: true, max_steps: 0}\noptim: {name: AdamW}\nlogging: {wandb: {enabled: true, mode: online}}",
        )
        .unwrap();
        assert!(config.logging.wandb.enabled);
        assert_eq!((config.run.max_steps, config.optim.name), (None, OptimizerKind::AdamW));
        assert_eq!(parse(&config.to_yaml()).unwrap(), config);
    }

    #[test]
    fn overrides_apply_in_order_and_are_checked() {
        let config =
            Config::parse("run: {epochs: 5}", "x", &["run.epochs=2", "dataset.batch_size=32"]).unwrap();
        assert_eq!((config.run.epochs, config.dataset.batch_size), (2, 32));
        for bad in ["run.epochs", "run..epochs=2", "run.epochs.x=2", "run.epoch=2", "run.epochs=two"] {
            assert!(Config::parse("run: {epochs: 5}", "x", &[bad]).is_err(), "{bad}");
        }
    }
}
