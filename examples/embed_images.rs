//! Images in memory to features: a trained model from its run folder, any image that a program has at hand, and the features of
//! its augmented views beside those of the image as it is.
//!
//! ```text
//! cargo run --release --example quickstart
//! cargo run --release --example embed_images -- runs/quickstart
//! ```

use std::path::PathBuf;

use anyhow::Result;
use seqjepa::data::ImageView;
use seqjepa::run::PretrainedSource;
use seqjepa::run::device::DeviceRequest;
use seqjepa::run::embed::{EmbeddedViews, Embedder};

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("runs/quickstart"), PathBuf::from);
    let device = DeviceRequest::parse("auto")?.open()?;
    let model = PretrainedSource::from(folder.as_path()).load(&device)?;

    // 8-bit RGB of any size, `[height, width, 3]`; here, a red and a blue one.
    let (height, width) = (48, 64);
    let one_colour = |colour: [u8; 3]| colour.repeat(height * width);
    let pixels = [one_colour([200, 30, 30]), one_colour([30, 30, 200])];
    let images: Vec<ImageView<'_>> =
        pixels.iter().map(|pixels| ImageView::new(pixels, height, width)).collect::<Result<_, _>>()?;

    for views in [EmbeddedViews::Identity, EmbeddedViews::Augmented { count: 5, seed: 42 }] {
        let embedder = Embedder::new(&model, views, &device)?;
        // The number of the first image keys its random views: the next batch would begin at 2.
        let features = embedder.embed(&images, 0)?;
        let width = features.invariant.len() / features.images;
        let (red, blue) = features.invariant.split_at(width);
        println!("{} view(s): the two images are {:.4} alike", features.views, cosine(red, blue));
    }
    Ok(())
}

/// Cosine of the angle between two vectors.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
