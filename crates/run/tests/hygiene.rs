//! Five hundred epochs of a tiny run: memory, open files and threads are those of ten.
#![cfg(target_os = "linux")]

mod common;

use std::fs;

use common::process::Process;
use common::tiny;
use seqjepa_run::Run;
use seqjepa_train::observer::Event;

/// As small as it goes: two steps an epoch, every kind of checkpoint.
const SMALL: [&str; 8] = [
    "dataset.synthetic_train=8",
    "dataset.synthetic_val=4",
    "dataset.batch_size=4",
    "dataset.seq_len=1",
    "model.img_size=8",
    "model.cifar_resnet=false",
    "run.checkpoint_steps=1000000",
    "run.checkpoint_minutes=0.01",
];

/// Trains and tells what the process holds after each tenth epoch.
#[test]
#[ignore = "the process that the other test starts"]
fn child() {
    let Some((folder, arguments)) = Process::arguments() else { return };
    let mut overrides: Vec<_> = SMALL.to_vec();
    overrides.extend(arguments.iter().map(String::as_str));
    let mut observer = |event: &Event| {
        if let Event::EpochFinished { row } = event
            && row.epoch.is_multiple_of(10)
        {
            let count = |folder: &str| fs::read_dir(folder).unwrap().count();
            let pages = fs::read_to_string("/proc/self/statm").unwrap();
            let resident = pages.split(' ').nth(1).unwrap();
            Process::say(&format!("{resident} {} {}", count("/proc/self/fd"), count("/proc/self/task")));
        }
        Ok(())
    };
    let mut run = Run::start(tiny(&folder, &overrides), &mut observer).unwrap();
    run.train(&mut observer).unwrap();
}

#[test]
fn memory_files_and_threads_do_not_grow_in_500_epochs() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let mut process = Process::start(&folder, &["run.epochs=500".into()]);
    let said = std::iter::from_fn(|| process.hear());
    let held: Vec<[usize; 3]> = said
        .map(|line| {
            let numbers: Vec<_> = line.split(' ').map(|number| number.parse().unwrap()).collect();
            numbers.try_into().unwrap()
        })
        .collect();
    assert!(process.child.wait().unwrap().success());
    assert_eq!(held.len(), 50);
    let [first, last] = [held[0], held[49]];
    // Pages of 4 KiB at least. The metrics of 490 epochs are about 2 MiB in memory; no checkpoint holds them.
    let mebibytes = |pages: usize| pages as f64 * 4096.0 / f64::from(1 << 20);
    let grown = mebibytes(last[0]) - mebibytes(first[0]);
    assert!(grown < 6.0, "resident memory grew by {grown:.1} MiB: {held:?}");
    assert!(last[1] <= first[1], "open files: {held:?}");
    assert!(last[2] <= first[2], "threads: {held:?}");
    assert_eq!(fs::read_to_string(folder.join("metrics.jsonl")).unwrap().lines().count(), 500);
}
