//! The JSON schema of a config says what its reader does, is what lies in `configs/`, and takes every shipped config.

mod validator;

use std::path::{Path, PathBuf};

use seqjepa_run::Config;
use seqjepa_run::config::ConfigError;
use serde_json::{Value, json};
use validator::errors;

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

#[test]
fn the_shipped_schema_is_that_of_the_types() {
    let shipped = std::fs::read_to_string(configs().join("seqjepa.schema.json")).unwrap();
    assert!(
        shipped == format!("{:#}\n", Config::json_schema()),
        "configs/seqjepa.schema.json is of other types; write it anew by\n\n    \
         cargo run -p seqjepa -- config schema > configs/seqjepa.schema.json\n"
    );
}

#[test]
fn every_shipped_config_names_the_schema_and_fits_it() {
    let schema = Config::json_schema();
    let mut found = 0;
    for (folder, line) in [("", "seqjepa.schema.json"), ("remote", "../seqjepa.schema.json")] {
        for entry in std::fs::read_dir(configs().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            found += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            let first = format!("# yaml-language-server: $schema={line}\n");
            assert!(text.starts_with(&first), "{}: its first line is not {first:?}", path.display());
            let config: Value = serde_yaml::from_str(&text).unwrap();
            assert_eq!(errors(&schema, &config), Vec::<String>::new(), "{}", path.display());
            // What a run folder keeps fits as well.
            let whole = Config::load::<&str>(&path, &[]).unwrap().to_json();
            assert_eq!(errors(&schema, &whole), Vec::<String>::new(), "{}", path.display());
        }
    }
    assert!(found >= 5, "found {found} configs");
}

#[test]
fn mistakes_of_every_kind_are_found_by_the_schema() {
    let schema = Config::json_schema();
    for (config, place) in [
        (json!({"run": {"epoch": 3}}), "run.epoch"),
        (json!({"run": {"epochs": 0}}), "run.epochs"),
        (json!({"run": {"epochs": "ten"}}), "run.epochs"),
        (json!({"run": {"name": "a/b"}}), "run.name"),
        (json!({"optim": {"name": "adagrad"}}), "optim.name"),
        (json!({"optim": {"lr": 0}}), "optim.lr"),
        (json!({"dataset": {"mean": [0.5, 0.5]}}), "dataset.mean"),
        (json!({"dataset": {"mean": [0.5, 0.5, 125.3]}}), "dataset.mean"),
        (json!({"model": {"dropout": 1}}), "model.dropout"),
        (json!({"eval": {"protocols": ["exakt"]}}), "eval.protocols"),
        (json!({"logging": {"wandb": {"enabled": 2}}}), "logging.wandb.enabled"),
        (json!({"runs": 3}), "runs"),
    ] {
        let found = errors(&schema, &config);
        assert!(found.iter().any(|error| error.starts_with(&format!("{place}:"))), "{config}: {found:?}");
    }
    assert!(errors(&schema, &json!({"method": "mine", "mine": {"hidden": 128}})).is_empty());
}

/// A key that holds a number, or a list of them.
struct Numeric {
    name: String,
    /// Of the number.
    schema: Value,
    /// How many the list has; none for a number.
    count: Option<usize>,
}

fn numeric_keys() -> Vec<Numeric> {
    fn is_number(schema: &Value) -> bool {
        let kinds = [&schema["type"]].into_iter().chain(schema["type"].as_array().into_iter().flatten());
        let kinds: Vec<&str> = kinds.filter_map(Value::as_str).collect();
        !kinds.contains(&"boolean") && (kinds.contains(&"integer") || kinds.contains(&"number"))
    }
    fn collect(schema: &Value, prefix: &str, found: &mut Vec<Numeric>) {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            let items = &property["items"];
            if is_number(items) {
                let count = property["minItems"].as_u64().map_or(9, |count| usize::try_from(count).unwrap());
                found.push(Numeric { name, schema: items.clone(), count: Some(count) });
            } else if is_number(property) {
                found.push(Numeric { name, schema: property.clone(), count: None });
            } else {
                collect(property, &name, found);
            }
        }
    }
    let mut found = Vec::new();
    collect(&Config::json_schema(), "", &mut found);
    found
}

impl Numeric {
    fn is_whole(&self) -> bool {
        self.schema["type"].to_string().contains("integer")
    }

    /// Values at the bounds and just within, and values just beyond them.
    fn inside_and_outside(&self) -> (Vec<String>, Vec<String>) {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        let bound = |key: &str| self.schema[key].as_f64();
        // What is next to a bound: one, or a part of it that 32 bits tell apart.
        let step = |at: f64| if self.is_whole() { 1.0 } else { at.abs().max(1e-3) * 1e-3 };
        if let Some(values) = self.schema["enum"].as_array() {
            for value in values {
                inside.push(value.to_string());
                outside.push((value.as_i64().unwrap() + 1).to_string());
            }
            outside.retain(|value| !inside.contains(value));
            return (inside, outside);
        }
        for (key, side, exclusive) in [
            ("minimum", -1.0, false),
            ("exclusiveMinimum", -1.0, true),
            ("maximum", 1.0, false),
            ("exclusiveMaximum", 1.0, true),
        ] {
            let Some(at) = bound(key) else { continue };
            let (beyond, within) = (at + side * step(at), at - side * step(at));
            outside.push(text(if exclusive { at } else { beyond }));
            inside.push(text(if exclusive { within } else { at }));
        }
        if bound("maximum").is_none() && bound("exclusiveMaximum").is_none() {
            inside.push(if self.is_whole() { "9007199254740992".into() } else { "1e300".into() });
        }
        if bound("minimum").is_none() && bound("exclusiveMinimum").is_none() {
            inside.push("-1e300".into());
        }
        (inside, outside)
    }

    fn value(&self, number: &str) -> String {
        match self.count {
            Some(count) => format!("[{}]", vec![number; count].join(", ")),
            None => number.to_owned(),
        }
    }
}

fn text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number}") } else { format!("{number:e}") }
}

/// Keys whose values others know: registries of methods and data sets, the backends of the build, the data's actions. The schema has
/// their type alone.
const OF_OTHERS: [&str; 6] =
    ["method", "dataset.name", "run.device", "run.further_devices", "model.act_latentdim", "model.act_group"];

/// What has to stand beside a value at the end of its range, so that it is about nothing but itself.
fn beside(key: &str) -> &'static [&'static str] {
    match key {
        "dataset.mean" => &["dataset.std=[0.5, 0.5, 0.5]"],
        "dataset.std" => &["dataset.mean=[0.5, 0.5, 0.5]"],
        "dataset.action_mean" => &["dataset.action_std=[1, 1, 1, 1, 1, 1, 1, 1, 1]"],
        "dataset.action_std" => &["dataset.action_mean=[0, 0, 0, 0, 0, 0, 0, 0, 0]"],
        "dataset.synthetic_train" | "dataset.synthetic_val" => &["dataset.source_size=8", "model.img_size=8"],
        "dataset.micro_batch" => &["dataset.batch_size=65536", "model.img_size=8"],
        "dataset.batch_size" | "eval.batch_size" => &["model.img_size=8", "eval.candidates=3"],
        "eval.candidates" => &["eval.batch_size=1"],
        "optim.min_lr" => &["optim.lr=1e38"],
        "optim.warmup_epochs" => &["optim.scheduler=cosine", "run.epochs=1000000"],
        // Only these data sets read them.
        "dataset.lists" | "dataset.first_view" => &["dataset.name=3diebench"],
        "dataset.ood" | "dataset.views_per_object" | "dataset.rendered_train" | "dataset.rendered_val" => {
            &["dataset.name=rendered_objects"]
        }
        "dataset.stl10_train" | "dataset.saliency" | "dataset.saliency_root" | "dataset.glimpse_geometry" => {
            &["dataset.name=stl10_glimpses"]
        }
        _ => &[],
    }
}

/// What the reader says against a key's value.
fn refusal(key: &str, value: &str) -> Option<String> {
    let mut overrides: Vec<String> = beside(key).iter().map(|&text| text.to_owned()).collect();
    overrides.push(format!("{key}={value}"));
    match Config::parse("", "test", &overrides) {
        Ok(_) => None,
        Err(error @ ConfigError::Invalid { key: named, .. }) if named == key => Some(error.to_string()),
        Err(error @ ConfigError::Mistyped { .. }) => Some(error.to_string()),
        // The value is in its range; together with others it makes a model that is too large.
        Err(ConfigError::In { .. }) => None,
        Err(error) => panic!("{key}={value}: {error}"),
    }
}

#[test]
fn the_reader_takes_what_is_within_every_range_and_refuses_what_is_beyond() {
    let keys = numeric_keys();
    assert!(keys.len() > 50, "{} keys with numbers", keys.len());
    for key in keys.into_iter().filter(|key| !OF_OTHERS.contains(&key.name.as_str())) {
        let (inside, outside) = key.inside_and_outside();
        for number in inside {
            let said = refusal(&key.name, &key.value(&number));
            assert_eq!(said, None, "{}={number}, which the schema has within its range", key.name);
        }
        for number in outside {
            assert!(
                refusal(&key.name, &key.value(&number)).is_some(),
                "{}={number} is taken, and beyond the schema's range",
                key.name
            );
        }
    }
}

#[test]
fn the_schema_and_the_reader_agree_on_values_that_nobody_means() {
    let schema = Config::json_schema();
    // Their length is the number of the data's action parameters.
    let of_the_data = ["dataset.action_mean", "dataset.action_std"];
    let values = [
        "0",
        "1",
        "-1",
        "0.5",
        "1.5",
        "true",
        "zz",
        "''",
        "a/b",
        "[]",
        "{}",
        "[0.5]",
        "[0.5, 0.5, 0.5]",
        "[zz]",
    ];
    for key in Config::keys()
        .into_iter()
        .filter(|key| ![&OF_OTHERS[..], &of_the_data].concat().contains(&key.name.as_str()))
    {
        for value in values {
            let json: Value = serde_yaml::from_str(value).unwrap();
            let nested = key.name.rsplit('.').fold(json, |inner, name| json!({ name: inner }));
            let fits = errors(&schema, &nested).is_empty();
            let overrides: Vec<_> = beside(&key.name).iter().map(|&text| text.to_owned()).collect();
            let refused =
                match Config::parse("", "test", &[overrides, vec![format!("{}={value}", key.name)]].concat())
                {
                    Ok(_) => false,
                    Err(ConfigError::Mistyped { .. }) => true,
                    Err(ConfigError::Invalid { key: named, .. }) => named == key.name,
                    Err(_) => continue,
                };
            assert_eq!(fits, !refused, "{}={value}: the schema and the reader differ", key.name);
        }
    }
}
