//! The pieces without the trainer: one's own images, the loader, the model, the optimizer, in a loop of one's own.
//!
//! ```text
//! cargo run --release --example custom_loop
//! ```

use std::sync::Arc;

use anyhow::Result;
use burn::module::Module;
use seqjepa::model::{PredictorConfig, ResNetConfig};
use seqjepa::nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa::nn::{DropoutKey, host};
use seqjepa::prelude::*;
use seqjepa::run::device::DeviceRequest;
use seqjepa::train::sequence_input;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    // Any 8-bit RGB images, `[count, height, width, 3]`; here, vertical and horizontal stripes.
    let stripe = |image: usize, y: usize, x: usize| if image.is_multiple_of(2) { x } else { y } / 4 % 2 == 1;
    let light = |at: usize| stripe(at / 3072, at / 96 % 32, at / 3 % 32);
    let pixels = (0..64 * 32 * 32 * 3).map(|at| if light(at) { 200 } else { 0 }).collect();
    let labels = (0..64).map(|image| image % 2).collect();
    let images = ImageSet::new(pixels, 32, 32, labels, vec!["vertical".into(), "horizontal".into()])?;

    let sequences = SequenceConfig::new(32, 3, Normalization::IMAGENET)?;
    let sequences = AugmentedImages::new(Arc::new(images), sequences)?;
    let loader = SequenceLoader::new(Arc::new(sequences), LoaderConfig::train(16, 42))?;

    let device = DeviceRequest::parse("auto")?.open()?.autodiff();
    let config = SeqJepaConfig {
        encoder: ResNetConfig { width: 8, ..ResNetConfig::default() }.into(),
        predictor: PredictorConfig::Mlp { hidden: 128 },
        layers: 1,
        ..SeqJepaConfig::default()
    };
    let mut model = config.init(42, &device)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adamw())?;

    let epochs = 3;
    let total = (epochs * loader.batches_per_epoch()) as u64;
    let mut step = 0;
    for epoch in 0..epochs {
        for batch in loader.epoch(epoch as u64, 0) {
            let input = sequence_input(batch?.into_inner(), &device)?;
            let output = model.training_forward(input, DropoutKey { seed: 42, step })?;
            // Waits for the device; a trainer would do so once in a while only.
            println!("step {step}: loss {:.4}", host::read_scalar(output.loss.clone().inner()));
            let gradients = ParameterGradients::take(&mut output.loss.backward(), &model);
            model = optimizer.step(1e-3, model, gradients)?.after_step(step, total);
            step += 1;
        }
    }
    let parameters = model.num_params();
    println!("trained {parameters} values; `seqjepa::nn::state_dict(&model)` names them");
    Ok(())
}
