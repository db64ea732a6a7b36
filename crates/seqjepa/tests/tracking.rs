//! What the command does with the public client of W&B, for which scripts stand in here.
#![cfg(all(unix, feature = "command"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 2}
dataset: {name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 16, synthetic_val: 16, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adamw, lr: 0.001, probe_hidden: 16}
logging: {wandb: {enabled: true}}
";

const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// Trains with a client that is this script; none for none.
fn train(folder: &Path, client: Option<&str>, variables: &[(&str, &str)], more: &[&str]) -> Output {
    let (config, bin) = (folder.join("tiny.yaml"), folder.join("bin"));
    fs::write(&config, TINY).unwrap();
    fs::create_dir_all(&bin).unwrap();
    if let Some(script) = client {
        let path = bin.join("wandb");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_seqjepa"));
    for name in ["MODE", "PROJECT", "ENTITY", "NAME", "RUN_GROUP", "TAGS", "DIR"] {
        command.env_remove(format!("WANDB_{name}"));
    }
    let path =
        if client.is_some() { format!("{}:/usr/bin:/bin", bin.display()) } else { bin.display().to_string() };
    command.env("PATH", path).env("WANDB_API_KEY", KEY).envs(variables.iter().copied());
    command.args(["train", "--skip-evaluation", "--config"]).arg(config);
    command.args(["--set", &format!("run.output_dir={}", folder.join("run").display())]);
    for pair in more {
        command.args(["--set", pair]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
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
    let scratch = tempfile::tempdir().unwrap();
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
        let scratch = tempfile::tempdir().unwrap();
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
    let scratch = tempfile::tempdir().unwrap();
    assert!(!said(&train(scratch.path(), None, &disabled, &[])).contains("W&B"));
    assert!(!scratch.path().join("run/wandb").exists());
    // A key goes before it, as an argument does with the client.
    let scratch = tempfile::tempdir().unwrap();
    train(scratch.path(), None, &disabled, &["logging.wandb.mode=offline"]);
    assert!(scratch.path().join("run/wandb").exists());
    // One that cannot be followed is told.
    let scratch = tempfile::tempdir().unwrap();
    let said = said(&train(scratch.path(), None, &[("WANDB_MODE", "shared")], &[]));
    assert!(said.contains("WANDB_MODE is not followed"), "{said}");
}
