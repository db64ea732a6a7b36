//! Booleans that published configs also write as 0 and 1, for `#[serde(deserialize_with = "...")]`
//! and `#[schemars(schema_with = "...")]`.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// What is read, as a JSON schema.
#[must_use]
pub fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["boolean", "integer"], "minimum": 0, "maximum": 1})
}

/// Reads `true`, `false`, `1` or `0`.
///
/// # Errors
///
/// The deserialiser's, for anything else.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Flag;
    impl Visitor<'_> for Flag {
        type Value = bool;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("true, false, 1 or 0")
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<bool, E> {
            match value {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
            }
        }
    }
    deserializer.deserialize_any(Flag)
}
