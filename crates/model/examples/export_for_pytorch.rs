//! Trains a small model for two steps, exports it for PyTorch, and writes a batch with its outputs beside it.
//!
//! `scripts/goldens/check_export.py` loads both and proves that PyTorch agrees:
//!
//! ```text
//! cargo run -p seqjepa-model --example export_for_pytorch -- FOLDER
//! python scripts/goldens/check_export.py FOLDER
//! ```

use burn::tensor::{Device, Tensor};
use seqjepa_model::{
    ActionConditioning, DropoutKey, Method, PredictorConfig, ResNetConfig, SeqJepaConfig, SequenceInput,
    export_tensors,
};
use seqjepa_nn::InitRng;
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};
use std::error::Error;
use std::path::PathBuf;

const BATCH: usize = 8;
const VIEWS: usize = 3;

fn random_batch(seed: u64, device: &Device) -> SequenceInput {
    let rng = &mut InitRng::new(seed);
    SequenceInput {
        observed: rng.uniform([BATCH, VIEWS, 3, 32, 32], 2.0, device),
        target: rng.uniform([BATCH, 3, 32, 32], 2.0, device),
        actions: rng.uniform([BATCH, VIEWS + 1, 9], 1.0, device),
        relative: rng.uniform([BATCH, VIEWS, 9], 1.0, device),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: export_for_pytorch FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let device = Device::flex().autodiff();
    let config = SeqJepaConfig {
        encoder: ResNetConfig { width: 16, ..ResNetConfig::default() }.into(),
        action_conditioning: ActionConditioning::Learned { width: 32 },
        predictor: PredictorConfig::Mlp { hidden: 64 },
        ..SeqJepaConfig::default()
    };
    let mut model = config.init(1, &device)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
    for step in 0..2 {
        let output = model.training_forward(random_batch(step, &device), DropoutKey { seed: 1, step })?;
        let gradients = ParameterGradients::take(&mut output.loss.backward(), &model);
        model = optimizer.step(1e-3, model, gradients)?.after_step(step, 2);
    }
    model.export(&folder.join("model.safetensors"))?;

    let input = random_batch(2, &device);
    let output = model.evaluation_forward(input.clone())?;
    let matrix = |name: &str, tensor: Tensor<2>| (name.to_owned(), tensor.into_data());
    let tensors = vec![
        ("observed".to_owned(), input.observed.into_data()),
        ("target".to_owned(), input.target.into_data()),
        ("actions".to_owned(), input.actions.into_data()),
        ("relative".to_owned(), input.relative.into_data()),
        ("output.loss".to_owned(), output.loss.into_data()),
        matrix("output.prediction", output.prediction),
        matrix("output.target", output.target),
        matrix("output.aggregate", output.representations.aggregate),
        matrix("output.first", output.representations.first),
        matrix("output.second", output.representations.second),
    ];
    export_tensors(&tensors, &folder.join("batch.safetensors"))?;
    Ok(())
}
