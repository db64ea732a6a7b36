//! A set of probes attached to a loop.

use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::StateDict;

use super::accumulator::Accumulator;
use super::spec::OnlineProbeConfig;
use crate::error::ProbeError;
use crate::metrics::Metrics;
use crate::probe::{Probe, Targets, Task};

/// Which part of an epoch a batch belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The probes take a step; figures are those of the predictions before it.
    Train,
    /// The probes only predict.
    Test,
}

impl Phase {
    /// Both phases.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// The suffix of metric names: `train` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// What the probes see of one batch: named representations, labels if there are any, and named
/// target values.
#[derive(Clone, Debug, Default)]
pub struct ProbeInputs<'a> {
    representations: Vec<(&'a str, Tensor<2>)>,
    labels: Option<&'a [u32]>,
    named_labels: Vec<(&'a str, &'a [u32])>,
    values: Vec<(&'a str, &'a [f32])>,
}

impl<'a> ProbeInputs<'a> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a representation `[samples, width]`; its graph, if it has one, is never entered.
    #[must_use]
    pub fn representation(mut self, name: &'a str, features: Tensor<2>) -> Self {
        self.representations.push((name, features.inner()));
        self
    }

    /// Adds the samples' classes. Without them, classification probes pause and their figures are
    /// absent.
    #[must_use]
    pub fn labels(mut self, labels: &'a [u32]) -> Self {
        self.labels = Some(labels);
        self
    }

    /// Adds further classes of the samples, as coarser ones, for the classification probes whose
    /// target has this name. Those whose target is not given pause.
    #[must_use]
    pub fn named_labels(mut self, name: &'a str, labels: &'a [u32]) -> Self {
        self.named_labels.push((name, labels));
        self
    }

    /// Adds target values `[samples, outputs]`, row-major. Regression probes whose target is not
    /// given pause.
    #[must_use]
    pub fn values(mut self, name: &'a str, values: &'a [f32]) -> Self {
        self.values.push((name, values));
        self
    }

    fn targets(&self, config: &OnlineProbeConfig) -> Option<Targets<'a>> {
        match config.task {
            Task::Classification { .. } => match config.target.as_deref() {
                None => self.labels.map(Targets::Labels),
                Some(target) => {
                    let found = self.named_labels.iter().find(|(name, _)| *name == target)?;
                    Some(Targets::Labels(found.1))
                }
            },
            Task::Regression { .. } => {
                let target = config.target.as_deref()?;
                let found = self.values.iter().find(|(name, _)| *name == target)?;
                Some(Targets::Values(found.1))
            }
        }
    }

    fn features(&self, config: &OnlineProbeConfig) -> Result<Tensor<2>, ProbeError> {
        let mut parts = Vec::with_capacity(config.inputs.len());
        for (wanted, width) in &config.inputs {
            let Some((_, part)) = self.representations.iter().find(|(name, _)| name == wanted) else {
                return Err(ProbeError::Missing {
                    probe: config.name.clone(),
                    what: "representation",
                    name: wanted.clone(),
                });
            };
            let what = format!("width of representation `{wanted}`");
            crate::error::check_size(&what, *width, part.dims()[1])?;
            parts.push(part.clone());
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(parts, 1) })
    }
}

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
/// let metrics = probes.finish_epoch();
/// let names: Vec<&str> = metrics.iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["position_r2_train", "position_loss_train"]);
/// # Ok::<(), seqjepa_probes::ProbeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OnlineProbes {
    attached: Vec<Attached>,
}

#[derive(Clone, Debug)]
struct Attached {
    config: OnlineProbeConfig,
    probe: Probe,
    train: Accumulator,
    test: Accumulator,
}

impl Attached {
    fn new(config: OnlineProbeConfig, device: &Device) -> Result<Self, ProbeError> {
        let probe = Probe::new(config.probe(), device)?;
        let accumulator = Accumulator::new(config.task)?;
        Ok(Self { config, probe, train: accumulator.clone(), test: accumulator })
    }

    fn accumulator(&mut self, phase: Phase) -> &mut Accumulator {
        match phase {
            Phase::Train => &mut self.train,
            Phase::Test => &mut self.test,
        }
    }

    fn update(&mut self, phase: Phase, inputs: &ProbeInputs<'_>) -> Result<(), ProbeError> {
        let Some(targets) = inputs.targets(&self.config) else {
            return Ok(());
        };
        let features = inputs.features(&self.config)?;
        let output = match phase {
            Phase::Train => self.probe.train_step(features, targets)?,
            Phase::Test => self.probe.evaluate(features, targets)?,
        };
        self.accumulator(phase).update(&output, targets)
    }
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
                return Err(ProbeError::setting("name", expected, &config.name));
            }
            for figure in [&config.metrics.score, &config.metrics.loss] {
                if !names.insert(format!("figure {figure}")) {
                    return Err(ProbeError::setting("metrics", "names that are unique", figure));
                }
            }
            if matches!(config.task, Task::Regression { .. }) && config.target.is_none() {
                let setting = format!("{}.target", config.name);
                return Err(ProbeError::setting(setting, "a name, for a regression", "none"));
            }
            for group in &config.metrics.groups {
                group.check(config.task.outputs())?;
            }
        }
        let attached = configs.into_iter().map(|config| Attached::new(config, device));
        Ok(Self { attached: attached.collect::<Result<_, _>>()? })
    }

    /// Takes in one batch: a step of every probe that finds its target, or in
    /// [`Phase::Test`] a prediction.
    ///
    /// # Errors
    ///
    /// If a representation is missing, sizes or labels do not fit, features or targets are not
    /// finite, or a probe has diverged.
    pub fn update(&mut self, phase: Phase, inputs: &ProbeInputs<'_>) -> Result<(), ProbeError> {
        self.attached.iter_mut().try_for_each(|attached| attached.update(phase, inputs))
    }

    /// The figures of both phases since the last call, train before test, and a fresh start for
    /// the next epoch. The probes keep what they have learnt. Figures without data are absent.
    pub fn finish_epoch(&mut self) -> Metrics {
        let mut metrics = Metrics::new();
        for phase in Phase::ALL {
            for attached in &mut self.attached {
                let accumulator = attached.accumulator(phase).clone();
                accumulator.report(&attached.config.metrics, phase.name(), &mut metrics);
            }
        }
        for attached in &mut self.attached {
            let fresh = Accumulator::new(attached.config.task);
            let fresh = fresh.expect("the same accumulator was built before");
            attached.train = fresh.clone();
            attached.test = fresh;
        }
        metrics
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

    /// Parameters, optimizers and the figures so far, for an exact resume at any batch:
    /// `<probe>.network.*`, `<probe>.optimizer.*`, `<probe>.steps`, and
    /// `<probe>.epoch.{train,test}` (f64).
    #[must_use]
    pub fn state_dict(&self) -> StateDict {
        let mut entries = Vec::new();
        for Attached { config, probe, train, test } in &self.attached {
            let name = &config.name;
            entries.extend(
                probe.state_dict().into_iter().map(|(entry, data)| (format!("{name}.{entry}"), data)),
            );
            for (phase, accumulator) in [("train", train), ("test", test)] {
                let values = accumulator.to_values();
                let length = values.len();
                entries.push((format!("{name}.epoch.{phase}"), TensorData::new(values, [length])));
            }
        }
        entries
    }

    /// Takes over what [`state_dict`](Self::state_dict) of the same set returned.
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
                None => {
                    let problem = "belongs to no probe of this set".to_owned();
                    return Err(ProbeError::State { name, problem });
                }
            }
        }
        for (attached, entries) in loaded.iter_mut().zip(sorted) {
            attached.load(entries)?;
        }
        self.attached = loaded;
        Ok(())
    }
}

impl Attached {
    fn load(&mut self, mut entries: StateDict) -> Result<(), ProbeError> {
        for phase in Phase::ALL {
            let entry = format!("epoch.{}", phase.name());
            let state_error = |problem: &str| ProbeError::State {
                name: format!("{}.{entry}", self.config.name),
                problem: problem.to_owned(),
            };
            let index = entries
                .iter()
                .position(|(name, _)| *name == entry)
                .ok_or_else(|| state_error("is missing"))?;
            let (_, data) = entries.swap_remove(index);
            let problem = state_error("does not hold this probe's figures");
            let values = data.as_slice::<f64>().unwrap_or_default();
            self.accumulator(phase).set_values(values).ok_or(problem)?;
        }
        self.probe.load_state_dict(entries)
    }
}
