//! Arguments that several subcommands share.

use std::path::PathBuf;

use clap::Args;
use seqjepa_run::config::ConfigDifference;
use seqjepa_run::model_file::ModelFileError;
use seqjepa_run::{MayLack, PretrainedSource};

use super::terminal::{note, short_name};

/// Which trained model a command works on.
#[derive(Debug, Args)]
pub(super) struct ModelArguments {
    /// The checkpoint: RUN_FOLDER/checkpoints/last.safetensors, RUN_FOLDER, or with --config a PyTorch or SafeTensors file
    /// with the published names.
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: PathBuf,
    /// A YAML config in place of the one that the checkpoint holds. Without it, keys that reach for the machine, as
    /// dataset.data_root and run.device, are not taken from the checkpoint.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Takes a PyTorch or SafeTensors file that lacks tensors which the representations do not need, such as some of the predictor or of
    /// the target encoder; what they are is said, and nothing is made of them.
    #[arg(long)]
    pub(super) allow_missing: bool,
    #[command(flatten)]
    pub(super) set: Overrides,
}

impl ModelArguments {
    /// Where the model is.
    pub(super) fn source(&self) -> PretrainedSource {
        PretrainedSource {
            checkpoint: self.checkpoint.clone(),
            config: self.config.clone(),
            overrides: self.set.overrides.clone(),
            may_lack: if self.allow_missing { MayLack::Unneeded } else { MayLack::default() },
            ..PretrainedSource::default()
        }
    }
}

/// The first few of some names.
pub(super) fn shown(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if names.len() > SHOWN { format!(", ... ({} in all)", names.len()) } else { String::new() };
    let names: Vec<_> = names.iter().take(SHOWN).map(|name| short_name(name)).collect();
    format!("{}{more}", names.join(", "))
}

/// Reads a whole number in a range, in words of people.
pub(super) fn whole<T: TryFrom<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match most {
            u64::MAX => format!("expected a whole number of at least {least}"),
            _ => format!("expected a whole number, {least} to {most}"),
        })
    }
}

/// Loads the model, and says what to do where its file lacks tensors.
pub(super) fn hint_at_missing<T>(result: Result<T, ModelFileError>, allowed: bool) -> anyhow::Result<T> {
    result.map_err(|error| match &error {
        ModelFileError::Missing { .. } if !allowed => {
            anyhow::anyhow!(
                "{error}; --allow-missing takes the file without those that the representations do not need"
            )
        }
        _ => error.into(),
    })
}

/// Says which keys of a checkpoint's config were not followed.
pub(super) fn tell_not_followed(keys: &[ConfigDifference]) {
    if keys.is_empty() {
        return;
    }
    let keys: Vec<_> = keys.iter().map(|found| format!("{} ({})", found.key, found.held)).collect();
    note!(
        "not followed, since the checkpoint may be anybody's: {}; --set KEY=VALUE or --config FILE gives them",
        keys.join(", ")
    );
}

/// Changes to a config.
#[derive(Debug, Args)]
pub(super) struct Overrides {
    /// Overrides one key of the config, as dataset.mean=[0.5,0.5,0.5]; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub(super) overrides: Vec<String>,
}
