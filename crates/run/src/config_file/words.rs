//! A deserialiser's words about a value of the wrong type, in those of a config's reader.

/// What a key is said to take that takes whole numbers from 0 or from 1 on.
pub(super) const COUNT: &str = "a whole number of at least 0";

/// What was expected and what was found.
pub(crate) fn expected_and_found(message: &str) -> (String, String) {
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
