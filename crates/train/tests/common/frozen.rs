//! A method without batch statistics.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use seqjepa_model::{
    DropoutKey, EncoderChoice, EncoderConfig, EvaluationOutput, LossTerm, Method, MethodConfig, Mode,
    ModelError, RepresentationLayout, Representations, SeqJepa, SeqJepaConfig, SequenceActions,
    SequenceInput, TrainingOutput, boxed, cosine_distance,
};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig};
use seqjepa_nn::{DropoutMasks, StateDict};
use seqjepa_train::{LearningRateSchedule, Trainer, TrainerBuilder};
use serde::{Deserialize, Serialize};

use super::{epoch, loaders_of, probes, tiny};

/// seq-JEPA whose batch norm evaluates in training too, so that no sample sees another.
#[derive(Module, Debug)]
pub(crate) struct Frozen {
    inner: SeqJepa,
    #[module(skip)]
    config: FrozenConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrozenConfig(pub(crate) SeqJepaConfig);

impl MethodConfig for FrozenConfig {
    type Method = Frozen;
    const NAME: &'static str = "frozen";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self(self.0.with_input(encoder, action_dim))
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.0.validate()
    }

    fn parameter_count(&self) -> u64 {
        self.0.parameter_count()
    }

    fn loss_is_mean(&self) -> bool {
        true
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Frozen, ModelError> {
        Ok(Frozen { inner: self.0.init(seed, device)?, config: self.clone() })
    }
}

impl Method for Frozen {
    type Config = FrozenConfig;

    fn config(&self) -> &FrozenConfig {
        &self.config
    }

    fn representations(&self) -> RepresentationLayout {
        self.inner.representations()
    }

    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let SequenceInput { observed, target, actions } = input;
        let mode = Mode::Eval;
        let encoded = self.inner.encode_views(observed, mode)?;
        let target = self.inner.encode_target(target.expect("the target views are rendered"), mode);
        let masks = &mut DropoutMasks::new(key);
        let aggregate = self.inner.aggregate(encoded.clone(), &actions, mode, Some(masks))?;
        let prediction = self.inner.predict_target(aggregate.clone(), &actions, mode)?;
        let loss = cosine_distance(prediction, target);
        let view = |index| encoded.clone().narrow(1, index, 1).squeeze_dim::<2>(1).without_autodiff();
        Ok(TrainingOutput {
            terms: vec![LossTerm { name: "prediction", value: loss.clone().without_autodiff() }],
            loss,
            representations: Representations {
                invariant: aggregate.without_autodiff(),
                first: view(0),
                second: view(1),
            },
        })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        self.inner.evaluation_forward(input)
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        Method::encode(&self.inner, images, encoder)
    }

    fn invariant(
        &self,
        representations: Tensor<3>,
        actions: &SequenceActions,
    ) -> Result<Tensor<2>, ModelError> {
        self.inner.invariant(representations, actions)
    }

    fn after_step(self, step: u64, total_steps: u64) -> Self {
        Self { inner: self.inner.after_step(step, total_steps), ..self }
    }
}

fn initial() -> Frozen {
    let device = Device::flex().autodiff();
    FrozenConfig(SeqJepaConfig { dropout: 0.0, ..tiny() }).init(7, &device).unwrap()
}

/// An epoch in batches of `batch`. By gradient descent alone: Adam divides by the gradient's own size, so that what is rounding in a
/// gradient of next to nothing becomes a whole step.
fn frozen_epoch(
    batch: usize,
    divide: impl FnOnce(TrainerBuilder) -> TrainerBuilder,
) -> (Trainer, Vec<(String, f64)>) {
    let device = Device::flex();
    let method = boxed(initial());
    let probes = probes(&*method, &device);
    let builder = TrainerBuilder::new(method, loaders_of(batch), &device)
        .probes(probes)
        .optimizer(Optimizer::new(OptimizerConfig::sgd(0.9)).unwrap())
        .learning_rate(LearningRateSchedule::constant(0.1))
        .seed(7)
        .epochs(1);
    epoch(divide(builder))
}

/// What an epoch of whole batches gives.
pub(crate) struct Whole {
    batch: usize,
    initial: StateDict,
    states: StateDict,
    figures: Vec<(String, f64)>,
}

impl Whole {
    /// In batches of `batch`.
    pub(crate) fn of(batch: usize) -> Self {
        let (trainer, figures) = frozen_epoch(batch, |builder| builder);
        Self { batch, initial: boxed(initial()).state_dict(), states: trainer.method().state_dict(), figures }
    }

    /// Expects the same of batches that are divided, but for the order of the sums.
    ///
    /// Sums of some thousand terms in f32 are off by some 1e-6 of their value; three steps with momentum 0.9 at a rate of 0.1 make of
    /// that at most a few times as much. 2e-5 of the largest change of the tensor, and of the figure, leave room for that.
    pub(crate) fn expect_of(&self, what: &str, divide: impl FnOnce(TrainerBuilder) -> TrainerBuilder) {
        const TOLERANCE: f64 = 2e-5;
        let (divided, found) = frozen_epoch(self.batch, divide);
        for ((name, found), (_, expected)) in found.iter().zip(&self.figures) {
            let off = (found - expected).abs();
            assert!(off <= TOLERANCE * expected.abs().max(1.0), "{name}: {found} for {expected} with {what}");
        }
        let found = divided.method().state_dict();
        for (((name, found), (_, expected)), (_, before)) in found.iter().zip(&self.states).zip(&self.initial)
        {
            let [found, expected, before] = [found, expected, before]
                .map(|tensor| tensor.clone().convert::<f32>().try_into_vec::<f32>().unwrap());
            let off = |left: &[f32], right: &[f32]| {
                let pairs = left.iter().zip(right);
                pairs.map(|(left, right)| f64::from((left - right).abs())).fold(0.0, f64::max)
            };
            let (change, off) = (off(&expected, &before), off(&found, &expected));
            assert!(
                off <= TOLERANCE * change + 1e-7,
                "{name}: off by {off} of a change of {change} with {what}"
            );
        }
    }
}
