//! As much of JSON Schema as the schema of a config uses. A word that it does not know is a panic, not a value that passes.

use serde_json::Value;

/// Words that restrict nothing.
const NOTES: [&str; 7] = ["$schema", "title", "description", "default", "examples", "format", "items"];

/// The places where a value is not what its schema says.
pub(crate) fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "", &mut found);
    found
}

fn check(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let words = match schema {
        Value::Bool(true) => return,
        Value::Object(words) => words,
        other => panic!("no schema: {other}"),
    };
    let number = value.as_f64();
    let length = value.as_str().map(|text| text.chars().count() as u64);
    let items = value.as_array();
    for (word, bound) in words {
        let holds = match word.as_str() {
            "type" => match bound {
                Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
                kind => is(value, kind),
            },
            "enum" => bound.as_array().unwrap().contains(value),
            "const" => bound == value,
            "oneOf" => alternatives(bound, value, place) == 1,
            "anyOf" => alternatives(bound, value, place) > 0,
            "minimum" => number.is_none_or(|number| number >= bound.as_f64().unwrap()),
            "maximum" => number.is_none_or(|number| number <= bound.as_f64().unwrap()),
            "exclusiveMinimum" => number.is_none_or(|number| number > bound.as_f64().unwrap()),
            "exclusiveMaximum" => number.is_none_or(|number| number < bound.as_f64().unwrap()),
            "minLength" => length.is_none_or(|length| length >= bound.as_u64().unwrap()),
            "maxLength" => length.is_none_or(|length| length <= bound.as_u64().unwrap()),
            "minItems" => items.is_none_or(|items| items.len() as u64 >= bound.as_u64().unwrap()),
            "maxItems" => items.is_none_or(|items| items.len() as u64 <= bound.as_u64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| fits(bound.as_str().unwrap(), text)),
            "properties" | "additionalProperties" => true,
            note if NOTES.contains(&note) => true,
            other => panic!("{place}: no meaning for `{other}`"),
        };
        if !holds {
            found.push(format!("{place}: {value} against {word} {bound}"));
        }
    }
    for item in items.filter(|_| words.contains_key("items")).into_iter().flatten() {
        check(&schema["items"], item, place, found);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        match (schema["properties"].get(key), words.get("additionalProperties")) {
            (Some(property), _) => check(property, value, &place, found),
            (None, Some(Value::Bool(false))) => found.push(format!("{place}: unknown")),
            (None, Some(any)) => check(any, value, &place, found),
            (None, None) => {}
        }
    }
}

/// The two patterns of a config: the name of a run, and names at W&B.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[A-Za-z0-9_-][A-Za-z0-9._-]*$" => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !text.is_empty() && !text.starts_with('.') && text.chars().all(plain)
        }
        r"^[^/\\#?%:]+$" => !text.is_empty() && !text.chars().any(|c| r"/\#?%:".contains(c)),
        other => panic!("no meaning for the pattern {other}"),
    }
}

fn alternatives(schemas: &Value, value: &Value, place: &str) -> usize {
    let fits = |schema: &&Value| {
        let mut found = Vec::new();
        check(schema, value, place, &mut found);
        found.is_empty()
    };
    schemas.as_array().unwrap().iter().filter(fits).count()
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_u64() || value.is_i64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        other => panic!("no type {other}"),
    }
}
