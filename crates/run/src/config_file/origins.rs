//! Where the values of a config come from: a file, and overrides of single keys.

/// Knows of each key who gave it.
#[derive(Debug)]
pub(super) struct Origins<'a> {
    file: &'a str,
    /// Keys with the whole override.
    overrides: Vec<(String, String)>,
}

impl<'a> Origins<'a> {
    /// Every value is from `file`.
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, overrides: Vec::new() }
    }

    /// From here on `key`, and what is below it, is from an override.
    pub(super) fn overridden(&mut self, key: &str, text: &str) {
        self.overrides.push((key.to_owned(), text.to_owned()));
    }

    /// Who gave a key; of a section, any of its keys. Without a key, the file.
    pub(super) fn of(&self, key: Option<&str>) -> String {
        let below = |key: &str, section: &str| {
            key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let by = key.and_then(|key| {
            self.overrides
                .iter()
                .rev()
                .find(|(overridden, _)| below(key, overridden) || below(overridden, key))
        });
        match by {
            Some((_, text)) => format!("the override `{text}`"),
            None => self.file.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_override_of_a_key_is_named() {
        let mut origins = Origins::new("a.yaml");
        origins.overridden("run.epochs", "run.epochs=1");
        origins.overridden("run", "run={epochs: 2}");
        origins.overridden("dataset.mean", "dataset.mean=[1]");
        assert_eq!(origins.of(Some("run.epochs")), "the override `run={epochs: 2}`");
        assert_eq!(origins.of(Some("dataset.mean[0]")), "the override `dataset.mean=[1]`");
        assert_eq!(origins.of(Some("dataset")), "the override `dataset.mean=[1]`");
        assert_eq!(origins.of(Some("running")), "a.yaml");
        assert_eq!(origins.of(None), "a.yaml");
    }
}
