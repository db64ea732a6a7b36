use serde_json::Value;

/// What a schema takes, in words.
pub(super) fn takes(schema: &Value) -> String {
    let bare = bare(schema);
    if takes_null(schema) { format!("{bare}, or null") } else { bare }
}

fn bare(schema: &Value) -> String {
    if let Some(names) = names(schema) {
        return names.join(", ");
    }
    if is(schema, "boolean") {
        return "true or false".into();
    }
    if is(schema, "array") {
        let items = bare(&schema["items"]);
        return match schema["minItems"].as_u64().filter(|least| schema["maxItems"] == *least) {
            Some(count) => format!("{count} {}", items.replacen("number", "numbers", 1)),
            None => format!("list of {}", items.replacen("number", "numbers", 1)),
        };
    }
    let kind = match (is(schema, "integer"), is(schema, "number")) {
        (true, _) => "whole number",
        (_, true) => "number",
        _ => return "text".into(),
    };
    match range(schema) {
        Some(range) => format!("{kind}, {range}"),
        None => kind.into(),
    }
}

/// The values that a schema lists.
fn names(schema: &Value) -> Option<Vec<String>> {
    if let Some(values) = schema["enum"].as_array() {
        return Some(values.iter().filter(|value| !value.is_null()).map(word).collect());
    }
    if let Some(value) = schema.get("const") {
        return Some(vec![word(value)]);
    }
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema[key].as_array())?;
    Some(alternatives.iter().filter_map(names).flatten().collect())
}

/// The bounds of a number.
fn range(schema: &Value) -> Option<String> {
    let bound = |key: &str| schema[key].as_f64();
    let least = match (bound("minimum"), bound("exclusiveMinimum")) {
        (_, Some(above)) => Some(format!("above {}", number(above))),
        // No whole number of a config is below.
        (Some(0.0), _) if is(schema, "integer") && bound("maximum").is_none() => None,
        (Some(least), _) => Some(format!("at least {}", number(least))),
        _ => None,
    };
    let most = match (bound("maximum"), bound("exclusiveMaximum")) {
        (_, Some(below)) => Some(format!("below {}", number(below))),
        (Some(most), _) => Some(format!("at most {}", number(most))),
        _ => None,
    };
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => Some(format!("{} to {}", number(least), number(most))),
        _ => match (least, most) {
            (Some(least), Some(most)) => Some(format!("{least}, {most}")),
            (least, most) => least.or(most),
        },
    }
}

fn number(value: f64) -> String {
    crate::config::error::number(value)
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is(schema: &Value, kind: &str) -> bool {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|one| one == kind),
        one => one == kind,
    }
}

fn takes_null(schema: &Value) -> bool {
    let in_list = schema["enum"].as_array().is_some_and(|values| values.contains(&Value::Null));
    let in_choice = schema["anyOf"].as_array().is_some_and(|choices| choices.iter().any(takes_null));
    is(schema, "null") || in_list || in_choice
}
