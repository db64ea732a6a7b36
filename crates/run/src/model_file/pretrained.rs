use std::path::{Path, PathBuf};

use burn::tensor::Device;
use seqjepa_data::ActionSpace;
use seqjepa_model::{DynMethod, DynMethodConfig, TensorRole};
use seqjepa_nn::{StateDict, is_buffer};
use seqjepa_train::MetricsRow;
use seqjepa_train::checkpoint::CheckpointError;

use super::error::ModelFileError;
use crate::config::{Config, ConfigDifference, ConfigError, invalid};
use crate::device::DeviceRequest;
use crate::fingerprint::DataFingerprint;
use crate::folder::RunFolder;
use crate::folder::run_folder::CHECKPOINTS;
use crate::registry::Registry;
use crate::run::RunCheckpoint;

/// A method with its trained values, and what is known of how it came to them.
#[derive(Debug)]
pub struct Pretrained {
    /// The method, outside autodiff.
    pub method: Box<dyn DynMethod>,
    /// What it was built from.
    pub method_config: Box<dyn DynMethodConfig>,
    /// The config that describes it.
    pub config: Config,
    /// The file that was read.
    pub path: PathBuf,
    /// Whether the file is a checkpoint of this project; else the model was imported.
    pub native: bool,
    /// Epochs and optimizer steps done; unknown of an imported model.
    pub trained: Option<(usize, u64)>,
    /// The images that it was trained on, where the checkpoint says so.
    pub trained_on: Option<DataFingerprint>,
    /// Metrics of the last epoch done; unknown of an imported model.
    pub last_row: Option<MetricsRow>,
    /// Names of the method's tensors that an imported file lacks, which then have their initial values: those that it [may lack](MayLack),
    /// and none that the representations of the online encoder need.
    pub missing: Vec<String>,
    /// Keys of a checkpoint's config that reach for the machine, as `dataset.data_root` and `run.device` do, and were not
    /// followed: only a config that the user names, or an override, says such things.
    pub not_followed: Vec<ConfigDifference>,
    /// The methods and data sets that its config can name.
    pub registry: Registry,
    /// What the file has beside the model: the online probes of a checkpoint of this project, all that an import left
    /// over.
    pub beside: StateDict,
}

/// Which tensors of the configured model a file may lack. One rule holds for the others: what is missing is an error that names it.
/// [`Pretrained::missing`] says what was missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MayLack {
    /// None at all: for whatever hands the whole model on.
    Nothing,
    /// What the representations of the online encoder do not need, by whole parts: the target encoder, the objective's (the
    /// predictor). Files of finished models often go without them; one that has a part, but not all of it, is an error.
    #[default]
    WholeParts,
    /// All that the representations of the online encoder do not need, single tensors too.
    Unneeded,
}

/// Where a trained method is and what it is.
#[derive(Debug, Clone, Default)]
pub struct PretrainedSource {
    /// A checkpoint of this project, a run folder (for its last checkpoint), or a PyTorch or SafeTensors file with the
    /// published names.
    pub checkpoint: PathBuf,
    /// A YAML config in place of the one that a checkpoint of this project holds; other files need one. Of the checkpoint's own,
    /// whose file somebody else may have made, keys that reach for the machine (files, downloads, devices, threads) have their
    /// defaults.
    pub config: Option<PathBuf>,
    /// Overrides of single keys, `section.key=value`.
    pub overrides: Vec<String>,
    /// Which tensors of the model that the config describes an imported file may lack.
    pub may_lack: MayLack,
    /// The methods and data sets that a config can name.
    pub registry: Registry,
}

impl PretrainedSource {
    /// Loads the method onto `device`.
    ///
    /// # Errors
    ///
    /// [`ModelFileError`]: a file that cannot be read, or is no checkpoint of this project when there is no config; one that
    /// lacks a tensor that it [may not lack](Self::may_lack); shapes that differ, with the tensor's name; errors
    /// of the config.
    pub fn load(&self, device: &Device) -> Result<Pretrained, ModelFileError> {
        self.read()?.build(&self.registry, device, self.may_lack)
    }

    /// Loads the method onto the device that its config names in `run.device`; with them the name of the backend.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load) and [`DeviceRequest::open`].
    pub fn load_where_configured(&self) -> Result<(Pretrained, Device, &'static str), ModelFileError> {
        let file = self.read()?;
        let (device, backend) = DeviceRequest::parse(&file.config.run.device)?.open_named()?;
        Ok((file.build(&self.registry, &device, self.may_lack)?, device, backend))
    }

    fn read(&self) -> Result<File, ModelFileError> {
        let path = if self.checkpoint.is_dir() {
            let folder = RunFolder::at(&self.checkpoint);
            folder.expect_run(&[CHECKPOINTS])?;
            folder.last_checkpoint()
        } else {
            self.checkpoint.clone()
        };
        let native = match RunCheckpoint::load(&path) {
            Ok(checkpoint) => Some(checkpoint),
            // With a config, a model to import.
            Err(CheckpointError::Foreign { .. }) if self.config.is_some() => None,
            Err(CheckpointError::Foreign { path, found }) => {
                return Err(ModelFileError::NoConfig { path, found });
            }
            Err(error) => return Err(error.into()),
        };
        let (config, not_followed) = match (&self.config, &native) {
            (Some(config), native) => {
                let config = Config::load_with(&self.registry, config, &self.overrides)?;
                if let Some(native) = native {
                    check_actions(&self.registry, &native.record.config, &config)?;
                }
                (config, Vec::new())
            }
            (None, Some(native)) => {
                let held = &native.record.config;
                let (text, origin) =
                    (held.without_machine().to_yaml(), format!("the config in {}", path.display()));
                let config = Config::parse_with(&self.registry, &text, &origin, &self.overrides)?;
                let not_followed = held.not_followed(&config);
                check_held_out(held, &config)?;
                check_actions(&self.registry, held, &config)?;
                (config, not_followed)
            }
            (None, None) => unreachable!("without a config, only a checkpoint of this project gets here"),
        };
        let config_from_file = self.config.is_none();
        let overridden = !self.overrides.is_empty();
        Ok(File { path, native, config, not_followed, config_from_file, overridden })
    }
}

/// A file that was found to be a checkpoint of this project, or may be a model to import, and the config for it.
struct File {
    path: PathBuf,
    native: Option<RunCheckpoint>,
    config: Config,
    not_followed: Vec<ConfigDifference>,
    config_from_file: bool,
    overridden: bool,
}

impl File {
    fn build(
        self,
        registry: &Registry,
        device: &Device,
        may_lack: MayLack,
    ) -> Result<Pretrained, ModelFileError> {
        let Self { path, native, config, not_followed, config_from_file, overridden } = self;
        let device = device.clone().without_autodiff();
        let method_config = registry.method(&config)?;
        // A config that the user has named is believed; the shapes are compared tensor by tensor below.
        if let (Some(native), true) = (&native, config_from_file) {
            check_size(&path, &*method_config, &native.model, overridden)?;
        }
        let mut method = method_config.init(config.run.seed, &device)?;
        if let Some(checkpoint) = native {
            let loaded = method.load_state_dict(checkpoint.model);
            loaded.map_err(|source| ModelFileError::Tensors { path: path.clone(), source })?;
            let progress = checkpoint.progress;
            return Ok(Pretrained {
                method,
                method_config,
                config,
                path,
                native: true,
                trained: Some((progress.epoch, progress.step)),
                trained_on: checkpoint.record.data,
                last_row: progress.history.last,
                missing: Vec::new(),
                not_followed,
                registry: registry.clone(),
                beside: checkpoint.probes,
            });
        }
        let imported = method.import(&path)?;
        let lacking: Vec<String> = match may_lack {
            MayLack::Nothing => imported.missing.clone(),
            MayLack::WholeParts => lacking_in_part(&*method, &imported.missing),
            MayLack::Unneeded => Vec::new(),
        };
        if !lacking.is_empty() {
            let wanted = "of the model that the config describes";
            return Err(ModelFileError::Missing { path, wanted, names: lacking });
        }
        let (needed, missing): (Vec<_>, Vec<_>) = imported
            .missing
            .into_iter()
            .partition(|name| method.tensor_role(name) == TensorRole::Representation);
        if !needed.is_empty() {
            let wanted = "that representations of the configured model need";
            return Err(ModelFileError::Missing { path, wanted, names: needed });
        }
        Ok(Pretrained {
            method,
            method_config,
            config,
            path,
            native: false,
            trained: None,
            trained_on: None,
            last_row: None,
            missing,
            not_followed,
            registry: registry.clone(),
            beside: imported.left_over,
        })
    }
}

/// The missing tensors that representations need, and those of a part that is not missing as a whole.
fn lacking_in_part(method: &dyn DynMethod, missing: &[String]) -> Vec<String> {
    let role = |name: &String| method.tensor_role(name);
    let specs = method.tensor_specs();
    let whole = |part: TensorRole| {
        let all = specs.iter().filter(|spec| role(&spec.name) == part).count();
        missing.iter().filter(|name| role(name) == part).count() == all
    };
    let absent = |name: &&String| role(name) == TensorRole::Representation || !whole(role(name));
    missing.iter().filter(absent).cloned().collect()
}

/// Refuses data whose actions are not those that the model was trained on, though there may be as many of them.
fn check_actions(registry: &Registry, trained: &Config, config: &Config) -> Result<(), ConfigError> {
    // A data set that the registry does not know cannot be asked.
    let Ok(Ok(own)) = registry.data_set(trained).map(|entry| entry.actions(trained)) else { return Ok(()) };
    let other = registry.data_set(config)?.actions(config)?;
    if own.groups() == other.groups() {
        return Ok(());
    }
    let names = |space: &ActionSpace| {
        space.groups().iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let expected =
        format!("a data set whose actions are {}, as those that this model was trained on", names(&own));
    Err(invalid("dataset.name", expected, format!("{} with {}", config.dataset.name, names(&other))))
}

/// Refuses to call images held out that the model was trained on.
fn check_held_out(trained: &Config, config: &Config) -> Result<(), ConfigError> {
    let (own, asked) = (&trained.dataset, &config.dataset);
    if asked.validation == 0 || asked.name != own.name {
        return Ok(());
    }
    if asked.validation > own.validation {
        let expected = format!("at most {}, the images that this model was not trained on", own.validation);
        return Err(invalid("dataset.validation", expected, asked.validation));
    }
    if asked.subset_seed != own.subset_seed {
        let expected = format!("{}, by which images were held out of this model's training", own.subset_seed);
        return Err(invalid("dataset.subset_seed", expected, asked.subset_seed));
    }
    Ok(())
}

/// Refuses a config of another size than the tensors beside it, before a model is built by it. Networks that are not trained by
/// gradients, moving averages, have names that begin with `target_`.
fn check_size(
    path: &Path,
    config: &dyn DynMethodConfig,
    tensors: &StateDict,
    overridden: bool,
) -> Result<(), ModelFileError> {
    let trained = tensors.iter().filter(|(name, _)| !is_buffer(name) && !name.starts_with("target_"));
    let found: u64 = trained.map(|(_, data)| data.num_elements() as u64).sum();
    let expected = config.parameter_count();
    if found != expected {
        let with = if overridden { " with the overrides" } else { "" };
        let message =
            format!("expected the {expected} parameters that its config{with} describes, found {found}");
        return Err(CheckpointError::invalid(path, message).into());
    }
    Ok(())
}

impl From<&Path> for PretrainedSource {
    fn from(checkpoint: &Path) -> Self {
        Self { checkpoint: checkpoint.to_owned(), ..Self::default() }
    }
}
