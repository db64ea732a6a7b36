use serde_json::Value;

use super::words;

/// One key of a config in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigKey {
    /// With its section, as `run.epochs`.
    pub name: String,
    /// What values it takes, as `whole number, 1 to 1000`.
    pub takes: String,
    /// Its default: the value, or in words what stands in for it.
    pub default: String,
    /// What it means.
    pub meaning: String,
    /// Its section's own description; none for a key without a section.
    pub section: Option<String>,
}

/// The keys of a schema, in its order.
pub(super) fn keys(schema: &Value) -> Vec<ConfigKey> {
    let mut keys = Vec::new();
    collect(schema, "", None, &mut keys);
    keys
}

fn collect(schema: &Value, prefix: &str, section: Option<&str>, keys: &mut Vec<ConfigKey>) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (name, property) in properties {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let description = property["description"].as_str().unwrap_or_default();
        if property.get("properties").is_some() {
            // A section within a section is described as part of it.
            collect(property, &name, section.or(Some(description)), keys);
            continue;
        }
        let (meaning, said) = split_default(description);
        let default = match &property["default"] {
            // What stands in for it says more.
            Value::Null => said.map_or_else(|| "none".into(), |(words, _)| words.to_owned()),
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        keys.push(ConfigKey {
            name,
            takes: words::takes(property),
            default,
            meaning: meaning.to_owned(),
            section: section.map(str::to_owned),
        });
    }
}

/// A description without its last sentence "Default X." or "Default: words.", and that, with whether it is a value.
pub(super) fn split_default(description: &str) -> (&str, Option<(&str, bool)>) {
    let (meaning, said) = match description.rsplit_once(". Default") {
        Some((_, said)) => (&description[..description.len() - said.len() - "Default".len() - 1], said),
        None => return (description, None),
    };
    let said = said.trim_end_matches('.');
    match said.strip_prefix(": ") {
        Some(words) => (meaning, Some((words, false))),
        None if said == " none" => (meaning, Some(("none", false))),
        None => (meaning, Some((said.trim(), true))),
    }
}
