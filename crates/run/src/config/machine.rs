//! The keys by which a config reaches for the machine that it is read on.

use seqjepa_evaluation::MACHINE_KEYS;
use serde_yaml::{Mapping, Value};

use super::compare::ConfigDifference;
use super::config::Config;

/// The keys that reach for the machine; also that which begins a W&B run there.
fn machine_keys() -> impl Iterator<Item = &'static str> {
    MACHINE_KEYS.into_iter().chain(["logging.wandb.enabled"])
}

impl Config {
    /// The config with the defaults of all keys that reach for the machine: what may be taken from a file that somebody else may
    /// have made.
    #[must_use]
    pub fn without_machine(&self) -> Self {
        let value = |config: &Self| serde_yaml::to_value(config).expect("a config is plain data");
        let (mut own, default) = (value(self), value(&Self::default()));
        for key in machine_keys() {
            let found = key.split('.').try_fold(&default, |section, name| section.get(name));
            set(&mut own, key, found.cloned().unwrap_or(Value::Null));
        }
        serde_yaml::from_value(own).expect("defaults are of the right types")
    }

    /// The keys that reach for the machine of which `used` has the default and not the value here.
    #[must_use]
    pub fn not_followed(&self, used: &Self) -> Vec<ConfigDifference> {
        let defaults = self.differences(&self.without_machine());
        let mut found = self.differences(used);
        found.retain(|difference| defaults.contains(difference));
        found
    }
}

fn set(root: &mut Value, key: &str, value: Value) {
    let mut place = root;
    for name in key.split('.') {
        let Value::Mapping(section) = place else { return };
        place = entry(section, name);
    }
    *place = value;
}

fn entry<'a>(section: &'a mut Mapping, name: &str) -> &'a mut Value {
    section.entry(Value::String(name.to_owned())).or_insert(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_key_exists_and_is_left_behind() {
        let overrides = [
            "run.device=cuda:7",
            "dataset.data_root=/b",
            "run.further_devices=[cuda:8]",
            "run.all_reduce=device",
            "run.device_check=off",
            "run.kernel_cache=/k",
            "dataset.download=true",
            "dataset.download_url=http://example.org",
            "dataset.memory_limit_gib=900",
            "dataset.num_workers=200",
            "dataset.prefetch=64",
            "eval.num_workers=200",
            "eval.cache=false",
            "eval.cache_dir=/c",
            "eval.cache_limit_gib=0.001",
            "logging.wandb.enabled=true",
            // What a model is, and how it is measured.
            "model.width=16",
            "eval.seq_len=3",
            "run.seed=7",
        ];
        let mut held = Config::parse("", "test", &overrides).unwrap();
        // No data set reads both.
        held.dataset.lists = Some("/d".into());
        held.dataset.saliency_root = Some("/e".into());
        let used = held.without_machine();
        let mut expected: Vec<_> = machine_keys().collect();
        expected.sort_unstable();
        let mut keys: Vec<_> = held.not_followed(&used).into_iter().map(|found| found.key).collect();
        keys.sort_unstable();
        assert_eq!(keys, expected);
        assert_eq!((used.model.width, used.eval.seq_len, used.run.seed), (16, 3, 7));
        assert_eq!(used.without_machine(), used);

        // What the user has given is not said to be left.
        let mut given = used;
        given.dataset.data_root = "/mine".into();
        let keys = held.not_followed(&given);
        assert!(
            keys.iter().all(|found| found.key != "dataset.data_root") && keys.len() == expected.len() - 1
        );
    }
}
