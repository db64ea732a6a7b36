//! Looking at every run before the first is made.

use seqjepa_train::observer::Observer;

use super::error::SweepError;
use super::plan::PlannedRun;
use crate::config::Config;
use crate::data::RunData;
use crate::registry::Registry;
use crate::run::{Rehearsal, Run};

/// Opens the data and builds the model of every run, as its start would, so that what would end any of them shows before the first is
/// made. Of runs that differ in their seeds alone one is looked at, and data are opened once for those that follow one another with the
/// same. Writes nothing, but fetches data that are missing where a config asks for it.
///
/// # Errors
///
/// [`SweepError::Run`] for the first that cannot be.
pub fn rehearse<'a>(
    registry: &Registry,
    runs: impl IntoIterator<Item = &'a PlannedRun>,
    observer: &mut dyn Observer,
) -> Result<(), SweepError> {
    let mut seen: Vec<Config> = Vec::new();
    let mut opened: Option<(Config, RunData)> = None;
    for run in runs {
        let alike = without_seed(&run.config);
        if seen.contains(&alike) {
            continue;
        }
        seen.push(alike);
        let mut config = run.config.clone();
        // What is in the folder of a run that was begun is looked at by its standing.
        config.run.output_dir = None;
        let rehearsal = match opened.take() {
            Some((of, data)) if same_data(&of, &config) => Run::rehearse_on(registry, config.clone(), data),
            _ => Run::rehearse_with(registry, config.clone(), observer),
        };
        let data = rehearsal.map(Rehearsal::into_data);
        opened = Some((config, data.map_err(|error| SweepError::of_run(&run.to_string(), error))?));
    }
    Ok(())
}

fn without_seed(config: &Config) -> Config {
    let mut config = config.clone();
    let default = Config::default().run;
    (config.run.seed, config.run.name, config.run.output_dir) =
        (default.seed, default.name, default.output_dir);
    config
}

/// Whether the data of two configs are the same.
fn same_data(a: &Config, b: &Config) -> bool {
    let limits = |config: &Config| (config.run.seed, config.run.max_steps, config.run.max_val_steps);
    (&a.dataset, &a.model, limits(a)) == (&b.dataset, &b.model, limits(b))
}

#[cfg(test)]
mod tests {
    use seqjepa_train::observer::Observers;

    use super::*;

    const SMALL: [&str; 9] = [
        "run.device=flex",
        "dataset.name=synthetic",
        "dataset.synthetic_train=16",
        "dataset.synthetic_val=8",
        "dataset.batch_size=8",
        "model.img_size=16",
        "model.width=4",
        "model.pred_hidden=8",
        "model.num_enc_layers=1",
    ];

    fn run(method: &str, overrides: &[&str]) -> PlannedRun {
        let mut all = SMALL.to_vec();
        all.extend(overrides);
        let config = Config::parse("", "test", &all).unwrap();
        PlannedRun { data_set: "synthetic".into(), method: method.into(), seed: 1, id: "x".into(), config }
    }

    #[test]
    fn what_only_the_data_show_is_found_before_the_first_run() {
        let good = run("good", &[]);
        rehearse(&Registry::standard(), [&good, &good], &mut Observers::new()).unwrap();
        for (bad, words) in [
            (run("bad", &["dataset.batch_size=32"]), "synthetic, bad, seed 1: images of the training split"),
            (run("bad", &["run.best_metric=nothing"]), "synthetic, bad, seed 1: `run.best_metric`"),
            (run("bad", &["dataset.validation=16"]), "synthetic, bad, seed 1: `dataset.validation`"),
            (
                run("bad", &["dataset.name=image_folder", "dataset.data_root=/nowhere"]),
                "synthetic, bad, seed 1: ",
            ),
        ] {
            let error = rehearse(&Registry::standard(), [&good, &bad], &mut Observers::new()).unwrap_err();
            assert!(error.to_string().starts_with(words), "{error}");
        }
    }
}
