//! Evaluates a checkpoint: prints every frozen figure beside that of the randomly initialised model and the paper's, and
//! writes the result card.
//!
//! ```text
//! cargo run --release --example evaluate -- --checkpoint runs/fashion-mnist-cpu/checkpoints/last.safetensors
//! cargo run --release --example evaluate -- --checkpoint FILE --protocol exact,linear,paper --output card.json
//! cargo run --release --example evaluate -- --checkpoint model.pth --config configs/cifar100_aug_paper.yaml
//! ```
//!
//! docs/evaluation.md says what each figure is.

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use seqjepa::prelude::*;
use seqjepa::train::RunData;
use seqjepa::train::evaluation::{EvaluationRequest, LoadedModel, evaluate};
use seqjepa::train::report::card_table;
use seqjepa::train::run_folder::make_folder;
use shared::ModelArguments;

/// Measures what a checkpoint's representations hold, and writes a result card.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// How probes are fitted: any of exact, linear, paper, separated by commas (eval.protocols).
    #[arg(long, value_name = "NAMES")]
    protocol: Option<String>,
    /// The encoder to evaluate: online or target (eval.encoder).
    #[arg(long, value_name = "NAME")]
    encoder: Option<String>,
    /// Where the card goes. Default: evaluation.json in the run folder, or beside the checkpoint under its name.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keeps no features on disk and reads none (eval.cache).
    #[arg(long)]
    no_cache: bool,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| measure(&arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn measure(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut overrides = arguments.model.overrides.clone();
    if let Some(names) = &arguments.protocol {
        // The older spelling in a checkpoint's config would add to what was asked for.
        overrides.extend([format!("eval.protocols=[{names}]"), "eval.regressors=null".into()]);
    }
    overrides.extend(arguments.encoder.iter().map(|name| format!("eval.encoder={name}")));
    if arguments.no_cache {
        overrides.push("eval.cache=false".into());
    }
    let loaded =
        LoadedModel::read(&arguments.model.checkpoint, arguments.model.config.as_deref(), &overrides)?;
    println!("{}", shared::describe(&loaded));
    let output = arguments.output.as_deref().unwrap_or(loaded.card_path());
    // A card that cannot be written is better known before the work than after it.
    make_folder(output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref()))?;

    let bars = &mut ProgressBars::new();
    let data = RunData::load(&loaded.config, bars)?;
    let card = evaluate(
        &EvaluationRequest {
            config: &loaded.config,
            data: &data,
            device: &loaded.device,
            model: &loaded.model,
            origin: loaded.origin.clone(),
            cache_folder: Some(&loaded.cache_folder()),
        },
        bars,
    )?;
    card.save(output)?;
    println!("\n{}", card_table(&card));
    shared::print_results(loaded.rows.last(), &card);
    println!(
        "features: {} passes read from the cache, {} extracted{}",
        card.cache.read,
        card.cache.extracted,
        if card.cache.damaged > 0 {
            format!(" ({} damaged files replaced)", card.cache.damaged)
        } else {
            String::new()
        }
    );
    println!("result card: {}", output.display());
    Ok(ExitCode::SUCCESS)
}
