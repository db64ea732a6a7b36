//! Run folders made by code, and a reader of pages that believes nothing.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

use seqjepa_data::{ActionGroup, ActionParameter, ActionSpace};
use seqjepa_evaluation::{EvaluationSample, Invariant, Pictures, ResultCard, SampleTable};
use serde_json::{Value, json};

/// Texts of a run folder, which may be hostile.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'a> {
    pub(crate) name: &'a str,
    pub(crate) class: &'a str,
    pub(crate) any: &'a str,
}

pub(crate) const PLAIN: Texts<'static> = Texts { name: "run", class: "shirt", any: "plain" };

/// All that a finished run leaves, but the checkpoints.
pub(crate) fn finished(root: &Path, texts: Texts<'_>) -> PathBuf {
    let folder = root.join(texts.name.replace('/', "_"));
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("config.yaml", config(texts).as_bytes());
    write("metrics.jsonl", metrics(3, texts).as_bytes());
    write("status.json", &serde_json::to_vec(&status(texts)).unwrap());
    write("gates.json", &serde_json::to_vec(&json!({"passed": false, "reasons": [texts.any]})).unwrap());
    write("evaluation.json", &serde_json::to_vec(&card(texts)).unwrap());
    write("sample.safetensors", &sample(texts).to_bytes());
    folder
}

pub(crate) fn config(texts: Texts<'_>) -> String {
    let root = json!({
        "method": texts.any,
        "run": {"seed": 42, "name": texts.name, texts.any: texts.any},
        "dataset": {"name": texts.any},
        "gating": {"loss_max": 0.1, "linacc_test_min": null},
    });
    serde_json::to_string(&root).unwrap()
}

pub(crate) fn metrics(epochs: usize, texts: Texts<'_>) -> String {
    (1..=epochs)
        .map(|epoch| {
            let row = json!({
                "epoch": epoch,
                "ep_loss": 1.0 / epoch as f64,
                "test_loss": 1.1 / epoch as f64,
                "online_linacc_test": 10.0 + epoch as f64,
                "z_collapse": 0.0,
                "online_r2_test": null,
                texts.any: 1.0,
                "train_time": 1.5,
                "ep_time": 2.0,
                "wall_time": 2.0 * epoch as f64,
                "data_wait_share": 0.01,
            });
            format!("{row}\n")
        })
        .collect()
}

fn status(texts: Texts<'_>) -> Value {
    json!({
        "state": "failed", "name": texts.name, "pid": 1, "version": "0.1.0", "started": 1_795_905_385, "updated": 1_795_905_493,
        "epoch": 3, "epochs": 3, "batch": 1, "batches": 1, "step": 9, "steps": 9, "learning_rate": null, "loss": null,
        "eta_seconds": null, "checkpoint": null, "checkpoint_step": null, "message": texts.any, "last_metrics": null
    })
}

fn figure(name: &str, value: f64, published: Value, texts: Texts<'_>) -> Value {
    let measured = |value: f64| json!({"value": value, "interval": [value - 0.1, value + 0.1], "penalty": null, "note": texts.any});
    json!({
        "name": name, "trained": measured(value), "random": measured(value / 2.0), "paper": published,
        "protocol": {
            "name": "exact", "encoder": "online", "representation": texts.any, "observed_views": 2, "target": texts.any,
            "probe": texts.any, "fit": {"exact": {"solver": texts.any, "penalty": texts.any}}, "train_samples": 100, "passes": 1,
            "test_samples": 40, "seed": 42, "augmentation": texts.any
        }
    })
}

pub(crate) fn card(texts: Texts<'_>) -> Value {
    let published = |comparable: bool| json!({"value": 58.33, "comparable": comparable, "differences": [texts.any], "source": texts.any});
    let diagnosed = json!({"figures": {
        "samples": 40, "views": 2, "width": 8, "rank_me": 5.0, "lidar": 4.0, "standard_deviation": 0.3,
        "standard_deviation_ratio": 0.9, "alignment": 0.5, "uniformity": -1.0, "drift": null, "verdict": "partial_collapse",
        "reasons": [texts.any]
    }});
    let both =
        json!({"encoder": diagnosed, "aggregate": {"figures": null, "absent": texts.any}, "drift": null});
    json!({
        "format": ResultCard::FORMAT,
        "code": {"version": texts.any, "commit": texts.any},
        "method": {"name": texts.any, "config": null, "invariant": {"name": "z_AGG", "of_sequence": true}},
        "model": {
            "source": "run", "path": texts.any, "file_sha256": null, "epochs": 3, "steps": 9, "target_encoder": true,
            "model_sha256": "ab", "observed_views": 3, "batch_size": 8
        },
        "data": {"name": texts.any, "train_images": 100, "test_images": 40, "classes": 2, "missing_classes": [0, 0]},
        "encoder": "online", "device": texts.any,
        "scope": {"observed_views": 2, "protocols": ["exact"], "seed": 42, "groups": ["crop", texts.any], "parameters": ["x", texts.any]},
        "figures": [
            figure("top1_z_agg_m1", 20.0, Value::Null, texts),
            figure("top1_z_agg_m2", 30.0, published(false), texts),
            figure("top1_z1", 15.0, published(true), texts),
            figure("r2_crop", 0.5, Value::Null, texts),
            figure(&format!("r2_{}", texts.any), 0.25, Value::Null, texts),
            figure("r2_mean", 0.3, Value::Null, texts),
            figure("leakage_r2_crop", 0.1, Value::Null, texts),
            figure(texts.any, 0.1, Value::Null, texts),
        ],
        "diagnostics": {"trained": both, "random": both},
        "config": {}
    })
}

/// Forty sequences of two classes.
pub(crate) fn sample(texts: Texts<'_>) -> EvaluationSample {
    let parameter = |name: &str| ActionParameter {
        name: name.into(),
        unit: texts.any.into(),
        low: 0.0,
        high: 1.0,
        identity: 0.0,
    };
    let other = if texts.any == "x" { "y" } else { texts.any };
    let groups = vec![ActionGroup::vector(texts.any, 0..2)];
    let table = |rows: usize, width: usize| SampleTable {
        width,
        values: (0..rows * width)
            .map(|value| ((value * 7919 + value / width % 2 * 5000) % 1009) as f32 / 1009.0)
            .collect(),
    };
    let pictures = |count: usize| Pictures {
        size: [4, 4],
        pixels: (0..count * 48).map(|byte| u8::try_from(byte % 251).unwrap()).collect(),
    };
    EvaluationSample {
        model_sha256: "ab".into(),
        data: texts.any.into(),
        invariant: Invariant { name: "z_AGG".into(), of_sequence: true },
        observed_views: 2,
        seed: 42,
        class_names: vec![texts.class.into(), "coat".into()],
        actions: ActionSpace::new(vec![parameter("x"), parameter(other)], groups).unwrap(),
        labels: (0..40).map(|row| row % 2).collect(),
        predicted: (0..40).map(|row| row % 3 % 2).collect(),
        rows: (0..40).collect(),
        first: table(40, 6),
        aggregate: table(40, 8),
        relative: table(40, 2),
        thumbnails: pictures(40),
        sequence_views: 3,
        sequences: pictures(6),
        sequence_actions: table(6, 2),
    }
}

/// An element of a page.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// Of `script` and `style` alone.
    pub(crate) raw: String,
}

/// The elements of a page, if every one is closed where it must be, every attribute is quoted, and none stands twice in an element;
/// inside SVG as strict as XML.
pub(crate) fn elements(page: &str) -> Vec<Element> {
    const VOID: [&str; 3] = ["meta", "br", "link"];
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a page begins so");
    let (mut open, mut found): (Vec<String>, Vec<Element>) = (Vec::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a loose > in {:?}", &rest[..start]);
        check_entities(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some(closed) = rest.strip_prefix('/') {
            let end = closed.find('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(&closed[..end]), "closed out of turn");
            rest = &closed[end + 1..];
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap();
        let mut element =
            Element { name: rest[..end].to_owned(), attributes: Vec::new(), raw: String::new() };
        assert!(!element.name.is_empty(), "a loose < before {:?}", &rest[..rest.len().min(60)]);
        rest = &rest[end..];
        let closes_itself = loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                rest = after;
                break true;
            }
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break false;
            }
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-:".contains(c))).unwrap();
            let name = rest[..end].to_owned();
            assert!(!name.is_empty(), "no attribute: {:?}", &rest[..rest.len().min(60)]);
            assert!(
                !element.attributes.iter().any(|(known, _)| *known == name),
                "{name} twice in {element:?}"
            );
            rest = &rest[end..];
            let value = match rest.strip_prefix("=\"") {
                Some(value) => {
                    let end = value.find('"').unwrap();
                    rest = &value[end + 1..];
                    &value[..end]
                }
                None => "",
            };
            assert!(!value.contains(['<', '>']), "{name}={value:?}");
            check_entities(value);
            element.attributes.push((name, value.to_owned()));
        };
        let in_svg = open.iter().any(|name| name == "svg");
        assert!(
            !closes_itself || in_svg || element.name == "svg",
            "<{}/> is no element of HTML",
            element.name
        );
        if ["script", "style"].contains(&element.name.as_str()) {
            let end = format!("</{}>", element.name);
            let length = rest.find(&end).unwrap();
            element.raw = rest[..length].to_owned();
            rest = &rest[length + end.len()..];
        } else if !closes_itself && (in_svg || !VOID.contains(&element.name.as_str())) {
            open.push(element.name.clone());
        }
        found.push(element);
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "left open: {open:?}");
    found
}

fn check_entities(text: &str) {
    for (place, _) in text.match_indices('&') {
        let end = text[place..].find(';').unwrap_or(0);
        let entity = &text[place..=place + end];
        assert!(["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&apos;"].contains(&entity), "{entity:?}");
    }
}
