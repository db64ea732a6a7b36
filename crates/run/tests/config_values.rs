//! Every key of a config with values that nobody means: each is refused in one message that names the key, or harmless.

use seqjepa_data::Normalization;
use seqjepa_run::{Config, Registry};
use serde_json::Value;

/// A model and data so small that what is valid can be tried.
const SMALL: &str = "
run: {device: flex}
dataset: {name: synthetic, batch_size: 8, synthetic_train: 32, synthetic_val: 16, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
";

/// Values at and beyond the ends of every type.
const EXTREMES: [&str; 34] = [
    "0",
    "-0.0",
    "-1",
    "1",
    "255",
    "256",
    "65537",
    "2147483648",
    "4294967296",
    "9000000000000000000",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999999999",
    "-9223372036854775808",
    "0.5",
    "1.5",
    "1e-320",
    "1e39",
    "1e308",
    "-1e308",
    "1e400",
    ".nan",
    ".inf",
    "-.inf",
    "null",
    "true",
    "''",
    "zz",
    "[]",
    "{}",
    "[.nan, .nan, .nan]",
    "[1e39, 1e39, 1e39]",
    "[1e-44, 1e-44, 1e-44]",
    "[255, 255, 255]",
];

/// Every key with its section.
fn keys() -> Vec<String> {
    fn collect(value: &Value, prefix: &str, keys: &mut Vec<String>) {
        match value {
            Value::Object(section) => {
                for (key, value) in section {
                    let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    collect(value, &name, keys);
                }
            }
            _ => keys.push(prefix.to_owned()),
        }
    }
    let mut keys = Vec::new();
    collect(&Config::default().to_json(), "", &mut keys);
    keys
}

fn section(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// All that is made of a config before there are data.
fn use_config(config: &Config) {
    let registry = Registry::standard();
    let method = registry.method(config).expect("a config in hand can run");
    assert!(method.parameter_count() > 0);
    let (sequences, schedule) = (
        config.sequences(config.dataset.seq_len, Normalization::CIFAR100).expect("a config in hand can run"),
        config.learning_rate(),
    );
    assert_eq!(sequences.observed_views, config.dataset.seq_len);
    for epoch in [0, 1, config.run.epochs - 1] {
        let rate = schedule.rate(epoch, 0, 4);
        assert!(rate.is_finite() && rate >= 0.0, "{rate}");
    }
    let _ = (config.optimizer(), config.dataset.workers(), config.dataset.memory_limit());
    assert!(config.eval.passes() > 0 && config.eval.views() < 256 && !config.eval.protocols().is_empty());
    let again =
        Config::parse::<&str>(&config.to_yaml(), "resolved", &[]).expect("a resolved config reads back");
    assert_eq!(config, &again);
}

#[test]
fn every_key_with_any_value_is_refused_clearly_or_usable() {
    let keys = keys();
    assert!(keys.len() > 80, "{}", keys.len());
    for key in &keys {
        for value in EXTREMES {
            let text = format!("{key}={value}");
            match Config::parse(SMALL, "small.yaml", &[&text]) {
                Ok(config) => use_config(&config),
                Err(error) => {
                    let message = error.to_string();
                    for part in [section(key), "expected", "found"] {
                        assert!(message.contains(part), "{text}: {message}");
                    }
                    // A model's sizes must go together: which of them was meant otherwise, nobody knows.
                    let together = message.contains("model configuration");
                    assert!(message.contains(key.as_str()) || together, "{text}: {message}");
                    // The model's own errors name the file, all others the override.
                    let place = ["the override", "small.yaml"];
                    assert!(place.iter().any(|place| message.contains(place)), "{text}: {message}");
                    for word in ["usize", "u64", "f64", "f32", "enum", "variant", "invalid type", "unit"] {
                        // A precision's own name.
                        let named = word == "f32" && key == "run.precision";
                        assert!(named || !message.contains(word), "{text}: {message}");
                    }
                }
            }
        }
    }
}

/// The documented ranges: of each key a value within, and one beyond each end.
#[test]
fn documented_ranges_hold_at_their_ends() {
    let both = |other: &str| other.to_owned();
    for (key, good, bad, beside) in [
        ("run.epochs", ["1", "1000000"], ["0", "1000001"], None),
        ("run.keep_last", ["1", "1000"], ["0", "1001"], None),
        ("run.checkpoint_minutes", ["0.01", "525600"], ["0", "525601"], None),
        ("dataset.source_size", ["8", "1024"], ["7", "1025"], None),
        ("dataset.memory_limit_gib", ["0.001", "1048576"], ["0", "1048577"], None),
        ("dataset.seq_len", ["1", "255"], ["0", "256"], None),
        ("dataset.batch_size", ["2", "65536"], ["1", "65537"], None),
        ("dataset.num_workers", ["0", "256"], ["-1", "257"], None),
        ("dataset.prefetch", ["0", "64"], ["-1", "65"], None),
        (
            "dataset.mean",
            ["[0, 0, 0]", "[1, 1, 1]"],
            ["[-0.1, 0, 0]", "[125.3, 123.0, 113.9]"],
            Some("dataset.std=[1, 1, 1]"),
        ),
        (
            "dataset.std",
            ["[0.01, 0.01, 0.01]", "[1, 1, 1]"],
            ["[0, 0.5, 0.5]", "[63.0, 62.1, 66.7]"],
            Some("dataset.mean=[0, 0, 0]"),
        ),
        ("dataset.synthetic_train", ["1", "1000000"], ["0", "2147483649"], None),
        ("model.img_size", ["8", "512"], ["7", "513"], None),
        ("model.ema_decay", ["0", "1"], ["-0.1", "1.1"], None),
        ("model.dropout", ["0", "0.99"], ["-0.1", "1"], None),
        ("model.num_enc_layers", ["1", "1024"], ["0", "1025"], None),
        ("optim.momentum", ["0", "0.99"], ["-0.1", "1"], None),
        ("optim.lr", ["1e-9", "10"], ["0", ".inf"], None),
        ("optim.probe_hidden", ["1", "65536"], ["0", "65537"], None),
        ("eval.seq_len", ["2", "255"], ["1", "256"], None),
        ("eval.num_workers", ["0", "256"], ["-1", "2000"], None),
        ("eval.bootstrap", ["0", "1000000"], ["-1", "9000000000000000000"], None),
        ("eval.candidates", ["3", "256"], ["2", "257"], None),
        ("gating.linacc_test_min", ["0", "100"], ["-1", "101"], None),
        ("gating.r2_test_min", ["-5", "1"], [".nan", "1.1"], None),
        ("logging.log_every", ["1", "100000"], ["0", "100001"], None),
    ] {
        let parse = |value: &str| {
            let mut overrides: Vec<String> = beside.map(both).into_iter().collect();
            overrides.push(format!("{key}={value}"));
            Config::parse(SMALL, "small.yaml", &overrides)
        };
        for value in good {
            parse(value).unwrap_or_else(|error| panic!("{key}={value}: {error}"));
        }
        for value in bad {
            let message = parse(value).expect_err(&format!("{key}={value}")).to_string();
            let start = format!("`{key}` in the override `{key}={value}`: expected ");
            assert!(message.starts_with(&start) || message.starts_with(&format!("`{key}[")), "{message}");
        }
    }
}

#[test]
fn bytes_as_normalisation_are_told_apart() {
    let text = "dataset: {mean: [125.3, 123.0, 113.9], std: [63.0, 62.1, 66.7]}";
    let message = Config::parse::<&str>(text, "a.yaml", &[]).unwrap_err().to_string();
    assert_eq!(
        message,
        "`dataset.mean` in a.yaml: expected three numbers from 0 to 1 (the mean of R, G, B); divide values of bytes, 0 to \
         255, by 255, found [125.3, 123.0, 113.9]"
    );
}

#[test]
fn a_mean_is_three_numbers() {
    for (list, found) in [("[0, 0]", 2), ("[0, 0, 0, 0]", 4)] {
        let message = Config::parse("", "a.yaml", &[format!("dataset.mean={list}")]).unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "`dataset.mean` in the override `dataset.mean={list}`: expected a list of 3 numbers, found a list of {found}"
            )
        );
    }
}

/// Values that are each in range and together more than a machine holds.
#[test]
fn batches_and_sets_that_no_machine_holds_are_refused() {
    for (overrides, key) in [
        (["dataset.batch_size=65536", "model.img_size=512"], "dataset.batch_size"),
        (["eval.batch_size=65536", "model.img_size=256"], "eval.batch_size"),
        (["dataset.synthetic_train=100000000", "dataset.source_size=1024"], "dataset.synthetic_train"),
    ] {
        let message = Config::parse(SMALL, "small.yaml", &overrides).unwrap_err().to_string();
        assert!(message.contains(key) && message.contains("at most 64 GiB"), "{message}");
    }
}

#[test]
fn constants_of_actions_are_one_a_parameter() {
    let overrides = ["dataset.action_mean=[0, 0]", "dataset.action_std=[1, 1]"];
    let message = Config::parse(SMALL, "small.yaml", &overrides).unwrap_err().to_string();
    let start = "`dataset.action_mean` in the override `dataset.action_mean=[0, 0]`: expected 9 numbers";
    assert!(message.starts_with(start) || message.contains("numbers, one for each parameter"), "{message}");
}

/// A parser's time must not grow with the square of what it is given.
#[test]
fn yaml_that_is_made_to_hang_is_refused_at_once() {
    let deep = [
        "[".repeat(100_000),
        format!("run: {}", "[".repeat(100_000)),
        "{a: ".repeat(25_000),
        "{?".repeat(50_000),
    ];
    for text in &deep {
        let message = Config::parse::<&str>(text, "deep.yaml", &[]).unwrap_err().to_string();
        assert!(message.contains("deep.yaml") && message.contains("more than 64 open brackets"), "{message}");
        let message = Config::parse("", "x", &[format!("run.name={text}")]).unwrap_err().to_string();
        assert!(message.contains("more than 64 open brackets") && message.len() < 400, "{message}");
    }
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, before) in ('b'..='j').zip('a'..) {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(","));
    }
    for text in [
        bomb,
        "- ".repeat(50_000),
        "? ".repeat(50_000),
        (0..400).map(|n| format!("{}a:\n", " ".repeat(n))).collect(),
    ] {
        assert!(Config::parse::<&str>(&text, "bomb.yaml", &[]).is_err());
    }
}
