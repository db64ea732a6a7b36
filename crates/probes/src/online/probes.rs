//! A set of probes attached to a loop.

use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::StateDict;

use super::accumulator::Accumulator;
use super::error::UpdateError;
use super::inputs::ProbeInputs;
use super::phase::Phase;
use super::queue::{Place, Queue, Reading};
use super::spec::OnlineProbeConfig;
use super::uploads::{Upload, Uploads};
use crate::error::InputError;
use crate::metrics::Metrics;
use crate::probe::{Probe, ProbeError, Task};
use crate::state::StateError;

/// Any number of probes that learn from a model's representations while it trains, and their
/// figures over an epoch.
///
/// The published set of seq-JEPA is [`StandardProbes`](super::StandardProbes); any other set is a
/// list of [`OnlineProbeConfig`].
///
/// ```
/// use burn::tensor::{Device, Distribution, Tensor};
/// use seqjepa_nn::optimizer::OptimizerConfig;
/// use seqjepa_probes::online::{MetricNames, OnlineProbeConfig, OnlineProbes, Phase, ProbeInputs};
/// use seqjepa_probes::{Network, Task};
///
/// let device = Device::flex();
/// let position = OnlineProbeConfig {
///     name: "position".into(),
///     inputs: vec![("tokens".into(), 8)],
///     task: Task::Regression { outputs: 2 },
///     target: Some("position".into()),
///     network: Network::Linear,
///     optimizer: OptimizerConfig::adam(),
///     lr: 1e-3,
///     seed: 1,
///     metrics: MetricNames::new("position_r2", "position_loss"),
/// };
/// let mut probes = OnlineProbes::new(vec![position], &device)?;
/// for _ in 0..3 {
///     let tokens = Tensor::random([4, 8], Distribution::Default, &device);
///     let targets = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
///     let inputs = ProbeInputs::new().representation("tokens", tokens).values("position", &targets);
///     probes.update(Phase::Train, &inputs)?;
/// }
/// let metrics = probes.finish_epoch()?;
/// let names: Vec<&str> = metrics.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["position_r2_train", "position_loss_train"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct OnlineProbes {
    attached: Vec<Attached>,
    queue: Queue,
}

#[derive(Clone, Debug)]
struct Attached {
    config: OnlineProbeConfig,
    probe: Probe,
    train: Accumulator,
    test: Accumulator,
}

/// A batch that a probe has agreed to.
struct Job {
    /// The probe's number.
    probe: usize,
    features: Tensor<2>,
    upload: Upload,
}

impl OnlineProbes {
    /// Fresh probes on `device`, with or without autodiff.
    ///
    /// # Errors
    ///
    /// If two probes or two figures share a name, a regression has no target, a group is not
    /// within its outputs, or a setting is out of range.
    pub fn new(configs: Vec<OnlineProbeConfig>, device: &Device) -> Result<Self, ProbeError> {
        let mut names = BTreeSet::new();
        for config in &configs {
            if config.name.contains('.') || !names.insert(format!("probe {}", config.name)) {
                let expected = "unique and without a dot";
                return Err(InputError::setting("name", expected, &config.name).into());
            }
            for figure in [&config.metrics.score, &config.metrics.loss] {
                if !names.insert(format!("figure {figure}")) {
                    return Err(InputError::setting("metrics", "names that are unique", figure).into());
                }
            }
            if matches!(config.task, Task::Regression { .. }) && config.target.is_none() {
                let setting = format!("{}.target", config.name);
                return Err(InputError::setting(setting, "a name, for a regression", "none").into());
            }
            for group in &config.metrics.groups {
                group.check(config.task.outputs())?;
            }
        }
        let attached = configs.into_iter().map(|config| Attached::new(config, device));
        Ok(Self { attached: attached.collect::<Result<_, _>>()?, queue: Queue::default() })
    }

    /// Takes in one batch: a step of every probe that finds its target, or in
    /// [`Phase::Test`] a prediction.
    ///
    /// Nothing is read from the device. What came of the batch is queued there (for a classification three numbers,
    /// for a regression its predictions) until [`flush`](Self::flush) brings it back.
    ///
    /// # Errors
    ///
    /// If a representation is missing, sizes or labels do not fit, or targets are not finite. No probe has learnt from
    /// the batch then, and the update does not count.
    pub fn update(&mut self, phase: Phase, inputs: &ProbeInputs<'_>) -> Result<(), ProbeError> {
        for Job { probe, features, upload } in self.jobs(inputs)? {
            let attached = &mut self.attached[probe];
            let place = Place { probe, phase, step: attached.probe.next_step() };
            let output = match phase {
                Phase::Train => attached.probe.step(features, &upload.targets)?,
                Phase::Test => attached.probe.look(features, &upload.targets),
            };
            self.queue.push(place, output, &upload);
        }
        self.queue.end_update();
        Ok(())
    }

    /// What the probes that find their target have to do, all of it checked.
    fn jobs(&self, inputs: &ProbeInputs<'_>) -> Result<Vec<Job>, ProbeError> {
        let mut uploads = Uploads::default();
        let mut jobs = Vec::with_capacity(self.attached.len());
        for (number, Attached { config, probe, .. }) in self.attached.iter().enumerate() {
            let Some(targets) = inputs.targets(config) else { continue };
            let features = probe.check(inputs.features(config)?)?;
            let samples = features.dims()[0];
            targets.check(probe.config(), samples)?;
            let upload = uploads.of(targets, samples, &probe.device());
            jobs.push(Job { probe: number, features, upload });
        }
        Ok(jobs)
    }

    /// Brings what the updates since the last flush have left on the device back in one transfer and takes it into the
    /// figures, in order: the same bits as a flush after every update. Waits for the device once, and not at all if
    /// nothing is queued. What is queued grows with every update: flush every few dozen.
    ///
    /// # Errors
    ///
    /// If features were not finite or a probe has diverged, for the first such update. The probes may have learnt from
    /// it and from those after it, whose figures are lost: go back to a clone from before the first of them, and replay.
    /// Clones cost nothing, they share their tensors.
    pub fn flush(&mut self) -> Result<(), UpdateError> {
        for reading in std::mem::take(&mut self.queue).read() {
            let Reading { update, place, .. } = reading;
            let attached = &mut self.attached[place.probe];
            let taken = if reading.is_finite() {
                attached
                    .accumulator(place.phase)
                    .update(reading.loss, &reading.score)
                    .map_err(ProbeError::from)
            } else {
                Err(attached.probe.config().not_finite(place.step, reading.features_are_finite))
            };
            taken.map_err(|cause| UpdateError { update, cause })?;
        }
        Ok(())
    }

    /// The figures of both phases since the last call, train before test, and a fresh start for
    /// the next epoch. The probes keep what they have learnt. Figures without data are absent. Flushes first.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn finish_epoch(&mut self) -> Result<Metrics, UpdateError> {
        self.flush()?;
        let mut metrics = Metrics::new();
        for phase in Phase::ALL {
            for attached in &self.attached {
                attached.scores(phase).report(&attached.config.metrics, phase.name(), &mut metrics);
            }
        }
        for attached in &mut self.attached {
            let fresh = Accumulator::new(attached.config.task);
            let fresh = fresh.expect("the same accumulator was built before");
            attached.train = fresh.clone();
            attached.test = fresh;
        }
        Ok(metrics)
    }

    /// The probe of that name.
    #[must_use]
    pub fn probe(&self, name: &str) -> Option<&Probe> {
        self.attached.iter().map(|attached| &attached.probe).find(|probe| probe.config().name == name)
    }

    /// Names of the probes in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.attached.iter().map(|attached| attached.config.name.as_str())
    }

    /// Parameters, optimizers and the figures so far, those that are queued included, for an exact resume at any
    /// batch: `<probe>.network.*`, `<probe>.optimizer.*`, `<probe>.steps`, and `<probe>.epoch.{train,test}` (f64).
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush), which a clone does where something is queued.
    pub fn state_dict(&self) -> Result<StateDict, UpdateError> {
        if !self.queue.is_empty() {
            let mut flushed = self.clone();
            flushed.flush()?;
            return flushed.state_dict();
        }
        let mut entries = Vec::new();
        for attached in &self.attached {
            let name = &attached.config.name;
            let own = attached.probe.state_dict().into_iter();
            entries.extend(own.map(|(entry, data)| (format!("{name}.{entry}"), data)));
            for phase in Phase::ALL {
                let values = attached.scores(phase).to_values();
                let length = values.len();
                entries.push((format!("{name}.epoch.{}", phase.name()), TensorData::new(values, [length])));
            }
        }
        Ok(entries)
    }

    /// Takes over what [`state_dict`](Self::state_dict) of the same set returned; what is queued is dropped.
    ///
    /// # Errors
    ///
    /// If entries are missing, unknown, or of the wrong shape or type; nothing is changed then.
    pub fn load_state_dict(&mut self, entries: StateDict) -> Result<(), ProbeError> {
        let mut loaded = self.attached.clone();
        let mut sorted: Vec<StateDict> = vec![Vec::new(); loaded.len()];
        for (name, data) in entries {
            let place = name.split_once('.').and_then(|(probe, rest)| {
                let index = loaded.iter().position(|attached| attached.config.name == probe)?;
                Some((index, rest.to_owned()))
            });
            match place {
                Some((index, rest)) => sorted[index].push((rest, data)),
                None => return Err(StateError::new(name, "belongs to no probe of this set").into()),
            }
        }
        for (attached, entries) in loaded.iter_mut().zip(sorted) {
            attached.load(entries)?;
        }
        self.attached = loaded;
        self.queue = Queue::default();
        Ok(())
    }
}

impl Attached {
    fn new(config: OnlineProbeConfig, device: &Device) -> Result<Self, ProbeError> {
        let probe = Probe::new(config.probe(), device)?;
        let accumulator = Accumulator::new(config.task)?;
        Ok(Self { config, probe, train: accumulator.clone(), test: accumulator })
    }

    fn scores(&self, phase: Phase) -> &Accumulator {
        match phase {
            Phase::Train => &self.train,
            Phase::Test => &self.test,
        }
    }

    fn accumulator(&mut self, phase: Phase) -> &mut Accumulator {
        match phase {
            Phase::Train => &mut self.train,
            Phase::Test => &mut self.test,
        }
    }

    fn load(&mut self, mut entries: StateDict) -> Result<(), ProbeError> {
        for phase in Phase::ALL {
            let entry = format!("epoch.{}", phase.name());
            let error = |problem: &str| StateError::new(format!("{}.{entry}", self.config.name), problem);
            let index = entries.iter().position(|(name, _)| *name == entry);
            let (_, data) = entries.swap_remove(index.ok_or_else(|| error("is missing"))?);
            let problem = error("does not hold this probe's figures");
            let values = data.as_slice::<f64>().unwrap_or_default();
            self.accumulator(phase).set_values(values).ok_or(problem)?;
        }
        self.probe.load_state_dict(entries)
    }
}
