//! A whole run: from a config to a trained, evaluated model and its folder.

use std::path::Path;

use burn::tensor::Device;
use seqjepa_model::{Method, SeqJepa};
use seqjepa_nn::optimizer::Optimizer;
use seqjepa_nn::tensor_specs;
use seqjepa_probes::online::StandardProbes;
use serde::Serialize;

use crate::TrainError;
use crate::build::output_groups;
use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::data::RunData;
use crate::device::DeviceRequest;
use crate::evaluation::{EvaluationRequest, ModelOrigin, ModelSource, ResultCard, evaluate, file_sha256};
use crate::gates::{GateVerdict, evaluate_gates};
use crate::metrics::MetricsRow;
use crate::observer::{Event, Observer, Observers};
use crate::run_folder::{RunFolder, write_atomically};
use crate::schedule::LearningRateSchedule;
use crate::sink::{CsvSink, JsonLinesSink};
use crate::trainer::{Loaders, Trainer};

/// A run of seq-JEPA with its data, device, trainer and folder.
#[derive(Debug)]
pub struct Run {
    config: Config,
    folder: RunFolder,
    device: Device,
    data: RunData,
    trainer: Trainer<SeqJepa>,
    rows: Vec<MetricsRow>,
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
        let device = DeviceRequest::parse(&config.run.device)?.open()?;
        let data = RunData::load(&config, observer)?;
        let trainer = build_trainer(&config, &data, &device)?;
        let folder = RunFolder::create(&config)?;
        let mut config = config;
        config.run.output_dir = Some(folder.root().to_owned());
        Ok(Self { config, folder, device, data, trainer, rows: Vec::new() })
    }

    /// Continues the run in `root` after its last finished epoch, with the config that it was started with.
    ///
    /// A run continued this way has the same metrics and the same final parameters, to the bit, as one that was never
    /// stopped.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if there is no run or no usable checkpoint in `root`, or as [`Run::start`].
    pub fn resume(root: &Path, observer: &mut dyn Observer) -> Result<Self, TrainError> {
        let (folder, config) = RunFolder::open(root)?;
        let checkpoint = Checkpoint::load(&folder.last_checkpoint())?;
        let device = DeviceRequest::parse(&config.run.device)?.open()?;
        let data = RunData::load(&config, observer)?;
        let mut trainer = build_trainer(&config, &data, &device)?;
        let rows = checkpoint.progress.rows.clone();
        trainer.restore(checkpoint)?;
        Ok(Self { config, folder, device, data, trainer, rows })
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

    /// Trains every epoch that is left, writing a line of metrics and a checkpoint after each, and the verdict of the
    /// gates at the end.
    ///
    /// # Errors
    ///
    /// [`TrainError`] says what stopped the run; the files of the epochs done stay.
    pub fn train(&mut self, observer: &mut dyn Observer) -> Result<GateVerdict, TrainError> {
        let mut files = Observers::new()
            .with(JsonLinesSink::create(&self.folder.metrics_jsonl(), &self.rows)?)
            .with(CsvSink::create(&self.folder.metrics_csv(), &self.rows)?);
        let specs = tensor_specs(self.trainer.method());
        let trainable = |name: &str| !name.starts_with("target_encoder.");
        let parameters = specs
            .iter()
            .filter(|spec| !spec.buffer && trainable(&spec.name))
            .map(|spec| spec.shape.iter().product::<usize>())
            .sum();
        observer.observe(&Event::RunStarted {
            first_epoch: self.trainer.epochs_done() + 1,
            epochs: self.config.run.epochs,
            parameters,
        })?;
        while !self.trainer.is_finished() {
            let mut row = self.trainer.train_epoch(observer)?;
            let before = self.rows.last().and_then(|row| row.get("wall_time")).unwrap_or(0.0);
            row.push("wall_time", before + row.get("ep_time").unwrap_or(0.0));
            self.rows.push(row);
            let row = self.rows.last().expect("a row was just added");
            // The files first: a checkpoint never stands for an epoch that is not in them.
            files.observe(&Event::EpochFinished { row })?;
            observer.observe(&Event::EpochFinished { row })?;
            if self.config.run.save_checkpoint {
                let path = self.folder.last_checkpoint();
                self.trainer.checkpoint(&self.config, &self.rows).save(&path)?;
                observer.observe(&Event::CheckpointSaved { path: &path })?;
            }
        }
        let last = self.rows.last().expect("a run has at least one epoch");
        let verdict = evaluate_gates(&self.config.gating, last);
        self.write_json(&self.folder.gates(), &verdict)?;
        Ok(verdict)
    }

    /// Evaluates the trained model, and the randomly initialised one beside it, and writes the card as `evaluation.json`.
    ///
    /// # Errors
    ///
    /// [`TrainError`] says what failed; `evaluation.json` is written only once all is there.
    pub fn evaluate(&self, observer: &mut dyn Observer) -> Result<ResultCard, TrainError> {
        let checkpoint = self.folder.last_checkpoint();
        let saved = self.config.run.save_checkpoint && checkpoint.exists();
        let origin = ModelOrigin {
            source: ModelSource::Run,
            file_sha256: saved.then(|| file_sha256(&checkpoint)).transpose()?,
            path: saved.then_some(checkpoint),
            epochs: Some(self.trainer.epochs_done()),
            steps: self.rows.last().and_then(|row| row.get("step")).map(|step| step as u64),
            target_encoder: true,
        };
        let request = EvaluationRequest {
            config: &self.config,
            data: &self.data,
            device: &self.device,
            model: self.model(),
            origin,
            cache_folder: Some(&self.folder.root().join("features")),
        };
        let card = evaluate(&request, observer)?;
        card.save(&self.folder.evaluation())?;
        Ok(card)
    }

    fn write_json(&self, path: &Path, value: &impl Serialize) -> Result<(), TrainError> {
        let mut text = serde_json::to_vec_pretty(value).expect("results are plain data");
        text.push(b'\n');
        write_atomically(path, &text)
    }
}

/// The trainer that a config describes, at its start.
fn build_trainer(config: &Config, data: &RunData, device: &Device) -> Result<Trainer<SeqJepa>, TrainError> {
    let device = device.clone().autodiff();
    let model = config.model_config().init(config.run.seed, &device)?;
    let optimizer = Optimizer::new(config.optimizer_config())?;
    let space = config.action_space(data.train.height(), data.train.width())?;
    let probes = StandardProbes {
        invariant_width: model.invariant_width(),
        equivariant_width: model.equivariant_width(),
        classes: Some(data.train.class_count()),
        action_size: space.width(),
        groups: output_groups(&space),
        hidden: config.optim.probe_hidden,
        lr: config.optim.probe_lr,
        seed: config.run.seed,
    }
    .init(&device)?;
    let loaders = Loaders { train: data.train_loader(config)?, test: data.test_loader(config)? };
    Ok(Trainer::new(
        model,
        optimizer,
        probes,
        LearningRateSchedule::from_config(&config.optim, config.run.epochs),
        loaders,
        device,
        config.run.seed,
        config.run.epochs,
    ))
}
