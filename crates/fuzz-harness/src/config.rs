//! The YAML config, with overrides.

use seqjepa_data::Normalization;
use seqjepa_train::Config;

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
            config.model_config().validate().expect("a config in hand can run");
            let _ = config.optimizer_config();
            let _ = config.sequence_config(config.dataset.seq_len, Normalization::CIFAR100);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
