//! Every input that fuzzing has kept, and every one that once broke something, on the compiler and in the profile of all
//! other tests: no panic, and no memory beyond a bound.
//!
//! `fuzz/corpus/TARGET` holds inputs that reach different code, `fuzz/found/TARGET` those that found a fault.

mod watching;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use seqjepa_fuzz_harness::{TARGETS, Target, seeds};
use watching::{LARGEST, Watching};

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// The largest request that an input of at most [`MAX_INPUT`] bytes may lead to; libFuzzer ran with the same bound.
const MODEST: usize = 256 << 20;

/// Inputs are no longer: the corpus is small enough to commit.
const MAX_INPUT: usize = 64 << 10;

fn inputs(folder: &str, target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort_unstable();
    paths
}

/// One target at a time: the memory is that of the process.
static ALONE: Mutex<()> = Mutex::new(());

fn replay(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Target { run, .. } = TARGETS.into_iter().find(|target| target.name == name).expect("a target");
    let corpus = inputs("corpus", name);
    assert!(corpus.len() >= 10, "{} inputs in fuzz/corpus/{name}", corpus.len());
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a readable file");
        assert!(bytes.len() <= MAX_INPUT, "{} has {} bytes", path.display(), bytes.len());
        (path.display().to_string(), bytes)
    };
    let kept = corpus.into_iter().chain(inputs("found", name)).map(read);
    let seeds = seeds::of(name).into_iter().enumerate().map(|(at, seed)| (format!("seed {at}"), seed));
    for (origin, bytes) in kept.chain(seeds) {
        LARGEST.store(0, Ordering::Relaxed);
        run(&bytes);
        let largest = LARGEST.load(Ordering::Relaxed);
        assert!(largest < MODEST, "{origin} asked for {largest} bytes");
    }
}

macro_rules! replay_tests {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
        }
    };
}

replay_tests!(archive, augmentation, checkpoint, cifar, config, idx, import, picture);
