//! Writes the model of a checkpoint for PyTorch: SafeTensors with the published implementation's names.
//!
//! ```text
//! cargo run --release --example export -- --checkpoint runs/NAME/checkpoints/last.safetensors --output model.safetensors
//! cargo run --release --example export -- --checkpoint model.pth --config FILE --output model.safetensors
//! ```
//!
//! In PyTorch: `model.load_state_dict(safetensors.torch.load_file("model.safetensors"), strict=True)`.

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use seqjepa::nn::state_dict;
use seqjepa::train::device::DeviceRequest;
use seqjepa::train::published_probes;
use shared::ModelArguments;

/// Writes the model of a checkpoint for PyTorch.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The SafeTensors file to write.
    #[arg(long)]
    output: PathBuf,
    /// Writes the checkpoint's online probes too, as online_linprobe.* and online_equiprobe.*.
    #[arg(long)]
    probes: bool,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| export(arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn export(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { model, output, probes, .. } = arguments;
    let device = DeviceRequest::parse("cpu")?.open()?;
    let pretrained = model.source().load(&device)?;
    let further = if probes { published_probes(&pretrained.beside) } else { Vec::new() };
    pretrained.model.export_with(&further, &output)?;
    let tensors = state_dict(&pretrained.model).len() + further.len();
    println!("{}: {tensors} tensors with PyTorch's names", output.display());
    Ok(ExitCode::SUCCESS)
}
