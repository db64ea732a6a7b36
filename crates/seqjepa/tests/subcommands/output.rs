//! What reaches standard output and standard error, and what becomes of a run when nobody reads it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{scratch, seqjepa, stderr, stdout};
use crate::support::{fails, succeeds, trained};

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
