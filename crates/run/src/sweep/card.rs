//! Whether a result card is that of a run.

use std::path::Path;

use seqjepa_evaluation::ResultCard;
use seqjepa_train::storage::read_json;

use crate::config::Config;
use crate::folder::RunFolder;
use crate::registry::Registry;

/// What the config on a card is called in errors.
const ORIGIN: &str = "the card's config";

/// The card in a run folder, checked to be that of a run of this config; none where there is no file.
///
/// # Errors
///
/// Why it is not, in words.
pub(super) fn of_run(
    registry: &Registry,
    root: &Path,
    wanted: &Config,
) -> Result<Option<ResultCard>, String> {
    let path = RunFolder::at(root).evaluation();
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let card = ResultCard::load(&path).map_err(|error| error.to_string())?;
    match difference(registry, &card, wanted) {
        None => Ok(Some(card)),
        Some(difference) => Err(format!("{} is not of this run: {difference}", path.display())),
    }
}

/// The first thing that shows a card to be of another run.
fn difference(registry: &Registry, card: &ResultCard, wanted: &Config) -> Option<String> {
    let epochs = card.model.origin.epochs.map_or("unknown".to_owned(), |epochs| epochs.to_string());
    for (what, expected, found) in [
        ("the method", &wanted.method, &card.method.name),
        ("the data set", &wanted.dataset.name, &card.data.name),
        ("the seed", &wanted.run.seed.to_string(), &card.scope.seed.to_string()),
        ("the number of epochs", &wanted.run.epochs.to_string(), &epochs),
    ] {
        if expected != found {
            return Some(format!("expected {what} {expected}, found {found}"));
        }
    }
    if let Some(other) = &card.data.trained_on {
        return Some(format!("it is of transfer from {other}"));
    }
    // Cards may come without a config.
    if card.config.is_null() {
        return None;
    }
    let held = match from_card(registry, &card.config) {
        Ok(held) => held,
        Err(error) => return Some(error),
    };
    // As it would be read from a card, to the last digit of every number.
    let wanted = from_card(registry, &read_json(wanted.to_json().to_string().as_bytes()).ok()?).ok()?;
    let different = held.changes(&wanted).into_iter().next()?;
    Some(format!("expected `{}` {}, found {}", different.key, different.given, different.held))
}

/// The config that a card keeps.
fn from_card(registry: &Registry, config: &serde_json::Value) -> Result<Config, String> {
    let text = serde_yaml::to_string(config).map_err(|error| error.to_string())?;
    Config::parse_with::<&str>(registry, &text, ORIGIN, &[]).map_err(|error| error.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;

    /// The card of a run of this config.
    pub(in super::super) fn card(config: &Config) -> Value {
        let absent = json!({"figures": null, "absent": "not looked at"});
        let record = json!({"encoder": absent, "aggregate": absent, "drift": null, "drift_absent": null});
        json!({
            "format": 2, "code": {"version": "0", "commit": null},
            "method": {"name": config.method, "config": null, "invariant": {"name": "z_AGG", "of_sequence": true}},
            "model": {"source": "run", "path": null, "file_sha256": null, "epochs": config.run.epochs, "steps": 1,
                "target_encoder": true, "model_sha256": "0", "observed_views": 3, "batch_size": 8},
            "data": {"name": config.dataset.name, "train_images": 1, "test_images": 1, "classes": 1, "missing_classes": [0, 0]},
            "encoder": "online", "device": "flex",
            "scope": {"observed_views": 3, "protocols": [], "seed": config.run.seed, "groups": [], "parameters": []},
            "figures": [], "diagnostics": {"trained": record, "random": record}, "config": config.to_json(),
        })
    }

    #[test]
    fn a_card_is_held_against_the_config_of_its_run() {
        let scratch = tempfile::tempdir().unwrap();
        let registry = Registry::standard();
        let wanted = Config::parse("", "test", &["optim.lr=0.00031", "optim.weight_decay=0.1"]).unwrap();
        let of = |text: &str| {
            fs::write(scratch.path().join("evaluation.json"), text).unwrap();
            of_run(&registry, scratch.path(), &wanted)
        };
        assert_eq!(of_run(&registry, scratch.path(), &wanted).unwrap(), None);
        assert!(of(&card(&wanted).to_string()).unwrap().is_some());
        let mut elsewhere = wanted.clone();
        (elsewhere.run.name, elsewhere.dataset.num_workers) = ("x".into(), Some(7));
        assert!(of(&card(&elsewhere).to_string()).unwrap().is_some());
        let mut bare = card(&wanted);
        bare["config"] = Value::Null;
        assert!(of(&bare.to_string()).unwrap().is_some());

        let refused = |text: &str| of(text).unwrap_err();
        for (changed, words) in [
            ("run.seed=43", "expected the seed 42, found 43"),
            ("run.epochs=9", "expected the number of epochs 10, found 9"),
            ("method=simclr", "expected the method seqjepa, found simclr"),
            ("dataset.name=rendered_objects", "expected the data set"),
            ("model.act_cond=false", "expected `model.act_cond` true, found false"),
            ("optim.lr=0.000310001", "expected `optim.lr` 0.00031, found 0.000310001"),
        ] {
            let other =
                Config::parse("", "test", &["optim.lr=0.00031", "optim.weight_decay=0.1", changed]).unwrap();
            let doubt = refused(&card(&other).to_string());
            assert!(doubt.contains("is not of this run: ") && doubt.contains(words), "{doubt}");
        }
        let mut transfer = card(&wanted);
        transfer["data"]["trained_on"] = json!("other");
        assert!(refused(&transfer.to_string()).contains("of transfer from other"));
        for damaged in ["", "{", "{}", "{\"format\": 99}"] {
            assert!(refused(damaged).contains("evaluation.json"), "{damaged}");
        }
        bare["config"] = json!({"run": {"nothing": 1}});
        assert!(refused(&bare.to_string()).contains("unknown key `run.nothing`"));
    }
}
