//! The YAML config, with overrides.

use seqjepa_data::Normalization;
use seqjepa_run::{Config, Registry};

/// YAML text, and after each byte 0 an override.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\0');
    let yaml = parts.next().unwrap_or_default();
    let overrides: Vec<&str> = parts.collect();
    match Config::parse(yaml, "fuzz.yaml", &overrides) {
        Ok(config) => {
            let resolved = config.to_yaml();
            let again =
                Config::parse::<&str>(&resolved, "resolved", &[]).expect("a resolved config reads back");
            assert!(config == again, "{resolved}");
            assert!(config.differences(&again).is_empty());
            let method = Registry::standard().method(&config).expect("a config in hand can run");
            method.validate().expect("a config in hand can run");
            let _ = (config.optimizer(), config.learning_rate());
            let _ = config.sequences(config.dataset.seq_len, Normalization::CIFAR100);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
