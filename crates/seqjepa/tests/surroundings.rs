//! The command where its surroundings are not as expected: nobody reads what it prints, paths are not UTF-8, a config is a pipe, a
//! checkpoint is somebody else's.
#![cfg(all(unix, feature = "command"))]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{program, stderr, train};

/// A folder with the config in it, and that config.
fn scratch() -> (tempfile::TempDir, PathBuf) {
    let scratch = common::scratch();
    let config = scratch.path().join("tiny.yaml");
    (scratch, config)
}

fn assert_whole(run: &Path) {
    assert_eq!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count(), 2);
    let status = fs::read_to_string(run.join("status.json")).unwrap();
    assert!(status.contains("\"finished\""), "{status}");
    for file in ["evaluation.json", "checkpoints/last.safetensors", "gates.json"] {
        assert!(run.join(file).exists(), "{file}");
    }
}

/// Writing to it fails at once: a pipe whose reader has gone.
fn closed_pipe() -> Stdio {
    let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let pipe = child.stdin.take().unwrap();
    child.wait().unwrap();
    pipe.into()
}

fn full_disk() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[test]
fn a_run_goes_on_when_nobody_reads_what_it_prints() {
    type Sink = fn() -> Stdio;
    let sinks: [(Sink, Sink); 4] = [
        (closed_pipe, Stdio::piped),
        (Stdio::piped, closed_pipe),
        (full_disk, full_disk),
        (closed_pipe, closed_pipe),
    ];
    for (number, (out, error)) in sinks.into_iter().enumerate() {
        let (scratch, config) = scratch();
        let run = scratch.path().join("run");
        let mut command = train(&config, &run);
        let output = command.arg("--verbose").stdout(out()).stderr(error()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{number}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{number}: {}", stderr(&output));
        assert_whole(&run);
    }
}

#[test]
fn listings_end_quietly_when_nobody_reads_them() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["train", "--help"],
        &["config", "keys"],
        &["config", "show"],
        &["completions", "bash"],
        &["devices"],
    ] {
        for sink in [closed_pipe, full_disk] {
            let output = program().args(arguments).stdout(sink()).stderr(Stdio::piped()).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
            assert!(!stderr(&output).contains("panicked"), "{arguments:?}: {}", stderr(&output));
        }
    }
    // An error that cannot be told is still one.
    let output = program().args(["status", "/nowhere"]).stderr(closed_pipe()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn paths_need_not_be_text() {
    let (scratch, config) = scratch();
    let odd = |name: &[u8]| scratch.path().join(OsStr::from_bytes(name));
    let (run, renamed) = (scratch.path().join("run"), odd(b"r\xff\xfe"));
    assert!(train(&config, &run).output().unwrap().status.success());
    fs::rename(&run, &renamed).unwrap();
    let odd_config = odd(b"c\xff.yaml");
    fs::copy(&config, &odd_config).unwrap();

    for (arguments, path) in [
        (&["status"][..], &renamed),
        (&["resume"], &renamed),
        (&["resume", "--set", "run.epochs=3"], &renamed),
        (&["compare", "--output", "/dev/null/x"], &renamed),
        (&["evaluate", "--checkpoint"], &renamed),
        (&["config", "check"], &odd_config),
        (&["train", "--dry-run", "--no-timing", "--config"], &odd_config),
    ] {
        let output = program().args(arguments).arg(path).current_dir(scratch.path()).output().unwrap();
        let error = stderr(&output);
        assert!(!error.contains("panicked"), "{arguments:?}: {error}");
        let unwritable = arguments.contains(&"/dev/null/x");
        assert_eq!(output.status.code(), Some(i32::from(unwritable)), "{arguments:?}: {error}");
    }
    // What is no path is refused.
    let mut command = program();
    command.args(["train", "--config"]);
    command.arg(&config).arg("--set").arg(OsStr::from_bytes(b"run.name=\xff"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("UTF-8"), "{}", stderr(&output));
}

#[test]
fn a_pipe_or_a_device_is_no_config() {
    let scratch = tempfile::tempdir().unwrap();
    let pipe = scratch.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero"), scratch.path()] {
        for arguments in [&["config", "check"][..], &["train", "--config"], &["views", "--config"]] {
            let started = Instant::now();
            let output = program().args(arguments).arg(path).current_dir(scratch.path()).output().unwrap();
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{error}");
            assert!(error.contains("expected a regular file, found a"), "{error}");
            assert!(started.elapsed() < Duration::from_secs(20));
        }
    }
}

#[test]
fn a_checkpoint_of_others_does_not_reach_for_the_machine() {
    let (scratch, config) = scratch();
    let (run, cache) = (scratch.path().join("run"), scratch.path().join("cache"));
    let data = scratch.path().join("theirs");
    let mut command = train(&config, &run);
    let trained = command
        .args(["--set", &format!("eval.cache_dir={}", cache.display()), "--set", "eval.cache_limit_gib=1e-9"])
        .args(["--set", &format!("dataset.data_root={}", data.display()), "--skip-evaluation"]);
    assert!(trained.output().unwrap().status.success());
    fs::create_dir(&cache).unwrap();
    let evaluate = |more: &[&str]| {
        let mut command = program();
        command.args(["evaluate", "--checkpoint"]);
        let output = command.arg(&run).args(more).current_dir(scratch.path()).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    let (code, error) = evaluate(&[]);
    assert_eq!(code, Some(0), "{error}");
    for key in ["eval.cache_dir (", "eval.cache_limit_gib (", "dataset.data_root (", "run.device (flex)"] {
        assert!(error.contains("not followed") && error.contains(key), "{error}");
    }
    assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
    // The user's own word is taken, and the rest of the file still named.
    let given = format!("eval.cache_dir={}", cache.display());
    let (code, error) = evaluate(&["--set", &given, "--set", "eval.cache_limit_gib=1"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(!error.contains("eval.cache_dir (") && error.contains("dataset.data_root ("), "{error}");
    assert!(fs::read_dir(&cache).unwrap().count() > 0);
    // So is a config, whole.
    let own = run.join("config.yaml");
    let (code, error) = evaluate(&["--config", own.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{error}");
    assert!(!error.contains("not followed"), "{error}");
    // Data that are elsewhere are asked for.
    let (code, error) =
        evaluate(&["--set", "dataset.name=fashion_mnist", "--set", "dataset.subset_train=64"]);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains(&format!("--set dataset.data_root={}", data.display())), "{error}");
}

#[test]
fn an_override_is_called_by_the_name_of_its_argument() {
    let (_scratch, config) = scratch();
    let refuse = |set: &str| {
        let output =
            program().args(["train", "--config"]).arg(&config).args(["--set", set]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let message = refuse("run.epochs=two");
    let expected = "error: `run.epochs` in `--set run.epochs=two`: expected a whole number, 1 to 1000000, found the text \"two\"\n";
    assert_eq!(message, expected);
    let message = refuse("eval.num_workers=2000");
    assert_eq!(
        message,
        "error: `eval.num_workers` in `--set eval.num_workers=2000`: expected 0 to 256, found 2000\n"
    );
}

#[test]
fn missing_data_say_how_they_are_named() {
    let (_scratch, config) = scratch();
    let mut command = program();
    command.args(["train", "--config"]);
    let output = command
        .arg(&config)
        .args(["--set", "dataset.name=fashion_mnist", "--set", "dataset.data_root=/nowhere"])
        .output()
        .unwrap();
    let error = stderr(&output);
    assert!(error.contains("/nowhere") && error.contains("--set dataset.data_root=FOLDER"), "{error}");
}
