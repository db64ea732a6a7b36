//! Every key of a config: names and defaults from the default config, types by trying, meanings from docs/configuration.md.

use std::collections::BTreeMap;

use seqjepa_run::Config;
use serde_json::Value;

use super::kind::kind;

/// The guide to every key.
const GUIDE: &str = include_str!("../../../assets/configuration.md");

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// With its section, as `run.epochs`.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) default: String,
    pub(super) meaning: String,
}

/// Every key, in the guide's order.
pub(super) fn keys() -> Vec<Key> {
    let defaults = defaults();
    let known = rows().into_iter().filter_map(|row| Some((defaults.get(&row.name)?, row)));
    known
        .map(|(default, Row { name, default: said, meaning })| Key {
            kind: kind(&name),
            // What stands for no value says less than the guide's word for it.
            default: if default.is_null() { said } else { text(default) },
            name,
            meaning,
        })
        .collect()
}

/// The default of every key.
fn defaults() -> BTreeMap<String, Value> {
    fn collect(value: Value, prefix: &str, found: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(section) => {
                for (key, value) in section {
                    let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
                    collect(value, &name, found);
                }
            }
            value => drop(found.insert(prefix.to_owned(), value)),
        }
    }
    let mut found = BTreeMap::new();
    collect(Config::default().to_json(), "", &mut found);
    found
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A row of the guide's tables.
struct Row {
    name: String,
    default: String,
    meaning: String,
}

/// The rows of the guide, one a key: some rows speak of several keys at once.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut section = String::new();
    for line in GUIDE.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.trim_matches('`').to_owned();
            continue;
        }
        let Some([keys, default, meaning]) = cells(line) else { continue };
        let names: Vec<&str> =
            keys.split(", ").filter_map(|key| key.strip_prefix('`')?.strip_suffix('`')).collect();
        let defaults: Vec<&str> = default.split(", ").collect();
        for (number, key) in names.iter().enumerate() {
            let name = if *key == "method" { (*key).to_owned() } else { format!("{section}.{key}") };
            let own = if defaults.len() == names.len() { defaults[number] } else { &default };
            rows.push(Row { name, default: own.replace('`', ""), meaning: meaning.clone() });
        }
    }
    rows
}

/// The three cells of a table's row.
fn cells(line: &str) -> Option<[String; 3]> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    let mut cells = inner.splitn(3, " | ").map(|cell| cell.replace("\\[", "[").replace("\\]", "]"));
    Some([cells.next()?, cells.next()?, cells.next()?])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_guide_has_every_key_once_and_no_other() {
        let rows: Vec<String> = rows()
            .into_iter()
            .map(|row| row.name)
            .filter(|name| name.contains('.') || name == "method")
            .collect();
        let guide: BTreeSet<&String> = rows.iter().collect();
        assert_eq!(guide.len(), rows.len(), "a key has two rows");
        let defaults = defaults();
        let config: BTreeSet<&String> = defaults.keys().collect();
        assert_eq!(guide, config);
    }

    #[test]
    fn a_key_is_told_with_all_that_is_known_of_it() {
        let keys = keys();
        let of = |name: &str| keys.iter().find(|key| key.name == name).unwrap();
        assert_eq!(
            (of("run.epochs").kind.as_str(), of("run.epochs").default.as_str()),
            ("whole number", "10")
        );
        assert_eq!(of("dataset.mean").default, "of the data set");
        assert!(of("optim.lr").meaning.contains("learning rate"));
    }
}
