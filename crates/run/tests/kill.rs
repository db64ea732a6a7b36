//! A training process is killed (SIGKILL) at 25 moments and resumed; it must end as the process that was not.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use common::process::Process;
use common::{Draws, results, tiny};
use seqjepa_run::{Run, fault_injection};
use seqjepa_train::observer::Event;

const KILLS: usize = 25;

/// Trains in a process of its own. At moment `pause at` it says so and waits to be killed; at moment `race at` it says so
/// and goes on, so that the kill falls into whatever it does next.
#[test]
#[ignore = "the process that the other test starts"]
fn child() {
    let Some((folder, arguments)) = Process::arguments() else { return };
    let [mode, moment] = arguments.as_slice() else { panic!("{arguments:?}") };
    let (wait, moment) = (mode == "pause", moment.parse::<usize>().unwrap());
    let passed = Arc::new(Mutex::new(Vec::<String>::new()));
    let pass = {
        let passed = Arc::clone(&passed);
        move |label: String| {
            let mut passed = passed.lock().unwrap();
            passed.push(label);
            if passed.len() == moment {
                Process::say(&format!("reached {}", passed[moment - 1]));
                if wait {
                    loop {
                        std::thread::park();
                    }
                }
            }
        }
    };
    let on_write = pass.clone();
    fault_injection::install(move |operation, path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // When the status is written depends on the time, and with it how often its folder is looked for.
        if name != "status.json" && operation != "folder" {
            let kind = name.split('-').next().unwrap_or_default();
            on_write(format!("{operation} {kind}"));
        }
        Ok(())
    });
    let mut observer = |event: &Event| {
        let label = match event {
            Event::Progress { stage, .. } => format!("{stage:?}"),
            other => format!("{other:?}"),
        };
        pass(label.split([' ', '{']).next().unwrap_or_default().to_owned());
        Ok(())
    };
    let begun = folder.join("config.yaml").exists() || folder.join("checkpoints").exists();
    let mut run = if begun {
        Run::resume(&folder, &mut observer).unwrap()
    } else {
        Run::start(tiny(&folder, &[]), &mut observer).unwrap()
    };
    run.train(&mut observer).unwrap();
    run.evaluate(&mut observer).unwrap();
    for label in passed.lock().unwrap().iter() {
        Process::say(label);
    }
    Process::say("done");
}

/// Runs a process to its end; the moments that it passed.
fn run_to_the_end(folder: &Path) -> Vec<String> {
    let mut process = Process::start(folder, &["pause".into(), "0".into()]);
    let mut said: Vec<_> = std::iter::from_fn(|| process.hear()).collect();
    assert!(process.child.wait().unwrap().success());
    assert_eq!(said.pop().as_deref(), Some("done"));
    said
}

/// Runs a process until a moment and kills it: what that moment was, or `None` if the process ended before.
fn kill_at(folder: &Path, mode: &str, moment: usize) -> Option<String> {
    let mut process = Process::start(folder, &[mode.into(), moment.to_string()]);
    let said = process.hear();
    let reached = said.as_deref().and_then(|said| said.strip_prefix("reached "));
    process.child.kill().unwrap();
    let status = process.child.wait().unwrap();
    #[cfg(unix)]
    if reached.is_some() && mode == "pause" {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(status.signal(), Some(9));
    }
    reached.filter(|_| !status.success()).map(str::to_owned)
}

#[test]
fn a_run_killed_at_any_moment_ends_with_the_same_bits() {
    let scratch = tempfile::tempdir().unwrap();
    // All of one name, which is a part of some moments' labels.
    let folder_of = |number: &str| {
        fs::create_dir(scratch.path().join(number)).unwrap();
        scratch.path().join(number).join("run")
    };
    let whole = folder_of("whole");
    let moments = run_to_the_end(&whole);
    let expected = results(&whole);

    let mut draws = Draws(20_251_125);
    let mut kinds = BTreeMap::<&str, Vec<usize>>::new();
    for (at, label) in moments.iter().enumerate() {
        kinds.entry(label).or_default().push(at + 1);
    }
    // First a moment of each of these kinds, ...
    let named = [
        "StepFinished",
        "TestBatchFinished",
        "ExtractingFeatures",
        "write the rest of last.safetensors",
        "rename last.safetensors",
        "link step",
        "remove step",
        "rename best.safetensors",
        "write the rest of metrics.jsonl",
        "write the rest of metrics.csv",
        "write the rest of sample.safetensors",
        "write the rest of evaluation.json",
        "rename config.yaml",
    ];
    for kind in named {
        assert!(kinds.contains_key(kind), "no moment of the run is `{kind}`: {:?}", kinds.keys());
    }
    let named: Vec<usize> = named.iter().map(|kind| kinds[kind][draws.below(kinds[kind].len())]).collect();
    let mut kills = 0;
    for number in 0.. {
        if number >= named.len() && kills >= KILLS {
            break;
        }
        let folder = folder_of(&number.to_string());
        // ... then any moments, of which every other is not waited at: the kill falls into what comes next.
        let (mode, first) = match named.get(number) {
            Some(moment) => ("pause", *moment),
            None => (["pause", "race"][number % 2], 1 + draws.below(moments.len())),
        };
        let mut history = vec![(mode, first)];
        let killed = kill_at(&folder, mode, first);
        if mode == "pause" {
            assert_eq!(killed.as_ref(), Some(&moments[first - 1]), "moment {first} is that of the first run");
        }
        kills += usize::from(killed.is_some());
        // Every third run is killed again, soon after it was resumed.
        if number % 3 == 1 {
            let second = 1 + draws.below(moments.len() / 3);
            history.push(("pause", second));
            kills += usize::from(kill_at(&folder, "pause", second).is_some());
        }
        run_to_the_end(&folder);
        let label = &moments[first - 1];
        assert_eq!(results(&folder), expected, "killed at {history:?}, first at `{label}`");
    }
}
