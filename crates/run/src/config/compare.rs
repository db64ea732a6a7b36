//! What differs between two configs, key by key.

use std::fmt;

use seqjepa_evaluation::MACHINE_KEYS;
use serde_yaml::{Mapping, Value};

use super::config::Config;

/// Keys that change no figure of a run beside those of the machine: where it goes, and what is kept of it.
const FREE: [&str; 21] = [
    "run.name",
    "run.output_dir",
    "run.save_checkpoint",
    "run.checkpoint_epochs",
    "run.checkpoint_steps",
    "run.checkpoint_minutes",
    "run.keep_last",
    "run.best_metric",
    "run.best_mode",
    "run.mps_fallback",
    "logging.log_every",
    "logging.wandb.enabled",
    "logging.wandb.project",
    "logging.wandb.group",
    "logging.wandb.mode",
    "logging.wandb.entity",
    "logging.wandb.name",
    "logging.wandb.tags",
    "logging.wandb.dir",
    "logging.wandb.sync_checkpoints",
    "logging.tensorboard",
];

/// Keys of the machine that do change figures: another device rounds otherwise, more of them divide batches otherwise, and images that are
/// streamed have another fingerprint than those in memory.
const NOT_FREE: [&str; 4] =
    ["run.device", "run.further_devices", "run.all_reduce", "dataset.memory_limit_gib"];

/// The keys that change no figure of a run.
fn free_keys() -> impl Iterator<Item = &'static str> {
    FREE.into_iter().chain(MACHINE_KEYS.into_iter().filter(|key| !NOT_FREE.contains(key)))
}

/// A key whose value differs between the config that a run has and one that is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigDifference {
    /// The key with its section.
    pub key: String,
    /// The run's value, as YAML.
    pub held: String,
    /// The given value, as YAML.
    pub given: String,
}

impl fmt::Display for ConfigDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "`{}`: the run has {}, given is {}", self.key, self.held, self.given)
    }
}

impl Config {
    /// Every key whose value in `given` is not the one here.
    #[must_use]
    pub fn differences(&self, given: &Self) -> Vec<ConfigDifference> {
        let value = |config: &Self| serde_yaml::to_value(config).expect("a config is plain data");
        let mut found = Vec::new();
        compare(&value(self), &value(given), "", &mut found);
        found
    }

    /// Those of the differences that a resumed run does not take without being told to: all but a greater `run.epochs`,
    /// and keys that change no figure of the run.
    #[must_use]
    pub fn changes(&self, given: &Self) -> Vec<ConfigDifference> {
        let longer = given.run.epochs >= self.run.epochs;
        let mut found = self.differences(given);
        found.retain(|difference| {
            let free = free_keys().any(|key| key == difference.key);
            !free && (!longer || difference.key != "run.epochs")
        });
        found
    }
}

fn compare(held: &Value, given: &Value, prefix: &str, found: &mut Vec<ConfigDifference>) {
    match (held, given) {
        (Value::Mapping(held), Value::Mapping(given)) => {
            // Whole configs have the same keys, but for the section of the method's own settings.
            let added = given.keys().filter(|key| !held.contains_key(*key));
            for key in held.keys().chain(added) {
                let name = key.as_str().unwrap_or_default();
                let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
                let side = |mapping: &Mapping| mapping.get(key).cloned().unwrap_or(Value::Null);
                compare(&side(held), &side(given), &path, found);
            }
        }
        _ if held != given => {
            let text = |value| {
                let text = serde_yaml::to_string(value).expect("a value is plain data");
                without_user(&text.trim().replace('\n', " "))
            };
            found.push(ConfigDifference { key: prefix.into(), held: text(held), given: text(given) });
        }
        _ => {}
    }
}

/// A text without the user and password of a URL in it: it is shown, and may be handed on.
///
/// ```
/// assert_eq!(seqjepa_run::config::without_user("https://me:secret@example.org/x"), "https://...@example.org/x");
/// ```
#[must_use]
pub fn without_user(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host].rfind('@') {
        Some(at) => format!("{scheme}://...{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(overrides: &[&str]) -> Config {
        Config::parse("", "test", overrides).unwrap()
    }

    #[test]
    fn differing_keys_are_named_with_both_values() {
        let held = parse(&[]);
        let given = parse(&["optim.lr=0.5", "dataset.mean=[0.5, 0.5, 0.5]", "dataset.std=[1, 1, 1]"]);
        let found: Vec<_> = held.changes(&given).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().any(|text| text == "`optim.lr`: the run has 0.001, given is 0.5"), "{found:?}");
        assert!(found.iter().any(|text| text.contains("dataset.mean") && text.contains("null")));
        assert!(held.differences(&held).is_empty());
    }

    #[test]
    fn longer_runs_and_keys_that_change_no_figure_are_free() {
        let held = parse(&[]);
        let free = ["run.epochs=20", "run.checkpoint_steps=5", "run.keep_last=1", "dataset.num_workers=3"];
        assert_eq!(held.differences(&parse(&free)).len(), 4);
        assert!(held.changes(&parse(&free)).is_empty());
        assert_eq!(held.changes(&parse(&["run.epochs=5"])).len(), 1);
    }

    #[test]
    fn every_free_key_exists() {
        let config = serde_yaml::to_value(Config::default()).unwrap();
        for key in free_keys().chain(NOT_FREE) {
            let found = key.split('.').try_fold(&config, |section, name| section.get(name));
            assert!(found.is_some(), "{key}");
        }
    }
}
