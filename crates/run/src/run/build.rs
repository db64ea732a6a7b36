//! The trainer of a run.

use burn::tensor::Device;
use seqjepa_model::{Method, SeqJepa};
use seqjepa_nn::optimizer::Optimizer;
use seqjepa_probes::online::{Phase, StandardProbes};

use crate::TrainError;
use crate::build::output_groups;
use crate::config::{Config, invalid};
use crate::data::RunData;
use crate::schedule::LearningRateSchedule;
use crate::trainer::{Loaders, Trainer};

/// The trainer that a config describes, at its start.
pub(super) fn build_trainer(
    config: &Config,
    data: &RunData,
    device: &Device,
) -> Result<Trainer<SeqJepa>, TrainError> {
    let device = device.clone().autodiff();
    let model = config.model_config().init(config.run.seed, &device)?;
    let optimizer = Optimizer::new(config.optimizer_config())?;
    let probes = StandardProbes {
        invariant_width: model.invariant_width(),
        equivariant_width: model.equivariant_width(),
        ..standard_probes(config, data)?
    }
    .init(&device)?;
    let loaders = Loaders { train: data.train_loader(config)?, test: data.test_loader(config)? };
    let trainer = Trainer::new(
        model,
        optimizer,
        probes,
        LearningRateSchedule::from_config(&config.optim, config.run.epochs),
        loaders,
        device,
        config.run.seed,
        config.run.epochs,
    );
    Ok(trainer.skipping_nonfinite_steps(config.run.skip_nonfinite_steps))
}

/// The online probes but for the model's widths.
fn standard_probes(config: &Config, data: &RunData) -> Result<StandardProbes, TrainError> {
    let space = config.action_space(data.train.height(), data.train.width())?;
    Ok(StandardProbes {
        invariant_width: 0,
        equivariant_width: 0,
        // With one class there is nothing to tell apart: 100 % would mean nothing.
        classes: data.has_classes(config)?.then(|| data.train.class_count()),
        action_size: space.width(),
        groups: output_groups(&space),
        hidden: config.optim.probe_hidden,
        lr: config.optim.probe_lr,
        seed: config.run.seed,
    })
}

/// Refuses a `run.best_metric` that no epoch will have.
pub(super) fn check_best_metric(config: &Config, data: &RunData) -> Result<(), TrainError> {
    let Some(metric) = &config.run.best_metric else {
        return Ok(());
    };
    let mut known = vec!["ep_loss".to_owned(), "test_loss".to_owned()];
    for probe in standard_probes(config, data)?.configs() {
        let names = probe.metrics;
        let groups = names.groups.iter().map(|group| format!("{}_{}", names.score, group.name));
        for name in [names.score.clone(), names.loss.clone()].into_iter().chain(groups) {
            known.extend(Phase::ALL.map(|phase| format!("{name}_{}", phase.name())));
        }
    }
    // Those of `Diagnostics::metrics` that every model has.
    for name in ["rankme", "std", "std_ratio", "uniformity"] {
        known.extend(["z", "z_agg"].map(|prefix| format!("{prefix}_{name}")));
    }
    if known.contains(metric) {
        return Ok(());
    }
    known.sort();
    Err(invalid("run.best_metric", format!("one of {}", known.join(", ")), metric))
}
