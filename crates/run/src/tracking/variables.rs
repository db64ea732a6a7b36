use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::{WandbConfig, WandbMode, abridged, fits};

/// What environment variables say of how a run is tracked.
///
/// Those of W&B's public client: `WANDB_MODE`, `WANDB_PROJECT`, `WANDB_ENTITY`, `WANDB_NAME`, `WANDB_RUN_GROUP`, `WANDB_TAGS` (parted
/// by commas) and `WANDB_DIR`. As with the client, what a program sets itself (here the keys of `logging.wandb`) comes before them,
/// each for itself. And `CUDA_VISIBLE_DEVICES`, by which the run's device is known to `nvidia-smi`. No variable but these is asked
/// for; `WANDB_API_KEY` is none of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrackingVariables {
    mode: Option<WandbMode>,
    project: Option<String>,
    entity: Option<String>,
    name: Option<String>,
    group: Option<String>,
    tags: Vec<String>,
    dir: Option<PathBuf>,
    visible_gpus: Option<String>,
    problems: Vec<String>,
}

impl TrackingVariables {
    /// Reads the variables by `get`, as [`std::env::var_os`] is. An empty one counts as none.
    #[must_use]
    pub fn read(get: impl Fn(&'static str) -> Option<OsString>) -> Self {
        let mut found = Self::default();
        let get = |name| get(name).filter(|value| !value.is_empty());
        found.dir = get("WANDB_DIR").map(Into::into);
        found.visible_gpus = get("CUDA_VISIBLE_DEVICES").map(|list| list.to_string_lossy().into_owned());
        let mut text = |name, most: usize, without: &str| {
            let value = get(name)?;
            if let Some(value) = value.to_str().filter(|value| fits(value, most, without)) {
                return Some(value.to_owned());
            }
            let besides = if without.is_empty() { String::new() } else { format!(" and {without}") };
            found.problems.push(format!(
                "{name} is not followed: expected 1 to {most} characters of UTF-8 without control characters{besides}, found {}",
                abridged(&format!("{value:?}"))
            ));
            None
        };
        found.project = text("WANDB_PROJECT", 128, "/\\#?%:");
        found.entity = text("WANDB_ENTITY", 128, "/\\#?%:");
        found.name = text("WANDB_NAME", 128, "");
        found.group = text("WANDB_RUN_GROUP", 128, "");
        let tags = text("WANDB_TAGS", 4096, "").unwrap_or_default();
        found.tags = tags.split(',').filter(|tag| fits(tag, 64, "")).map(str::to_owned).collect();
        found.mode = match text("WANDB_MODE", 64, "").as_deref() {
            None => None,
            Some("online" | "run") => Some(WandbMode::Online),
            Some("offline" | "dryrun") => Some(WandbMode::Offline),
            Some("disabled") => Some(WandbMode::Disabled),
            Some(other) => {
                let problem = "WANDB_MODE is not followed: expected online, offline or disabled, found";
                found.problems.push(format!("{problem} {other:?}"));
                None
            }
        };
        found
    }

    /// The section with what it leaves open taken from the variables.
    pub(crate) fn complete(&self, config: &WandbConfig) -> WandbConfig {
        let or = |own: &Option<String>, variable: &Option<String>| own.clone().or_else(|| variable.clone());
        WandbConfig {
            mode: config.mode.or(self.mode),
            project: or(&config.project, &self.project),
            entity: or(&config.entity, &self.entity),
            name: or(&config.name, &self.name),
            group: or(&config.group, &self.group),
            tags: if config.tags.is_empty() { self.tags.clone() } else { config.tags.clone() },
            dir: config.dir.clone().or_else(|| self.dir.clone()),
            ..config.clone()
        }
    }

    /// What `nvidia-smi -i` calls the CUDA device of this number, if that is known: `CUDA_VISIBLE_DEVICES` lists numbers and UUIDs.
    pub(crate) fn gpu(&self, number: usize) -> Option<String> {
        let Some(list) = &self.visible_gpus else { return Some(number.to_string()) };
        let entry = list.split(',').nth(number)?.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let named =
            entry.bytes().all(plain) && entry.len() <= 64 && !entry.is_empty() && !entry.starts_with('-');
        named.then(|| entry.to_owned())
    }

    /// What cannot be followed, and why.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&'static str, &str)]) -> TrackingVariables {
        TrackingVariables::read(|name| {
            assert_ne!(name, "WANDB_API_KEY");
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn keys_come_before_variables_each_for_itself() {
        let variables = variables(&[
            ("WANDB_MODE", "disabled"),
            ("WANDB_PROJECT", "other"),
            ("WANDB_RUN_GROUP", "group"),
            ("WANDB_TAGS", "a,,b"),
            ("WANDB_NAME", ""),
            ("WANDB_DIR", "/d"),
        ]);
        let config = WandbConfig {
            enabled: true,
            mode: Some(WandbMode::Offline),
            project: Some("own".into()),
            ..WandbConfig::default()
        };
        let complete = variables.complete(&config);
        assert_eq!((complete.mode, complete.project.as_deref()), (Some(WandbMode::Offline), Some("own")));
        assert_eq!((complete.group.as_deref(), complete.name.as_deref()), (Some("group"), None));
        assert_eq!(
            (complete.tags.as_slice(), complete.dir),
            (&["a".into(), "b".into()][..], Some("/d".into()))
        );
        assert!(complete.enabled && variables.problems().is_empty());
    }

    #[test]
    fn a_gpu_has_the_name_that_the_list_of_visible_ones_gives_it() {
        let gpu = |list, number| variables(&[("CUDA_VISIBLE_DEVICES", list)]).gpu(number);
        assert_eq!((gpu("", 1), gpu("3, 5", 1), gpu("3,5", 2)), (Some("1".into()), Some("5".into()), None));
        assert_eq!(gpu("GPU-8932f937-d72c", 0).as_deref(), Some("GPU-8932f937-d72c"));
        assert_eq!((gpu("-1", 0), gpu("0;id", 0), gpu(",1", 0)), (None, None, None));
    }

    #[test]
    fn what_is_no_value_is_named_and_left() {
        let variables = variables(&[("WANDB_MODE", "shared"), ("WANDB_PROJECT", "a/b")]);
        let problems = variables.problems().join("; ");
        assert!(problems.contains("WANDB_MODE") && problems.contains("\"shared\""), "{problems}");
        assert!(problems.contains("WANDB_PROJECT"), "{problems}");
        assert_eq!(variables.complete(&WandbConfig::default()), WandbConfig::default());
    }
}
