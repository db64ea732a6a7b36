//! Refuses a run that the machine cannot hold, before the system ends it without a word.

use seqjepa_model::DynMethodConfig;

use super::there::MemoryThere;
use crate::config::{Config, OptimizerKind};
use crate::run::RunError;

/// Bytes of a value.
const VALUE: u64 = 4;

/// What a run takes in any case, in bytes: on the processor its parameters with gradients and optimizer state, anywhere a batch of
/// views and the images of the built-in set. Activations come on top.
fn least(config: &Config, parameters: u64, on_processor: bool) -> u64 {
    let states = match config.optim.name {
        OptimizerKind::Adam | OptimizerKind::AdamW => 2,
        OptimizerKind::Sgd | OptimizerKind::Lars => 1,
    };
    let model = if on_processor { VALUE * parameters * (2 + states) } else { 0 };
    let dataset = &config.dataset;
    let square = |side: usize| 3 * (side as u64).pow(2);
    let batch = VALUE * square(config.model.img_size) * (dataset.batch_size * (dataset.seq_len + 1)) as u64;
    let images = if dataset.name == "synthetic" {
        square(config.source_size()) * (dataset.synthetic_train + dataset.synthetic_val) as u64
    } else {
        0
    };
    model + batch + images
}

/// Refuses a run that takes more memory than the machine has.
pub(crate) fn check(config: &Config, method: &dyn DynMethodConfig, backend: &str) -> Result<(), RunError> {
    let on_processor = ["flex", "ndarray"].contains(&backend);
    let needed = least(config, method.parameter_count(), on_processor);
    match MemoryThere::of_machine() {
        Some(there) if needed > there.total => Err(RunError::Memory { needed, there: there.total }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[test]
    fn what_no_machine_holds_is_refused_and_what_runs_is_not() {
        let check = |overrides: &[&str], backend| {
            let config = Config::parse("dataset: {name: synthetic}", "test", overrides).unwrap();
            let method = Registry::standard().method(&config).unwrap();
            check(&config, &*method, backend)
        };
        assert!(check(&[], "flex").is_ok());
        // 2.9e9 parameters are 46 GB with gradients and Adam's state; in the memory of another device that may be right.
        let large = ["model.width=1024"];
        assert!(check(&large, "cuda").is_ok());
        let config = Config::parse("", "test", &large).unwrap();
        let parameters = Registry::standard().method(&config).unwrap().parameter_count();
        assert!(least(&config, parameters, true) > 40 << 30);
        if let Err(error) = check(&large, "flex") {
            assert!(
                error.to_string().contains("expected at most the")
                    && error.to_string().contains("model.width")
            );
        }
    }

    #[test]
    fn the_least_counts_what_is_there_in_any_case() {
        let overrides = [
            "dataset.name=synthetic",
            "dataset.batch_size=2",
            "dataset.synthetic_train=10",
            "dataset.synthetic_val=5",
        ];
        let config = Config::parse("", "test", &overrides).unwrap();
        let (batch, images) = (4 * 3 * 1024 * 2 * 4, 15 * 3 * 1024);
        assert_eq!(least(&config, 100, false), batch + images);
        assert_eq!(least(&config, 100, true), 4 * 100 * 4 + batch + images);
    }
}
