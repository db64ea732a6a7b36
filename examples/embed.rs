//! Embeds a folder of images with a trained model: z_t of each view and z_AGG, as SafeTensors or npy.
//!
//! ```text
//! cargo run --release --example embed -- --checkpoint runs/NAME/checkpoints/last.safetensors --images FOLDER --output features.safetensors
//! cargo run --release --example embed -- --checkpoint model.pth --config configs/cifar100_aug_paper.yaml --images FOLDER --output features.npy
//! cargo run --release --example embed -- --checkpoint FILE --images FOLDER --views 5 --seed 1 --device cuda --output features.safetensors
//! ```
//!
//! Without `--views`, each image is embedded as it is, one view. The centre square of each image is resized to
//! `model.img_size` by PIL's bicubic filter. docs/pytorch.md says what the files hold.

mod shared;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use seqjepa::train::device::DeviceRequest;
use seqjepa::train::embed::{EmbeddedViews, Embedder, FeatureFormat, embed_folder};
use seqjepa::train::progress::ProgressBars;
use shared::ModelArguments;

/// Embeds a folder of PNG and JPEG images with a trained model.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The folder; where it has one sub-folder a class, labels are written too.
    #[arg(long)]
    images: PathBuf,
    /// Where the features go: NAME.safetensors, or NAME.npy for NAME.z_t.npy and NAME.z_agg.npy; NAME.json beside them.
    #[arg(long)]
    output: PathBuf,
    /// Embeds so many augmented views of each image, and aggregates them; default: the image as it is.
    #[arg(long, value_name = "COUNT")]
    views: Option<usize>,
    /// Seed of the augmented views.
    #[arg(long, default_value_t = 0, requires = "views")]
    seed: u64,
    /// Images at a time.
    #[arg(long, default_value_t = 256)]
    batch_size: usize,
    /// auto, cpu, cuda[:n], vulkan[:n], metal[:n] or rocm[:n].
    #[arg(long, default_value = "auto")]
    device: String,
    /// Logs what happens.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    shared::run(|| embed(arguments))
}

#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
fn embed(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { model, images, output, views, seed, batch_size, device, .. } = arguments;
    // Before the model is loaded, which takes longer.
    FeatureFormat::of(&output)?;
    let device = DeviceRequest::parse(&device)?.open()?;
    let pretrained = model.source().load(&device)?;
    if !pretrained.native {
        let left_over: Vec<_> = pretrained.beside.iter().map(|(name, _)| name.as_str()).collect();
        println!("imported; left over in the file: {left_over:?}");
    }
    let views = views.map_or(EmbeddedViews::Identity, |count| EmbeddedViews::Augmented { count, seed });
    let embedder = Embedder::new(&pretrained, views, &device)?;
    let normalization = embedder.normalization();
    let side = embedder.image_size();
    println!(
        "{side}x{side} pixels, normalised by mean {:?} and standard deviation {:?}",
        normalization.mean, normalization.std
    );
    let embedded = embed_folder(&embedder, &images, batch_size, &output, &mut ProgressBars::new())?;
    for array in &embedded.arrays {
        println!("{} {:?} in {}", array.name, array.shape, output.with_file_name(&array.file).display());
    }
    println!("file names, labels and settings in {}", output.with_extension("json").display());
    Ok(ExitCode::SUCCESS)
}
