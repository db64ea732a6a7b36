//! Runs the frozen probes on a checkpoint of a run, beside the randomly initialised model.
//!
//! ```text
//! cargo run --release --example evaluate -- --checkpoint runs/fashion-mnist-cpu/checkpoints/last.safetensors
//! cargo run --release --example evaluate -- --checkpoint FILE --set eval.seq_len=8 --output results.json
//! cargo run --release --example evaluate -- --checkpoint model.pth --config configs/cifar100_aug_paper.yaml
//! ```

mod shared;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, ensure};
use clap::Parser;
use seqjepa::nn::load_state_dict;
use seqjepa::prelude::*;
use seqjepa::train::checkpoint::Checkpoint;
use seqjepa::train::device::DeviceRequest;
use seqjepa::train::run_folder::write_atomically;
use seqjepa::train::{RunData, evaluate};

/// Runs the frozen probes on a checkpoint.
#[derive(Parser)]
struct Arguments {
    /// The checkpoint: RUN_FOLDER/checkpoints/last.safetensors, or with --config a PyTorch or SafeTensors file.
    #[arg(long)]
    checkpoint: PathBuf,
    /// A YAML config in place of the one that the checkpoint holds.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Overrides one key of the config; may be given again and again.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    overrides: Vec<String>,
    /// Writes the results as JSON.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| probe(&arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn probe(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let native = match Checkpoint::load(&arguments.checkpoint) {
        Ok(checkpoint) => Some(checkpoint),
        // Another format: with a config, a model to import.
        Err(TrainError::Checkpoint { .. }) if arguments.config.is_some() => None,
        Err(error) => bail!("{error} (a checkpoint of another project needs --config beside it)"),
    };
    let config = match (&arguments.config, &native) {
        (Some(path), _) => Config::load(path, &arguments.overrides)?,
        (None, Some(checkpoint)) => {
            let held = checkpoint.progress.config.to_yaml();
            Config::parse(&held, "the checkpoint's config", &arguments.overrides)?
        }
        (None, None) => unreachable!("without a config, only a native checkpoint gets here"),
    };
    let device = DeviceRequest::parse(&config.run.device)?.open()?;
    let model = config.model_config().init(config.run.seed, &device)?;
    let (model, rows) = match native {
        Some(checkpoint) => {
            println!("{}: {} epochs trained", arguments.checkpoint.display(), checkpoint.progress.epoch);
            (load_state_dict(model, checkpoint.model)?, checkpoint.progress.rows)
        }
        None => (import(model, &arguments.checkpoint)?, Vec::new()),
    };

    let bars = &mut ProgressBars::new();
    let data = RunData::load(&config, bars)?;
    let evaluation = evaluate(&config, &data, &device, &model, bars)?;
    shared::print_results(rows.last(), &evaluation);
    if let Some(path) = &arguments.output {
        write_atomically(path, &serde_json::to_vec_pretty(&evaluation)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a PyTorch or SafeTensors model with the published names; only the target encoder, which is not probed, may lack.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn import(model: SeqJepa, path: &Path) -> anyhow::Result<SeqJepa> {
    let imported = model.import(path)?;
    let missing: Vec<_> = imported
        .missing
        .iter()
        .filter(|name| !name.starts_with("target_encoder."))
        .map(String::as_str)
        .collect();
    ensure!(
        missing.is_empty(),
        "{}: expected every tensor of the model that the config describes, {} are missing: {}",
        path.display(),
        missing.len(),
        missing.join(", ")
    );
    let left_over: Vec<_> = imported.left_over.iter().map(|(name, _)| name.as_str()).collect();
    println!("{}: imported {} tensors, left over: {left_over:?}", path.display(), imported.used.len());
    Ok(imported.module)
}
