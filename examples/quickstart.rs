//! `seqjepa quickstart` from a checkout: trains a small seq-JEPA on the built-in procedural data set, no download, no GPU, about
//! two minutes on two cores, and prints its figures beside those of the randomly initialised model.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    seqjepa::command::main_of("quickstart")
}
