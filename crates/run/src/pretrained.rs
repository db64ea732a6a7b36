//! A trained model from a file, of this project or of PyTorch.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use seqjepa_model::{SeqJepa, SeqJepaConfig};
use seqjepa_nn::{StateDict, is_buffer, load_state_dict};

use crate::TrainError;
use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::device::DeviceRequest;
use crate::metrics::MetricsRow;
use crate::run_folder::RunFolder;

/// A model with its trained values, and what is known of how it came to them.
#[derive(Debug, Clone)]
pub struct Pretrained {
    /// The model, outside autodiff.
    pub model: SeqJepa,
    /// The config that describes it.
    pub config: Config,
    /// The file that was read.
    pub path: PathBuf,
    /// Whether the file is a checkpoint of this project; else the model was imported.
    pub native: bool,
    /// Epochs and optimizer steps done; unknown of an imported model.
    pub trained: Option<(usize, u64)>,
    /// Metrics of the epochs done; empty for an imported model.
    pub rows: Vec<MetricsRow>,
    /// Names of the model's tensors that an imported file lacks, which then have their initial values: of the target
    /// encoder and of the predictor only.
    pub missing: Vec<String>,
    /// What the file has beside the model: the online probes of a checkpoint of this project, all that an import left
    /// over.
    pub beside: StateDict,
}

/// The online probes among `tensors`, by the published implementation's names: `online_linprobe.0.weight` on z_AGG,
/// `online_equiprobe.0`, `.2` and `.4` on (z_1, z_2), from this project's names or from those.
#[must_use]
pub fn published_probes(tensors: &StateDict) -> StateDict {
    let published = |name: &str| {
        if name.starts_with("online_linprobe.") || name.starts_with("online_equiprobe.") {
            return Some(name.to_owned());
        }
        let (probe, parameter) = name.split_once(".network.layers.")?;
        let (layer, parameter) = parameter.split_once('.')?;
        let layer: usize = layer.parse().ok()?;
        let probe = match probe {
            "online_lin" => "online_linprobe",
            "online_equi" => "online_equiprobe",
            _ => return None,
        };
        // In PyTorch's `Sequential` a ReLU stands between two layers.
        Some(format!("{probe}.{}.{parameter}", 2 * layer))
    };
    tensors.iter().filter_map(|(name, data)| Some((published(name)?, data.clone()))).collect()
}

/// Where a model is and what it is.
#[derive(Debug, Clone, Default)]
pub struct PretrainedSource {
    /// A checkpoint of this project, a run folder (for its last checkpoint), or a PyTorch or SafeTensors file with the
    /// published names.
    pub checkpoint: PathBuf,
    /// A YAML config in place of the one that a checkpoint of this project holds; other files need one.
    pub config: Option<PathBuf>,
    /// Overrides of single keys, `section.key=value`.
    pub overrides: Vec<String>,
}

impl PretrainedSource {
    /// Loads the model onto `device`.
    ///
    /// # Errors
    ///
    /// [`TrainError::Io`] for a file that cannot be read; [`TrainError::Checkpoint`] for one that is no checkpoint of
    /// this project when there is no config, and for one that lacks a tensor of the model other than the target
    /// encoder's and the predictor's, which representations do not need; [`TrainError::Model`] or [`TrainError::State`]
    /// with a tensor's name where shapes differ; errors of the config.
    pub fn load(&self, device: &Device) -> Result<Pretrained, TrainError> {
        self.read()?.build(device)
    }

    /// Loads the model onto the device that its config names in `run.device`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load) and [`DeviceRequest::open`].
    pub fn load_where_configured(&self) -> Result<(Pretrained, Device), TrainError> {
        let file = self.read()?;
        let device = DeviceRequest::parse(&file.config.run.device)?.open()?;
        Ok((file.build(&device)?, device))
    }

    fn read(&self) -> Result<File, TrainError> {
        let path = if self.checkpoint.is_dir() {
            RunFolder::at(&self.checkpoint).last_checkpoint()
        } else {
            self.checkpoint.clone()
        };
        let native = match Checkpoint::load(&path) {
            Ok(checkpoint) => Some(checkpoint),
            // Another format: with a config, a model to import.
            Err(TrainError::Checkpoint { .. }) if self.config.is_some() => None,
            Err(TrainError::Checkpoint { path, message }) => {
                let message = format!("{message} (a model of another project needs a config beside it)");
                return Err(TrainError::Checkpoint { path, message });
            }
            Err(error) => return Err(error),
        };
        let config = match (&self.config, &native) {
            (Some(config), _) => Config::load(config, &self.overrides)?,
            (None, Some(native)) => {
                let held = native.progress.config.to_yaml();
                Config::parse(&held, "the checkpoint's config", &self.overrides)?
            }
            (None, None) => unreachable!("without a config, only a checkpoint of this project gets here"),
        };
        Ok(File { path, native, config, config_from_file: self.config.is_none() })
    }
}

/// A file that was found to be a checkpoint of this project, or may be a model to import, and the config for it.
struct File {
    path: PathBuf,
    native: Option<Checkpoint>,
    config: Config,
    config_from_file: bool,
}

impl File {
    fn build(self, device: &Device) -> Result<Pretrained, TrainError> {
        let Self { path, native, config, config_from_file } = self;
        let device = device.clone().without_autodiff();
        let model = config.model_config();
        // A config that the user has named is believed; the shapes are compared tensor by tensor below.
        if let (Some(native), true) = (&native, config_from_file) {
            check_size(&path, &model, &native.model)?;
        }
        let model = model.init(config.run.seed, &device)?;
        if let Some(Checkpoint { progress, model: tensors, probes, .. }) = native {
            return Ok(Pretrained {
                model: load_state_dict(model, tensors)?,
                config,
                path,
                native: true,
                trained: Some((progress.epoch, progress.step)),
                rows: progress.rows,
                missing: Vec::new(),
                beside: probes,
            });
        }
        let imported = model.import(&path)?;
        let needed = |name: &&String| !name.starts_with("target_encoder.") && !name.starts_with("predictor.");
        let missing: Vec<&str> = imported.missing.iter().filter(needed).map(String::as_str).collect();
        if let [first, ..] = missing[..] {
            let message = format!(
                "expected every tensor that representations of the configured model need, found {} of them missing, \
                 the first `{first}`",
                missing.len(),
            );
            return Err(TrainError::Checkpoint { path, message });
        }
        Ok(Pretrained {
            model: imported.module,
            config,
            path,
            native: false,
            trained: None,
            rows: Vec::new(),
            missing: imported.missing,
            beside: imported.left_over,
        })
    }
}

/// Refuses a config of another size than the tensors beside it, before a model is built by it.
fn check_size(path: &Path, config: &SeqJepaConfig, tensors: &StateDict) -> Result<(), TrainError> {
    let trained = tensors.iter().filter(|(name, _)| !is_buffer(name) && !name.starts_with("target_encoder."));
    let found: u64 = trained.map(|(_, data)| data.num_elements() as u64).sum();
    let expected = config.parameter_count();
    if found != expected {
        let message = format!("expected the {expected} parameters that its config describes, found {found}");
        return Err(TrainError::Checkpoint { path: path.to_owned(), message });
    }
    Ok(())
}

impl From<&Path> for PretrainedSource {
    fn from(checkpoint: &Path) -> Self {
        Self { checkpoint: checkpoint.to_owned(), ..Self::default() }
    }
}
