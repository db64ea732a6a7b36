//! `export`, and checkpoints of others.

use std::fs;

use crate::common::{scratch, seqjepa, stderr};
use crate::support::{checkpoint, fails, images, names, succeeds};

#[test]
fn an_export_that_would_overwrite_its_checkpoint_is_refused() {
    let scratch = scratch();
    let model = checkpoint(scratch.path());
    let before = fs::read(&model).unwrap();
    let export =
        |output: &str| ["export", "--checkpoint", "model.safetensors", "--output", output].map(str::to_owned);
    let error = fails(scratch.path(), export("model.safetensors"));
    assert!(error.contains("is read"), "{error}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&model, scratch.path().join("link.safetensors")).unwrap();
        fs::hard_link(&model, scratch.path().join("best.safetensors")).unwrap();
        for name in ["link.safetensors", "best.safetensors", "./x/../model.safetensors"] {
            fs::create_dir_all(scratch.path().join("x")).unwrap();
            let error = fails(scratch.path(), export(name));
            assert!(error.contains("is read"), "{name}: {error}");
        }
    }
    for name in ["model.pth", "model.pt", "pytorch_model.bin", "model.CKPT"] {
        let error = fails(scratch.path(), export(name));
        assert!(error.contains(".safetensors") && !scratch.path().join(name).exists(), "{error}");
    }
    assert_eq!(fs::read(&model).unwrap(), before);
    // Twice, but not in the place of another model.
    for _ in 0..2 {
        let text = succeeds(scratch.path(), export("export.safetensors"));
        assert!(text.contains("tensors with PyTorch's names"), "{text}");
    }
    let other = vec![("weight".to_owned(), burn::tensor::TensorData::new::<f32, _>(vec![1.0], [1]))];
    seqjepa::model::export_tensors(&other, &scratch.path().join("other.safetensors")).unwrap();
    let error = stderr(&seqjepa(scratch.path(), export("other.safetensors")));
    assert!(error.contains("error: output other.safetensors: expected an export of such a model"), "{error}");
    let temporary = |name: &String| name.starts_with('.');
    assert!(!names(scratch.path()).iter().any(temporary));
}

#[test]
fn what_an_import_lacks_is_named_and_never_made_up() {
    let scratch = scratch();
    checkpoint(scratch.path());
    succeeds(
        scratch.path(),
        ["export", "--checkpoint", "model.safetensors", "--output", "whole.safetensors"],
    );
    // The same file without a weight of the predictor.
    let tensors = seqjepa::model::read_tensors(&scratch.path().join("whole.safetensors")).unwrap();
    let (all, kept) = (tensors.len(), {
        let mut kept = tensors;
        kept.retain(|(name, _)| name != "predictor.0.weight");
        kept
    });
    seqjepa::model::export_tensors(&kept, &scratch.path().join("part.safetensors")).unwrap();
    let arguments = [
        "export",
        "--checkpoint",
        "part.safetensors",
        "--config",
        "tiny.yaml",
        "--output",
        "out.safetensors",
    ];
    let error = fails(scratch.path(), arguments);
    assert!(error.contains("predictor.0.weight") && error.contains("--allow-missing"), "{error}");
    assert!(!scratch.path().join("out.safetensors").exists());
    // The same rule for all that loads a model.
    images(scratch.path());
    let model = ["--checkpoint", "part.safetensors", "--config", "tiny.yaml"];
    let embed = ["embed", "--images", "images", "--output", "features.safetensors", "--device", "cpu"];
    let embed: Vec<&str> = embed.into_iter().chain(model).collect();
    let evaluate: Vec<&str> =
        ["evaluate", "--output", "card.json", "--no-cache"].into_iter().chain(model).collect();
    for arguments in [&embed, &evaluate] {
        let error = fails(scratch.path(), arguments);
        assert!(error.contains("predictor.0.weight") && error.contains("--allow-missing"), "{error}");
    }
    assert!(
        !scratch.path().join("features.safetensors").exists() && !scratch.path().join("card.json").exists()
    );
    let text = succeeds(scratch.path(), embed.iter().copied().chain(["--allow-missing"]));
    assert!(text.contains("not in the file, and not used: predictor.0.weight"), "{text}");
    let text = succeeds(scratch.path(), arguments.into_iter().chain(["--allow-missing"]));
    assert!(text.contains("left out") && text.contains("predictor.0.weight"), "{text}");
    let written = seqjepa::model::read_tensors(&scratch.path().join("out.safetensors")).unwrap();
    assert_eq!(written.len(), kept.len());
    assert!(written.len() < all);
    // A part that is absent as a whole is not needed for features, and the output says so.
    let without = kept.into_iter().filter(|(name, _)| !name.starts_with("predictor.")).collect();
    seqjepa::model::export_tensors(&without, &scratch.path().join("part.safetensors")).unwrap();
    let text = succeeds(scratch.path(), embed);
    assert!(text.contains("not in the file, and not used: predictor.0.weight"), "{text}");
    assert!(fails(scratch.path(), arguments).contains("predictor.0.weight"));
    assert!(fails(scratch.path(), evaluate).contains("predictor.0.weight"));
}

/// Values that are no numbers are named before another program takes the file.
#[test]
fn an_export_names_tensors_that_are_not_finite() {
    let scratch = scratch();
    let root = scratch.path();
    let model = checkpoint(root);
    let model = model.to_str().unwrap();
    let out = succeeds(root, ["export", "--checkpoint", model, "--output", "a.safetensors"]);
    assert!(out.contains("device: CPU (flex)"), "{out}");
    let mut tensors = seqjepa::model::read_tensors(&root.join("a.safetensors")).unwrap();
    let place = tensors.iter().position(|(name, _)| name == "agg_token").unwrap();
    let shape = tensors[place].1.shape().clone();
    let mut values: Vec<f32> = tensors[place].1.iter::<f32>().collect();
    values[0] = f32::NAN;
    tensors[place].1 = burn::tensor::TensorData::new::<f32, _>(values, shape);
    seqjepa::model::export_tensors(&tensors, &root.join("b.safetensors")).unwrap();
    let arguments =
        ["export", "--checkpoint", "b.safetensors", "--config", "tiny.yaml", "--output", "c.safetensors"];
    let output = seqjepa(root, arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("in 1 of ") && stderr(&output).contains("agg_token"),
        "{}",
        stderr(&output)
    );
}
