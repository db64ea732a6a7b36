//! What a key takes, found by trying: so the list cannot say anything else than the reader does.

use seqjepa_run::{Config, ConfigError};

/// A text that is no name of anything.
const NO_NAME: &str = "zz";

/// What kind of value a key takes, in words.
pub(super) fn kind(key: &str) -> String {
    let kind = bare_kind(key);
    // A section that is left empty is none of these.
    if takes(key, "null") && !kind.is_empty() { format!("{kind}, or null") } else { kind }
}

fn bare_kind(key: &str) -> String {
    if let Some(names) = names(key, NO_NAME) {
        return names;
    }
    if let Some(names) = names(key, &format!("[{NO_NAME}]")) {
        return format!("list of {names}");
    }
    if takes(key, NO_NAME) {
        return "text".into();
    }
    if takes(key, "true") {
        return "true or false".into();
    }
    if takes(key, "1.5") {
        return "number".into();
    }
    if takes(key, "1") {
        return "whole number".into();
    }
    for count in 1..=3 {
        let list = format!("[{}]", vec!["0.5"; count].join(", "));
        if takes(key, &list) {
            return if count == 1 { "list of numbers".into() } else { format!("{count} numbers") };
        }
    }
    "value".into()
}

/// Whether a value is of the key's type, be it out of range.
fn takes(key: &str, value: &str) -> bool {
    !matches!(attempt(key, value), Err(ConfigError::Mistyped { .. }))
}

/// The names that a key knows, where it takes no others.
fn names(key: &str, value: &str) -> Option<String> {
    let Err(ConfigError::Mistyped { expected, .. }) = attempt(key, value) else { return None };
    Some(expected.strip_prefix("one of ")?.to_owned())
}

fn attempt(key: &str, value: &str) -> Result<Config, ConfigError> {
    Config::parse("", "the defaults", &[format!("{key}={value}")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_those_that_the_reader_takes() {
        for (key, expected) in [
            ("run.name", "text"),
            ("run.epochs", "whole number"),
            ("run.checkpoint_steps", "whole number, or null"),
            ("run.drop_last", "true or false"),
            ("optim.lr", "number"),
            ("optim.scheduler", "constant, cosine, warmup"),
            ("dataset.mean", "3 numbers, or null"),
            ("eval.encoder", "online, target"),
        ] {
            assert_eq!(kind(key), expected, "{key}");
        }
        assert!(
            kind("eval.protocols").starts_with("list of exact, linear, paper"),
            "{}",
            kind("eval.protocols")
        );
    }
}
