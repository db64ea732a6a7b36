//! A whole run: from a config to a trained, evaluated model and its folder.

mod build;
mod resume;
mod train;

use std::path::Path;

use burn::tensor::Device;
use seqjepa_model::SeqJepa;
use serde::Serialize;

use crate::TrainError;
use crate::checkpoint::{Checkpoint, CheckpointStore};
use crate::config::Config;
use crate::data::{DataFingerprint, RunData};
use crate::device::DeviceRequest;
use crate::evaluation::{EvaluationRequest, ModelOrigin, ModelSource, ResultCard, evaluate, file_sha256};
use crate::lock::RunLock;
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer};
use crate::run_folder::{RunFolder, write_atomically};
use crate::sink::StatusSink;
use crate::status::RunState;
use crate::stop::StopFlag;
use crate::trainer::Trainer;
use build::{build_trainer, check_best_metric};

pub use resume::ResumeOptions;

/// A run of seq-JEPA with its data, device, trainer and folder, which no other process can train in meanwhile.
#[derive(Debug)]
pub struct Run {
    config: Config,
    folder: RunFolder,
    store: CheckpointStore,
    device: Device,
    backend: &'static str,
    data: RunData,
    fingerprint: DataFingerprint,
    trainer: Trainer<SeqJepa>,
    rows: Vec<MetricsRow>,
    stop: StopFlag,
    /// Held for as long as the run lives.
    _lock: RunLock,
}

impl Run {
    /// Starts a run: loads the data, opens the device, builds the model, and only then makes the run folder.
    ///
    /// # Errors
    ///
    /// [`TrainError`] says what cannot be used; nothing has been written then.
    pub fn start(config: Config, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        config.validate()?;
        RunFolder::check(&config)?;
        if config.logging.wandb.enabled {
            tracing::warn!(
                "logging.wandb.enabled has no effect: there is no Weights & Biases sink; metrics.jsonl holds every figure"
            );
        }
        let (device, backend) = DeviceRequest::parse(&config.run.device)?.open_named()?;
        let data = RunData::load(&config, observer)?;
        let trainer = build_trainer(&config, &data, &device)?;
        check_best_metric(&config, &data)?;
        let (folder, lock) = RunFolder::create(&config)?;
        let mut config = config;
        config.run.output_dir = Some(folder.root().to_owned());
        Ok(Self {
            store: CheckpointStore::new(&folder.checkpoints(), config.run.keep_last),
            fingerprint: data.fingerprint(),
            rows: Vec::new(),
            stop: StopFlag::new(),
            _lock: lock,
            config,
            folder,
            device,
            backend,
            data,
            trainer,
        })
    }

    /// Stops the run when `flag` is set: it finishes the step it is in, saves, and returns [`TrainError::Stopped`].
    pub fn stop_on(&mut self, flag: StopFlag) {
        self.stop = flag;
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

    /// The images.
    #[must_use]
    pub fn data(&self) -> &RunData {
        &self.data
    }

    /// The model as trained so far, on an autodiff device.
    #[must_use]
    pub fn model(&self) -> &SeqJepa {
        self.trainer.method()
    }

    /// The backend and device, for people.
    #[must_use]
    pub fn device_name(&self) -> String {
        format!("{:?}", self.device)
    }

    /// The metrics of the epochs done.
    #[must_use]
    pub fn rows(&self) -> &[MetricsRow] {
        &self.rows
    }

    /// The state as it is now: what a checkpoint holds.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let mut checkpoint = self.trainer.checkpoint(&self.config, &self.rows);
        checkpoint.progress.data = Some(self.fingerprint.clone());
        checkpoint.progress.backend = Some(self.backend.to_owned());
        checkpoint
    }

    /// Evaluates the trained model, and the randomly initialised one beside it, and writes the card as `evaluation.json`.
    ///
    /// # Errors
    ///
    /// [`TrainError`] says what failed; `evaluation.json` is written only once all is there. [`TrainError::Stopped`] if
    /// the run was asked to stop: a resumed run makes the same figures.
    pub fn evaluate(&self, observer: &mut dyn Observer) -> Result<ResultCard, TrainError> {
        let mut status = self.status();
        status.enter(RunState::Evaluating, None)?;
        let mut stopped = false;
        let mut told = |event: &Event| {
            status.observe(event)?;
            observer.observe(event)?;
            stopped |= self.stop.is_requested();
            if stopped { Err(self.stopped("in the frozen evaluation".into())) } else { Ok(()) }
        };
        let result = self.make_card(&mut told);
        // On its way through the probes the error may have become another one, or a figure that is absent.
        let result = if stopped { Err(self.stopped("in the frozen evaluation".into())) } else { result };
        let result = result.and_then(|card| {
            card.save(&self.folder.evaluation())?;
            Ok(card)
        });
        ended(&mut status, RunState::Finished, result)
    }

    fn make_card(&self, observer: &mut dyn Observer) -> Result<ResultCard, TrainError> {
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
            config: &self.config,
            data: &self.data,
            device: &self.device,
            model: self.model(),
            origin,
            cache_folder: Some(&self.folder.features()),
        };
        evaluate(&request, observer)
    }

    fn status(&self) -> StatusSink {
        let steps = (self.trainer.steps_per_epoch() * self.config.run.epochs) as u64;
        StatusSink::new(&self.folder, &self.config, &self.rows, (self.trainer.steps_done(), steps))
    }

    fn stopped(&self, place: String) -> TrainError {
        let saved = self.config.run.save_checkpoint;
        TrainError::Stopped { place, path: self.folder.root().to_owned(), saved }
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
        let mut text = serde_json::to_vec_pretty(value).expect("results are plain data");
        text.push(b'\n');
        write_atomically(path, &text)
    }
}

/// Writes down how a part of the run ended.
fn ended<T>(status: &mut StatusSink, done: RunState, result: Result<T, TrainError>) -> Result<T, TrainError> {
    match &result {
        Ok(_) => status.enter(done, None)?,
        Err(error) => {
            let state = match error {
                TrainError::Stopped { .. } => RunState::Stopped,
                _ => RunState::Failed,
            };
            // The first error is the one to report.
            if let Err(second) = status.enter(state, Some(error.to_string())) {
                tracing::warn!("{second}");
            }
        }
    }
    result
}
