//! The program as a process, and the small config that its tests train with.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A run of seconds.
pub(crate) const TINY: &str = "
run: {name: tiny, seed: 7, device: flex, epochs: 2}
dataset: {name: synthetic, seq_len: 2, batch_size: 8, synthetic_train: 32, synthetic_val: 16, num_workers: 1}
model: {img_size: 16, width: 4, pred_hidden: 16, num_heads: 2, num_enc_layers: 1, act_projdim: 8}
optim: {name: adamw, lr: 0.001, probe_hidden: 16}
eval: {seq_len: 2, max_seq_len: 2, batch_size: 8, candidates: 4, other_candidates: 4, bootstrap: 10}
";

/// The program, which is asked nothing. Where backtraces are asked for, it prints panics beside errors; the tests count lines.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seqjepa"));
    command.stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// Runs the program in `folder`.
pub(crate) fn seqjepa<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Output {
    program().args(arguments).current_dir(folder).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All that the program printed.
pub(crate) fn said(output: &Output) -> String {
    stdout(output) + &stderr(output)
}

/// A folder with the config in it.
pub(crate) fn scratch() -> tempfile::TempDir {
    scratch_with(TINY)
}

/// The same with another config.
pub(crate) fn scratch_with(config: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("tiny.yaml"), config).unwrap();
    scratch
}

/// `train` by that config, into this run folder.
pub(crate) fn train(config: &Path, run: &Path) -> Command {
    let mut command = program();
    command.args(["train", "--config"]).arg(config);
    command.args(["--set", &format!("run.output_dir={}", run.display())]);
    command
}
