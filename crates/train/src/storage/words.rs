//! What parsers say of files and values, in the words of whoever has to mend them.

use serde::de::DeserializeOwned;

/// What a key is said to take that takes whole numbers from 0 on, or from a greater one.
pub const COUNT: &str = "a whole number of at least 0";

/// A text for a message: its beginning, where it is long.
#[must_use]
pub fn abridged(text: &str) -> String {
    // A SHA-256 digest has 64.
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// Reads JSON.
///
/// # Errors
///
/// What was found in its place, to follow "expected ..., found": where the text is no JSON, or which value is of the wrong type.
pub fn read_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        json_words(error.inner(), &path, text)
    })?;
    reader.end().map_err(|error| json_words(&error, ".", text))?;
    Ok(value)
}

/// A value of parsed JSON.
///
/// # Errors
///
/// As [`read_json`].
pub fn json_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| value_words(&error.inner().to_string(), &error.path().to_string()))
}

fn json_words(error: &serde_json::Error, path: &str, text: &[u8]) -> String {
    use serde_json::error::Category;

    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof if text.trim_ascii().is_empty() => "an empty file".to_owned(),
        Category::Eof => format!("JSON that ends early, in line {line}"),
        Category::Syntax => format!("text that is no JSON, in line {line} at column {column}"),
        Category::Data => value_words(&error.to_string(), path),
        Category::Io => error.to_string(),
    }
}

/// What a YAML parser has found, to follow "expected ..., found".
#[must_use]
pub fn yaml_words(error: &serde_yaml::Error) -> String {
    let message = error.to_string();
    if message.contains("more than one document") {
        return "several YAML documents, parted by a line `---` or `...`".to_owned();
    }
    let of_value = ["invalid ", "missing field ", "unknown field ", "unknown variant ", "duplicate field "];
    if let Some(start) = of_value.iter().filter_map(|start| message.find(start)).min() {
        return value_words(&message[start..], message[..start].trim_end_matches(": "));
    }
    if let Some(rest) = message.split_once("duplicate entry with key ").map(|(_, rest)| rest) {
        return format!("the key {} twice", abridged(without_place(rest)));
    }
    match error.location() {
        Some(place) => {
            format!(
                "text that is no YAML, in line {} at column {} or just before",
                place.line(),
                place.column()
            )
        }
        None => format!("text that is no YAML: {}", abridged(&message)),
    }
}

/// What was found in place of a value, in `path` of a file.
fn value_words(message: &str, path: &str) -> String {
    let message = without_place(message);
    let within = if path.is_empty() || path == "." { String::new() } else { format!("{path}.") };
    for (start, words) in [("missing field `", "no"), ("unknown field `", "the unknown key")] {
        if let Some(name) = message.strip_prefix(start).and_then(|rest| rest.split('`').next()) {
            let within = if words == "no" { within } else { String::new() };
            return format!("{words} `{within}{}`", abridged(name));
        }
    }
    if let Some(name) = message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next()) {
        return format!("`{}` twice", abridged(name));
    }
    let (expected, found) = expected_and_found(message);
    let place = if within.is_empty() { String::new() } else { format!(" for `{path}`") };
    match expected.as_str() {
        "another value" => format!("{}{place}", abridged(&found)),
        _ => format!("{}{place}, where {expected} belongs", abridged(&found)),
    }
}

/// A message without the line and the column at its end.
fn without_place(message: &str) -> &str {
    message.rfind(" at line ").map_or(message, |end| &message[..end])
}

/// What was expected and what was found, of a deserialiser's message about a value of the wrong type.
#[must_use]
pub fn expected_and_found(message: &str) -> (String, String) {
    if message.starts_with("data did not match any variant") {
        return ("one of the known kinds".into(), "another value".into());
    }
    if let Some(rest) = message.strip_prefix("unknown variant `")
        && let Some((found, names)) = rest.split_once("`, expected ")
    {
        let names = names.trim_start_matches("one of ").replace('`', "").replace(" or ", ", ");
        return (format!("one of {names}"), found.to_owned());
    }
    let shorter = ["invalid type: ", "invalid value: ", "invalid length "]
        .into_iter()
        .find_map(|prefix| message.strip_prefix(prefix))
        .and_then(|rest| rest.rsplit_once(", expected "));
    match shorter {
        Some((found, expected)) => (kind(expected), value(found)),
        None => ("another value".into(), message.to_owned()),
    }
}

/// The kind of value that a Rust type takes.
fn kind(expected: &str) -> String {
    let count = expected.strip_prefix("an array of length ");
    if let Some(count) = count.or_else(|| expected.strip_prefix("an array of size ")) {
        return format!("a list of {count} numbers");
    }
    match expected {
        "usize" | "u64" | "u32" | "u16" | "u8" => COUNT,
        "isize" | "i64" | "i32" | "i16" | "i8" => "a whole number",
        "f64" | "f32" => "a number",
        "a string" | "string" | "str" | "path string" | "a borrowed string" => {
            "a text (a number or true as a text stands in quotes)"
        }
        "a boolean" => "true or false",
        "a sequence" => "a list in brackets",
        "a map" => "a section of keys",
        "option" => "a value or null",
        other if other.contains("enum") => "a name",
        other if other.starts_with("struct ") => "a section of keys",
        other => other,
    }
    .to_owned()
}

/// A value as a config has it.
fn value(found: &str) -> String {
    if let Ok(length) = found.parse::<usize>() {
        return format!("a list of {length}");
    }
    for (prefix, word) in
        [("string ", "the text "), ("integer `", ""), ("floating point `", ""), ("boolean `", "")]
    {
        if let Some(rest) = found.strip_prefix(prefix) {
            return format!("{word}{}", rest.trim_end_matches('`'));
        }
    }
    match found {
        "unit value" | "Option value" => "nothing",
        "sequence" => "a list",
        "map" => "a section",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_described_by_what_is_wrong_with_it() {
        #[derive(Debug, serde::Deserialize)]
        struct Inner {
            #[expect(dead_code, reason = "only whether it reads matters")]
            value: f64,
        }
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[expect(dead_code, reason = "only whether it reads matters")]
            list: Vec<Inner>,
        }
        for (text, words) in [
            ("", "an empty file"),
            ("{\"list\":\n[", "JSON that ends early, in line 2"),
            ("{\"list\": nothing}", "text that is no JSON, in line 1 at column 11"),
            ("{\"list\": []} x", "text that is no JSON, in line 1 at column 14"),
            ("{}", "no `list`"),
            ("{\"list\": [{}]}", "no `list[0].value`"),
            (
                "{\"list\": [{\"value\": \"a\"}]}",
                "the text \"a\" for `list[0].value`, where a number belongs",
            ),
            ("{\"list\": 3}", "3 for `list`, where a list in brackets belongs"),
        ] {
            assert_eq!(read_json::<Outer>(text.as_bytes()).unwrap_err(), words, "{text}");
        }
        let value = serde_json::json!({"list": [{"value": "x".repeat(100_000)}]});
        let words = json_value::<Outer>(value).unwrap_err();
        assert!(words.contains("list[0].value") && words.len() < 200, "{words}");
    }

    #[test]
    fn yaml_is_described_by_what_is_wrong_with_it() {
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[expect(dead_code, reason = "only whether it reads matters")]
            count: usize,
        }
        for (text, words) in [
            ("a: 1\n---\nb: 2\n", "several YAML documents, parted by a line `---` or `...`"),
            ("a: [\n", "text that is no YAML, in line 2 at column 1 or just before"),
            ("a: 1\na: 2\ncount: 1", "the key \"a\" twice"),
            ("a: 1", "no `count`"),
            ("count: many", "the text \"many\" for `count`, where a whole number of at least 0 belongs"),
        ] {
            let error = serde_yaml::from_str::<serde_yaml::Value>(text).err();
            let error = error.unwrap_or_else(|| serde_yaml::from_str::<Outer>(text).unwrap_err());
            assert_eq!(yaml_words(&error), words, "{text}: {error}");
        }
    }

    #[test]
    fn no_type_of_rust_is_named() {
        for (message, expected, found) in [
            (
                "invalid type: string \"many\", expected usize",
                "a whole number of at least 0",
                "the text \"many\"",
            ),
            ("invalid value: integer `-1`, expected usize", "a whole number of at least 0", "-1"),
            ("invalid type: floating point `1.5`, expected u64", "a whole number of at least 0", "1.5"),
            ("invalid type: unit value, expected f64", "a number", "nothing"),
            ("invalid type: sequence, expected f64", "a number", "a list"),
            ("invalid length 2, expected an array of length 3", "a list of 3 numbers", "a list of 2"),
            ("unknown variant `a`, expected `b` or `c`", "one of b, c", "a"),
            ("unknown variant `a`, expected one of `b`, `c`, `d`", "one of b, c, d", "a"),
            ("invalid type: boolean `true`, expected f32", "a number", "true"),
        ] {
            assert_eq!(expected_and_found(message), (expected.to_owned(), found.to_owned()), "{message}");
        }
    }
}
