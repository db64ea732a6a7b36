//! `embed`, `probe`, `evaluate` and `compare`.

use std::fs;

use crate::common::{said, scratch, seqjepa};
use crate::support::{checkpoint, fails, images, names, succeeds};

#[test]
fn features_that_embed_writes_are_probed_in_both_formats() {
    let scratch = scratch();
    checkpoint(scratch.path());
    images(scratch.path());
    let embed = |output: &str| {
        [
            "embed",
            "--checkpoint",
            "model.safetensors",
            "--images",
            "images",
            "--output",
            output,
            "--device",
            "cpu",
        ]
        .map(str::to_owned)
    };
    succeeds(scratch.path(), embed("features.safetensors"));
    succeeds(scratch.path(), embed("arrays.npy"));
    let tensors = succeeds(
        scratch.path(),
        ["probe", "--train", "features.safetensors", "--test", "features.safetensors", "--features", "z_agg"],
    );
    assert!(tensors.contains("8 + 8 samples") && tensors.contains("top-1 of 2 classes"), "{tensors}");
    let arrays =
        succeeds(scratch.path(), ["probe", "--train", "arrays.z_agg.npy", "--test", "arrays.z_agg.npy"]);
    assert_eq!(arrays, tensors);
    // Features under the record of others: of as many images in another order, say.
    let bytes = fs::read(scratch.path().join("features.safetensors")).unwrap();
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    fs::write(scratch.path().join("features.safetensors"), &other).unwrap();
    let probe =
        ["probe", "--train", "features.safetensors", "--test", "features.safetensors", "--features", "z_agg"];
    let error = fails(scratch.path(), probe);
    assert!(error.contains("features.json") && error.contains("SHA-256"), "{error}");
    fs::write(scratch.path().join("features.safetensors"), &bytes).unwrap();
    // The record of one output is not taken for that of another.
    let error = fails(scratch.path(), embed("features.npy"));
    assert!(error.contains("features.json"), "{error}");
    // Nor is the checkpoint overwritten, nor any other.
    let error = fails(scratch.path(), embed("model.safetensors"));
    assert!(error.contains("is read"), "{error}");
    fs::copy(scratch.path().join("model.safetensors"), scratch.path().join("copy.safetensors")).unwrap();
    let error = fails(scratch.path(), embed("copy.safetensors"));
    assert!(error.contains("found a file of a run"), "{error}");
    let error =
        fails(scratch.path(), ["probe", "--train", "features.safetensors", "--test", "features.safetensors"]);
    assert!(error.contains("z_agg") && error.contains("--features"), "{error}");
}

#[test]
fn evaluate_and_compare_write_cards_and_tables() {
    let scratch = scratch();
    checkpoint(scratch.path());
    let error = fails(
        scratch.path(),
        ["evaluate", "--checkpoint", "model.safetensors", "--output", "model.safetensors", "--no-cache"],
    );
    assert!(error.contains("is read"), "{error}");
    fs::write(scratch.path().join("notes.txt"), "mine").unwrap();
    let error = fails(
        scratch.path(),
        ["evaluate", "--checkpoint", "model.safetensors", "--output", "notes.txt", "--no-cache"],
    );
    assert!(error.contains(".json"), "{error}");
    assert_eq!(fs::read(scratch.path().join("notes.txt")).unwrap(), b"mine");
    let text = succeeds(
        scratch.path(),
        [
            "evaluate",
            "--checkpoint",
            "model.safetensors",
            "--output",
            "card.json",
            "--device",
            "cpu",
            "--no-cache",
        ],
    );
    assert!(text.contains("result card: card.json") && text.contains("protocols: exact"), "{text}");
    // On other images than it was trained on, of another size.
    let other = "dataset: {name: synthetic, synthetic_train: 24, synthetic_val: 12, subset_seed: 1}\nmodel: {img_size: 24}\n";
    fs::write(scratch.path().join("other.yaml"), other).unwrap();
    let transfer =
        ["evaluate", "--checkpoint", "model.safetensors", "--transfer", "other.yaml", "--no-cache"];
    let text = succeeds(scratch.path(), transfer);
    assert!(text.contains("result card: other.transfer.json") && text.contains("top1_clean"), "{text}");
    assert!(!text.contains("r2_crop"), "{text}");
    let card = fs::read_to_string(scratch.path().join("other.transfer.json")).unwrap();
    assert!(card.contains("\"trained_on\": \"synthetic\"") && card.contains("\"transfer\": {"), "{card}");
    assert!(!text.contains("trained on the images"), "{text}");
    // The images that it was trained on.
    let same = ["evaluate", "--checkpoint", "model.safetensors", "--transfer", "tiny.yaml", "--no-cache"];
    let text = said(&seqjepa(scratch.path(), same));
    assert!(text.contains("no transfer to other images") && text.contains("tiny.transfer.json"), "{text}");
    let text = succeeds(scratch.path(), ["compare", "card.json", "card.json"]);
    assert!(text.contains("comparison/comparison.md"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(
        names(&scratch.path().join("comparison")),
        ["comparison.csv", "comparison.md", "grid.png", "grid.svg", "methods.png", "methods.svg"]
    );
    // Its own files are replaced, others are not.
    succeeds(scratch.path(), ["compare", "card.json"]);
    fs::create_dir(scratch.path().join("mine")).unwrap();
    fs::write(scratch.path().join("mine/grid.png"), "mine").unwrap();
    let error = fails(scratch.path(), ["compare", "card.json", "--output", "mine"]);
    assert!(error.contains("mine/grid.png: expected a file of `seqjepa compare`"), "{error}");
    assert_eq!(names(&scratch.path().join("mine")), ["grid.png"]);
    fs::write(scratch.path().join("mine/metrics.jsonl"), "no figures\n").unwrap();
    let error = fails(scratch.path(), ["compare", "mine"]);
    assert!(error.contains("mine/metrics.jsonl: expected a line of figures"), "{error}");
    let error = fails(scratch.path(), ["evaluate", "--checkpoint", "model.safetensors", "--device", "gpu"]);
    assert!(error.contains("cuda"), "{error}");
}
