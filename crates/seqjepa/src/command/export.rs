//! `export`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use burn::tensor::TensorData;
use clap::Args;
use seqjepa_model::export_tensors;
use seqjepa_run::device::DeviceRequest;
use seqjepa_run::{MayLack, published_probes};

use super::arguments::{ModelArguments, hint_at_missing, shown, tell_not_followed};
use super::device::describe_device;
use super::outputs::{expect_ending, refuse_file_of_a_run, refuse_other_tensors, refuse_own_input};
use super::pool::on_the_pool;
use super::terminal::{note, say, tell};

/// Extensions under which PyTorch's own format is expected.
const PYTORCH: [&str; 5] = ["pth", "pt", "bin", "ckpt", "pkl"];

/// Writes the model of a checkpoint for PyTorch: SafeTensors with the published implementation's names.
///
/// In PyTorch: `model.load_state_dict(safetensors.torch.load_file("model.safetensors"), strict=True)`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The SafeTensors file to write.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Writes the checkpoint's online probes too, as online_linprobe.* and online_equiprobe.*.
    #[arg(long)]
    probes: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    on_the_pool(|| export(arguments))
}

fn export(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { model, output, probes } = arguments;
    refuse_own_input(
        output,
        [Some(model.checkpoint.as_path()), model.config.as_deref()].into_iter().flatten(),
    )?;
    refuse_other_formats(output)?;
    expect_ending(output, "safetensors")?;
    refuse_file_of_a_run(output)?;
    let (device, backend) = DeviceRequest::parse("cpu")?.open_named()?;
    let mut source = model.source();
    if !model.allow_missing {
        // What is not there would have the values of a fresh model.
        source.may_lack = MayLack::Nothing;
    }
    let pretrained = hint_at_missing(source.load(&device), model.allow_missing)?;
    let read = [Some(pretrained.path.as_path()), model.config.as_deref()];
    refuse_own_input(output, read.into_iter().flatten())?;
    tell_not_followed(&pretrained.not_followed);
    tell!("device: {}", describe_device("cpu", backend));
    let missing = &pretrained.missing;
    let mut tensors = pretrained.method.state_dict();
    // Their values here are those of a fresh model.
    tensors.retain(|(name, _)| !missing.contains(name));
    if *probes {
        tensors.extend(published_probes(&pretrained.beside));
    }
    refuse_other_tensors(output, &tensors.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>())?;
    let broken: Vec<_> =
        tensors.iter().filter(|(_, data)| !is_finite(data)).map(|(name, _)| name.clone()).collect();
    if !broken.is_empty() {
        note!(
            "warning: {}: expected finite values, found NaN or infinite ones in {} of {} tensors, which are written as they are: {}",
            pretrained.path.display(),
            broken.len(),
            tensors.len(),
            shown(&broken)
        );
    }
    export_tensors(&tensors, output)?;
    say!("{}: {} tensors with PyTorch's names", output.display(), tensors.len());
    if !missing.is_empty() {
        say!("left out, since {} lacks them: {}", pretrained.path.display(), shown(missing));
    }
    Ok(ExitCode::SUCCESS)
}

fn is_finite(data: &TensorData) -> bool {
    !data.dtype().is_float() || data.iter::<f64>().all(f64::is_finite)
}

/// Refuses a name under which a reader would expect another format.
fn refuse_other_formats(output: &Path) -> anyhow::Result<()> {
    let extension = output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if extension.eq_ignore_ascii_case("safetensors") {
        return Ok(());
    }
    let hint = if PYTORCH.contains(&extension.to_lowercase().as_str()) {
        format!(
            ", under which `torch.load` would expect a pickle; of a SafeTensors file Python makes one by \
             torch.save(safetensors.torch.load_file(\"{}\"), \"{}\")",
            output.with_extension("safetensors").display(),
            output.display()
        )
    } else {
        String::new()
    };
    bail!(
        "output {}: expected a name ending in .safetensors, found {}{hint}",
        output.display(),
        if extension.is_empty() { "none".to_owned() } else { format!(".{extension}") }
    );
}
