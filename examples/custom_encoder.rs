//! seq-JEPA on an encoder of one's own: two traits, and it has all that seq-JEPA has. Here it trains some steps in a loop of its own; with
//! `Registry::standard().with_method::<SeqJepaWithConfig<PatchesConfig>>()` a YAML file can name it, as `method: seqjepa_patches`.
//!
//! ```text
//! cargo run --release --example custom_encoder
//! ```

use std::sync::Arc;

use anyhow::Result;
use seqjepa::burn;
use seqjepa::burn::module::Module;
use seqjepa::burn::tensor::{Device, Tensor, activation::relu};
use seqjepa::data::dataset::DatasetSource;
use seqjepa::model::{DropoutKey, Encoder, EncoderBlueprint, Mode, ModelError, SeqJepaWithConfig};
use seqjepa::nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa::nn::{InitRng, Linear, host};
use seqjepa::prelude::*;
use seqjepa::train::sequence_input;
use serde::{Deserialize, Serialize};

/// Mean of what a layer makes of each patch of 4x4 pixels.
#[derive(Module, Debug)]
struct Patches {
    first: Linear,
    second: Linear,
    #[module(skip)]
    width: usize,
}

impl Encoder for Patches {
    fn encode(&self, images: Tensor<4>, _mode: Mode) -> Tensor<2> {
        let [batch, channels, height, width] = images.dims();
        let patches =
            images.reshape([batch, channels, height / 4, 4, width / 4, 4]).permute([0, 2, 4, 1, 3, 5]);
        let patches = patches.reshape([batch * (height / 4) * (width / 4), channels * 16]);
        let features =
            relu(self.first.forward(patches)).reshape([batch, height / 4 * (width / 4), self.width]);
        self.second.forward(features.mean_dim(1).reshape([batch, self.width]))
    }

    fn width(&self) -> usize {
        self.width
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PatchesConfig {
    width: usize,
}

impl Default for PatchesConfig {
    fn default() -> Self {
        Self { width: 64 }
    }
}

impl EncoderBlueprint for PatchesConfig {
    type Encoder = Patches;

    const METHOD: &'static str = "seqjepa_patches";

    fn width(&self) -> usize {
        self.width
    }

    fn parameter_count(&self) -> u64 {
        let width = self.width as u64;
        48 * width + width + width * width + width
    }

    fn init(&self, rng: &mut InitRng, device: &Device) -> Result<Patches, ModelError> {
        let width = self.width;
        let (first, second) = (Linear::new(48, width, rng, device), Linear::new(width, width, rng, device));
        Ok(Patches { first, second, width })
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let source = DatasetSource::from_name("synthetic", "data", 32)?;
    let images = Arc::new(source.load(Split::Train)?.random_subset(512, 0)?);
    let sequences = AugmentedImages::new(images, SequenceConfig::new(32, 3, source.normalization())?)?;
    let loader = SequenceLoader::new(Arc::new(sequences), LoaderConfig::train(64, 42))?;

    let device = Device::flex().autodiff();
    let config = SeqJepaWithConfig::<PatchesConfig>::default();
    println!("{} parameters", config.parameter_count());
    let mut model = config.init(42, &device)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adamw())?;
    let batches = (0..3).flat_map(|epoch| loader.epoch(epoch, 0));
    for (step, batch) in (0..).zip(batches) {
        let input = sequence_input(batch?.into_inner(), &device)?;
        let output = model.training_forward(input, DropoutKey { seed: 42, step })?;
        println!("step {step}: loss {:.4}", host::read_scalar(output.loss.clone().inner()));
        let gradients = ParameterGradients::take(&mut output.loss.backward(), &model);
        model = optimizer.step(1e-3, model, gradients)?.after_step(step, 24);
    }
    Ok(())
}
