//! `seqjepa train` from a checkout: trains seq-JEPA from a YAML config and runs the frozen probes on the result.
//!
//! ```text
//! cargo run --release --example train -- --config configs/fashion_mnist_cpu.yaml
//! cargo run --release --example train -- --config FILE --set run.epochs=2 --set dataset.batch_size=32
//! cargo run --release --example train -- --resume runs/fashion-mnist-cpu
//! ```

use std::process::ExitCode;

fn main() -> ExitCode {
    seqjepa::command::main_of("train")
}
