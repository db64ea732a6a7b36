//! `probe`.

mod classes;
mod samples;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Args;
use seqjepa_probes::exact::{LogisticConfig, RidgeConfig, classification, regression};
use seqjepa_probes::knn::{KnnConfig, knn};
use seqjepa_probes::{Bootstrap, Estimate, Features, Labelled, TargetNames, Targeted};

use super::pool::on_the_pool;
use super::terminal::{note, say};
use classes::Classes;
use samples::Samples;

/// Probes features of any model: top-1 of their labels, R2 of their targets.
///
/// A file is SafeTensors, what `torch.save` made of a dictionary, or npy. The first two hold `features`, float [samples, width], and
/// any of `labels`, integer [samples], and `targets`, float [samples, outputs]; beside NAME.npy these are NAME.labels.npy and
/// NAME.targets.npy. Files that `embed` wrote serve as they are: their labels come from the JSON file beside them.
///
/// Printed are top-1 by logistic regression and by nearest neighbours, and the R2 of each target by ridge regression, with 95 %
/// intervals.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Features to fit the probes to.
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// Features to score them on.
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Name of the features in a file that holds several arrays; more than two axes are flattened to [samples, width].
    #[arg(long, value_name = "NAME", default_value = "features")]
    features: String,
    /// Temperature of the nearest neighbours' weights: 0.07 is that of instance discrimination and DINO, 0.1 a usual one for monitoring.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = KnnConfig::default().temperature,
        value_parser = temperature,
        allow_negative_numbers = true
    )]
    knn_temperature: f64,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    on_the_pool(|| probe(arguments))
}

fn probe(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let train = Samples::read(&arguments.train, &arguments.features)?;
    let test = Samples::read(&arguments.test, &arguments.features)?;
    for (samples, path) in [(&train, &arguments.train), (&test, &arguments.test)] {
        expect_finite("features", &samples.features, samples.width, path)?;
        if let Some((values, outputs)) = &samples.targets {
            expect_finite("targets", values, *outputs, path)?;
        }
    }
    let both = |has: fn(&Samples) -> bool| has(&train) && has(&test);
    ensure!(
        !train.features.is_empty() && !test.features.is_empty(),
        "expected samples in both files, found {} values in {} and {} in {}",
        train.features.len(),
        arguments.train.display(),
        test.features.len(),
        arguments.test.display()
    );
    ensure!(
        both(|samples| samples.labels.is_some()) || both(|samples| samples.targets.is_some()),
        "expected `labels`, or `targets`, with both files, found {} in {} and {} in {}",
        kinds(&train),
        arguments.train.display(),
        kinds(&test),
        arguments.test.display()
    );
    ensure!(
        train.width == test.width,
        "expected as many features in both files, found {} in {} and {} in {}",
        train.width,
        arguments.train.display(),
        test.width,
        arguments.test.display()
    );
    if let (Some((_, known)), Some((_, found))) = (&train.targets, &test.targets) {
        ensure!(
            known == found,
            "expected as many targets a sample in both files, found {known} in {} and {found} in {}",
            arguments.train.display(),
            arguments.test.display()
        );
    }
    let features = [Features::new(&train.features, train.width)?, Features::new(&test.features, test.width)?];
    say!("{} + {} samples of {} features", features[0].samples(), features[1].samples(), train.width);
    let bootstrap = Bootstrap::default();

    if let (Some(train_labels), Some(test_labels)) = (&train.labels, &test.labels) {
        let classes = Classes::of(train_labels, test_labels)
            .with_context(|| format!("{} and {}", arguments.train.display(), arguments.test.display()))?;
        for problem in &classes.problems {
            note!("warning: {problem}");
        }
        let count = classes.count;
        let [train, test] = [
            Labelled::new(features[0].clone(), &classes.train)?,
            Labelled::new(features[1].clone(), &classes.test)?,
        ];
        let fitted = classification(&train, &test, count, &LogisticConfig::default(), &bootstrap)?;
        say!("top-1 of {count} classes, logistic regression: {}", figure(fitted.top1, " %"));
        let neighbours = KnnConfig { temperature: arguments.knn_temperature, ..KnnConfig::default() };
        for score in knn(&train, &test, count, &neighbours, &bootstrap)?.scores {
            say!(
                "top-1 by {} nearest neighbours, temperature {}: {}",
                score.neighbours,
                neighbours.temperature,
                figure(score.top1, " %")
            );
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
            say!("R2 of {}, ridge regression: {}", output.name, figure(output.r2, ""));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A temperature, which divides.
fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("expected a finite number above 0".to_owned()),
    }
}

/// What a file has beside its features, in words.
fn kinds(samples: &Samples) -> &'static str {
    match (&samples.labels, &samples.targets) {
        (Some(_), Some(_)) => "both",
        (Some(_), None) => "labels",
        (None, Some(_)) => "targets",
        (None, None) => "neither",
    }
}

/// Refuses numbers that are none, by their place in the file.
fn expect_finite(what: &str, values: &[f32], width: usize, path: &Path) -> anyhow::Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => bail!(
            "{}: expected finite {what}, found {} in row {}, column {} (from 0)",
            path.display(),
            values[index],
            index / width.max(1),
            index % width.max(1)
        ),
    }
}

fn figure(estimate: Option<Estimate>, unit: &str) -> String {
    match estimate {
        Some(Estimate { value, interval: Some([low, high]) }) => {
            format!("{value:.3}{unit} [{low:.3}, {high:.3}]")
        }
        Some(Estimate { value, interval: None }) => format!("{value:.3}{unit}"),
        None => "none: it takes two test samples or more whose values differ".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_named_by_its_place() {
        let path = Path::new("train.npy");
        expect_finite("features", &[1.0, 2.0], 2, path).unwrap();
        let error = expect_finite("features", &[1.0, 2.0, 3.0, f32::NAN], 2, path).unwrap_err().to_string();
        assert_eq!(error, "train.npy: expected finite features, found NaN in row 1, column 1 (from 0)");
    }
}
