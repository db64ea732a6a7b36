//! What the command does with the public client of W&B, for which scripts stand in here.
#![cfg(all(unix, feature = "command"))]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use common::said;

const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// Trains with a client that is this script; none for none.
fn train(folder: &Path, client: Option<&str>, variables: &[(&str, &str)], more: &[&str]) -> Output {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    if let Some(script) = client {
        let path = bin.join("wandb");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = common::train(&folder.join("tiny.yaml"), &folder.join("run"));
    for name in ["MODE", "PROJECT", "ENTITY", "NAME", "RUN_GROUP", "TAGS", "DIR"] {
        command.env_remove(format!("WANDB_{name}"));
    }
    let path =
        if client.is_some() { format!("{}:/usr/bin:/bin", bin.display()) } else { bin.display().to_string() };
    command.env("PATH", path).env("WANDB_API_KEY", KEY).envs(variables.iter().copied());
    command.arg("--skip-evaluation");
    for pair in ["logging.wandb.enabled=true"].iter().chain(more) {
        command.args(["--set", pair]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Whether any file below a folder holds a text.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => holds(&path, text),
        false => fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()),
    })
}

#[test]
fn a_run_is_kept_and_the_user_told_how_to_send_it() {
    let scratch = common::scratch();
    let output =
        train(scratch.path(), Some("echo called > \"$0.called\""), &[("WANDB_PROJECT", "of-mine")], &[]);
    let said = said(&output);
    assert!(said.contains("wandb sync ") && said.contains("/run/wandb/offline-run-"), "{said}");
    assert!(!scratch.path().join("bin/wandb.called").exists());
    assert!(holds(&scratch.path().join("run/wandb"), "of-mine"));
    assert!(!holds(&scratch.path().join("run"), KEY));
}

#[test]
fn online_runs_the_client_and_no_failure_of_it_is_one_of_the_run() {
    let online = "logging.wandb.mode=online";
    for (client, words) in [
        (Some("echo \"$@\" >> \"$0.called\""), "W&B run: sent"),
        (Some("exit 5"), "exit status: 5"),
        (None, "could not start `wandb sync`"),
    ] {
        let scratch = common::scratch();
        let said =
            said(&train(scratch.path(), client, &[], &[online, "logging.wandb.sync_checkpoints=true"]));
        assert!(said.contains(words), "{said}");
        assert!(words.contains("sent") || said.contains("to send it: wandb sync "), "{said}");
        // With every checkpoint one try, or one alone where it fails.
        let warnings = said.matches("the run goes on").count();
        assert!(warnings <= 1, "{said}");
        if words.contains("sent") {
            let called = fs::read_to_string(scratch.path().join("bin/wandb.called")).unwrap();
            assert!(called.lines().count() >= 2 && called.starts_with("sync --include-synced /"), "{called}");
        }
    }
}

#[test]
fn a_variable_says_what_the_config_leaves_open() {
    let disabled = [("WANDB_MODE", "disabled")];
    let scratch = common::scratch();
    assert!(!said(&train(scratch.path(), None, &disabled, &[])).contains("W&B"));
    assert!(!scratch.path().join("run/wandb").exists());
    // A key goes before it, as an argument does with the client.
    let scratch = common::scratch();
    train(scratch.path(), None, &disabled, &["logging.wandb.mode=offline"]);
    assert!(scratch.path().join("run/wandb").exists());
    // One that cannot be followed is told.
    let scratch = common::scratch();
    let said = said(&train(scratch.path(), None, &[("WANDB_MODE", "shared")], &[]));
    assert!(said.contains("WANDB_MODE is not followed"), "{said}");
}
