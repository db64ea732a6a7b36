//! Features with their labels and targets, from files.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use burn::tensor::TensorData;
use seqjepa_data::regular::read_regular;
use seqjepa_model::read_tensors;
use serde_json::Value;

use super::super::npy::read_npy;
use super::classes::Labels;

/// One split.
#[derive(Debug)]
pub(super) struct Samples {
    /// `[samples, width]`
    pub(super) features: Vec<f32>,
    pub(super) width: usize,
    pub(super) labels: Option<Labels>,
    /// Values, `[samples, outputs]`, and the number of outputs.
    pub(super) targets: Option<(Vec<f32>, usize)>,
}

impl Samples {
    /// Reads a file; `name` is that of the features where it holds several arrays.
    pub(super) fn read(path: &Path, name: &str) -> anyhow::Result<Self> {
        let found = if path.extension().is_some_and(|extension| extension == "npy") {
            Found::in_npy(path)?
        } else {
            Found::in_tensors(path, name)?
        };
        let Found { features, labels, targets, record } = found;
        let (features, samples, width) = rows(&features);
        let labels = match labels {
            Some(labels) => Some(Labels { values: integers(&labels, path)?, names: Vec::new() }),
            None => record.as_deref().map(labels_of_record).transpose()?.flatten(),
        };
        if let Some(Labels { values, .. }) = &labels {
            let found = values.len();
            ensure!(found == samples, "{}: expected {samples} labels, found {found}", path.display());
        }
        let targets = targets.map(|targets| rows(&targets));
        if let Some((_, found, _)) = &targets {
            ensure!(
                *found == samples,
                "{}: expected {samples} rows of targets, found {found}",
                path.display()
            );
        }
        Ok(Self { features, width, labels, targets: targets.map(|(values, _, outputs)| (values, outputs)) })
    }
}

/// What belongs to a file of features.
struct Found {
    features: TensorData,
    labels: Option<TensorData>,
    targets: Option<TensorData>,
    /// The JSON file that `embed` writes beside its features, where there is one.
    record: Option<PathBuf>,
}

impl Found {
    fn in_tensors(path: &Path, name: &str) -> anyhow::Result<Self> {
        let tensors = read_tensors(path)?;
        let named =
            |name: &str| tensors.iter().find(|(known, _)| known == name).map(|(_, data)| data.clone());
        let Some(features) = named(name) else {
            let names: Vec<_> = tensors.iter().map(|(name, _)| name.as_str()).collect();
            bail!(
                "{}: expected a tensor `{name}`, found {}; --features names it",
                path.display(),
                names.join(", ")
            );
        };
        let record = Some(path.with_extension("json")).filter(|record| record.exists());
        Ok(Self { features, labels: named("labels"), targets: named("targets"), record })
    }

    fn in_npy(path: &Path) -> anyhow::Result<Self> {
        let base = path.with_extension("");
        // `embed` names its files NAME.z_agg.npy, and what belongs to them NAME.json.
        let bases = [base.clone(), base.with_extension("")];
        let beside = |ending: &str| {
            let with = |base: &PathBuf| PathBuf::from(format!("{}.{ending}", base.display()));
            bases.iter().map(with).find(|file| file != path && file.exists())
        };
        let array = |ending: &str| beside(ending).map(|file| read_npy(&file)).transpose();
        Ok(Self {
            features: read_npy(path)?,
            labels: array("labels.npy")?,
            targets: array("targets.npy")?,
            record: beside("json"),
        })
    }
}

/// Values, their rows, and the width of a row.
fn rows(data: &TensorData) -> (Vec<f32>, usize, usize) {
    let samples = data.shape().first().copied().unwrap_or(0);
    (data.iter::<f32>().collect(), samples, data.num_elements() / samples.max(1))
}

fn integers(data: &TensorData, path: &Path) -> anyhow::Result<Vec<i64>> {
    let kind = data.dtype();
    ensure!(kind.is_int() || kind.is_uint(), "{}: expected integer labels, found {kind:?}", path.display());
    Ok(data.iter::<i64>().collect())
}

/// The labels and class names in the record of `embed`, where the folder of images had classes.
fn labels_of_record(path: &Path) -> anyhow::Result<Option<Labels>> {
    let text = read_regular(path, super::super::outputs::LONGEST_TEXT)
        .with_context(|| format!("could not read {}", path.display()))?;
    let value: Value =
        serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let values: Option<Vec<i64>> = serde_json::from_value(value["labels"].clone())
        .with_context(|| format!("{}: expected whole numbers as labels", path.display()))?;
    let names: Option<Vec<String>> = serde_json::from_value(value["class_names"].clone())
        .with_context(|| format!("{}: expected texts as class names", path.display()))?;
    Ok(values.map(|values| Labels { values, names: names.unwrap_or_default() }))
}
