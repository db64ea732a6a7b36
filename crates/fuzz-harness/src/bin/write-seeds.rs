//! Writes the seeds of every fuzz target below a folder, `fuzz/corpus` (unpacked) unless another is named.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("fuzz/corpus"), PathBuf::from);
    seqjepa_fuzz_harness::seeds::write_all(&folder)
}
