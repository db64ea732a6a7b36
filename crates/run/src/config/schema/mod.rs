//! What a config may hold, from the types that read it: a JSON schema, and every key in words.

mod key;
mod words;

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

pub use key::ConfigKey;

use super::config::Config;

impl Config {
    /// The JSON schema (draft 7, which editors read) of a config: every key with its type, range, names, default and meaning.
    ///
    /// What spans several keys, as `optim.min_lr` of at most `optim.lr`, only [`validate`](Self::validate) checks. The section of a
    /// registered method's own settings is any section.
    #[must_use]
    pub fn json_schema() -> Value {
        // Without references: editors show what is behind them in other ways than what is there.
        let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
        let mut schema = settings.into_generator().into_root_schema_for::<Self>();
        RecursiveTransform(tidy).transform(&mut schema);
        let object = schema.ensure_object();
        object.insert("title".into(), "A run of seqjepa".into());
        // The values of all keys once more; they stand with the keys.
        object.remove("default");
        schema.to_value()
    }

    /// Every key of a config in words, in the order of the sections.
    ///
    /// # Panics
    ///
    /// Never: the schema of a config has properties.
    #[must_use]
    pub fn keys() -> Vec<ConfigKey> {
        key::keys(&Self::json_schema())
    }
}

/// Texts on one line, and no default of a whole section beside those of its keys.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if object.contains_key("properties") {
        object.remove("default");
    }
}

#[cfg(test)]
mod tests;
