//! A PyTorch checkpoint (`.pt`, `.pth`, SafeTensors) into a model, and back: what of the file was used, what it lacks and what it has
//! beyond the model. Without arguments, one is made first.
//!
//! ```text
//! cargo run --release --example pytorch_checkpoint
//! cargo run --release --example pytorch_checkpoint -- model.pth
//! ```

use std::path::PathBuf;

use anyhow::Result;
use seqjepa::burn::tensor::Device;
use seqjepa::model::ResNetConfig;
use seqjepa::prelude::*;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let device = Device::flex();
    // The sizes of the model in the file. The default is the published one, of width 64.
    let config = SeqJepaConfig {
        encoder: ResNetConfig { width: 8, ..ResNetConfig::default() }.into(),
        ..SeqJepaConfig::default()
    };
    let scratch = tempfile::tempdir()?;
    let path = match std::env::args_os().nth(1) {
        Some(path) => PathBuf::from(path),
        None => {
            let path = scratch.path().join("model.safetensors");
            config.init(42, &device)?.export(&path)?;
            path
        }
    };

    // A tensor of another shape or type is an error that names it.
    let imported = config.init(0, &device)?.import(&path)?;
    println!("{} tensors used", imported.used.len());
    // These have the values of a fresh model: whether that will do is for the caller to say.
    println!("missing in the file: {:?}", imported.missing);
    // Optimizer state, probes, a projector: everything that is no part of the model, with its data.
    println!("left over: {:?}", imported.left_over.iter().map(|(name, _)| name).collect::<Vec<_>>());

    // In PyTorch: model.load_state_dict(safetensors.torch.load_file("again.safetensors"), strict=True)
    let again = scratch.path().join("again.safetensors");
    imported.module.export_with(&imported.left_over, &again)?;
    println!("{} bytes for PyTorch", std::fs::metadata(&again)?.len());
    Ok(())
}
