use std::path::Path;

use burn::tensor::Device;
use image::RgbImage;
use seqjepa_evaluation::{
    DeviceCheck, EvaluationRequest, EvaluationSample, ModelOrigin, ModelSource, ResultCard, clear_features,
    evaluate_with_sample, file_sha256,
};
use seqjepa_model::{DynMethod, DynMethodConfig};
use seqjepa_nn::Precision;
use seqjepa_train::checkpoint::CheckpointStore;
use seqjepa_train::observer::{Event, Observer, Observers};
use seqjepa_train::{History, MetricsRow, StopFlag, Trainer};
use serde::Serialize;

use super::build::build_trainer;
use super::error::{RunError, gib};
use super::record::{RunCheckpoint, RunRecord};
use crate::code::code_version;
use crate::config::{Config, RunConfig, WandbConfig};
use crate::data::RunData;
use crate::device::DeviceRequest;
use crate::fingerprint::DataFingerprint;
use crate::folder::run_folder::{CHECKPOINTS, EVALUATION, FEATURES, SAMPLE};
use crate::folder::status::RunState;
use crate::folder::{RunFolder, RunLock};
use crate::kernel_cache::KernelCache;
use crate::memory::{self, MemoryEstimate, MemoryThere, guarded};
use crate::registry::Registry;
use crate::run_devices::{RunDevices, open_first, resolved_names};
use crate::sink::StatusSink;
use crate::tracking::{self, GivenUp, Part, Tracked, Tracking, TrackingVariables};

/// Draws what trackers show of the frozen evaluation whose files are in this run folder: pictures with their names, or why there are
/// none.
pub type DrawPictures = fn(&Path) -> Result<Vec<(String, RgbImage)>, String>;

/// A run with its data, device, trainer and folder, which no other process can train in meanwhile.
#[derive(Debug)]
pub struct Run {
    pub(super) config: Config,
    pub(super) method: Box<dyn DynMethodConfig>,
    pub(super) folder: RunFolder,
    pub(super) store: CheckpointStore,
    device: Device,
    precision: Precision,
    pub(super) backend: &'static str,
    pub(super) data: RunData,
    pub(super) fingerprint: DataFingerprint,
    /// What the check of the device has found, or why there was none.
    pub(super) device_check: Option<DeviceCheck>,
    pub(super) trainer: Trainer,
    /// Those of the epochs done, and where their lines end.
    pub(super) rows: Vec<MetricsRow>,
    pub(super) history: History,
    /// The epoch that the best checkpoint holds, or is about to.
    pub(super) best: Option<usize>,
    pub(super) stop: StopFlag,
    /// `logging.wandb` with what the user's environment adds to it.
    wandb: WandbConfig,
    pub(super) kernels: KernelCache,
    /// What `nvidia-smi -i` calls the device, where that is known.
    gpu: Option<String>,
    given_up: GivenUp,
    draw: Option<DrawPictures>,
    /// Held for as long as the run lives; everything is written through it.
    pub(super) lock: RunLock,
}

/// What a run is made of before it has a folder: everything that can be refused has been looked at.
#[derive(Debug)]
pub(super) struct Parts {
    pub config: Config,
    pub method: Box<dyn DynMethodConfig>,
    pub devices: RunDevices,
    pub data: RunData,
    pub fingerprint: DataFingerprint,
    pub trainer: Trainer,
    /// What [`check_devices`](Self::check_devices) found, once it was called.
    pub device_check: Option<DeviceCheck>,
}

impl Parts {
    pub(super) fn prepare(
        registry: &Registry,
        config: Config,
        device: (Device, &'static str),
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        memory::check(&config, &*registry.method(&config)?, device.1)?;
        let devices = RunDevices::open(&config, device)?;
        let data = RunData::open_with(registry, &config, observer)?;
        Self::prepare_on(registry, config, devices, data)
    }

    /// The same on data that are open.
    pub(super) fn prepare_on(
        registry: &Registry,
        config: Config,
        devices: RunDevices,
        data: RunData,
    ) -> Result<Self, RunError> {
        let method = registry.method(&config)?;
        memory::check(&config, &*method, devices.backend)?;
        let trainer = build_trainer(&config, &*method, &data, &devices)?;
        let fingerprint = DataFingerprint::of(data.set());
        let device_check = None;
        let parts = Self { config, method, devices, data, fingerprint, trainer, device_check };
        if parts.memory().beside().is_none() {
            warn_of_memory(&parts.memory(), MemoryThere::of_machine(), "this machine");
        }
        Ok(parts)
    }

    /// What `nvidia-smi -i` calls the device, if that is known.
    pub(super) fn gpu(&self, variables: &TrackingVariables) -> Option<String> {
        gpu(&self.config, self.devices.backend, variables)
    }

    /// About how much memory training takes.
    pub(super) fn memory(&self) -> MemoryEstimate {
        let (config, data) = (&self.config, &self.data);
        MemoryEstimate::new(config, &*self.method, self.trainer.method(), data, self.devices.backend)
    }
}

impl Run {
    /// Starts a run of one of this project's methods: opens the device and the data, builds the model, and only then makes
    /// the run folder.
    ///
    /// # Errors
    ///
    /// [`RunError`] says what cannot be used; nothing has been written then.
    pub fn start(config: Config, observer: &mut dyn Observer) -> Result<Self, RunError> {
        Self::start_with(&Registry::standard(), config, observer)
    }

    /// The same with methods or data sets of one's own.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(
        registry: &Registry,
        config: Config,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        config.check(registry)?;
        RunFolder::check(&config)?;
        let device = open_first(&config.run)?;
        let mut parts = Parts::prepare(registry, config, device, observer)?;
        parts.device_check = parts.check_devices()?;
        let (folder, lock) = RunFolder::create(&parts.config)?;
        parts.config.run.output_dir = Some(folder.root().to_owned());
        let store = CheckpointStore::new(lock.folder().below(CHECKPOINTS), parts.config.run.keep_last);
        Ok(Self::assemble(parts, folder, store, lock))
    }

    pub(super) fn assemble(parts: Parts, folder: RunFolder, store: CheckpointStore, lock: RunLock) -> Self {
        let Parts { config, method, devices, data, fingerprint, trainer, device_check } = parts;
        Self {
            wandb: config.logging.wandb.clone(),
            gpu: None,
            draw: None,
            given_up: GivenUp::default(),
            config,
            method,
            folder,
            store,
            device: devices.first,
            precision: devices.precision,
            backend: devices.backend,
            kernels: devices.kernels,
            data,
            fingerprint,
            trainer,
            rows: Vec::new(),
            history: History::default(),
            best: None,
            stop: StopFlag::new(),
            device_check,
            lock,
        }
    }

    /// Stops the run when `flag` is set: it finishes the step it is in, saves, and returns [`RunError::Stopped`].
    pub fn stop_on(&mut self, flag: StopFlag) {
        self.stop = flag;
    }

    /// Takes what `logging.wandb` leaves open from the variables of the public client, and which of the machine's GPUs the run computes
    /// on, so that trackers show how busy it is. Nothing of a run reads the environment by itself.
    pub fn track_with(&mut self, variables: &TrackingVariables) {
        self.wandb = variables.complete(&self.config.logging.wandb);
        self.gpu = gpu(&self.config, self.backend, variables);
        if let Some(gpu) = &self.gpu {
            warn_of_memory(&self.memory(), MemoryThere::of_gpu(gpu), &format!("GPU {gpu}"));
        }
        if self.wandb.enabled {
            variables.problems().iter().for_each(|problem| tracing::warn!("{problem}"));
        }
    }

    /// Has pictures of the frozen evaluation drawn for trackers, where there are any: `seqjepa_report::pictures` draws those of the report.
    pub fn picture_with(&mut self, draw: DrawPictures) {
        self.draw = Some(draw);
    }

    /// Sends the W&B run by the public client, where `logging.wandb` asks for that (`mode: online`), and waits for it, at most ten
    /// minutes and until the run is asked to stop. To be called once all is done; says where the run lies either way.
    #[must_use]
    pub fn upload(&self) -> Tracked {
        tracking::upload(&self.wandb, self.lock.folder(), &self.given_up, || !self.stop.is_requested())
    }

    /// The trackers that the config asks for.
    pub(super) fn tracking(&self, evaluating: bool) -> Option<Tracking> {
        Tracking::open(&Part {
            config: &self.config,
            wandb: &self.wandb,
            root: self.lock.folder(),
            data: &self.data,
            backend: self.backend,
            gpu: self.gpu.as_deref(),
            rows: &self.rows,
            steps: (self.trainer.steps_done(), self.trainer.steps_per_epoch() as u64),
            evaluating,
            given_up: &self.given_up,
        })
    }

    /// About how much memory its training takes.
    #[must_use]
    pub fn memory(&self) -> MemoryEstimate {
        MemoryEstimate::new(&self.config, &*self.method, self.method(), &self.data, self.backend)
    }

    /// The resolved config.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the run's files are.
    #[must_use]
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The data.
    #[must_use]
    pub fn data(&self) -> &RunData {
        &self.data
    }

    /// The method as trained so far, on an autodiff device.
    #[must_use]
    pub fn method(&self) -> &dyn DynMethod {
        self.trainer.method()
    }

    /// The backend that the run computes on, as its cargo feature is called.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// The metrics of the epochs done.
    #[must_use]
    pub fn rows(&self) -> &[MetricsRow] {
        &self.rows
    }

    /// The state as it is now: what a checkpoint holds.
    ///
    /// # Errors
    ///
    /// As [`Trainer::settle`].
    pub fn checkpoint(&mut self) -> Result<RunCheckpoint, RunError> {
        self.checkpoint_told(&mut Observers::new())
    }

    pub(super) fn checkpoint_told(&mut self, observer: &mut dyn Observer) -> Result<RunCheckpoint, RunError> {
        let mut checkpoint =
            self.trainer.checkpoint(self.history.position(), observer)?.with_record(RunRecord {
                config: self.config.clone(),
                previous_config: None,
                backend: Some(self.backend.to_owned()),
                data: Some(self.fingerprint.clone()),
                best: self.best,
                failure: None,
            });
        let code = code_version();
        (checkpoint.progress.version, checkpoint.progress.commit) = (code.version, code.commit);
        Ok(checkpoint)
    }

    /// Evaluates the trained model, and the randomly initialised one beside it, and writes the card as `evaluation.json`
    /// and a sample of the features as `sample.safetensors`.
    ///
    /// # Errors
    ///
    /// [`RunError`] says what failed; `evaluation.json` is written only once all is there. [`RunError::Stopped`] if
    /// the run was asked to stop: a resumed run makes the same figures.
    pub fn evaluate(&self, observer: &mut dyn Observer) -> Result<ResultCard, RunError> {
        let mut status = self.status();
        status.enter(RunState::Evaluating, None)?;
        let mut stopped = false;
        let mut told = |event: &Event| {
            status.observe(event)?;
            observer.observe(event)?;
            stopped |= self.stop.is_requested();
            if stopped { Err("the run was asked to stop".into()) } else { Ok(()) }
        };
        let device = device_in_words(&self.config, self.backend);
        let result = guarded(&device, &self.memory(), || self.make_card(&mut told));
        // On its way through the probes the error may have become another one, or a figure that is absent.
        let result = if stopped { Err(self.stopped("in the frozen evaluation".into())) } else { result };
        let result = result.and_then(|(card, sample)| {
            // The card last: where it is, all else is.
            self.lock.folder().write(SAMPLE, &sample.to_bytes())?;
            self.lock.folder().write(EVALUATION, &card.to_json())?;
            if let Some(mut tracking) = self.tracking(true) {
                tracking.card(&card, self.lock.folder());
                if let Some(draw) = self.draw {
                    tracking.report(draw(self.folder.root()));
                }
                tracking.end(Some(0), None);
            }
            if self.config.eval.cache_dir.is_none() {
                clear_features(&self.lock.folder().below(FEATURES));
            }
            Ok(card)
        });
        ended(&mut status, RunState::Finished, result)
    }

    fn make_card(&self, observer: &mut dyn Observer) -> Result<(ResultCard, EvaluationSample), RunError> {
        let checkpoint = self.folder.last_checkpoint();
        let saved = self.config.run.save_checkpoint && checkpoint.exists();
        let origin = ModelOrigin {
            source: ModelSource::Run,
            file_sha256: saved.then(|| file_sha256(&checkpoint)).transpose()?,
            path: saved.then_some(checkpoint),
            epochs: Some(self.trainer.epochs_done()),
            steps: Some(self.trainer.steps_done()),
            target_encoder: true,
        };
        let request = EvaluationRequest {
            settings: &self.config.eval,
            method: self.method(),
            seed: self.config.run.seed,
            data: self.data.for_evaluation(&self.config),
            device: &self.device,
            origin,
            observed_views: self.config.dataset.seq_len,
            batch_size: self.config.dataset.batch_size,
            code: code_version(),
            config: self.config.to_json(),
            cache_folder: Some(&self.lock.folder().below(FEATURES)),
        };
        let evaluated = self.precision.beside_steps().within(|| evaluate_with_sample(&request, observer));
        self.kernels.save();
        let (mut card, sample) = evaluated?;
        card.device = resolved_names(&self.config.run, self.backend)?.join(", ");
        card.device_check.clone_from(&self.device_check);
        Ok((card, sample))
    }

    pub(super) fn status(&self) -> StatusSink {
        let steps = (self.trainer.steps_per_epoch() * self.config.run.epochs) as u64;
        StatusSink::new(self.lock.folder(), &self.config, &self.rows, (self.trainer.steps_done(), steps))
    }

    pub(super) fn stopped(&self, place: String) -> RunError {
        let saved = self.config.run.save_checkpoint;
        RunError::Stopped { place, path: self.folder.root().to_owned(), saved }
    }

    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let mut text = serde_json::to_vec_pretty(value).expect("results are plain data");
        text.push(b'\n');
        Ok(self.lock.folder().write(name, &text)?)
    }
}

/// What errors call the devices of a run: their backend, and if they are remote their whole names, which say where their servers are.
pub(super) fn device_in_words(config: &Config, backend: &str) -> String {
    let RunConfig { device, further_devices, .. } = &config.run;
    let names: Vec<_> = [device].into_iter().chain(further_devices).map(String::as_str).collect();
    if backend == "remote" { names.join(", ") } else { backend.to_owned() }
}

/// What `nvidia-smi -i` calls the device of a run, if that is known.
fn gpu(config: &Config, backend: &str, variables: &TrackingVariables) -> Option<String> {
    let device = DeviceRequest::parse(&config.run.device).ok()?.resolved(backend);
    variables.gpu(device.strip_prefix("cuda:")?.parse().ok()?)
}

/// Says so if a run is likely to need more than there is.
fn warn_of_memory(estimate: &MemoryEstimate, there: Option<MemoryThere>, place: &str) {
    let Some(there) = there else { return };
    let (needed, free) = (estimate.peak(), there.free.unwrap_or(there.total));
    if needed > free {
        tracing::warn!(
            "memory: the run takes about {} GiB, and {place} has {} GiB, of which {} are free: it may be ended without a word; {} takes less",
            gib(needed),
            gib(there.total),
            gib(free),
            estimate.hint()
        );
    }
}

/// Writes down how a part of the run ended.
pub(super) fn ended<T>(
    status: &mut StatusSink,
    done: RunState,
    result: Result<T, RunError>,
) -> Result<T, RunError> {
    match &result {
        Ok(_) => status.enter(done, None)?,
        Err(error) => {
            let state = match error {
                RunError::Stopped { .. } => RunState::Stopped,
                _ => RunState::Failed,
            };
            // The first error is the one to report.
            if let Err(second) = status.end(state, error.to_string()) {
                tracing::warn!("{second}");
            }
        }
    }
    result
}
