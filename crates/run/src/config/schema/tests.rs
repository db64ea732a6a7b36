use serde_json::Value;

use super::*;

fn key(name: &str) -> ConfigKey {
    Config::keys().into_iter().find(|key| key.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_key_is_told_in_words() {
    for (name, takes, default) in [
        ("method", "text", "seqjepa"),
        ("run.name", "text", "seqjepa"),
        ("run.epochs", "whole number, 1 to 1000000", "10"),
        ("run.checkpoint_minutes", "number, above 0, at most 525600, or null", "10.0"),
        ("run.checkpoint_steps", "whole number, at least 1, or null", "none"),
        ("run.drop_last", "true or false", "true"),
        (
            "run.best_mode",
            "max, min, or null",
            "`min` for a figure with `loss` or `leakage` in its name, otherwise `max`",
        ),
        ("run.seed", "whole number", "42"),
        ("optim.lr", "number, above 0, at most 1e38", "0.001"),
        ("optim.scheduler", "constant, cosine, warmup", "constant"),
        ("optim.momentum", "number, at least 0, below 1", "0.9"),
        ("dataset.mean", "3 numbers, 0 to 1, or null", "of the data set"),
        ("dataset.action_std", "list of numbers, 0.000001 to 1000000, or null", "none"),
        ("dataset.aug", "true, 1", "true"),
        ("model.depth", "18, 34, 50", "18"),
        ("eval.encoder", "online, target", "online"),
        ("eval.protocols", "list of exact, linear, paper, or null", "`[exact]`"),
    ] {
        let key = key(name);
        assert_eq!((key.takes.as_str(), key.default.as_str()), (takes, default), "{name}");
        assert!(!key.meaning.contains("Default"), "{}", key.meaning);
    }
    assert!(key("optim.lr").meaning.contains("rate"));
}

/// Every key of the default config, with its value.
fn defaults() -> Vec<(String, Value)> {
    fn collect(value: Value, prefix: &str, found: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(section) => {
                for (key, value) in section {
                    let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                    collect(value, &name, found);
                }
            }
            value => found.push((prefix.to_owned(), value)),
        }
    }
    let mut found = Vec::new();
    collect(Config::default().to_json(), "", &mut found);
    found
}

#[test]
fn the_keys_are_those_of_a_config_each_with_a_meaning() {
    let keys = Config::keys();
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let defaults = defaults();
    assert_eq!(names, defaults.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    for key in &keys {
        assert!(key.meaning.ends_with('.') && key.meaning.len() > 10, "{}: {:?}", key.name, key.meaning);
    }
}

#[test]
fn a_default_that_is_said_is_the_default() {
    let schema = Config::json_schema();
    for (name, default) in defaults() {
        let property = name.split('.').fold(&schema, |at, key| &at["properties"][key]);
        assert_eq!(property["default"], default, "{name}");
        let description = property["description"].as_str().unwrap();
        match key::split_default(description).1 {
            Some((said, true)) => {
                let said: Value = serde_yaml::from_str(said.trim_matches('`')).unwrap();
                let same = said == default || (said.as_f64().is_some() && said.as_f64() == default.as_f64());
                assert!(same, "{name}: its description says {said}, the default is {default}");
            }
            Some((words, false)) => assert!(default.is_null(), "{name}: {words}, but {default}"),
            None => assert!(default.is_null(), "{name}: its description lacks \"Default {default}.\""),
        }
    }
}
