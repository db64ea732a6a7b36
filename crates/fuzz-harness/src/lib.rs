//! What the fuzz targets do with their bytes.
//!
//! Every module has a function `run`: it makes an input of the bytes, gives it to the public function under test, and
//! panics if what comes back is neither an error nor a value that holds together. `fuzz/fuzz_targets` calls them from
//! libFuzzer, `tests/replay.rs` with the committed corpus. [`seeds`] makes the first inputs.
//!
//! The first byte of most inputs chooses what the others are: see [`Mode`].

#![allow(clippy::cast_possible_truncation, reason = "what fuzzing starts from may be any bytes")]

pub mod archive;
pub mod augmentation;
pub mod checkpoint;
pub mod cifar;
pub mod config;
pub mod idx;
pub mod import;
mod mode;
pub mod npy;
mod pickle;
pub mod picture;
mod safetensors_file;
mod scratch;
pub mod seeds;
pub mod tracking;

pub use mode::Mode;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, that of its module and of its folder of the corpus.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    Target { name: "archive", run: archive::run },
    Target { name: "augmentation", run: augmentation::run },
    Target { name: "checkpoint", run: checkpoint::run },
    Target { name: "cifar", run: cifar::run },
    Target { name: "config", run: config::run },
    Target { name: "idx", run: idx::run },
    Target { name: "import", run: import::run },
    Target { name: "npy", run: npy::run },
    Target { name: "picture", run: picture::run },
    Target { name: "tracking", run: tracking::run },
];
