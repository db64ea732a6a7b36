//! Features with their labels and targets, from files.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use burn::tensor::TensorData;
use seqjepa_model::read_tensors;
use seqjepa_run::embed::EmbeddedFiles;

use super::super::arguments::shown;
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
        let Found { features, labels, targets, array } = found;
        let labels = match labels {
            Some(labels) => Some(Labels { values: integers(&labels, path)?, names: Vec::new() }),
            None => labels_of_record(path, array.as_deref(), &features)?,
        };
        let shape = features.shape();
        ensure!(
            !shape.is_empty() && shape.iter().all(|extent| *extent > 0),
            "{}: expected features of at least one sample, [samples, width], found an array of shape {:?}",
            path.display(),
            shape.to_vec()
        );
        let (features, samples, width) = rows(&features);
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
    /// The features' name in their file, where it has names.
    array: Option<String>,
}

impl Found {
    fn in_tensors(path: &Path, name: &str) -> anyhow::Result<Self> {
        let tensors = read_tensors(path)?;
        let named =
            |name: &str| tensors.iter().find(|(known, _)| known == name).map(|(_, data)| data.clone());
        let Some(features) = named(name) else {
            let names: Vec<_> = tensors.iter().map(|(name, _)| name.clone()).collect();
            bail!(
                "{}: expected a tensor `{name}`, found {}; --features names it",
                path.display(),
                if names.is_empty() { "no tensors".to_owned() } else { shown(&names) }
            );
        };
        let array = Some(name.to_owned());
        Ok(Self { features, labels: named("labels"), targets: named("targets"), array })
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
            array: None,
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
    Ok(match data.as_slice::<u64>() {
        // Only whether two are the same matters.
        Ok(labels) => labels.iter().map(|label| label.cast_signed()).collect(),
        Err(_) => data.iter::<i64>().collect(),
    })
}

/// The labels and class names in the record of `embed`, where there is one, it is that of these features, and the folder of images had
/// classes.
fn labels_of_record(
    path: &Path,
    array: Option<&str>,
    features: &TensorData,
) -> anyhow::Result<Option<Labels>> {
    let Some((place, record)) = EmbeddedFiles::beside(path)? else { return Ok(None) };
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let of_file = || record.arrays.iter().find(|array| array.file == file).map(|array| array.name.as_str());
    let Some(array) = array.or_else(of_file) else { return Ok(None) };
    record.check(&place, array, features.as_bytes())?;
    let EmbeddedFiles { labels, class_names, .. } = record;
    let labels = labels.map(|labels| labels.into_iter().map(i64::from).collect());
    Ok(labels.map(|values| Labels { values, names: class_names }))
}
