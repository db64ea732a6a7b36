//! Batches that pass the model in parts: the gradients of the whole, the same bits every time, and what cannot be divided.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{BATCH, BATCHES, builder, loaders_of, probes, tiny};
use seqjepa_model::{
    AnyEncoder, DropoutKey, EncoderChoice, EncoderConfig, EvaluationOutput, LossTerm, Method, MethodConfig,
    Mode, ModelError, Regularizer, RepresentationLayout, Representations, SeqJepa, SeqJepaConfig,
    SequenceActions, SequenceInput, TrainingOutput, boxed, cosine_distance,
};
use seqjepa_nn::DropoutMasks;
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig};
use seqjepa_train::observer::Observers;
use seqjepa_train::{
    Advance, HistoryPosition, LearningRateSchedule, MetricsRow, TrainError, Trainer, TrainerBuilder,
};
use serde::{Deserialize, Serialize};

/// seq-JEPA whose batch norm evaluates in training too, so that no sample sees another.
#[derive(Module, Debug)]
struct Frozen {
    inner: SeqJepa,
    #[module(skip)]
    config: FrozenConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct FrozenConfig(SeqJepaConfig);

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

fn digest(trainer: &mut Trainer) -> String {
    trainer.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap().digest()
}

/// What an epoch has left, and its figures but for the times.
fn epoch(builder: TrainerBuilder) -> (Trainer, Vec<(String, f64)>) {
    let mut trainer = builder.build().unwrap();
    let row = trainer.train_epoch(&mut Observers::new()).unwrap();
    (trainer, figures(&row))
}

fn figures(row: &MetricsRow) -> Vec<(String, f64)> {
    row.iter()
        .filter(|(name, _)| !name.ends_with("time") && !name.ends_with("share"))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// An epoch of the frozen model in batches of `batch`. By gradient descent alone: Adam divides by the gradient's own size, so that what is
/// rounding in a gradient of next to nothing becomes a whole step.
fn frozen_epoch(batch: usize, micro_batch: Option<usize>) -> (Trainer, Vec<(String, f64)>) {
    let device = Device::flex();
    let config = FrozenConfig(SeqJepaConfig { dropout: 0.0, ..tiny() });
    let method = boxed(config.init(7, &device.clone().autodiff()).unwrap());
    let probes = probes(&*method, &device);
    let mut builder = TrainerBuilder::new(method, loaders_of(batch), &device)
        .probes(probes)
        .optimizer(Optimizer::new(OptimizerConfig::sgd(0.9)).unwrap())
        .learning_rate(LearningRateSchedule::constant(0.1))
        .seed(7)
        .epochs(1);
    if let Some(sequences) = micro_batch {
        builder = builder.micro_batch(sequences);
    }
    epoch(builder)
}

/// With batch norm in evaluation mode, what an epoch makes of parameters, moving averages, losses and probes is the same for every division
/// of every batch, even or not, but for the order of the sums.
///
/// Sums of some thousand terms in f32 are off by some 1e-6 of their value; three steps with momentum 0.9 at a rate of 0.1 make of
/// that at most a few times as much. 2e-5 of the largest change of the tensor, and of the figure, leave room for that.
#[test]
fn without_batch_statistics_every_division_gives_the_same() {
    const TOLERANCE: f64 = 2e-5;
    for batch in [5, 7, 8] {
        let device = Device::flex().autodiff();
        let initial = FrozenConfig(SeqJepaConfig { dropout: 0.0, ..tiny() }).init(7, &device).unwrap();
        let initial = boxed(initial).state_dict();
        let (whole, expected) = frozen_epoch(batch, None);
        let states = whole.method().state_dict();
        for most in 2..batch {
            if most == 2 && batch % 2 == 1 {
                continue;
            }
            let (divided, found) = frozen_epoch(batch, Some(most));
            for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                let off = (found - expected).abs();
                assert!(
                    off <= TOLERANCE * expected.abs().max(1.0),
                    "{name}: {found} for {expected} with {batch} by {most}"
                );
            }
            let found = divided.method().state_dict();
            for (((name, found), (_, expected)), (_, before)) in found.iter().zip(&states).zip(&initial) {
                let [found, expected, before] = [found, expected, before]
                    .map(|tensor| tensor.clone().convert::<f32>().try_into_vec::<f32>().unwrap());
                let off = |left: &[f32], right: &[f32]| {
                    let pairs = left.iter().zip(right);
                    pairs.map(|(left, right)| f64::from((left - right).abs())).fold(0.0, f64::max)
                };
                let (change, off) = (off(&expected, &before), off(&found, &expected));
                assert!(
                    off <= TOLERANCE * change + 1e-7,
                    "{name}: off by {off} of a change of {change} with {batch} by {most}"
                );
            }
        }
    }
}

fn tiny_builder(micro_batch: Option<usize>) -> TrainerBuilder {
    let device = Device::flex();
    let method = boxed(tiny().init(7, &device.clone().autodiff()).unwrap());
    let builder = builder(method, &device).epochs(1);
    match micro_batch {
        Some(sequences) => builder.micro_batch(sequences),
        None => builder,
    }
}

#[test]
fn a_micro_batch_of_the_batch_or_more_changes_no_bit_and_a_smaller_one_always_the_same() {
    let run = |micro_batch| {
        let (mut trainer, figures) = epoch(tiny_builder(micro_batch));
        let bits: Vec<_> = figures.into_iter().map(|(name, value)| (name, value.to_bits())).collect();
        (digest(&mut trainer), bits)
    };
    let whole = run(None);
    for most in [BATCH, BATCH + 1, 100] {
        assert_eq!(run(Some(most)), whole, "{most}");
    }
    let divided = run(Some(3));
    assert_ne!(divided.0, whole.0, "batch norm and dropout see the micro-batch");
    assert_eq!(run(Some(3)), divided);
    // Two parts either way.
    assert_eq!(run(Some(4)), run(Some(5)));
}

#[test]
fn statistics_run_once_a_micro_batch_and_everything_else_once_a_batch() {
    let (trainer, figures) = epoch(tiny_builder(Some(3)));
    let method = trainer.method().as_any().downcast_ref::<SeqJepa>().unwrap();
    let AnyEncoder::ResNet(encoder) = &method.encoder else { panic!("a residual network") };
    let AnyEncoder::ResNet(target) = method.target_encoder.as_ref().unwrap() else {
        panic!("a residual network")
    };
    let parts = 3 * BATCHES as u64;
    assert_eq!([encoder, target].map(|network| network.bn1.num_batches_tracked.get()), [parts; 2]);
    assert_eq!(trainer.steps_done(), BATCHES as u64);
    assert!(figures.contains(&("step".to_owned(), BATCHES as f64)));
}

#[test]
fn a_run_that_goes_on_within_an_epoch_has_the_same_bits() {
    for log_every in [1, 100] {
        let trainer = || tiny_builder(Some(3)).log_every(log_every).build().unwrap();
        let mut whole = trainer();
        whole.train_epoch(&mut Observers::new()).unwrap();

        let mut stopped = trainer();
        for _ in 0..2 {
            assert!(matches!(stopped.advance(&mut Observers::new()).unwrap(), Advance::TrainingBatch));
        }
        let checkpoint = stopped.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap();
        let mut resumed = trainer();
        resumed.restore(checkpoint).unwrap();
        resumed.train_epoch(&mut Observers::new()).unwrap();
        assert_eq!(digest(&mut resumed), digest(&mut whole), "a look every {log_every} steps");
    }
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let device = Device::flex();
    let refusal = |config: SeqJepaConfig, batch, most| {
        let method = boxed(config.init(7, &device.clone().autodiff()).unwrap());
        let builder = TrainerBuilder::new(method, loaders_of(batch), &device).micro_batch(most);
        match builder.build() {
            Err(error @ TrainError::Mismatch { .. }) => Some(error.to_string()),
            result => {
                result.unwrap();
                None
            }
        }
    };
    for regularizer in [
        Regularizer::CodingRate { weight: 0.1, alpha: 1.0 },
        Regularizer::SigReg { weight: 0.1, directions: 4 },
    ] {
        let config = SeqJepaConfig { regularizer: Some(regularizer), ..tiny() };
        let message = refusal(config.clone(), BATCH, 4).unwrap();
        assert!(message.contains("whose loss is no mean over the samples of a batch"), "{message}");
        assert_eq!(refusal(config, BATCH, BATCH), None);
    }
    for (batch, most) in [(8, 0), (8, 1), (7, 2), (5, 2)] {
        let message = refusal(tiny(), batch, most).unwrap();
        assert!(message.contains("batch norm needs a variance"), "{batch} by {most}: {message}");
    }
    for (batch, most) in [(8, 2), (7, 3), (5, 3), (5, 4)] {
        assert_eq!(refusal(tiny(), batch, most), None, "{batch} by {most}");
    }
}
