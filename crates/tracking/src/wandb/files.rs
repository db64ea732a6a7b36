//! The files beside the log, as the public client names and writes them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::description::RunDescription;
use super::number;
use crate::timestamp::Timestamp;

/// `config.yaml`: every key with its value under `value`. JSON is YAML.
pub(super) fn config_yaml(config: &Map<String, Value>) -> String {
    let entry =
        |(key, value): (&String, &Value)| format!("{}:\n    value: {value}\n", Value::from(key.as_str()));
    config.iter().map(entry).collect()
}

/// `wandb-summary.json`. A figure that is not finite is written as Python writes it.
pub(super) fn summary_json(summary: &BTreeMap<String, String>) -> String {
    let entries: Vec<_> =
        summary.iter().map(|(key, value)| format!("{}: {value}", Value::from(key.as_str()))).collect();
    format!("{{{}}}\n", entries.join(", "))
}

/// `wandb-metadata.json`.
pub(super) fn metadata_json(description: &RunDescription, started: Timestamp) -> String {
    let machine = &description.machine;
    let mut map = Map::new();
    let mut put = |key: &str, value: Value, known: bool| {
        if known {
            map.insert(key.to_owned(), value);
        }
    };
    put("os", json!(machine.system), !machine.system.is_empty());
    put("startedAt", json!(started.rfc3339()), true);
    put("program", json!(description.program), !description.program.is_empty());
    put("cpu_count", json!(machine.cores), machine.cores > 0);
    put("cpu_count_logical", json!(machine.threads), machine.threads > 0);
    put("gpu", json!(machine.accelerator), !machine.accelerator.is_empty());
    // Text, as protobuf's JSON has numbers of 64 bits.
    put("memory", json!({"total": machine.memory.to_string()}), machine.memory > 0);
    format!("{:#}\n", Value::Object(map))
}

/// Where a picture goes below `files`: a name without anything that a file system minds, and the start of its digest.
pub(super) fn picture_path(name: &str, step: u64, digest: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = name.chars().map(plain).take(80).collect();
    format!("media/images/{name}_{step}_{}.png", &digest[..20])
}

/// What the history says of a picture.
pub(super) fn picture_json(
    path: &str,
    digest: &str,
    picture: &crate::picture::Picture,
    caption: &str,
) -> String {
    // In the order of the alphabet, which is that of the map or not, as other crates ask of it.
    let mut value = Map::new();
    value.insert("_type".into(), "image-file".into());
    if !caption.is_empty() {
        value.insert("caption".into(), caption.into());
    }
    value.insert("format".into(), "png".into());
    value.insert("height".into(), picture.height().into());
    value.insert("path".into(), path.into());
    value.insert("sha256".into(), digest.into());
    value.insert("size".into(), picture.png().len().into());
    value.insert("width".into(), picture.width().into());
    Value::Object(value).to_string()
}

/// A number or the JSON of anything else.
pub(super) fn value_json(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => number::json(number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    }
}
