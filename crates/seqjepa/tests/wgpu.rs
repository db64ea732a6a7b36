//! The command on a device of the `wgpu` backend, which has to be there, if only as a software adapter:
//! `scripts/software_adapter.sh cargo test -p seqjepa --features wgpu-untuned ..`.
#![cfg(all(feature = "command", feature = "wgpu-untuned"))]

mod common;

use std::fs;
use std::path::Path;

use common::{said, scratch_with, seqjepa, stdout};

#[test]
fn devices_are_listed_and_every_operator_is_right() {
    let listed = seqjepa(Path::new("."), ["devices"]);
    assert!(listed.status.success(), "{}", said(&listed));
    let found = stdout(&listed);
    let mut lines = found.lines().filter(|line| line.starts_with("wgpu"));
    assert!(lines.all(|line| !line.contains("compiled in")), "{found}");

    let checked = seqjepa(Path::new("."), ["devices", "--check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    let table = stdout(&checked);
    assert!(table.contains("wgpu against flex") && table.contains("layers with a narrow output"), "{table}");
}

/// The quickstart's model and data, fewer of them.
#[test]
fn the_quickstart_trains_is_checked_and_evaluated() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/quickstart.yaml");
    let scratch = scratch_with(&fs::read_to_string(config).unwrap());
    let mut arguments = vec!["train", "--config", "tiny.yaml"];
    for value in [
        "run.device=wgpu",
        "run.output_dir=run",
        "run.epochs=1",
        "optim.warmup_epochs=0",
        "dataset.synthetic_train=64",
        "dataset.synthetic_val=32",
        "dataset.batch_size=16",
        "eval.batch_size=16",
        "eval.bootstrap=10",
        "eval.max_seq_len=4",
    ] {
        arguments.extend(["--set", value]);
    }
    let run = seqjepa(scratch.path(), &arguments);
    assert!(run.status.success(), "{}", said(&run));
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(scratch.path().join("run").join(name)).unwrap()).unwrap()
    };
    let check = read("device_check.json");
    assert_eq!((&check["backend"], &check["reference"]), (&"wgpu".into(), &"flex".into()));
    assert!(check["share"].as_f64().is_some_and(|share| share < 1.0), "{check}");
    assert!(!read("evaluation.json")["figures"].as_array().unwrap().is_empty());
}

#[test]
fn a_dry_run_counts_launches_and_what_the_device_lacks_is_refused() {
    let scratch = scratch_with(
        "run: {device: wgpu}
dataset: {name: synthetic, seq_len: 1, batch_size: 4, synthetic_train: 44, synthetic_val: 4, num_workers: 1}
model: {img_size: 8, width: 2, pred_hidden: 4, num_heads: 1, num_enc_layers: 1, act_projdim: 4}
",
    );
    let dry = ["train", "--config", "tiny.yaml", "--dry-run"];
    let counted = seqjepa(scratch.path(), dry);
    assert!(counted.status.success(), "{}", said(&counted));
    let told = stdout(&counted);
    let launches = |name: &str| -> u64 {
        let line = told.lines().find(|line| line.trim_start().starts_with(name)).expect(&told);
        line.split_whitespace().find_map(|word| word.parse().ok()).unwrap()
    };
    assert!(launches("kernels:") > 100, "{told}");
    // "values are waited for READS times in STEPS steps": at the looks, of which there is one in ten steps, and at no step.
    let line = told.lines().find(|line| line.starts_with("values are waited for")).expect(&told);
    assert!(told.contains("sent to the device: "), "{told}");
    let counts: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // Of as many steps as a slow machine makes in the time, two reads at a look, a look in ten.
    assert!(counts[1] >= 1 && counts[0] <= 2 * counts[1].div_ceil(10), "{line}");

    let refused = seqjepa(scratch.path(), dry.iter().copied().chain(["--set", "run.precision=bf16"]));
    assert!(!refused.status.success());
    assert!(said(&refused).contains("does not compute in bf16"), "{}", said(&refused));
}
