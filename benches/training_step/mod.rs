//! A training step of seq-JEPA on random data: forward, backward, optimizer and EMA. Shared by `train_step` and `scaling`.

use burn::tensor::{Device, Distribution, Tensor};
use seqjepa::model::{
    EncoderConfig, Method, ResNetConfig, SeqJepa, SeqJepaConfig, SequenceActions, SequenceInput,
};
use seqjepa::nn::DropoutKey;
use seqjepa::nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients};

/// Parameters of an action.
const ACTION: usize = 9;

/// What a step's cost depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Channels of the ResNet-18's first stage.
    pub(crate) width: usize,
    /// Sequences.
    pub(crate) batch: usize,
    /// Observed views of a sequence; there is a target too.
    pub(crate) views: usize,
    /// Height and width of a view in pixels.
    pub(crate) side: usize,
}

/// A model in training.
pub(crate) struct Training {
    device: Device,
    /// Only away during a step.
    model: Option<SeqJepa>,
    optimizer: Optimizer,
    input: SequenceInput,
    number: u64,
}

impl Training {
    /// The published model with an encoder of this width, its Adam, and a batch, on a device.
    pub(crate) fn new(size: Size, device: &Device) -> Self {
        let Size { width, batch, views, side } = size;
        let device = device.clone().autodiff();
        let config = SeqJepaConfig {
            encoder: EncoderConfig::Resnet(ResNetConfig { width, ..ResNetConfig::default() }),
            ..SeqJepaConfig::default()
        };
        let model = config.init(42, &device).expect("a valid config");
        let optimizer = Optimizer::new(OptimizerConfig::adam()).expect("valid constants");
        let random = Distribution::Normal(0.0, 1.0);
        let input = SequenceInput {
            observed: Tensor::random([batch, views, 3, side, side], random, &device),
            target: Some(Tensor::random([batch, 3, side, side], random, &device)),
            actions: SequenceActions::new(
                Tensor::random([batch, views + 1, ACTION], random, &device),
                Tensor::random([batch, views, ACTION], random, &device),
            )
            .expect("one absolute action more than relative ones"),
        };
        Self { device, model: Some(model), optimizer, input, number: 0 }
    }

    /// One step, on a thread of the pool as the example `train` makes it.
    pub(crate) fn step(&mut self) {
        rayon::scope(|_| {
            let model = self.model.take().expect("the model is only away during a step");
            let key = DropoutKey { seed: 42, step: self.number };
            let output = model.training_forward(self.input.clone(), key).expect("the shapes fit");
            let mut backward = output.loss.backward();
            let gradients = ParameterGradients::take(&mut backward, &model);
            let model = self.optimizer.step(1e-3, model, gradients).expect("the gradients fit");
            self.model = Some(model.after_step(self.number, u64::MAX));
        });
        #[expect(clippy::disallowed_methods, reason = "what the device still has to do belongs to the time")]
        self.device.sync().expect("the device computes");
        self.number += 1;
    }
}
