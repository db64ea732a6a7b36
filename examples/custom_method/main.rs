//! A method of one's own with everything that seq-JEPA has: a section in the YAML file, a run folder, resume, the frozen evaluation
//! with its result card, embedding. `method.rs` beside this file is the method; here it is one line in the registry.
//!
//! ```text
//! cargo run --release --example custom_method
//! ```

mod method;

use anyhow::Result;
use method::MeanPredictionConfig;
use seqjepa::burn::tensor::Device;
use seqjepa::data::ImageView;
use seqjepa::prelude::*;
use seqjepa::run::embed::{EmbeddedViews, Embedder};
use seqjepa::run::{PretrainedSource, ResumeOptions};

/// What a user writes: `method` names it, and the section of that name holds its own settings.
const CONFIG: &str = "
method: mean_prediction
mean_prediction: {hidden: 64}
run: {name: mean-prediction, epochs: 2}
dataset: {name: synthetic, batch_size: 32, synthetic_train: 512, synthetic_val: 128}
model: {width: 8, cifar_resnet: false}
optim: {probe_hidden: 64}
eval: {seq_len: 3, max_seq_len: 3, candidates: 4, other_candidates: 64}
";

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let registry = Registry::standard().with_method::<MeanPredictionConfig>();
    let config = Config::parse_with::<&str>(&registry, CONFIG, "this example", &[])?;
    let mut run = Run::start_with(&registry, config, &mut Observers::new())?;
    run.train(&mut ProgressBars::new())?;
    let root = run.folder().root().to_owned();
    // Gives the folder back.
    drop(run);

    // One epoch more, as after a night's interruption: to the bit what a run of three would be.
    let longer = ResumeOptions { overrides: vec!["run.epochs=3".into()], ..ResumeOptions::default() };
    let mut run = Run::resume_with(&registry, &root, &longer, &mut ProgressBars::new())?;
    run.train(&mut ProgressBars::new())?;
    let card = run.evaluate(&mut ProgressBars::new())?;
    println!("{}", results_table(run.rows().last(), &card));

    // What the trained method makes of an image of one's own.
    let source = PretrainedSource { checkpoint: root, registry, ..PretrainedSource::default() };
    let embedder = Embedder::new(&source.load(&Device::flex())?, EmbeddedViews::Identity, &Device::flex())?;
    let pixels = vec![128; 48 * 64 * 3];
    let embedded = embedder.embed(&[ImageView::new(&pixels, 48, 64)?], 0)?;
    println!("{} features of a grey image, first {:.4}", embedded.invariant.len(), embedded.invariant[0]);
    Ok(())
}
