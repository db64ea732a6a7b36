//! A NaN in the middle of training: where it stops, what is kept, and steps that are left out, however seldom the device is
//! looked at.

mod common;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use common::{BATCH, builder, digest, figures, tiny};
use seqjepa_model::{
    DropoutKey, EncoderChoice, EncoderConfig, EvaluationOutput, Method, MethodConfig, ModelError,
    RepresentationLayout, SeqJepa, SeqJepaConfig, SequenceActions, SequenceInput, TrainingOutput, boxed,
};
use seqjepa_train::observer::{Event, Observers};
use seqjepa_train::{Advance, AllReduce, HistoryPosition, TrainError, Trainer};
use serde::{Deserialize, Serialize};

/// A method whose loss, or only its gradient, is NaN from step 1 to step `last`.
#[derive(Module, Debug)]
struct Poisoned {
    inner: SeqJepa,
    poison: Param<Tensor<1>>,
    #[module(skip)]
    config: PoisonedConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct PoisonedConfig {
    inner: SeqJepaConfig,
    loss_too: bool,
    /// Too large to be squared, in place of NaN.
    huge: bool,
    last: u64,
    parts: u64,
}

/// That of [`builder`].
const SEED: u64 = 7;

impl MethodConfig for PoisonedConfig {
    type Method = Poisoned;
    const NAME: &'static str = "poisoned";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        Self { inner: self.inner.with_input(encoder, action_dim), ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.inner.validate()
    }

    fn parameter_count(&self) -> u64 {
        self.inner.parameter_count() + 1
    }

    fn loss_is_mean(&self) -> bool {
        true
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Poisoned, ModelError> {
        let inner = self.inner.init(seed, device)?;
        let poison = Param::from_tensor(Tensor::ones([1], device));
        Ok(Poisoned { inner, poison, config: self.clone() })
    }
}

impl Method for Poisoned {
    type Config = PoisonedConfig;

    fn config(&self) -> &PoisonedConfig {
        &self.config
    }

    fn representations(&self) -> RepresentationLayout {
        self.inner.representations()
    }

    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let mut output = self.inner.training_forward(input, key)?;
        // Of a divided batch the last part alone.
        let part = DropoutKey { step: key.step, seed: SEED }.micro_batch(self.config.parts - 1);
        if (1..=self.config.last).contains(&key.step) && key == part {
            // The square root of 0 is 0; its slope there is infinite, and 0 times that is NaN.
            let zero = self.poison.val().mul_scalar(0.0);
            let poison = match self.config {
                PoisonedConfig { huge: true, .. } => (self.poison.val() - 1.0) * 1e30,
                PoisonedConfig { loss_too: true, .. } => zero.log() * 0.0,
                _ => zero.sqrt(),
            };
            output.loss = output.loss + poison;
        }
        Ok(output)
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

fn trainer(loss_too: bool, last: u64, log_every: usize, skip: u64) -> Trainer {
    trainer_in_parts([1, 1], loss_too, last, log_every, skip)
}

fn trainer_in_parts(
    [parts, devices]: [usize; 2],
    loss_too: bool,
    last: u64,
    log_every: usize,
    skip: u64,
) -> Trainer {
    let config = PoisonedConfig { inner: tiny(), loss_too, huge: false, last, parts: parts as u64 };
    trainer_of(&config, [parts, devices], log_every, skip)
}

fn trainer_of(config: &PoisonedConfig, [parts, devices]: [usize; 2], log_every: usize, skip: u64) -> Trainer {
    let device = Device::flex();
    let method = boxed(config.init(7, &device.clone().autodiff()).unwrap());
    let builder = builder(method, &device).epochs(1).micro_batch(BATCH.div_ceil(parts));
    let builder = builder.further_devices(vec![device; devices - 1], AllReduce::Host);
    builder.log_every(log_every).skipping_nonfinite_steps(skip).build().unwrap()
}

/// Advances until something is wrong.
fn fail(trainer: &mut Trainer) -> TrainError {
    loop {
        if let Err(error) = trainer.advance(&mut Observers::new()) {
            return error;
        }
    }
}

#[test]
fn a_step_that_is_not_finite_changes_nothing_and_says_where_it_was() {
    for (loss_too, words) in [(true, "the loss is NaN"), (false, "the gradient of `poison` is not finite")] {
        let mut one_step = trainer(loss_too, 1, 1, 0);
        one_step.advance(&mut Observers::new()).unwrap();
        let before = digest(&mut one_step);
        for log_every in [1, 2, 100] {
            let mut trainer = trainer(loss_too, 1, log_every, 0);
            let error = fail(&mut trainer);
            let message = error.to_string();
            for words in [words, "at step 1", "epoch 1, batch 1", "learning rate 0.001", "images ["] {
                assert!(message.contains(words), "{words}: {message}");
            }
            assert!(matches!(error, TrainError::NonFinite(found) if found.indices.len() == BATCH));
            let after = trainer.checkpoint(HistoryPosition::default(), &mut Observers::new()).unwrap();
            assert_eq!(after.digest(), before, "a look every {log_every} steps");
            assert_eq!((after.progress.step, after.progress.under_way.train_batches), (1, 1));
            assert_eq!(after.progress.under_way.loss_sum, one_step.under_way().loss_sum);
        }
    }
}

/// Each value is finite, the loss too, and yet nothing can be learnt from them.
#[test]
fn a_gradient_that_is_too_large_to_be_squared_is_none() {
    let config = PoisonedConfig { inner: tiny(), loss_too: false, huge: true, last: 1, parts: 1 };
    for log_every in [1, 100] {
        let message = fail(&mut trainer_of(&config, [1, 1], log_every, 0)).to_string();
        assert!(message.contains("the norm of the gradient is inf at step 1"), "{message}");
    }
}

#[test]
fn steps_beyond_the_limit_are_not_left_out() {
    for log_every in [1, 100] {
        let mut trainer = trainer(true, 2, log_every, 1);
        assert!(matches!(fail(&mut trainer), TrainError::NonFinite(found) if found.step == 2));
    }
}

#[test]
fn such_steps_are_left_out_up_to_a_limit() {
    let mut rows = Vec::new();
    for log_every in [1, 2, 100] {
        let mut trainer = trainer(false, 1, log_every, 1);
        let (mut skipped, mut logged) = (Vec::new(), Vec::new());
        let mut observer = |event: &Event| {
            match event {
                Event::StepSkipped { step, indices, .. } => skipped.push((*step, indices.len())),
                Event::StepLogged { step, .. } => logged.push(*step),
                _ => {}
            }
            Ok(())
        };
        let row = loop {
            if let Advance::Epoch(row) = trainer.advance(&mut observer).unwrap() {
                break row;
            }
        };
        assert_eq!((skipped, logged), (vec![(1, BATCH)], vec![1, 3]));
        assert_eq!((row.get("skipped_steps"), row.get("step")), (Some(1.0), Some(3.0)));
        assert!(row.get("ep_loss").unwrap().is_finite());
        let bits: Vec<_> = figures(&row).into_iter().map(|(name, value)| (name, value.to_bits())).collect();
        rows.push((bits, digest(&mut trainer)));
    }
    assert!(
        rows.iter().all(|found| *found == rows[0]),
        "the bits do not depend on how often the device is looked at"
    );
}

/// What is not finite in one micro-batch alone, of whichever device, keeps the whole batch from being learnt from.
#[test]
fn a_micro_batch_that_is_not_finite_spoils_its_step() {
    for (loss_too, words) in [(true, "the loss is NaN"), (false, "the gradient of `poison` is not finite")] {
        for divided in [[2, 1], [3, 1], [2, 2], [3, 2], [3, 3]] {
            let trainer = |log_every, skip| trainer_in_parts(divided, loss_too, 1, log_every, skip);
            let mut one_step = trainer(1, 0);
            one_step.advance(&mut Observers::new()).unwrap();
            let before = digest(&mut one_step);
            let mut after = Vec::new();
            for log_every in [1, 100] {
                let mut stopped = trainer(log_every, 0);
                let error = fail(&mut stopped);
                assert!(error.to_string().contains(words), "{error}");
                assert!(matches!(error, TrainError::NonFinite(found) if found.indices.len() == BATCH));
                assert_eq!(digest(&mut stopped), before);

                let mut skipping = trainer(log_every, 1);
                let row = skipping.train_epoch(&mut Observers::new()).unwrap();
                assert_eq!((row.get("skipped_steps"), row.get("step")), (Some(1.0), Some(3.0)));
                after.push((digest(&mut skipping), row.get("ep_loss").map(f64::to_bits)));
            }
            assert_eq!(after[0], after[1], "the bits do not depend on how often the device is looked at");
        }
    }
}
