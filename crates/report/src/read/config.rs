//! `config.yaml` as keys and values.

use seqjepa_run::config::without_user;
use seqjepa_train::storage::{Folder, check_nesting};
use serde_yaml::Value;

/// Most bytes of the file, keys, and characters of a value.
const FILE: u64 = 1 << 20;
const KEYS: usize = 2000;
const VALUE: usize = 400;
/// Sections within sections.
const DEEPEST: usize = 6;

/// Keys with their sections, and their values as YAML, in the file's order; why not, if it cannot be read.
pub(super) fn read(folder: &Folder, name: &str) -> Result<Vec<(String, String)>, String> {
    let bytes = folder.read(name, FILE).map_err(|error| error.source.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())?;
    check_nesting(&text)?;
    let root: Value = serde_yaml::from_str(&text).map_err(|error| error.to_string())?;
    let mut keys = Vec::new();
    flatten(&root, "", 0, &mut keys);
    Ok(keys)
}

fn flatten(value: &Value, path: &str, depth: usize, keys: &mut Vec<(String, String)>) {
    if keys.len() >= KEYS {
        return;
    }
    match value {
        Value::Mapping(section) if depth < DEEPEST => {
            for (key, value) in section {
                let name = key.as_str().map_or_else(|| text(key), str::to_owned);
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(value, &path, depth + 1, keys);
            }
        }
        value => keys.push((path.to_owned(), text(value))),
    }
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::Sequence(items) if items.iter().all(|item| !item.is_mapping() && !item.is_sequence()) => {
            let items: Vec<String> = items.iter().take(64).map(text).collect();
            format!("[{}]", items.join(", "))
        }
        // A page is handed on.
        Value::String(text) => without_user(text),
        value => serde_yaml::to_string(value).unwrap_or_default().trim().replace('\n', " "),
    };
    text.chars().take(VALUE).collect()
}

/// A key whose value is not the same in all configs, with its values; `None` where a config lacks it.
pub(crate) type Difference<'a> = (&'a str, Vec<Option<&'a str>>);

/// The keys in which configs differ.
pub(crate) fn differences<'a>(configs: &[&'a [(String, String)]]) -> Vec<Difference<'a>> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in configs.iter().flat_map(|config| config.iter()) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let value = |config: &&'a [(String, String)], key: &str| {
        config.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    };
    let values = |key: &'a str| (key, configs.iter().map(|config| value(config, key)).collect::<Vec<_>>());
    keys.into_iter()
        .map(values)
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Vec<(String, String)>, String> {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("c"), text).unwrap();
        read(&Folder::at(scratch.path()), "c")
    }

    #[test]
    fn sections_become_keys() {
        let found = keys("method: seqjepa\nrun:\n  seed: 42\n  list: [1, 2.5]\nnone: null\n").unwrap();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            found,
            [("method", "seqjepa"), ("run.seed", "42"), ("run.list", "[1, 2.5]"), ("none", "null")]
        );
    }

    #[test]
    fn hostile_yaml_ends_in_an_error_or_in_bounds() {
        assert!(keys(&"[".repeat(100_000)).is_err());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let part = format!("*a{}, ", level - 1).repeat(10);
            bomb += &format!("a{level}: &a{level} [{}]\n", part.trim_end_matches(", "));
        }
        assert!(keys(&bomb).map_or(true, |keys| keys.len() < 100));
        assert!(keys("a: {b: {c: {d: {e: {f: {g: {h: 1}}}}}}}").unwrap().len() == 1);
    }

    #[test]
    fn differences_name_keys_that_one_config_lacks() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let a = [pair("seed", "1"), pair("lr", "0.1")];
        let b = [pair("seed", "2"), pair("lr", "0.1"), pair("new", "x")];
        assert_eq!(
            differences(&[&a, &b]),
            [("seed", vec![Some("1"), Some("2")]), ("new", vec![None, Some("x")])]
        );
    }
}
