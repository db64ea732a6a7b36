//! From a checkpoint file to a model that can be evaluated.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use seqjepa_model::SeqJepa;
use seqjepa_nn::load_state_dict;

use super::card::{ModelOrigin, ModelSource};
use crate::TrainError;
use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::device::DeviceRequest;
use crate::fingerprint::file_sha256;
use crate::metrics::MetricsRow;
use crate::run_folder::RunFolder;

/// A checkpoint of this project, or a PyTorch or SafeTensors model, with its config and device.
#[derive(Debug)]
pub struct LoadedModel {
    /// The config.
    pub config: Config,
    /// The device that `run.device` names; the model is on it.
    pub device: Device,
    /// The model, outside autodiff.
    pub model: SeqJepa,
    /// Where it came from.
    pub origin: ModelOrigin,
    /// The metrics of its training, where the checkpoint holds them.
    pub rows: Vec<MetricsRow>,
    /// Names of tensors in an imported file that are no part of the model.
    pub left_over: Vec<String>,
    folder: PathBuf,
    card: PathBuf,
}

impl LoadedModel {
    /// Reads `checkpoint`: a checkpoint of this project (or its run folder, for the last one), or with `config` a PyTorch
    /// or SafeTensors file with the published names, of which only the target encoder may lack. `config` replaces the one
    /// that a checkpoint holds; `overrides` are `section.key=value`.
    ///
    /// # Errors
    ///
    /// [`TrainError::Checkpoint`] if it is neither, or lacks tensors; [`TrainError::State`] or [`TrainError::Model`] if it
    /// does not fit the config; and as [`Config::load`] and [`DeviceRequest::open`].
    pub fn read<S: AsRef<str>>(
        checkpoint: &Path,
        config: Option<&Path>,
        overrides: &[S],
    ) -> Result<Self, TrainError> {
        let path = if checkpoint.is_dir() {
            RunFolder::at(checkpoint).last_checkpoint()
        } else {
            checkpoint.to_owned()
        };
        let native = match Checkpoint::load(&path) {
            Ok(native) => Some(native),
            // Another format: with a config, a model to import.
            Err(TrainError::Checkpoint { .. }) if config.is_some() => None,
            Err(TrainError::Checkpoint { path, message }) => {
                let message = format!("{message} (a checkpoint of another project needs a config beside it)");
                return Err(TrainError::Checkpoint { path, message });
            }
            Err(error) => return Err(error),
        };
        let config = match (config, &native) {
            (Some(config), _) => Config::load(config, overrides)?,
            (None, Some(native)) => {
                Config::parse(&native.progress.config.to_yaml(), "the checkpoint's config", overrides)?
            }
            (None, None) => unreachable!("without a config, only a checkpoint of this project gets here"),
        };
        let device = DeviceRequest::parse(&config.run.device)?.open()?;
        let model = config.model_config().init(config.run.seed, &device)?;
        let mut origin = ModelOrigin {
            source: ModelSource::Checkpoint,
            file_sha256: Some(file_sha256(&path)?),
            path: Some(path.clone()),
            epochs: None,
            steps: None,
            target_encoder: true,
        };
        let (folder, card) = places(&path);
        let mut loaded = Self {
            config,
            device,
            model,
            origin: origin.clone(),
            rows: vec![],
            left_over: vec![],
            folder,
            card,
        };
        match native {
            Some(native) => {
                origin.epochs = Some(native.progress.epoch);
                origin.steps = Some(native.progress.step);
                loaded.rows = native.progress.rows;
                loaded.model = load_state_dict(loaded.model, native.model)?;
            }
            None => {
                origin.source = ModelSource::Imported;
                origin.target_encoder = loaded.import(&path)?;
            }
        }
        loaded.origin = origin;
        Ok(loaded)
    }

    /// Imports the tensors of a foreign file; whether a target encoder was among them, where the model has one.
    fn import(&mut self, path: &Path) -> Result<bool, TrainError> {
        let imported = self.model.clone().import(path)?;
        let (target, missing): (Vec<_>, Vec<_>) =
            imported.missing.into_iter().partition(|name| name.starts_with("target_encoder."));
        if !missing.is_empty() {
            let message = format!(
                "expected every tensor of the model that the config describes, {} are missing: {}",
                missing.len(),
                missing.join(", ")
            );
            return Err(TrainError::Checkpoint { path: path.to_owned(), message });
        }
        self.left_over = imported.left_over.into_iter().map(|(name, _)| name).collect();
        self.model = imported.module;
        Ok(target.is_empty())
    }

    /// Where the card goes: `evaluation.json` in the run folder of its last checkpoint, else beside the checkpoint under
    /// its name.
    #[must_use]
    pub fn card_path(&self) -> &Path {
        &self.card
    }

    /// Where extracted features are kept: `features` in the run folder, else beside the checkpoint.
    #[must_use]
    pub fn cache_folder(&self) -> PathBuf {
        self.folder.join("features")
    }
}

/// The folder of a checkpoint's results, and its card.
fn places(checkpoint: &Path) -> (PathBuf, PathBuf) {
    let beside = checkpoint.parent().unwrap_or(Path::new("")).to_owned();
    let stem = checkpoint.file_stem().unwrap_or(OsStr::new("model")).to_string_lossy().into_owned();
    let card = format!("{stem}.evaluation.json");
    let root = beside.parent().map(RunFolder::at).filter(|root| {
        // A relative path may end at the folder of checkpoints.
        beside.file_name() == Some(OsStr::new("checkpoints")) && root.config().exists()
    });
    match root {
        Some(root) if checkpoint == root.last_checkpoint() => (root.root().to_owned(), root.evaluation()),
        Some(root) => (root.root().to_owned(), beside.join(card)),
        None => (beside.clone(), beside.join(card)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_goes_to_its_run_folder_or_beside_its_checkpoint() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path();
        std::fs::create_dir(root.join("checkpoints")).unwrap();
        let last = root.join("checkpoints/last.safetensors");
        let beside = root.join("checkpoints/last.evaluation.json");
        assert_eq!(places(&last), (root.join("checkpoints"), beside));
        std::fs::write(root.join("config.yaml"), "").unwrap();
        assert_eq!(places(&last), (root.to_owned(), root.join("evaluation.json")));
        let other = root.join("checkpoints/epoch-5.safetensors");
        assert_eq!(places(&other), (root.to_owned(), root.join("checkpoints/epoch-5.evaluation.json")));
        let foreign = (PathBuf::new(), PathBuf::from("model.evaluation.json"));
        assert_eq!(places(Path::new("model.pth")), foreign);
    }
}
