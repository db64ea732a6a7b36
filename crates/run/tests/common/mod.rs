//! What the durability tests share: a tiny run, its results without the times, and a process of its own to run it in.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod process;

use std::fs;
use std::path::Path;

use seqjepa_run::Config;
use seqjepa_run::RunCheckpoint as Checkpoint;
use seqjepa_train::MetricsRow;

/// A model of a few thousand parameters on a few small images, with every kind of checkpoint.
pub(crate) const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 2, checkpoint_steps: 2, keep_last: 2, best_metric: ep_loss}
dataset: {name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 24, synthetic_val: 12, num_workers: 2}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adamw, lr: 0.001, weight_decay: 0.001, scheduler: cosine, min_lr: 0.0001, warmup_epochs: 1, probe_hidden: 16}
eval: {protocols: [exact, linear], seq_len: 2, max_seq_len: 2, probe_epochs: 3, feature_passes: 2, batch_size: 8, probe_lr: 0.01, candidates: 4, other_candidates: 4, bootstrap: 10}
";

/// [`TINY`] in a folder, with overrides.
pub(crate) fn tiny(folder: &Path, overrides: &[&str]) -> Config {
    let output = format!("run.output_dir={}", folder.display());
    let mut all = vec![output.as_str()];
    all.extend(overrides);
    Config::parse(TINY, "tiny", &all).unwrap()
}

fn is_time(name: &str) -> bool {
    name.ends_with("time") || name.ends_with("share")
}

/// Every figure but the times, with its bits.
pub(crate) fn figures(rows: &[MetricsRow]) -> Vec<(usize, String, u64)> {
    let of_row = |row: &MetricsRow| {
        let epoch = row.epoch;
        let figures = row.iter().map(|(name, value)| (epoch, name.to_owned(), value.to_bits()));
        figures.filter(|(_, name, _)| !is_time(name)).collect::<Vec<_>>()
    };
    rows.iter().flat_map(of_row).collect()
}

/// All that a finished run has left, but for the times.
#[derive(Debug, PartialEq)]
pub(crate) struct Results {
    digest: String,
    best: Option<String>,
    position: (usize, u64),
    /// Lines of the metrics that the checkpoint knows of, and the last.
    held: (usize, Vec<(usize, String, u64)>),
    jsonl: Vec<(usize, String, u64)>,
    csv: Vec<Vec<String>>,
    evaluation: Option<serde_json::Value>,
    gates: String,
    /// The digest of the sample of features.
    sample: Option<String>,
}

/// The result card, but for where its model lay and the hash of that file, which holds times.
fn card(path: &Path) -> Option<serde_json::Value> {
    let mut card: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).unwrap();
    for (section, key) in [("model", "path"), ("model", "file_sha256")] {
        card[section].as_object_mut().unwrap().remove(key).unwrap();
    }
    card["config"].as_object_mut().unwrap().remove("run").unwrap();
    // What changes no bit may differ.
    for (section, key) in [("dataset", "num_workers"), ("dataset", "prefetch"), ("eval", "num_workers")] {
        card["config"][section].as_object_mut().unwrap().remove(key).unwrap();
    }
    Some(card)
}

/// Reads what a run has left. Every file must be whole, and nothing else be there.
pub(crate) fn results(folder: &Path) -> Results {
    let checkpoint = Checkpoint::load(&folder.join("checkpoints/last.safetensors")).unwrap();
    let best = folder.join("checkpoints/best.safetensors");
    let best = best.exists().then(|| Checkpoint::load(&best).unwrap().digest());
    let jsonl = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let rows: Vec<MetricsRow> = jsonl.lines().map(|line| MetricsRow::from_line(line).unwrap()).collect();
    let whole = checkpoint.progress.history.complete(jsonl.clone().into_bytes());
    assert_eq!(
        whole.as_deref(),
        Some(jsonl.as_bytes()),
        "the metrics are those that the checkpoint knows of"
    );
    let csv = fs::read_to_string(folder.join("metrics.csv")).unwrap();
    let names: Vec<_> = csv.lines().next().unwrap().split(',').collect();
    let cells = |line: &str| {
        let cells = line.split(',').zip(&names).filter(|(_, name)| !is_time(name));
        cells.map(|(cell, _)| cell.to_owned()).collect()
    };
    let features = fs::read_dir(folder.join("features")).into_iter().flatten().count();
    assert!(features == 0 || !folder.join("evaluation.json").exists(), "features are left");
    for folder in ["", "checkpoints", "features"].map(|name| folder.join(name)) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with('.'), "{name} was left behind");
        }
    }
    Results {
        digest: checkpoint.digest(),
        best,
        position: (checkpoint.progress.epoch, checkpoint.progress.step),
        held: (checkpoint.progress.history.lines, figures(checkpoint.progress.history.last.as_slice())),
        jsonl: figures(&rows),
        csv: csv.lines().map(cells).collect(),
        evaluation: card(&folder.join("evaluation.json")),
        gates: fs::read_to_string(folder.join("gates.json")).unwrap(),
        sample: seqjepa_evaluation::file_sha256(&folder.join("sample.safetensors")).ok(),
    }
}

/// Numbers that look random and are the same every time.
pub(crate) struct Draws(pub u64);

impl Draws {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX generator; its upper bits.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
