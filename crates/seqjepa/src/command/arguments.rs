//! Arguments that several subcommands share.

use std::path::PathBuf;

use clap::Args;
use seqjepa_run::PretrainedSource;

/// Which trained model a command works on.
#[derive(Debug, Args)]
pub(super) struct ModelArguments {
    /// The checkpoint: RUN_FOLDER/checkpoints/last.safetensors, RUN_FOLDER, or with --config a PyTorch or SafeTensors file
    /// with the published names.
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: PathBuf,
    /// A YAML config in place of the one that the checkpoint holds.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
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
            ..PretrainedSource::default()
        }
    }
}

/// Changes to a config.
#[derive(Debug, Args)]
pub(super) struct Overrides {
    /// Overrides one key of the config, as dataset.mean=[0.5,0.5,0.5]; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub(super) overrides: Vec<String>,
}
