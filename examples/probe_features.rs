//! The probes on features of one's own: of any model, from any framework.
//!
//! ```text
//! cargo run --release --example probe_features
//! cargo run --release --example probe_features -- --train train.safetensors --test test.safetensors
//! cargo run --release --example probe_features -- --train train.safetensors --test test.safetensors --features z_agg
//! ```
//!
//! Each file is SafeTensors or what `torch.save` made of a dictionary, with `features`, float `[samples, width]`, and any of
//! `labels`, integer `[samples]`, and `targets`, float `[samples, outputs]`. Files of `--example embed` serve as they are: their
//! labels come from the JSON file beside them. Without files, features are made up here.
//!
//! Printed are top-1 by logistic regression and by nearest neighbours, and the R2 of each target by ridge regression, with 95 %
//! intervals.

mod shared;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use seqjepa::model::read_tensors;
use seqjepa_probes::exact::{LogisticConfig, RidgeConfig, classification, regression};
use seqjepa_probes::knn::{KnnConfig, knn};
use seqjepa_probes::{Bootstrap, Estimate, Features, Labelled, TargetNames, Targeted};

/// Probes features of your own: top-1 of their labels, R2 of their targets.
#[derive(Parser)]
struct Arguments {
    /// Features to fit the probes to.
    #[arg(long, value_name = "FILE", requires = "test")]
    train: Option<PathBuf>,
    /// Features to score them on.
    #[arg(long, value_name = "FILE", requires = "train")]
    test: Option<PathBuf>,
    /// Name of the features in the files; more than two axes are flattened to [samples, width].
    #[arg(long, value_name = "NAME", default_value = "features")]
    features: String,
}

/// One split.
struct Samples {
    features: Vec<f32>,
    width: usize,
    labels: Option<Vec<u32>>,
    /// Values and their number a sample.
    targets: Option<(Vec<f32>, usize)>,
}

impl Samples {
    fn read(path: &Path, name: &str) -> Result<Self> {
        let tensors = read_tensors(path)?;
        let floats = |name: &str| -> Option<(Vec<f32>, usize, usize)> {
            let (_, data) = tensors.iter().find(|(known, _)| known == name)?;
            let samples = data.shape().first().copied().unwrap_or(0);
            Some((data.iter::<f32>().collect(), samples, data.num_elements() / samples.max(1)))
        };
        let Some((features, samples, width)) = floats(name) else {
            let names: Vec<_> = tensors.iter().map(|(name, _)| name.as_str()).collect();
            bail!(
                "{}: expected a tensor `{name}`, found {}; name it by --features",
                path.display(),
                names.join(", ")
            );
        };
        let labels = match tensors.iter().find(|(known, _)| known == "labels") {
            Some((_, data)) => {
                let kind = data.dtype();
                ensure!(
                    kind.is_int() || kind.is_uint(),
                    "{}: expected integer labels, found {kind:?}",
                    path.display()
                );
                let label = |label: i64| {
                    u32::try_from(label).with_context(|| format!("{}: label {label}", path.display()))
                };
                Some(data.iter::<i64>().map(label).collect::<Result<Vec<_>>>()?)
            }
            None => labels_beside(path)?,
        };
        if let Some(labels) = &labels {
            let found = labels.len();
            ensure!(found == samples, "{}: expected {samples} labels, found {found}", path.display());
        }
        let targets = floats("targets");
        if let Some((_, found, _)) = &targets {
            ensure!(
                *found == samples,
                "{}: expected {samples} rows of targets, found {found}",
                path.display()
            );
        }
        Ok(Self { features, width, labels, targets: targets.map(|(values, _, outputs)| (values, outputs)) })
    }

    /// `samples` rows of three features that tell a class of three and their sum, with some noise.
    fn made_up(offset: usize, samples: usize) -> Self {
        let rows = offset..offset + samples;
        let noise = |at: usize| (at as f32 * 12.9898).sin() * 0.3;
        let row = |row: usize| {
            (0..3).map(move |class| f32::from(u8::from(row % 3 == class)) + noise(3 * row + class))
        };
        let features: Vec<f32> = rows.clone().flat_map(row).collect();
        let sums = features.chunks(3).map(|row| row.iter().sum()).collect();
        let labels = rows.map(|row| (row % 3) as u32).collect();
        Self { features, width: 3, labels: Some(labels), targets: Some((sums, 1)) }
    }
}

/// The labels in the JSON file that `--example embed` writes beside its features.
fn labels_beside(path: &Path) -> Result<Option<Vec<u32>>> {
    let path = path.with_extension("json");
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    let value: serde_json::Value =
        serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    serde_json::from_value(value["labels"].clone())
        .with_context(|| format!("{}: expected whole numbers as labels", path.display()))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| probe(&arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn probe(arguments: &Arguments) -> Result<ExitCode> {
    let (train, test) = match (&arguments.train, &arguments.test) {
        (Some(train), Some(test)) => {
            (Samples::read(train, &arguments.features)?, Samples::read(test, &arguments.features)?)
        }
        _ => (Samples::made_up(0, 600), Samples::made_up(10_000, 300)),
    };
    let both = |has: fn(&Samples) -> bool| has(&train) && has(&test);
    ensure!(
        both(|samples| samples.labels.is_some()) || both(|samples| samples.targets.is_some()),
        "expected `labels`, or `targets`, in both files"
    );
    let bootstrap = Bootstrap::default();
    let features = [Features::new(&train.features, train.width)?, Features::new(&test.features, test.width)?];
    println!("{} + {} samples of {} features", features[0].samples(), features[1].samples(), train.width);

    if let (Some(train_labels), Some(test_labels)) = (&train.labels, &test.labels) {
        let classes = train_labels.iter().chain(test_labels).max().map_or(0, |label| *label as usize + 1);
        let [train, test] = [
            Labelled::new(features[0].clone(), train_labels)?,
            Labelled::new(features[1].clone(), test_labels)?,
        ];
        let fitted = classification(&train, &test, classes, &LogisticConfig::default(), &bootstrap)?;
        println!("top-1 of {classes} classes, logistic regression: {}", figure(fitted.top1, " %"));
        for score in knn(&train, &test, classes, &KnnConfig::default(), &bootstrap)?.scores {
            println!("top-1 by {} nearest neighbours: {}", score.neighbours, figure(score.top1, " %"));
        }
    }
    if let (Some((train_values, outputs)), Some((test_values, test_outputs))) =
        (&train.targets, &test.targets)
    {
        let [train, test] = [
            Targeted::new(features[0].clone(), train_values, *outputs)?,
            Targeted::new(features[1].clone(), test_values, *test_outputs)?,
        ];
        let names = TargetNames::new((0..*outputs).map(|output| format!("target {output}")));
        let fitted = regression(&train, &test, &names, &RidgeConfig::default(), &bootstrap)?;
        for output in &fitted.scores.outputs {
            println!("R2 of {}, ridge regression: {}", output.name, figure(output.r2, ""));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn figure(estimate: Option<Estimate>, unit: &str) -> String {
    match estimate {
        Some(Estimate { value, interval: Some([low, high]) }) => {
            format!("{value:.3}{unit} [{low:.3}, {high:.3}]")
        }
        Some(Estimate { value, interval: None }) => format!("{value:.3}{unit}"),
        None => "none: there are no test samples".into(),
    }
}
