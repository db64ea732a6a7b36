//! `evaluate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use seqjepa_evaluation::{
    CacheUsage, EvaluationRequest, EvaluationSettings, ModelSource, card_text, clear_features, evaluate,
    evaluate_transfer,
};
use seqjepa_model::EncoderConfig;
use seqjepa_run::device::DeviceRequest;
use seqjepa_run::progress::ProgressBars;
use seqjepa_run::{Config, DataFingerprint, LoadedModel, RunData, code_version};
use seqjepa_train::observer::Observers;
use seqjepa_train::storage::{Folder, folder_of};

use super::arguments::{ModelArguments, hint_at_missing, shown, tell_not_followed};
use super::device::describe_device;
use super::estimate::{ProbePace, announce};
use super::failure::{as_typed, hinted};
use super::finish::print_results;
use super::introduction::describe_data;
use super::next;
use super::outputs::{expect_ending, refuse_other_than_card, refuse_own_input};
use super::pool::on_the_pool;
use super::signals::{Stop, stoppable};
use super::terminal::{note, say, tell, width};

/// Measures what a checkpoint's representations hold, and writes a result card.
///
/// Prints every frozen figure beside that of the randomly initialised model under the same protocol; beside a published one only where
/// data set, method and protocol are the published ones. docs/evaluation.md says what each figure is.
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
    /// auto, cpu, cuda[:n], vulkan[:n], metal[:n], rocm[:n], wgpu[:n] or remote:HOST:PORT[/n] (run.device).
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Measures transfer instead: a YAML config whose section `dataset` (and model.img_size) names labelled images that the encoder was not
    /// trained on. Classes are read from its representation of the clean images.
    #[arg(long, value_name = "FILE")]
    transfer: Option<PathBuf>,
    /// Where the card goes. Default: evaluation.json in the run folder, or beside the checkpoint under its name;
    /// with --transfer FILE.yaml, FILE.transfer.json beside that.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keeps no features on disk and reads none (eval.cache).
    #[arg(long)]
    no_cache: bool,
}

impl Arguments {
    /// The overrides that flags of their own come to, each with the flag as it was typed.
    fn flags(&self) -> Vec<(String, String)> {
        let protocols = self.protocol.iter().map(|names| {
            let list: Vec<_> = names.split(',').map(quoted).collect();
            (format!("eval.protocols=[{}]", list.join(",")), format!("--protocol {names}"))
        });
        let single = |key: &str, flag: &str, value: &Option<String>| {
            value.as_ref().map(|value| (format!("{key}={}", quoted(value)), format!("--{flag} {value}")))
        };
        let encoder = single("eval.encoder", "encoder", &self.encoder);
        protocols.chain(encoder).chain(single("run.device", "device", &self.device)).collect()
    }
}

/// A text as YAML that is nothing else than this text.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    match !text.is_empty() && text.chars().all(plain) && !text.ends_with(':') {
        true => text.to_owned(),
        false => format!("'{}'", text.trim().replace('\'', "''")),
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    stoppable(|stop| on_the_pool(|| measure(arguments, stop)))
}

fn measure(arguments: &Arguments, stop: &Stop) -> anyhow::Result<ExitCode> {
    if let Some(output) = &arguments.output {
        let given = [Some(arguments.model.checkpoint.as_path()), arguments.model.config.as_deref()];
        refuse_own_input(output, given.into_iter().flatten())?;
        expect_ending(output, "json")?;
        refuse_other_than_card(output)?;
    }
    let mut source = arguments.model.source();
    if arguments.transfer.is_some()
        && let Some(over) = source.overrides.iter().find(|over| over.trim_start().starts_with("dataset."))
    {
        bail!("--set {over}: expected no key of `dataset` beside --transfer, whose file describes the data");
    }
    let flags = arguments.flags();
    source.overrides.extend(flags.iter().map(|(over, _)| over.clone()));
    if arguments.protocol.is_some() {
        // The older spelling in a checkpoint's config would add to what was asked for.
        source.overrides.push("eval.regressors=null".into());
    }
    if arguments.no_cache {
        source.overrides.push("eval.cache=false".into());
    }
    let loaded = hint_at_missing(LoadedModel::read(&source), arguments.model.allow_missing)
        .map_err(|error| as_typed(error, &flags))?;
    tell!("{}", describe(&loaded));
    tell!("device: {}", describe_device(&loaded.config.run.device, loaded.backend));
    tell_not_followed(&loaded.not_followed);
    let elsewhere = arguments.transfer.as_deref().map(|path| transfer_config(path, &loaded)).transpose()?;
    // Named after the file: several configs may be of one data set.
    let place = match arguments.transfer.as_ref().and_then(|path| path.file_stem()) {
        Some(stem) => loaded.card_path().with_file_name(stem).with_added_extension("transfer.json"),
        None => loaded.card_path().to_owned(),
    };
    let output = arguments.output.as_deref().unwrap_or(&place);
    let read =
        [loaded.origin.path.as_deref(), arguments.model.config.as_deref(), arguments.transfer.as_deref()];
    refuse_own_input(output, read.into_iter().flatten())?;
    // A card that cannot be written is better known before the work than after it.
    Folder::at(folder_of(output)).make()?;

    let config = &loaded.config;
    let bars = &mut ProgressBars::new();
    let data = match &elsewhere {
        Some(config) => RunData::open(config, bars)?,
        None => RunData::open(config, bars).map_err(|error| match where_the_data_were(&loaded) {
            Some(hint) => hinted(error, hint),
            None => error.into(),
        })?,
    };
    for line in describe_data(elsewhere.as_ref().unwrap_or(config), &data) {
        tell!("{line}");
    }
    if elsewhere.is_some()
        && let Some(trained_on) = &loaded.trained_on
    {
        note_trained_images(trained_on, &DataFingerprint::of(data.set()));
    }
    if elsewhere.is_none() {
        tell!("{}", amount(&config.eval));
        announce(&loaded, &data);
    }
    stop.begin();
    let cache = loaded.cache_folder();
    let request = EvaluationRequest {
        settings: &config.eval,
        method: &*loaded.method,
        seed: config.run.seed,
        data: data.for_evaluation(elsewhere.as_ref().unwrap_or(config)),
        device: &loaded.device,
        origin: loaded.origin.clone(),
        code: code_version(),
        config: match &elsewhere {
            Some(elsewhere) => config.to_json_with_transfer(elsewhere),
            None => config.to_json(),
        },
        observed_views: config.dataset.seq_len,
        batch_size: config.dataset.batch_size,
        cache_folder: Some(&cache),
    };
    let mut told = Observers::new().with(ProgressBars::new()).with(ProbePace::default());
    let watched = &mut stop.watch(&mut told);
    let card = loaded.precision().within(|| match &elsewhere {
        Some(_) => evaluate_transfer(&request, &config.dataset.name, watched),
        None => evaluate(&request, watched),
    });
    stop.check()?;
    let mut card = card?;
    card.device = DeviceRequest::parse(&config.run.device)?.resolved(loaded.backend);
    card.save(output)?;
    if config.eval.cache_dir.is_none() {
        clear_features(&cache);
    }
    say!("\n{}", card_text(&card, width()));
    // The online figures are of other data.
    print_results(loaded.last_row.as_ref().filter(|_| elsewhere.is_none()), &card);
    tell!("{}", describe_features(&card.cache, config.eval.cache_dir.as_deref()));
    say!("result card: {} (every figure with its protocol and notes)", output.display());
    next::after_evaluation(output, &arguments.model.checkpoint);
    Ok(ExitCode::SUCCESS)
}

/// The config of data that the encoder was not trained on; refused where the encoder does not take their images.
fn transfer_config(path: &Path, loaded: &LoadedModel) -> anyhow::Result<Config> {
    let config = Config::load::<&str>(path, &[])?;
    let [own, other] = [&loaded.config, &config].map(|config| config.model.img_size);
    if matches!(loaded.config.encoder(), EncoderConfig::Vit(_)) && own != other {
        bail!(
            "{}: `model.img_size`: expected {own}, the side that the vision transformer was trained with (it has one position for each \
             patch), found {other}",
            path.display()
        );
    }
    Ok(config)
}

/// Says where images of a transfer are those that the encoder was trained on.
fn note_trained_images(trained_on: &DataFingerprint, other: &DataFingerprint) {
    if trained_on.train == other.test {
        note!(
            "warning: the encoder was trained on the images of this test split: its figures are not of images that it has not seen"
        );
    } else if trained_on.train == other.train {
        note!(
            "note: the encoder was trained on the images of this training split: what follows is no transfer to other images"
        );
    }
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
            let target = match &loaded.missing[..] {
                [] => String::new(),
                missing => format!("; not in the file, and nothing is measured of it: {}", shown(missing)),
            };
            let left_over = match &loaded.left_over[..] {
                [] => "nothing".into(),
                names => shown(names),
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
            "encode {} {} and train probes for {} epochs ({name})",
            if parts.is_empty() { "the training images" } else { "them" },
            times(eval.passes()),
            eval.probe_epochs
        ));
    }
    format!(
        "protocols: {}; both the trained and the randomly initialised model {}",
        names.join(", "),
        parts.join(", ")
    )
}
