//! Every subcommand as a user meets it: what it prints, what it writes, and what it refuses to.
#![cfg(feature = "command")]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 2}
dataset: {name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 32, synthetic_val: 16, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adamw, lr: 0.001, probe_hidden: 16}
eval: {seq_len: 2, max_seq_len: 2, batch_size: 8, candidates: 4, other_candidates: 4, bootstrap: 10}
";

/// Runs the program in `folder`.
fn seqjepa<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seqjepa"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the program printed, after it has succeeded.
#[track_caller]
fn succeeds<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> String {
    let output = seqjepa(folder, arguments);
    assert!(output.status.success(), "{output:?}: {}", stderr(&output));
    stdout(&output)
}

/// The error that the program printed, after it has failed with exit code 1.
#[track_caller]
fn fails<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> String {
    let output = seqjepa(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    stderr(&output)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A folder with the config in it.
fn scratch() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("tiny.yaml"), TINY).unwrap();
    scratch
}

/// The folder of a run that all tests read and none writes to.
fn trained() -> &'static Path {
    static RUN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, run) = RUN.get_or_init(|| {
        let scratch = scratch();
        succeeds(scratch.path(), ["train", "--config", "tiny.yaml", "--skip-evaluation"]);
        let run = scratch.path().join("runs/tiny");
        (scratch, run)
    });
    run
}

/// A checkpoint of that run for one test alone.
fn checkpoint(folder: &Path) -> PathBuf {
    let copy = folder.join("model.safetensors");
    fs::copy(trained().join("checkpoints/last.safetensors"), &copy).unwrap();
    copy
}

/// A folder of PNG files, two classes of four.
fn images(folder: &Path) -> PathBuf {
    let root = folder.join("images");
    for class in ["a", "b"] {
        fs::create_dir_all(root.join(class)).unwrap();
        for number in 0..4_u8 {
            let shade = |x, y| image::Rgb([number * 60, (x * 9) as u8, (y * 9) as u8]);
            image::RgbImage::from_fn(20, 24, shade).save(root.join(format!("{class}/{number}.png"))).unwrap();
        }
    }
    root
}

#[test]
fn the_version_names_the_commit() {
    let version = succeeds(Path::new("."), ["--version"]);
    assert!(version.starts_with(concat!("seqjepa ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    assert!(version.contains("commit ") || version.contains("built outside git"), "{version}");
}

#[test]
fn wrong_arguments_end_with_2_and_a_word_on_what_is_meant() {
    for arguments in [vec!["trane"], vec!["train"], vec!["train", "--confg", "x"], vec![]] {
        let output = seqjepa(Path::new("."), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let error = stderr(&seqjepa(Path::new("."), ["trane"]));
    assert!(error.contains("train"), "{error}");
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_utf_8_are_paths_like_any_other() {
    use std::os::unix::ffi::OsStrExt;
    let name = OsStr::from_bytes(b"na\xffme.yaml");
    let error = fails(Path::new("."), [OsStr::new("train"), OsStr::new("--config"), name]);
    assert!(error.contains("could not read"), "{error}");
}

#[test]
fn a_run_says_at_its_start_what_it_works_on() {
    let scratch = scratch();
    let text = succeeds(
        scratch.path(),
        [
            "train",
            "--config",
            "tiny.yaml",
            "--skip-evaluation",
            "--set",
            "run.device=auto",
            "--set",
            "run.epochs=1",
        ],
    );
    for part in [
        "run folder: runs/tiny",
        "device: ",
        "32 training and 16 test images",
        "10 classes: striped disc, striped star, ",
        "final state: SHA-256 ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Nothing is said of gates where there are none.
    assert!(!text.contains("gates"), "{text}");
}

/// `(standard output, standard error)` of a run of one epoch with these arguments as well.
fn one_epoch(more: &[&str]) -> (String, String) {
    let scratch = scratch();
    let arguments = ["train", "--config", "tiny.yaml", "--skip-evaluation", "--set", "run.epochs=1"];
    let output = seqjepa(scratch.path(), arguments.iter().chain(more));
    assert!(output.status.success(), "{}", stderr(&output));
    (stdout(&output), stderr(&output))
}

#[test]
fn progress_in_a_log_has_dates() {
    let (text, log) = one_epoch(&[]);
    assert!(log.contains(" epoch 1/1 done, loss "), "{log}");
    for line in log.lines() {
        // 2026-01-31T12:00:00Z
        let date = line.split(' ').next().unwrap();
        assert!(date.len() == 20 && date.starts_with("20") && date.ends_with('Z'), "{line}");
    }
    assert!(text.contains("next:\n") && text.contains("seqjepa evaluate --checkpoint runs/tiny\n"), "{text}");
}

#[test]
fn quiet_is_results_and_errors_alone() {
    let (text, log) = one_epoch(&["--quiet"]);
    assert_eq!(log, "");
    assert!(text.starts_with("final state: SHA-256 ") && !text.contains("next:"), "{text}");
    let error = fails(Path::new("."), ["-q", "status", "/nowhere"]);
    assert!(error.contains("/nowhere"), "{error}");
    let both = seqjepa(Path::new("."), ["devices", "-q", "-v"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn verbose_says_what_happens() {
    let (_, log) = one_epoch(&["-v"]);
    assert!(log.contains("Z debug: ") || log.contains("Z info: "), "{log}");
    assert!(!one_epoch(&[]).1.contains("Z info: "));
}

#[test]
fn gates_that_fail_end_with_3() {
    let scratch = scratch();
    let gate = ["--set", "gating.linacc_test_min=100", "--set", "run.epochs=1"];
    let mut arguments = vec!["train", "--config", "tiny.yaml", "--skip-evaluation"];
    arguments.extend(gate);
    let output = seqjepa(scratch.path(), arguments);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stdout(&output).contains("gates: failed\n  online_linacc_test"), "{}", stdout(&output));
}

#[test]
fn a_dry_run_says_how_large_a_run_would_be_and_writes_nothing() {
    let scratch = scratch();
    let text = succeeds(scratch.path(), ["train", "--config", "tiny.yaml", "--dry-run"]);
    for part in [
        "method: seqjepa, ",
        "trained parameters",
        "data: synthetic, 32 training and 16 test images",
        "10 classes: striped disc, striped star, ",
        "steps: 8 in 2 epochs of 4 batches of 8 images",
        "views a step: 24 (2 observed and the target of each image)",
        "memory, an estimate: ",
        "optimizer state",
        "time, an estimate from a few steps",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(names(scratch.path()), ["tiny.yaml"]);
    let text = succeeds(scratch.path(), ["train", "--config", "tiny.yaml", "--dry-run", "--no-timing"]);
    assert!(!text.contains("time, an estimate"), "{text}");

    // What a run would be refused for, a dry run is.
    let error = fails(
        scratch.path(),
        ["train", "--config", "tiny.yaml", "--dry-run", "--set", "dataset.batch_size=64"],
    );
    assert!(error.contains("expected at least 64") && error.contains("found 32"), "{error}");
    let other = ["--set", "dataset.name=fashion_mnist", "--set", "dataset.data_root=nowhere"];
    let mut arguments = vec!["train", "--config", "tiny.yaml", "--dry-run"];
    arguments.extend(other);
    assert!(fails(scratch.path(), arguments).contains("nowhere"));
    // What a run would fetch, a dry run does not.
    let download = ["--set", "dataset.name=cifar10", "--set", "dataset.download=true"];
    let mut arguments = vec!["train", "--config", "tiny.yaml", "--dry-run"];
    arguments.extend(download);
    let error = fails(scratch.path(), arguments);
    assert!(error.contains("fetches nothing") && error.contains("data_batch"), "{error}");
    assert_eq!(names(scratch.path()), ["tiny.yaml"]);
}

#[test]
fn resume_auto_starts_a_run_continues_it_and_knows_when_it_is_finished() {
    let scratch = scratch();
    let auto = |more: &[&str]| {
        let mut arguments = vec!["train", "--config", "tiny.yaml", "--resume", "auto"];
        arguments.extend(more);
        seqjepa(scratch.path(), arguments)
    };
    let first = auto(&["--skip-evaluation", "--set", "run.epochs=1"]);
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(!stderr(&first).contains("continuing"), "{}", stderr(&first));
    let second = auto(&[]);
    assert!(second.status.success(), "{}", stderr(&second));
    assert!(
        stderr(&second).contains("continuing from runs/tiny/checkpoints/last.safetensors: 1 epochs"),
        "{}",
        stderr(&second)
    );
    let whole = fs::read(scratch.path().join("runs/tiny/metrics.jsonl")).unwrap();
    assert_eq!(whole.iter().filter(|byte| **byte == b'\n').count(), 2);
    // Once more, as after a reboot: nothing is left to do, and the results are there.
    let third = auto(&[]);
    assert!(third.status.success(), "{}", stderr(&third));
    assert!(stdout(&third).contains("is finished") && stdout(&third).contains("top-1"), "{}", stdout(&third));
    assert_eq!(fs::read(scratch.path().join("runs/tiny/metrics.jsonl")).unwrap(), whole);
    // In the same folder always.
    assert_eq!(names(&scratch.path().join("runs")), ["tiny"]);
    let named = auto(&["--skip-evaluation", "--set", "run.output_dir=elsewhere"]);
    assert!(named.status.success() && scratch.path().join("elsewhere/config.yaml").exists());
    let error = fails(scratch.path(), ["train", "--resume", "auto"]);
    assert!(error.contains("--config"), "{error}");
}

/// `| true`, `| head -c 1`, and a standard output that is gone from the start.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_the_output_and_nothing_else() {
    let scratch = scratch();
    let program = env!("CARGO_BIN_EXE_seqjepa");
    let run = |name: &str, into: &str| {
        let script = format!(
            "{{ \"$0\" train --config tiny.yaml --set run.output_dir={name} --skip-evaluation 2>error; echo $? >code; }} {into}"
        );
        let status = Command::new("sh").args(["-c", &script, program]).current_dir(scratch.path()).status();
        assert!(status.is_ok());
        let code = fs::read_to_string(scratch.path().join("code")).unwrap();
        let error = fs::read_to_string(scratch.path().join("error")).unwrap();
        assert_eq!(code.trim(), "0", "{into}: {error}");
        assert!(!error.contains("panicked"), "{error}");
        let rows = fs::read_to_string(scratch.path().join(name).join("metrics.jsonl")).unwrap();
        assert_eq!(rows.lines().count(), 2, "{into}");
        assert!(scratch.path().join(name).join("checkpoints/last.safetensors").exists());
    };
    for (name, into) in
        [("a", "| true"), ("b", "| head -c 1 >/dev/null"), ("c", ">&-"), ("d", ">/dev/null 2>&-")]
    {
        run(name, into);
    }
    if Path::new("/dev/full").exists() {
        run("e", ">/dev/full");
    }
    for arguments in ["config keys", "--help", "completions zsh", "devices"] {
        let script = format!("\"$0\" {arguments} 2>error | true; cat error");
        let output = Command::new("sh").args(["-c", &script, program]).current_dir(scratch.path()).output();
        assert_eq!(stdout(&output.unwrap()), "", "{arguments}");
    }
}

/// A process under `nohup` is told to ignore a hangup.
#[cfg(unix)]
#[test]
fn a_hangup_that_is_to_be_ignored_is() {
    let scratch = scratch();
    let script = "trap '' HUP; \"$0\" train --config tiny.yaml --skip-evaluation --set run.epochs=6 >out 2>&1 & \
                  pid=$!; while ! [ -e runs/tiny/checkpoints/last.safetensors ]; do sleep 0.05; done; kill -s HUP $pid; wait $pid";
    let status = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_seqjepa")])
        .current_dir(scratch.path())
        .status();
    let out = fs::read_to_string(scratch.path().join("out")).unwrap();
    assert!(status.unwrap().success(), "{out}");
    let rows = fs::read_to_string(scratch.path().join("runs/tiny/metrics.jsonl")).unwrap();
    assert_eq!(rows.lines().count(), 6, "{out}");
}

#[test]
fn texts_from_files_of_others_do_not_drive_the_terminal() {
    let scratch = scratch();
    let root = scratch.path().join("theirs");
    fs::create_dir(&root).unwrap();
    let status = fs::read_to_string(trained().join("status.json")).unwrap();
    let mut status: serde_json::Value = serde_json::from_str(&status).unwrap();
    status["name"] = "\u{1b}[2J\u{1b}]0;mine\u{7}".into();
    status["message"] = "\u{9b}31m\u{202e}red".into();
    fs::write(root.join("status.json"), status.to_string()).unwrap();
    let text = succeeds(scratch.path(), [OsStr::new("status"), root.as_os_str()]);
    assert!(text.contains("[2J]0;mine") && text.contains("31mred"), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    // In an error as well.
    let error = fails(scratch.path(), ["status", "a\u{1b}[31mb"]);
    assert!(error.contains("a[31mb"), "{error:?}");
}

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
    let text = succeeds(scratch.path(), export("export.safetensors"));
    assert!(text.contains("tensors with PyTorch's names"), "{text}");
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
fn views_are_drawn_and_drawn_again_and_no_file_is_cut() {
    let scratch = scratch();
    images(scratch.path());
    succeeds(
        scratch.path(),
        ["views", "images", "--size", "24", "--output", "a.png", "--parameters", "views.json"],
    );
    succeeds(scratch.path(), ["views", "images", "--replay", "views.json", "--output", "b.png"]);
    let [a, b] = ["a.png", "b.png"].map(|name| fs::read(scratch.path().join(name)).unwrap());
    assert!(a == b, "the replayed picture differs");
    // A format that is not written, and an input as output: the old files stay.
    fs::write(scratch.path().join("keep.webp"), "old").unwrap();
    let error = fails(scratch.path(), ["views", "images/a/0.png", "--output", "keep.webp"]);
    assert!(error.contains(".png"), "{error}");
    assert_eq!(fs::read(scratch.path().join("keep.webp")).unwrap(), b"old");
    let image = fs::read(scratch.path().join("images/a/0.png")).unwrap();
    let error = fails(scratch.path(), ["views", "images/a/0.png", "--output", "images/a/0.png"]);
    assert!(error.contains("is read"), "{error}");
    assert_eq!(fs::read(scratch.path().join("images/a/0.png")).unwrap(), image);
    // A file that asks for views without measure.
    let huge = fs::read_to_string(scratch.path().join("views.json")).unwrap();
    let huge = huge.replace("\"output_height\": 24", "\"output_height\": 4000000000");
    fs::write(scratch.path().join("huge.json"), huge).unwrap();
    let error = fails(scratch.path(), ["views", "images", "--replay", "huge.json", "--output", "c.png"]);
    assert!(error.contains("1024"), "{error}");
    assert!(succeeds(scratch.path(), ["views", "--samples", "0,3"]).contains("views.png"));
}

#[test]
fn damaged_images_are_refused_left_out_or_used_and_counted() {
    let scratch = scratch();
    let root = images(scratch.path());
    let cut = root.join("a/2.png");
    let whole = fs::read(&cut).unwrap();
    fs::write(&cut, &whole[..whole.len() - 30]).unwrap();
    let model = checkpoint(scratch.path());
    let embed = |policy: &'static str| {
        let set = format!("dataset.truncated_images={policy}");
        let arguments =
            ["embed", "--checkpoint", model.to_str().unwrap(), "--images", "images", "--set", &set];
        seqjepa(scratch.path(), arguments.into_iter().chain(["--output", "f.safetensors"]))
    };
    let refused = embed("error");
    assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    for part in ["a/2.png", "byte offset", "dataset.truncated_images=skip"] {
        assert!(stderr(&refused).contains(part), "{part}: {}", stderr(&refused));
    }
    assert!(!scratch.path().join("f.safetensors").exists());
    for (policy, images, said) in
        [("skip", "7 images; 2 classes: a, b", "left out"), ("accept", "8 images;", "damaged")]
    {
        let output = embed(policy);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains(images), "{}", stdout(&output));
        assert!(
            stderr(&output).contains("1 of 8 images") && stderr(&output).contains(said),
            "{}",
            stderr(&output)
        );
    }
    let error = fails(scratch.path(), ["views", "images", "--size", "8"]);
    assert!(error.contains("truncated_images"), "{error}");
    let views = ["views", "images", "--size", "8", "--set", "dataset.truncated_images=skip"];
    assert!(stderr(&seqjepa(scratch.path(), views)).contains("1 of 8 images"));
}

#[test]
fn folders_of_splits_are_known_by_their_usual_names() {
    let scratch = scratch();
    let root = images(scratch.path());
    for split in ["Training", "Test"] {
        for class in ["a", "b"] {
            let folder = scratch.path().join("set").join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..4 {
                fs::copy(root.join(format!("{class}/{number}.png")), folder.join(format!("{number}.png")))
                    .unwrap();
            }
        }
    }
    let text = succeeds(
        scratch.path(),
        [
            "train",
            "--config",
            "tiny.yaml",
            "--dry-run",
            "--no-timing",
            "--set",
            "dataset.name=image_folder",
            "--set",
            "dataset.data_root=set",
            "--set",
            "dataset.batch_size=4",
        ],
    );
    for part in ["8 training and 8 test images", "2 classes: a, b"] {
        assert!(text.contains(part), "{part}: {text}");
    }
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
    let text = succeeds(scratch.path(), ["compare", "card.json", "card.json"]);
    assert!(text.contains("comparison/comparison.md"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(
        names(&scratch.path().join("comparison")),
        ["comparison.csv", "comparison.md", "grid.png", "grid.svg"]
    );
    let error = fails(scratch.path(), ["evaluate", "--checkpoint", "model.safetensors", "--device", "gpu"]);
    assert!(error.contains("cuda"), "{error}");
}

#[test]
fn devices_name_every_backend() {
    let text = succeeds(Path::new("."), ["devices"]);
    for backend in ["cuda", "rocm", "metal", "vulkan", "flex", "ndarray"] {
        assert!(text.lines().any(|line| line.starts_with(backend)), "{backend}: {text}");
    }
}

#[test]
fn configs_are_checked_and_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = [
        "configs/quickstart.yaml",
        "configs/fashion_mnist_cpu.yaml",
        "configs/cifar100_aug_paper.yaml",
        "configs/remote/cifar100_aug_baseline.yaml",
    ];
    let text = succeeds(&root, ["config", "check"].into_iter().chain(shipped));
    for name in shipped {
        assert!(text.contains(&format!("{name}: valid")), "{text}");
    }
    let scratch = scratch();
    fs::write(scratch.path().join("wrong.yaml"), "run: {epoch: 3}").unwrap();
    let output = seqjepa(scratch.path(), ["config", "check", "wrong.yaml", "tiny.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("run.epochs") && stdout(&output).contains("tiny.yaml: valid"),
        "{output:?}"
    );

    let text = succeeds(scratch.path(), ["config", "show", "tiny.yaml", "--set", "run.epochs=7"]);
    assert!(text.contains("epochs: 7") && text.contains("keep_last: 3"), "{text}");
    fs::write(scratch.path().join("shown.yaml"), &text).unwrap();
    assert_eq!(succeeds(scratch.path(), ["config", "show", "shown.yaml"]), text);

    let text = succeeds(scratch.path(), ["config", "keys"]);
    assert!(text.contains("optim.scheduler  (constant, cosine, warmup; default constant)"), "{text}");
    assert!(text.contains("run.epochs  (whole number, 1 to 1000000; default 10)\n    Passes over"), "{text}");
    let text = succeeds(scratch.path(), ["config", "keys", "gating"]);
    assert!(
        text.lines().filter(|line| !line.starts_with(' ')).all(|line| line.starts_with("gating.")),
        "{text}"
    );
}

#[test]
fn the_schema_of_configs_is_json() {
    let schema: serde_json::Value =
        serde_json::from_str(&succeeds(Path::new("."), ["config", "schema"])).unwrap();
    assert_eq!(schema["properties"]["run"]["properties"]["epochs"]["default"], 10);
}

#[test]
fn completions_are_there_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = succeeds(Path::new("."), ["completions", shell]);
        assert!(text.contains("seqjepa") && text.contains("quickstart"), "{shell}: {text}");
    }
}

/// What, where, expected, found, what to do: on one line, without the words of a parser or of a library.
#[test]
fn errors_name_what_was_typed_and_what_is_wrong() {
    let scratch = scratch();
    let (root, run) = (scratch.path(), trained().to_str().unwrap());
    fs::write(root.join("file"), "x").unwrap();
    fs::write(root.join("model.pth"), b"PK\x03\x04and the rest of an archive").unwrap();
    fs::write(root.join("card.json"), r#"{"format": nix}"#).unwrap();
    for (arguments, words) in [
        (
            &["evaluate", "--checkpoint", run, "--device", "foo"][..],
            "`run.device` in `--device foo`: expected",
        ),
        (
            &["evaluate", "--checkpoint", run, "--encoder", "foo"],
            "`eval.encoder` in `--encoder foo`: expected",
        ),
        (
            &["evaluate", "--checkpoint", run, "--protocol", "exact,exakt"],
            "in `--protocol exact,exakt`: expected",
        ),
        (
            &["evaluate", "--checkpoint", run, "--set", "run.device=foo"],
            "`run.device` in `--set run.device=foo`",
        ),
        (&["views", "--size", "3"], "`model.img_size` in `--size 3`: expected 8 to"),
        (
            &["train", "--config", "tiny.yaml", "--set", "model.num_heads=3"],
            "with `--set model.num_heads=3`: ",
        ),
        (
            &["train", "--config", "tiny.yaml", "--set", "run.best_metric=foo"],
            "in `--set run.best_metric=foo`: expected one of",
        ),
        (
            &["train", "--config", "tiny.yaml", "--dry-run", "--set", "run.output_dir=file"],
            "run.output_dir file: expected a folder",
        ),
        (&["status", "."], ".: expected the folder of a run, which holds config.yaml"),
        (&["resume", "absent"], "absent: expected the folder of a run"),
        (&["evaluate", "--checkpoint", "."], ".: expected the folder of a run"),
        (
            &["evaluate", "--checkpoint", "model.pth"],
            "found a PyTorch checkpoint alone\nhint: give --config FILE",
        ),
        (
            &["compare", "card.json"],
            "card.json: expected a result card, found text that is no JSON, in line 1 at column ",
        ),
        (&["compare", run, "--output", "file"], "--output file: expected a folder"),
        (&["config", "keys", "nothing"], "config keys nothing: expected a part of a key's name"),
    ] {
        let error = fails(root, arguments);
        assert!(error.contains(words), "{arguments:?}: {error}");
        assert!(error.lines().count() == 1 || error.contains("\nhint: "), "{arguments:?}: {error}");
    }
    for (arguments, words) in [
        (
            &["embed", "--checkpoint", run, "--images", ".", "--output", "a.npy", "--views", "0"][..],
            "1 to 256",
        ),
        (&["probe", "--train", "a.npy", "--test", "a.npy", "--knn-temperature", "-1"], "--knn-temperature"),
        (&["views", "--samples", "x"], "a whole number, 0 to 4294967295"),
    ] {
        let output = seqjepa(root, arguments);
        assert!(output.status.code() == Some(2) && stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// Line ends in names of files and folders of others do not make lines of an error.
#[cfg(unix)]
#[test]
fn names_of_files_do_not_end_a_line_of_an_error() {
    let scratch = scratch();
    let folder = scratch.path().join("images/a\nerror: b\u{1b}[31m");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("x\r\ny.png"), "no picture").unwrap();
    let checkpoint = trained().join("checkpoints/last.safetensors");
    let checkpoint = checkpoint.to_str().unwrap();
    let error = seqjepa(
        scratch.path(),
        ["embed", "--checkpoint", checkpoint, "--images", "images", "--output", "a.npy"],
    );
    let error = stderr(&error);
    let line = error.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(line.contains("a error: b[31m/x  y.png: cannot decode"), "{error:?}");
    assert_eq!(error.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{error:?}");
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
