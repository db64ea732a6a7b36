use std::path::PathBuf;

use schemars::JsonSchema;
use seqjepa_evaluation::settings::flag;
use serde::{Deserialize, Serialize, Serializer};

use super::error::{ConfigError, abridged, invalid};

/// `logging.wandb`: a run for Weights & Biases, written to a folder that `wandb sync` sends. What is not given here comes from the
/// variables of the public client, where whoever runs it [passes them on](crate::Run::track_with).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WandbConfig {
    /// Whether the run is tracked. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub enabled: bool,
    /// Project, without `/`, `\`, `#`, `?`, `%` and `:`. Default: `WANDB_PROJECT`, else W&B's `uncategorized`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^/\\#?%:]+$"))]
    pub project: Option<String>,
    /// Group of the run. Default: `WANDB_RUN_GROUP`, else none.
    #[schemars(length(min = 1, max = 128))]
    pub group: Option<String>,
    /// `offline` writes the folder, `online` also runs `wandb sync` at the end, `disabled` does nothing. Default:
    /// `WANDB_MODE`, else `offline`.
    pub mode: Option<WandbMode>,
    /// User or team that the run belongs to. Default: `WANDB_ENTITY`, else that of whoever sends it.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^/\\#?%:]+$"))]
    pub entity: Option<String>,
    /// Name of the run. Default: `WANDB_NAME`, else `run.name`.
    #[schemars(length(min = 1, max = 128))]
    pub name: Option<String>,
    /// Words to find the run by; none: `WANDB_TAGS`, parted by commas. Default `[]`.
    #[schemars(inner(length(min = 1, max = 64)))]
    pub tags: Vec<String>,
    /// Folder in which `wandb/offline-run-...` is made. Default: `WANDB_DIR`, else the run folder.
    #[schemars(with = "Option<String>")]
    #[serde(serialize_with = "as_text")]
    pub dir: Option<PathBuf>,
    /// With `mode: online`: runs `wandb sync` also whenever a checkpoint is saved, beside the training. Default false.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub sync_checkpoints: bool,
}

/// What becomes of a run that is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WandbMode {
    /// It is written, and sent by the public client, where that is installed.
    #[serde(alias = "run")]
    Online,
    /// It is written.
    #[serde(alias = "dryrun")]
    Offline,
    /// Nothing.
    Disabled,
}

/// Writes a path as the text that it is shown as.
fn as_text<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

impl WandbConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (key, value, without) in [
            ("logging.wandb.project", &self.project, "/\\#?%:"),
            ("logging.wandb.entity", &self.entity, "/\\#?%:"),
            ("logging.wandb.group", &self.group, ""),
            ("logging.wandb.name", &self.name, ""),
        ] {
            let Some(text) = value else { continue };
            if !fits(text, 128, without) {
                let besides = if without.is_empty() { String::new() } else { format!(" without {without}") };
                return Err(invalid(key, format!("1 to 128 characters{besides}"), abridged(text)));
            }
        }
        match self.tags.iter().find(|tag| !fits(tag, 64, "")) {
            Some(tag) => Err(invalid("logging.wandb.tags", "tags of 1 to 64 characters", abridged(tag))),
            None => Ok(()),
        }
    }
}

/// W&B's own bounds on names.
pub(crate) fn fits(text: &str, most: usize, without: &str) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(|c| c.is_control() || without.contains(c))
}
