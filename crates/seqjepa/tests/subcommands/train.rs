//! `train`: what it says, how it ends, and how it goes on.

use std::fs;
use std::path::Path;

use crate::common::{program, scratch, seqjepa, stderr, stdout};
use crate::support::{fails, names, succeeds};

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
        "10 classes: stripes, bands, ",
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
    // So does every later call, as after a reboot: the one that is gone on with, and the one that finds nothing to do.
    for words in ["frozen", "is finished"] {
        let output = seqjepa(
            scratch.path(),
            ["train", "--config", "tiny.yaml", "--resume", "auto"].into_iter().chain(gate),
        );
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.contains(words) && text.contains("gates: failed"), "{text}");
    }
}

#[test]
fn a_dry_run_says_how_large_a_run_would_be_and_writes_nothing() {
    let scratch = scratch();
    let text = succeeds(scratch.path(), ["train", "--config", "tiny.yaml", "--dry-run"]);
    for part in [
        "method: seqjepa, ",
        "trained parameters",
        "data: synthetic, 32 training and 16 test images",
        "10 classes: stripes, bands, ",
        "steps: 8 in 2 epochs of 4 batches of 8 images",
        "views a step: 24 (2 observed and the target of each image)",
        "memory, an estimate:",
        "optimizer state",
        "activations that are kept for the backward pass, of a batch of 8:",
        "encoder, stage 4",
        "aggregator",
        "images",
        "predicted peak: ",
        "there is: ",
        "time, an estimate from a few steps",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(names(scratch.path()), ["tiny.yaml"]);
    let text = succeeds(scratch.path(), ["train", "--config", "tiny.yaml", "--dry-run", "--no-timing"]);
    assert!(!text.contains("time, an estimate"), "{text}");

    let divided = ["--set", "dataset.micro_batch=3"];
    let text = succeeds(
        scratch.path(),
        [&["train", "--config", "tiny.yaml", "--dry-run", "--no-timing"][..], &divided].concat(),
    );
    assert!(text.contains("micro-batches: 3 a step, of at most 3 images"), "{text}");
    assert!(text.contains("of a micro-batch of at most 3:"), "{text}");

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

/// The pool's only thread waits for the other device, and has to do its work meanwhile.
#[test]
fn several_devices_and_one_thread_give_the_bits_of_several_threads() {
    let scratch = scratch();
    let digest = |threads: &str| {
        let output = format!("run.output_dir=threads-{threads}");
        let run = program()
            .current_dir(scratch.path())
            .env("RAYON_NUM_THREADS", threads)
            .args(["train", "--config", "tiny.yaml", "--skip-evaluation", "--set", &output])
            .args(["--set", "run.epochs=1", "--set", "run.further_devices=[flex]"])
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", stderr(&run));
        let text = stdout(&run);
        assert!(text.contains("CPU (flex), and flex"), "{text}");
        text.lines().find(|line| line.starts_with("final state: ")).unwrap().to_owned()
    };
    assert_eq!(digest("1"), digest("3"));
}
