//! Trains models for two steps, exports them for PyTorch, and writes a batch with its outputs beside each.
//!
//! `scripts/goldens/check_export.py` loads all and proves that PyTorch agrees:
//!
//! ```text
//! cargo run --release -p seqjepa-model --example export_for_pytorch -- FOLDER
//! python scripts/goldens/check_export.py FOLDER
//! ```

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_model::{
    ActionConditioning, DropoutKey, Method, Mode, ModelError, PredictorConfig, ResNetConfig, ResNetStem,
    SeqJepaConfig, SequenceActions, SequenceInput, VitConfig, export_tensors,
};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use seqjepa_nn::{InitRng, host};
use std::error::Error;
use std::path::{Path, PathBuf};

const VIEWS: usize = 3;

/// A small model, and the paper's in full size with either stem and with the vision transformer.
fn models() -> [(&'static str, usize, SeqJepaConfig); 4] {
    let paper = SeqJepaConfig::default;
    let small = SeqJepaConfig {
        encoder: ResNetConfig { width: 16, ..ResNetConfig::default() }.into(),
        action_conditioning: ActionConditioning::Learned { width: 32 },
        predictor: PredictorConfig::Mlp { hidden: 64 },
        ..paper()
    };
    let imagenet = ResNetConfig { stem: ResNetStem::ImageNet, ..ResNetConfig::default() };
    [
        ("small", 8, small),
        ("cifar", 4, paper()),
        ("imagenet", 4, SeqJepaConfig { encoder: imagenet.into(), ..paper() }),
        ("vit", 2, SeqJepaConfig { encoder: VitConfig::default().into(), ..paper() }),
    ]
}

fn random_batch(batch: usize, size: usize, seed: u64, device: &Device) -> Result<SequenceInput, ModelError> {
    let rng = &mut InitRng::new(seed);
    Ok(SequenceInput {
        observed: rng.uniform([batch, VIEWS, 3, size, size], 2.0, device),
        target: Some(rng.uniform([batch, 3, size, size], 2.0, device)),
        actions: SequenceActions::new(
            rng.uniform([batch, VIEWS + 1, 9], 1.0, device),
            rng.uniform([batch, VIEWS, 9], 1.0, device),
        )?,
    })
}

fn write(folder: &Path, batch: usize, config: &SeqJepaConfig) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let device = Device::flex().autodiff();
    let size = 32;
    let mut model = config.init(1, &device)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
    for step in 0..2 {
        let input = random_batch(batch, size, step, &device)?;
        let output = model.training_forward(input, DropoutKey { seed: 1, step })?;
        let gradients = ParameterGradients::take(&mut output.loss.backward(), &model);
        model = optimizer.step(1e-3, model, gradients)?.after_step(step, 2);
    }
    model.export(&folder.join("model.safetensors"))?;

    let input = random_batch(batch, size, 2, &device)?;
    let output = model.evaluation_forward(input.clone())?;
    let (actions, representations) = (input.actions, output.representations);
    let prediction =
        model.predict(representations.invariant.clone(), &actions)?.ok_or("seq-JEPA predicts")?;
    let target = input.target.ok_or("the batch has target views")?;
    fn named<const D: usize>(name: &str, tensor: Tensor<D>) -> (String, TensorData) {
        (name.to_owned(), host::read_data(tensor))
    }
    let tensors = vec![
        named("observed", input.observed),
        named("target", target.clone()),
        named("actions", actions.absolute()),
        named("relative", actions.relative()),
        named("output.loss", output.loss),
        named("output.prediction", prediction),
        named("output.target", model.valid().encode_target(target, Mode::Eval)),
        named("output.aggregate", representations.invariant),
        named("output.first", representations.first),
        named("output.second", representations.second),
    ];
    export_tensors(&tensors, &folder.join("batch.safetensors"))?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: export_for_pytorch FOLDER")?);
    for (name, batch, config) in models() {
        write(&folder.join(name), batch, &config)?;
    }
    Ok(())
}
