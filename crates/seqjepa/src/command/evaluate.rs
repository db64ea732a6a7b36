//! `evaluate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use seqjepa_evaluation::{CacheUsage, EvaluationRequest, ModelSource, card_table, clear_features, evaluate};
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{LoadedModel, RunData, code_version};
use seqjepa_train::storage::{Folder, folder_of};

use super::arguments::ModelArguments;
use super::finish::print_results;
use super::introduction::describe_data;
use super::outputs::{expect_ending, refuse_own_input};
use super::pool::on_the_pool;
use super::signals::{Stop, stoppable};
use super::terminal::say;

/// Measures what a checkpoint's representations hold, and writes a result card.
///
/// Prints every frozen figure beside that of the randomly initialised model and the paper's. docs/evaluation.md says what each
/// figure is.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// How probes are fitted: any of exact, linear, paper, separated by commas (eval.protocols).
    #[arg(long, value_name = "NAMES")]
    protocol: Option<String>,
    /// The encoder to evaluate: online or target (eval.encoder).
    #[arg(long, value_name = "NAME")]
    encoder: Option<String>,
    /// auto, cpu, cuda[:n], vulkan[:n], metal[:n] or rocm[:n] (run.device).
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Where the card goes. Default: evaluation.json in the run folder, or beside the checkpoint under its name.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keeps no features on disk and reads none (eval.cache).
    #[arg(long)]
    no_cache: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    stoppable(|stop| on_the_pool(|| measure(arguments, stop)))
}

fn measure(arguments: &Arguments, stop: &Stop) -> anyhow::Result<ExitCode> {
    if let Some(output) = &arguments.output {
        let given = [Some(arguments.model.checkpoint.as_path()), arguments.model.config.as_deref()];
        refuse_own_input(output, given.into_iter().flatten())?;
        expect_ending(output, "json")?;
    }
    let mut source = arguments.model.source();
    if let Some(names) = &arguments.protocol {
        // The older spelling in a checkpoint's config would add to what was asked for.
        source.overrides.extend([format!("eval.protocols=[{names}]"), "eval.regressors=null".into()]);
    }
    source.overrides.extend(arguments.encoder.iter().map(|name| format!("eval.encoder={name}")));
    source.overrides.extend(arguments.device.iter().map(|name| format!("run.device={name}")));
    if arguments.no_cache {
        source.overrides.push("eval.cache=false".into());
    }
    let loaded = LoadedModel::read(&source)?;
    say!("{}", describe(&loaded));
    let output = arguments.output.as_deref().unwrap_or(loaded.card_path());
    let read = [loaded.origin.path.as_deref(), arguments.model.config.as_deref()];
    refuse_own_input(output, read.into_iter().flatten())?;
    // A card that cannot be written is better known before the work than after it.
    Folder::at(folder_of(output)).make()?;

    let config = &loaded.config;
    let bars = &mut ProgressBars::new();
    let data = RunData::open(config, bars)?;
    for line in describe_data(config, &data) {
        say!("{line}");
    }
    let protocols: Vec<_> = config.eval.protocols().into_iter().map(|protocol| protocol.name()).collect();
    say!("protocols: {}; {}", protocols.join(", "), amount(&loaded));
    stop.begin();
    let cache = loaded.cache_folder();
    let request = EvaluationRequest {
        settings: &config.eval,
        method: &*loaded.method,
        seed: config.run.seed,
        data: data.for_evaluation(config),
        device: &loaded.device,
        origin: loaded.origin.clone(),
        code: code_version(),
        config: config.to_json(),
        observed_views: config.dataset.seq_len,
        batch_size: config.dataset.batch_size,
        cache_folder: Some(&cache),
    };
    let card = evaluate(&request, &mut stop.watch(bars));
    stop.check()?;
    let card = card?;
    card.save(output)?;
    if config.eval.cache_dir.is_none() {
        clear_features(&cache);
    }
    say!("\n{}", card_table(&card));
    print_results(loaded.last_row.as_ref(), &card);
    say!("{}", describe_features(&card.cache, config.eval.cache_dir.as_deref()));
    say!("result card: {}", output.display());
    Ok(ExitCode::SUCCESS)
}

/// Where features came from and where they are, in a line.
fn describe_features(usage: &CacheUsage, kept: Option<&Path>) -> String {
    let CacheUsage { read, extracted, damaged, foreign } = usage;
    let mut text = format!("features: {read} passes read from the cache, {extracted} extracted");
    if *damaged > 0 {
        text.push_str(&format!("; {damaged} damaged files replaced"));
    }
    if *foreign > 0 {
        text.push_str(&format!(
            "; {foreign} files not read, since this user has not written them or may not read them"
        ));
    }
    match kept {
        Some(folder) => text.push_str(&format!("; kept in {}", folder.display())),
        None => text.push_str("; none kept (eval.cache_dir=FOLDER keeps them for another evaluation)"),
    }
    text
}

/// What was loaded, in a line.
fn describe(loaded: &LoadedModel) -> String {
    let path = loaded.origin.path.as_deref().unwrap_or(Path::new("the model")).display();
    match loaded.origin.source {
        ModelSource::Imported => {
            let target = if loaded.origin.target_encoder { "" } else { "; it has no target encoder" };
            let left_over = match &loaded.left_over[..] {
                [] => "nothing".into(),
                names => names.join(", "),
            };
            format!("{path}: imported; left over in the file: {left_over}{target}")
        }
        _ => format!("{path}: {} epochs trained", loaded.origin.epochs.unwrap_or(0)),
    }
}

/// What is about to be done, before it is waited for.
fn amount(loaded: &LoadedModel) -> String {
    let eval = &loaded.config.eval;
    let descends = eval.protocols().iter().any(|protocol| protocol.name() != "exact");
    if descends {
        format!(
            "both the trained and the randomly initialised model encode the training images up to {} times, and each probe \
             learns for {} epochs: minutes to hours (eval.feature_passes and eval.probe_epochs make it shorter)",
            eval.passes(),
            eval.probe_epochs
        )
    } else {
        format!(
            "both the trained and the randomly initialised model encode the training images {} times",
            eval.exact_passes
        )
    }
}
