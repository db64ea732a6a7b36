//! `sweep`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::common::{program, said, scratch, seqjepa, stderr};
use crate::support::{fails, names, succeeds};

/// Two methods and two seeds on the built-in set.
const SWEEP: &str = "
output: out
base: {config: tiny.yaml, set: {run.epochs: 1}}
methods: [{name: Ours without actions, method: seqjepa, set: {model.act_cond: false}}, simclr]
datasets: [synthetic]
seeds: [1, 2]
";

const RUNS: [&str; 4] = [
    "synthetic/ours-without-actions/seed1",
    "synthetic/simclr/seed1",
    "synthetic/ours-without-actions/seed2",
    "synthetic/simclr/seed2",
];

fn sweep_in(folder: &Path) {
    fs::write(folder.join("sweep.yaml"), SWEEP).unwrap();
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tables and pictures of a sweep.
fn tables(output: &Path) -> Vec<(String, Vec<u8>)> {
    ["table.md", "table.csv", "methods.png", "methods.svg"]
        .map(|name| (name.to_owned(), fs::read(output.join(name)).unwrap()))
        .into()
}

/// Checks that a run is trained and measured.
#[track_caller]
fn is_finished(run: &Path) {
    assert!(read(&run.join("status.json")).contains("\"finished\"") && run.join("evaluation.json").exists());
}

#[test]
fn a_sweep_that_is_stopped_goes_on_to_the_same_table() {
    let scratch = scratch();
    let folder = scratch.path();
    sweep_in(folder);

    // Stopped while the second run is under way.
    let mut child = program()
        .args(["sweep", "sweep.yaml"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let second = folder.join("out").join(RUNS[1]);
    while !second.join("config.yaml").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "the sweep ended before its second run");
        sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", said(&output));
    assert!(
        stderr(&output).contains("the same command goes on with them: seqjepa sweep sweep.yaml"),
        "{}",
        said(&output)
    );
    is_finished(&folder.join("out").join(RUNS[0]));
    let partial = read(&folder.join("out/table.md"));
    assert!(partial.contains("1 of 2 *") && partial.contains("fewer than were asked for"), "{partial}");
    let status = succeeds(folder, ["status", "out"]);
    assert!(status.contains("2 not begun") && status.contains(RUNS[3]), "{status}");

    let first =
        fs::metadata(folder.join("out").join(RUNS[0]).join("evaluation.json")).unwrap().modified().unwrap();
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--jobs", "2"]);
    assert!(text.contains("3 of 4 runs to make") && text.contains("simclr, seed 1: going on"), "{text}");
    for run in RUNS {
        is_finished(&folder.join("out").join(run));
    }
    let again =
        fs::metadata(folder.join("out").join(RUNS[0]).join("evaluation.json")).unwrap().modified().unwrap();
    assert_eq!(first, again, "a finished run was made again");
    let markdown = read(&folder.join("out/table.md"));
    assert!(
        markdown.contains("## synthetic, protocol exact") && markdown.contains("| Ours without actions |"),
        "{markdown}"
    );
    assert!(markdown.contains(" ± ") && !markdown.contains('*'), "{markdown}");
    assert_eq!(read(&folder.join("out/table.csv")).lines().count(), 1 + 2 * 7);
    assert!(succeeds(folder, ["status", "out"]).contains("4 runs: 4 finished"));

    // One after another and never stopped.
    succeeds(folder, ["sweep", "sweep.yaml", "--output", "other"]);
    assert_eq!(tables(&folder.join("out")), tables(&folder.join("other")));
    // Nothing is left to do, and the table can be had alone.
    fs::remove_file(folder.join("other/table.md")).unwrap();
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--output", "other", "--table"]);
    assert!(!text.contains("runs to make"), "{text}");
    assert_eq!(tables(&folder.join("out")), tables(&folder.join("other")));

    // Settings that differ from those of the runs that are there.
    fs::write(folder.join("sweep.yaml"), SWEEP.replace("run.epochs: 1", "run.epochs: 1, optim.lr: 0.5"))
        .unwrap();
    let error = fails(folder, ["sweep", "sweep.yaml"]);
    assert!(
        error.contains("synthetic, Ours without actions, seed 1: ")
            && error.contains("`optim.lr`: the run has 0.001, given is 0.5"),
        "{error}"
    );
}

#[test]
fn a_run_that_fails_stops_no_other_and_is_tried_again() {
    let scratch = scratch();
    let folder = scratch.path();
    sweep_in(folder);
    // In the place of a file that the run writes at its end.
    let blocked = folder.join("out").join(RUNS[1]).join("evaluation.json");
    fs::create_dir_all(&blocked).unwrap();
    fs::write(folder.join("out/sweep.json"), "").unwrap();
    let error = fails(folder, ["sweep", "sweep.yaml", "--only", "seed1"]);
    assert!(error.contains("error: synthetic, simclr, seed 1: ") && error.contains("seed1.log)"), "{error}");
    assert!(error.contains("1 of 2 runs has failed; the same command tries it again"), "{error}");
    is_finished(&folder.join("out").join(RUNS[0]));
    assert!(!folder.join("out").join(RUNS[2]).exists());
    let status = succeeds(folder, ["status", "out"]);
    assert!(
        status.contains("4 runs: 1 finished, 1 failed, 2 not begun") && status.contains("evaluation.json"),
        "{status}"
    );
    fs::remove_dir(&blocked).unwrap();
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--only", "simclr/seed1"]);
    assert!(text.contains("synthetic, simclr, seed 1: going on"), "{text}");
    is_finished(&folder.join("out").join(RUNS[1]));
}

/// A folder that a process holds which has written nothing yet.
fn hold(run: &Path) -> fs::File {
    fs::create_dir_all(run).unwrap();
    let lock = fs::File::create(run.join("lock")).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn a_run_that_another_process_takes_meanwhile_is_left_to_it() {
    let scratch = scratch();
    let folder = scratch.path();
    sweep_in(folder);
    let child = program()
        .args(["sweep", "sweep.yaml", "--only", "seed1"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !folder.join("out").join(RUNS[0]).join("config.yaml").exists() {
        sleep(Duration::from_millis(5));
    }
    let _lock = hold(&folder.join("out").join(RUNS[1]));
    let output = child.wait_with_output().unwrap();
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("simclr, seed 1: another process is at work on it") && !text.contains("FAILED"),
        "{text}"
    );
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--task", "2"]);
    assert!(text.contains("simclr, seed 1: another process is at work on it"), "{text}");
    assert!(succeeds(folder, ["status", "out"]).contains("1 finished, 1 running, 2 not begun"));
}

#[test]
fn longer_runs_and_foreign_cards_are_made_up_for() {
    let scratch = scratch();
    let folder = scratch.path();
    fs::write(
        folder.join("sweep.yaml"),
        SWEEP.replace("run.epochs: 1", "run.epochs: 1, gating.loss_max: -1000.0"),
    )
    .unwrap();
    let output = seqjepa(folder, ["sweep", "sweep.yaml", "--only", "ours"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let table = || read(&folder.join("out/table.md")).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table().contains("Ours without actions, seed 2: gates failed: "), "{}", table());

    // The card of the other seed, and one that is damaged.
    let card = |run: &str| folder.join("out").join(run).join("evaluation.json");
    let own = [0, 2].map(|run| read(&card(RUNS[run])));
    fs::write(card(RUNS[0]), &own[1]).unwrap();
    fs::write(card(RUNS[2]), "{").unwrap();
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--table"]);
    assert!(table().contains("0 of 2 *"), "{text}{}", table());
    assert!(succeeds(folder, ["status", "out"]).contains("4 runs: 2 unfinished, 2 not begun"));
    let output = seqjepa(folder, ["sweep", "sweep.yaml", "--only", "ours"]);
    assert!(
        stderr(&output).contains("expected the seed 1, found 2; it is measured again"),
        "{}",
        said(&output)
    );
    assert_eq!([0, 2].map(|run| read(&card(RUNS[run]))), own);

    // Longer by an epoch: none of the cards that are there is of such a run.
    let longer = SWEEP.replace("run.epochs: 1", "run.epochs: 2, gating.loss_max: -1000.0");
    fs::write(folder.join("sweep.yaml"), longer).unwrap();
    seqjepa(folder, ["sweep", "sweep.yaml", "--only", "actions/seed1"]);
    assert!(table().contains("1 of 2 *"), "{}", table());
    for arguments in [["sweep", "sweep.yaml", "--dry-run"].as_slice(), &["status", "out"]] {
        assert!(succeeds(folder, arguments).contains("4 runs: 1 finished, 1 unfinished, 2 not begun"));
    }
}

#[test]
fn an_element_of_an_array_is_one_run() {
    let scratch = scratch();
    let folder = scratch.path();
    sweep_in(folder);
    assert_eq!(succeeds(folder, ["sweep", "sweep.yaml", "--count"]).trim(), "4");
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--task", "4"]);
    assert!(text.contains("synthetic, simclr, seed 2\n"), "{text}");
    is_finished(&folder.join("out").join(RUNS[3]));
    assert_eq!(names(&folder.join("out/synthetic")), ["simclr"]);
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--task", "4"]);
    assert_eq!(text.trim(), "synthetic, simclr, seed 2: finished");
    for task in ["0", "5"] {
        let output = seqjepa(folder, ["sweep", "sweep.yaml", "--task", task]);
        assert!(!output.status.success() && stderr(&output).contains("expected"), "{}", said(&output));
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let scratch = scratch();
    let folder = scratch.path();
    sweep_in(folder);
    let text = succeeds(folder, ["sweep", "sweep.yaml", "--dry-run"]);
    assert!(text.contains("dry run: nothing is written") && text.contains("4 runs: 4 not begun"), "{text}");
    assert!(RUNS.iter().all(|run| text.contains(run)), "{text}");
    for (from, to, words) in [
        (
            "simclr]",
            "simclt]",
            "synthetic, simclt, seed 1: `method` in the setting `method=simclt`: expected one of",
        ),
        (
            "model.act_cond",
            "model.act_cnd",
            "unknown key `model.act_cnd` in the setting `model.act_cnd=false`; the nearest",
        ),
        (
            "run.epochs: 1",
            "dataset.batch_size: 64",
            "synthetic, Ours without actions, seed 1: images of the training split",
        ),
        ("methods:", "method:", "unknown key `method` in sweep.yaml; the nearest known key is `methods`"),
        ("tiny.yaml", "none.yaml", "none.yaml"),
    ] {
        fs::write(folder.join("sweep.yaml"), SWEEP.replace(from, to)).unwrap();
        let error = fails(folder, ["sweep", "sweep.yaml"]);
        assert!(error.contains(words), "{error}");
    }
    sweep_in(folder);
    assert!(fails(folder, ["sweep", "sweep.yaml", "--only", "seed7"]).contains("found no run that has it"));
    let error = fails(folder, ["sweep", "sweep.yaml", "--output", "."]);
    assert!(error.contains("the sweep's folder .") && error.contains("sweep.json"), "{error}");
    assert_eq!(names(folder), ["sweep.yaml", "tiny.yaml"]);
}
