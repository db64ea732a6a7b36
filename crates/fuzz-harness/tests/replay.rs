//! Every input that fuzzing has kept, and every one that once broke something, on the compiler and in the profile of all
//! other tests: no panic, and no memory beyond a bound.
//!
//! `fuzz/corpus.tar.gz` holds inputs that reach different code, below `corpus/TARGET`; the files of `fuzz/found/TARGET`
//! found a fault.

mod watching;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use flate2::read::GzDecoder;
use seqjepa_fuzz_harness::{TARGETS, Target, seeds};
use tar::Archive;
use watching::{LARGEST, Watching};

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// The largest request that an input of at most [`MAX_INPUT`] bytes may lead to; libFuzzer ran with the same bound.
const MODEST: usize = 256 << 20;

/// Inputs are no longer: the corpus is small enough to commit.
const MAX_INPUT: u64 = 64 << 10;

/// An input, and where it comes from.
type Input = (String, Vec<u8>);

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Every input in the archive of the corpus, by its target.
fn corpus() -> BTreeMap<String, Vec<Input>> {
    let path = fuzz_folder().join("corpus.tar.gz");
    let compressed = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    GzDecoder::new(&*compressed).read_to_end(&mut bytes).expect("a whole gzip file");
    let mut corpus: BTreeMap<String, Vec<Input>> = BTreeMap::new();
    for entry in Archive::new(&*bytes).entries().expect("a tar archive") {
        let mut entry = entry.expect("a whole archive");
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let origin = entry.path().expect("a path").to_str().expect("ASCII").to_owned();
        let ["corpus", target, _] = *origin.split('/').collect::<Vec<_>>() else {
            panic!("{origin} is not corpus/TARGET/INPUT");
        };
        assert!(entry.size() <= MAX_INPUT, "{origin} has {} bytes", entry.size());
        let mut input = Vec::new();
        entry.read_to_end(&mut input).expect("a whole archive");
        corpus.entry(target.to_owned()).or_default().push((origin, input));
    }
    corpus
}

fn found(target: &str) -> Vec<Input> {
    let Ok(entries) = fs::read_dir(fuzz_folder().join("found").join(target)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort_unstable();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a readable file");
        assert!(bytes.len() as u64 <= MAX_INPUT, "{} has {} bytes", path.display(), bytes.len());
        (path.display().to_string(), bytes)
    };
    paths.into_iter().map(read).collect()
}

/// One target at a time: the memory is that of the process.
static ALONE: Mutex<()> = Mutex::new(());

fn replay(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Target { run, .. } = TARGETS.into_iter().find(|target| target.name == name).expect("a target");
    let kept = corpus().remove(name).unwrap_or_default();
    assert!(kept.len() >= 10, "{} inputs in corpus/{name}", kept.len());
    let seeds = seeds::of(name).into_iter().enumerate().map(|(at, seed)| (format!("seed {at}"), seed));
    for (origin, bytes) in kept.into_iter().chain(found(name)).chain(seeds) {
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
            let replayed = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|target| target.name), replayed);
            assert_eq!(Vec::from_iter(corpus().into_keys()), replayed, "the folders of the archive");
        }
    };
}

replay_tests!(archive, augmentation, checkpoint, cifar, config, idx, import, npy, picture, tracking);
