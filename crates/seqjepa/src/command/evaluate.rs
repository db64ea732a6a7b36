//! `evaluate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use seqjepa_evaluation::{EvaluationRequest, EvaluationSettings, ModelSource, card_table, evaluate};
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{LoadedModel, RunData, code_version};
use seqjepa_train::observer::Observers;
use seqjepa_train::storage::{folder_of, make_folder};

use super::arguments::{ModelArguments, tell_not_followed};
use super::device::describe_device;
use super::estimate::{ProbePace, announce};
use super::failure::hinted;
use super::finish::print_results;
use super::introduction::describe_data;
use super::outputs::refuse_own_input;
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
    say!("device: {}", describe_device(&loaded.config.run.device, loaded.backend));
    tell_not_followed(&loaded.not_followed);
    let output = arguments.output.as_deref().unwrap_or(loaded.card_path());
    let read = [loaded.origin.path.as_deref(), arguments.model.config.as_deref()];
    refuse_own_input(output, read.into_iter().flatten())?;
    // A card that cannot be written is better known before the work than after it.
    make_folder(folder_of(output))?;

    let config = &loaded.config;
    let bars = &mut ProgressBars::new();
    let data = RunData::open(config, bars).map_err(|error| match where_the_data_were(&loaded) {
        Some(hint) => hinted(error, hint),
        None => error.into(),
    })?;
    for line in describe_data(config, &data) {
        say!("{line}");
    }
    say!("{}", amount(&config.eval));
    announce(&loaded, &data);
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
    let mut told = Observers::new().with(ProgressBars::new()).with(ProbePace::default());
    let card = evaluate(&request, &mut stop.watch(&mut told));
    stop.check()?;
    let card = card?;
    card.save(output)?;
    say!("\n{}", card_table(&card));
    print_results(loaded.rows.last(), &card);
    let damaged = card.cache.damaged;
    let damaged = if damaged > 0 { format!(" ({damaged} damaged files replaced)") } else { String::new() };
    say!(
        "features: {} passes read from the cache, {} extracted{damaged}",
        card.cache.read,
        card.cache.extracted
    );
    say!("result card: {}", output.display());
    Ok(ExitCode::SUCCESS)
}

/// How to name the folder of the data, where the checkpoint's own word for it was not taken.
fn where_the_data_were(loaded: &LoadedModel) -> Option<String> {
    let root = loaded.not_followed.iter().find(|found| found.key == "dataset.data_root")?;
    Some(format!(
        "the model was trained on the data in {0}; if they are there, --set dataset.data_root={0}, or --config with the run's \
         config.yaml, names them",
        root.held
    ))
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
fn amount(eval: &EvaluationSettings) -> String {
    let times = |count: usize| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let names: Vec<_> = eval.protocols().into_iter().map(|protocol| protocol.name()).collect();
    let mut parts = Vec::new();
    if names.contains(&"exact") {
        parts.push(format!("encode the training images {}", times(eval.exact_passes)));
    }
    for name in names.iter().filter(|name| **name != "exact") {
        parts.push(format!(
            "encode them {} and train probes for {} epochs ({name})",
            times(eval.passes()),
            eval.probe_epochs
        ));
    }
    format!("protocols: {}; both the trained and the randomly initialised model {}", names.join(", "), parts.join(", "))
}
