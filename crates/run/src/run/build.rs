//! The trainer of a run.

use seqjepa_data::ActionSpace;
use seqjepa_model::{DynMethod, DynMethodConfig};
use seqjepa_nn::optimizer::Optimizer;
use seqjepa_probes::OutputGroup;
use seqjepa_probes::online::{Phase, StandardProbes};
use seqjepa_train::{Trainer, TrainerBuilder};

use super::error::RunError;
use crate::config::{Config, ConfigError, invalid};
use crate::data::RunData;
use crate::run_devices::RunDevices;

/// The trainer that a config describes, at its start.
pub(super) fn build_trainer(
    config: &Config,
    method: &dyn DynMethodConfig,
    data: &RunData,
    devices: &RunDevices,
) -> Result<Trainer, RunError> {
    let device = devices.first.clone().autodiff();
    let method = method.init(config.run.seed, &device)?;
    check_views(config, &*method)?;
    let optimizer = Optimizer::new(config.optimizer())?.with_groups(config.parameter_groups());
    let probes = standard_probes(config, data, &*method);
    check_best_metric(config, &probes)?;
    let loaders = data.loaders(config, method.views_used(), &device)?;
    let mut builder = TrainerBuilder::new(method, loaders, &device)
        .optimizer(optimizer)
        .probes(probes.init(&device)?)
        .learning_rate(config.learning_rate())
        .seed(config.run.seed)
        .epochs(config.run.epochs)
        .log_every(config.logging.log_every)
        .precision(devices.precision)
        .recompute(config.recompute())
        .further_devices(devices.further.clone(), devices.all_reduce)
        .skipping_nonfinite_steps(config.run.skip_nonfinite_steps);
    if let Some(sequences) = config.dataset.micro_batch {
        builder = builder.micro_batch(sequences);
    }
    Ok(builder.build()?)
}

/// Refuses sequences of fewer observed views than the method looks at.
fn check_views(config: &Config, method: &dyn DynMethod) -> Result<(), ConfigError> {
    let (needed, given) = (method.views_used().observed.unwrap_or(1), config.dataset.seq_len);
    if given >= needed {
        return Ok(());
    }
    let expected = format!("at least {needed}, the observed views that {} looks at", method.name());
    Err(invalid("dataset.seq_len", expected, given))
}

/// The online probes of a run.
pub(crate) fn standard_probes(config: &Config, data: &RunData, method: &dyn DynMethod) -> StandardProbes {
    let space = &data.set().train.layout().actions;
    let representations = method.representations();
    StandardProbes {
        invariant_width: representations.invariant.width,
        equivariant_width: representations.equivariant.width,
        classes: data.classes(),
        action_size: space.width(),
        groups: output_groups(space),
        hidden: config.optim.probe_hidden,
        lr: config.optim.probe_lr,
        seed: config.run.seed,
    }
}

/// The groups of an action space as the probes name them.
fn output_groups(space: &ActionSpace) -> Vec<OutputGroup> {
    space.groups().iter().map(|group| OutputGroup::new(&group.name, group.range.clone())).collect()
}

/// Refuses a `run.best_metric` that no epoch will have.
fn check_best_metric(config: &Config, probes: &StandardProbes) -> Result<(), ConfigError> {
    let Some(metric) = &config.run.best_metric else {
        return Ok(());
    };
    let mut known = vec!["ep_loss".to_owned(), "test_loss".to_owned()];
    for probe in probes.configs() {
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
