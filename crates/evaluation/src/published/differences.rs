//! What differs between two descriptions of the same kind.

use serde_json::{Map, Value};

/// What differs between a configuration and the published one, leaf by leaf.
pub(super) fn of_configs(ours: &Value, published: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(ours, published, "", &mut found);
    found
}

fn compare(ours: &Value, published: &Value, path: &str, found: &mut Vec<String>) {
    if equal(ours, published) {
        return;
    }
    match (ours, published) {
        // A setting that is not there has its default; below the settings other keys are another variant.
        (Value::Object(a), Value::Object(b)) if path.is_empty() || same_keys(a, b) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let [ours, published] = [a, b].map(|fields| fields.get(key).unwrap_or(&Value::Null));
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(ours, published, &path, found);
            }
        }
        _ => {
            let name = if path.is_empty() { "configuration" } else { path };
            found.push(format!("{name} {}, the published {}", plain(ours), plain(published)));
        }
    }
}

fn same_keys(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len() && a.keys().all(|key| b.contains_key(key))
}

/// Numbers by their value: a file may write 1 for 1.0.
fn equal(a: &Value, b: &Value) -> bool {
    a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}

/// A value as people write it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| match value {
                Value::Object(_) => format!("{key} ({})", plain(value)),
                _ => format!("{key} {}", plain(value)),
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
    }
}

/// What differs between descriptions of views: those parts of ours that the other does not have in the same place.
pub(super) fn of_views(ours: &str, published: &str) -> Vec<String> {
    if ours == published {
        return Vec::new();
    }
    let (a, b) = (parts(ours), parts(published));
    if a.len() != b.len() {
        return vec![format!("other views ({ours})")];
    }
    let mut found: Vec<String> = Vec::new();
    for (own, other) in a.into_iter().zip(b).filter(|(own, other)| own != other) {
        let difference = format!("views with {own}, the published with {other}");
        if !found.contains(&difference) {
            found.push(difference);
        }
    }
    found
}

/// The parts between commas and semicolons that are in no parentheses, without the titles before a colon.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let between = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0 && matches!(c, ',' | ';')
    };
    text.split(between).map(|part| part.rsplit_once(": ").map_or(part, |(_, part)| part).trim()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differing_leaves_are_named() {
        let published = json!({"encoder": {"resnet": {"width": 64}}, "layers": 3, "rate": 1.0});
        assert!(
            of_configs(
                &published,
                &json!({"encoder": {"resnet": {"width": 64}}, "layers": 3,
            "rate": 1})
            )
            .is_empty()
        );
        let ours = json!({"encoder": {"resnet": {"width": 16}}, "layers": 1, "rate": 1.0});
        assert_eq!(
            of_configs(&ours, &published),
            ["encoder.resnet.width 16, the published 64", "layers 1, the published 3",]
        );
        let ours = json!({"encoder": {"vit": {"width": 192}}, "layers": 3, "rate": null});
        assert_eq!(
            of_configs(&ours, &published),
            ["encoder vit (width 192), the published resnet (width 64)", "rate none, the published 1.0",]
        );
        assert_eq!(of_configs(&Value::Null, &json!({"a": 1})), ["configuration none, the published a 1"]);
    }

    #[test]
    fn differing_views_are_named() {
        let published = "observed: crop to 32x32, jitter (hue 0.1, contrast 2), blur p 1; target: crop to 32x32, blur p 0.1";
        let ours =
            "observed: crop to 16x16, jitter (hue 0.2, contrast 2), no blur; target: crop to 16x16, no blur";
        assert!(of_views(published, published).is_empty());
        assert_eq!(
            of_views(ours, published),
            [
                "views with crop to 16x16, the published with crop to 32x32",
                "views with jitter (hue 0.2, contrast 2), the published with jitter (hue 0.1, contrast 2)",
                "views with no blur, the published with blur p 1",
                "views with no blur, the published with blur p 0.1",
            ]
        );
        assert_eq!(of_views("glimpses", published), ["other views (glimpses)"]);
    }
}
