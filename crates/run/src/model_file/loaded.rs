//! From a checkpoint file to a method that can be evaluated.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use seqjepa_evaluation::{ModelOrigin, ModelSource, file_sha256};
use seqjepa_model::{DynMethod, DynMethodConfig, TensorRole};
use seqjepa_nn::Precision;
use seqjepa_train::MetricsRow;
use seqjepa_train::storage::Folder;

use super::error::ModelFileError;
use super::pretrained::{Pretrained, PretrainedSource};
use crate::config::{Config, ConfigDifference};
use crate::fingerprint::DataFingerprint;
use crate::folder::RunFolder;
use crate::folder::run_folder::FEATURES;
use crate::precision;

/// A checkpoint of this project, or a PyTorch or SafeTensors model, with its config and device.
#[derive(Debug)]
pub struct LoadedModel {
    /// The config.
    pub config: Config,
    /// The device that `run.device` names; the method is on it.
    pub device: Device,
    /// Its backend, as the cargo feature is called.
    pub backend: &'static str,
    /// The method, outside autodiff.
    pub method: Box<dyn DynMethod>,
    /// What it was built from.
    pub method_config: Box<dyn DynMethodConfig>,
    /// Where it came from.
    pub origin: ModelOrigin,
    /// The images that it was trained on, where the checkpoint says so.
    pub trained_on: Option<DataFingerprint>,
    /// The metrics of the last epoch of its training, where the checkpoint holds them.
    pub last_row: Option<MetricsRow>,
    /// Names of tensors in an imported file that are no part of the model.
    pub left_over: Vec<String>,
    /// Names of tensors of the target encoder that the file lacks: nothing is measured of it.
    pub missing: Vec<String>,
    /// As [`Pretrained::not_followed`].
    pub not_followed: Vec<ConfigDifference>,
    folder: PathBuf,
    card: PathBuf,
}

impl LoadedModel {
    /// Reads a checkpoint of this project (or its run folder, for the last one), or with a config a PyTorch or SafeTensors
    /// file with the published names, of which only the target encoder may lack.
    ///
    /// # Errors
    ///
    /// As [`PretrainedSource::load_where_configured`]; [`ModelFileError::Missing`] also for tensors of the objective, as of
    /// the predictor.
    pub fn read(source: &PretrainedSource) -> Result<Self, ModelFileError> {
        let (pretrained, device, backend) = source.load_where_configured()?;
        let Pretrained {
            method,
            method_config,
            config,
            path,
            native,
            trained,
            trained_on,
            last_row,
            missing,
            not_followed,
            beside,
            registry: _,
        } = pretrained;
        let (target, names): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|name| method.tensor_role(name) == TensorRole::TargetEncoder);
        if !names.is_empty() {
            let wanted = "of the model that the config describes but the target encoder's";
            return Err(ModelFileError::Missing { path, wanted, names });
        }
        let origin = ModelOrigin {
            source: if native { ModelSource::Checkpoint } else { ModelSource::Imported },
            file_sha256: Some(file_sha256(&path)?),
            path: Some(path.clone()),
            epochs: trained.map(|(epochs, _)| epochs),
            steps: trained.map(|(_, steps)| steps),
            target_encoder: target.is_empty(),
        };
        // The probes beside a checkpoint's model belong there; what an import leaves over is worth a word.
        let left_over = if native { vec![] } else { beside.into_iter().map(|(name, _)| name).collect() };
        let (folder, card) = places(&path);
        let missing = target;
        Ok(Self {
            config,
            device,
            backend,
            method,
            method_config,
            origin,
            trained_on,
            last_row,
            left_over,
            missing,
            not_followed,
            folder,
            card,
        })
    }

    /// Where the card goes: `evaluation.json` in the run folder of its last checkpoint, else beside the checkpoint under
    /// its name.
    #[must_use]
    pub fn card_path(&self) -> &Path {
        &self.card
    }

    /// What it is evaluated in, by `run.precision` of its config: to be put around the evaluation ([`Precision::within`]).
    #[must_use]
    pub fn precision(&self) -> Precision {
        precision::of_trained(self.config.run.precision, self.backend, &self.device)
    }

    /// Where extracted features are while they are needed: `features` in the run folder, else beside the checkpoint.
    #[must_use]
    pub fn cache_folder(&self) -> Folder {
        Folder::at(&self.folder).below(FEATURES)
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
        // A link in a run folder is not written through.
        Some(root) if beside.is_symlink() => (root.root().to_owned(), root.root().join(card)),
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
