//! A NaN in the middle of a run: where it stops, what is kept, and steps that are left out.

mod common;

use std::fs;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use common::tiny;
use seqjepa_model::{EvaluationOutput, Method, ModelError, SeqJepa, SequenceInput, TrainingOutput};
use seqjepa_nn::DropoutKey;
use seqjepa_nn::optimizer::Optimizer;
use seqjepa_probes::online::StandardProbes;
use seqjepa_run::RunCheckpoint as Checkpoint;
use seqjepa_run::{Run, RunData, RunError};
use seqjepa_train::observer::{Event, Observers};
use seqjepa_train::{Advance, LearningRateSchedule, Loaders, MetricsRow, Trainer};

/// A method whose loss, or only its gradient, is NaN from step 1 to step `last`.
#[derive(Module, Debug)]
struct Poisoned {
    inner: SeqJepa,
    poison: Param<Tensor<1>>,
    loss_too: bool,
    last: usize,
}

impl Method for Poisoned {
    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let mut output = self.inner.training_forward(input, key)?;
        if (1..=self.last as u64).contains(&key.step) {
            // The square root of 0 is 0; its slope there is infinite, and 0 times that is NaN.
            let zero = self.poison.val().mul_scalar(0.0);
            let poison = if self.loss_too { zero.log() * 0.0 } else { zero.sqrt() };
            output.loss = output.loss + poison;
        }
        Ok(output)
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        self.inner.evaluation_forward(input)
    }

    fn after_step(self, step: u64, total_steps: u64) -> Self {
        Self { inner: self.inner.after_step(step, total_steps), ..self }
    }

    fn invariant_width(&self) -> usize {
        self.inner.invariant_width()
    }

    fn equivariant_width(&self) -> usize {
        self.inner.equivariant_width()
    }
}

fn trainer(loss_too: bool, last: usize) -> (Trainer<Poisoned>, seqjepa_train::Config) {
    let config = tiny("unused".as_ref(), &[]);
    let device = Device::flex().autodiff();
    let data = RunData::load(&config, &mut Observers::new()).unwrap();
    let inner = config.model_config().init(7, &device).unwrap();
    let probes = StandardProbes {
        invariant_width: inner.invariant_width(),
        equivariant_width: inner.equivariant_width(),
        classes: Some(data.train.class_count()),
        action_size: 9,
        groups: vec![],
        hidden: 8,
        lr: 1e-3,
        seed: 7,
    };
    let poison = Param::from_tensor(Tensor::ones([1], &device));
    let trainer = Trainer::new(
        Poisoned { inner, poison, loss_too, last },
        Optimizer::new(config.optimizer_config()).unwrap(),
        probes.init(&device).unwrap(),
        LearningRateSchedule::Constant { rate: 1e-3 },
        Loaders { train: data.train_loader(&config).unwrap(), test: data.test_loader(&config).unwrap() },
        device,
        7,
        1,
    );
    (trainer, config)
}

#[test]
fn a_step_that_is_not_finite_changes_nothing_and_says_where_it_was() {
    for (loss_too, words) in [(true, "the loss is NaN"), (false, "the gradient of `poison` is not finite")] {
        let (mut trainer, config) = trainer(loss_too, 1);
        trainer.advance(&mut Observers::new()).unwrap();
        let before = trainer.checkpoint(&config, &[]);
        let error = trainer.advance(&mut Observers::new()).unwrap_err();
        let message = error.to_string();
        for words in [words, "at step 1", "epoch 1, batch 1", "learning rate 0.001", "images ["] {
            assert!(message.contains(words), "{words}: {message}");
        }
        assert!(matches!(error, TrainError::NonFinite { indices, .. } if indices.len() == 8));
        let after = trainer.checkpoint(&config, &[]);
        assert_eq!(after.digest(), before.digest());
        assert_eq!((after.progress.step, after.progress.under_way), (1, before.progress.under_way));
    }
}

#[test]
fn steps_beyond_the_limit_are_not_left_out() {
    let (trainer, _) = trainer(true, 2);
    let mut trainer = trainer.skipping_nonfinite_steps(1);
    trainer.advance(&mut Observers::new()).unwrap();
    trainer.advance(&mut Observers::new()).unwrap();
    assert!(matches!(trainer.advance(&mut Observers::new()), Err(TrainError::NonFinite { step: 2, .. })));
}

#[test]
fn such_steps_are_left_out_up_to_a_limit() {
    let (trainer, config) = trainer(false, 1);
    let mut trainer = trainer.skipping_nonfinite_steps(1);
    let mut skipped = Vec::new();
    let mut observer = |event: &Event| {
        if let Event::StepSkipped { step, indices, .. } = event {
            skipped.push((*step, indices.len()));
        }
        Ok(())
    };
    trainer.advance(&mut observer).unwrap();
    let before = trainer.checkpoint(&config, &[]).digest();
    trainer.advance(&mut observer).unwrap();
    assert_eq!(trainer.checkpoint(&config, &[]).digest(), before);
    assert_eq!(trainer.steps_done(), 2);
    let row = loop {
        if let Advance::Epoch(row) = trainer.advance(&mut observer).unwrap() {
            break row;
        }
    };
    assert_eq!(skipped, [(1, 8)]);
    assert_eq!((row.get("skipped_steps"), row.get("step")), (Some(1.0), Some(3.0)));
    assert!(row.get("ep_loss").unwrap().is_finite());
}

#[test]
fn a_run_keeps_the_state_before_and_its_earlier_checkpoints() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let overrides = [
        "optim.name=sgd",
        "optim.lr=1e38",
        "optim.scheduler=constant",
        "optim.warmup_epochs=0",
        "optim.min_lr=null",
    ];
    let config = tiny(&folder, &[&overrides[..], &["run.checkpoint_steps=1"]].concat());
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    let error = run.train(&mut Observers::new()).unwrap_err();
    let TrainError::NonFinite { step, diagnostic: Some(path), .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("diagnostic.safetensors"), "{error}");
    let kept = Checkpoint::load(path).unwrap();
    // The state before a step that failed, or after one that has made the parameters so.
    assert!((0..=1).contains(&(kept.progress.step - *step)), "{} and {step}", kept.progress.step);
    assert!(kept.progress.failure.unwrap().contains("at step"));
    let finite = |tensors: &seqjepa_nn::StateDict| {
        tensors.iter().all(|(_, data)| data.iter::<f64>().all(f64::is_finite))
    };
    let last = run.folder().last_checkpoint();
    match kept.progress.step {
        // Not even the first step could be made, or its update broke the parameters: there was nothing to keep.
        0 => assert!(!last.exists()),
        _ => assert!(!last.exists() || finite(&Checkpoint::load(&last).unwrap().model)),
    }
    let status = fs::read_to_string(run.folder().status()).unwrap();
    assert!(status.contains("\"failed\"") && status.contains("at step"), "{status}");
    drop(run);

    // Every later step fails too: as many are left out as may be, and the figures stay valid JSON.
    let config =
        tiny(&scratch.path().join("skips"), &[&overrides[..], &["run.skip_nonfinite_steps=1000"]].concat());
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    match run.train(&mut Observers::new()) {
        // Skipping helps against a batch, not against parameters that are no longer finite.
        Ok(_) | Err(TrainError::NonFinite { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    for line in fs::read_to_string(run.folder().metrics_jsonl()).unwrap().lines() {
        serde_json::from_str::<MetricsRow>(line).unwrap();
    }
}
