//! `seqjepa report`, as a user types it.
#![cfg(feature = "command")]

mod common;

use std::fs;
use std::path::Path;

use common::{program, said, seqjepa};

/// A run that was killed in its second epoch.
fn killed(root: &Path) {
    fs::create_dir(root.join("run")).unwrap();
    fs::write(root.join("run/config.yaml"), "run: {seed: 1}\n").unwrap();
    fs::write(root.join("run/metrics.jsonl"), "{\"epoch\":1,\"ep_loss\":0.5}\n{\"epoch\":2,\"ep").unwrap();
}

#[test]
fn a_page_of_a_killed_run_is_written_and_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    killed(scratch.path());
    for arguments in [
        &["report", "run"][..],
        &["report", "run", "--output", "report.html"],
        &["report", "run", "run", "--out", "run/report.html"],
    ] {
        let output = seqjepa(scratch.path(), arguments);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("report.html ("), "{}", said(&output));
    }
    let page = fs::read_to_string(scratch.path().join("report.html")).unwrap();
    assert!(page.contains("seqjepa resume run") && page.contains("half a line"), "{page}");
    // Nothing else is left.
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
}

#[test]
fn other_files_are_not_replaced_and_other_names_refused() {
    let scratch = tempfile::tempdir().unwrap();
    killed(scratch.path());
    let path = scratch.path().join("mine.html");
    fs::write(&path, "<html>mine</html>").unwrap();
    for (arguments, words) in [
        (&["report", "run", "--output", "mine.html"][..], "found another file"),
        (&["report", "run", "--output", "run/config.yaml"], "ending in .html"),
        (&["report", "run", "--output", "run"], "ending in .html"),
        (&["report", "nowhere"], "nowhere"),
        (&["report", "."], "expected a run folder"),
    ] {
        let output = seqjepa(scratch.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "<html>mine</html>");
    assert_eq!(seqjepa(scratch.path(), ["report"]).status.code(), Some(2));
    assert!(!scratch.path().join("report.html").exists());
}

#[cfg(unix)]
#[test]
fn a_browser_that_is_not_there_is_a_sentence() {
    let scratch = tempfile::tempdir().unwrap();
    killed(scratch.path());
    let output = program()
        .args(["report", "run", "--open"])
        .current_dir(scratch.path())
        .env("PATH", scratch.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("could not open a browser"), "{}", said(&output));
    assert!(scratch.path().join("report.html").exists());
}
