//! Where the values of a config come from: a file, and overrides of single keys.

use crate::config::abridged;

/// Knows of each key who gave it.
#[derive(Debug)]
pub(crate) struct Origins<'a> {
    file: &'a str,
    /// Keys with the whole override.
    overrides: Vec<(String, String)>,
}

impl<'a> Origins<'a> {
    /// Every value is from `file`.
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, overrides: Vec::new() }
    }

    /// Every value is from `file` but those of `overrides`, as `section.key=value`.
    pub(crate) fn with_overrides<S: AsRef<str>>(file: &'a str, overrides: &[S]) -> Self {
        let mut origins = Self::new(file);
        for text in overrides.iter().map(AsRef::as_ref) {
            let key = text.split_once('=').map_or(text, |(key, _)| key).trim();
            origins.overridden(key, &abridged(text));
        }
        origins
    }

    /// From here on `key`, and what is below it, is from an override.
    pub(super) fn overridden(&mut self, key: &str, text: &str) {
        self.overrides.push((key.to_owned(), text.to_owned()));
    }

    /// Who gave a key; of a section, any of its keys. Without a key, the file.
    pub(crate) fn of(&self, key: Option<&str>) -> String {
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

    /// Who gave values that are wrong together: the file, and whatever has overridden one of them. A `*` at the end of a key stands for
    /// any ending.
    pub(crate) fn of_any(&self, keys: &[&str]) -> String {
        let touches = |overridden: &str| {
            keys.iter().any(|key| match key.strip_suffix('*') {
                Some(start) => overridden.starts_with(start) || below(start, overridden),
                None => below(key, overridden) || below(overridden, key),
            })
        };
        let last = |(index, (key, _)): (usize, &(String, String))| {
            !self.overrides[index + 1..].iter().any(|(later, _)| later == key)
        };
        let by = self.overrides.iter().enumerate().filter(|found| touches(&found.1.0) && last(*found));
        let by: Vec<_> = by.map(|(_, (_, text))| format!("the override `{text}`")).collect();
        match by.is_empty() {
            true => self.file.to_owned(),
            false => format!("{} with {}", self.file, by.join(", ")),
        }
    }
}

/// Whether `key` is `section` or stands in it.
fn below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
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

    #[test]
    fn values_that_are_wrong_together_name_every_override() {
        let given = ["model.num_heads=1", "model.vit_width=8", "run.epochs=2", "model.num_heads = 3"];
        let origins = Origins::with_overrides("a.yaml", &given);
        assert_eq!(origins.of_any(&["model.num_heads"]), "a.yaml with the override `model.num_heads = 3`");
        assert_eq!(
            origins.of_any(&["model"]),
            "a.yaml with the override `model.vit_width=8`, the override `model.num_heads = 3`"
        );
        assert_eq!(origins.of_any(&["model.vit_*"]), "a.yaml with the override `model.vit_width=8`");
        assert_eq!(origins.of_any(&["optim"]), "a.yaml");
    }
}
