//! A device whose memory is used up ends the run in one message; the run can go on with less. No device does that on demand, so a method
//! panics as backends do.

mod common;

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::TINY;
use seqjepa_model::{
    EncoderChoice, EncoderConfig, EvaluationOutput, Method, MethodConfig, ModelError, RepresentationLayout,
    SeqJepa, SeqJepaConfig, SequenceActions, SequenceInput, TrainingOutput,
};
use seqjepa_nn::DropoutKey;
use seqjepa_run::folder::status::{RunState, inspect};
use seqjepa_run::{Config, Registry, ResumeOptions, Run, RunError};
use seqjepa_train::observer::Observers;
use serde::{Deserialize, Serialize};

/// seq-JEPA on a device with room for some sequences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct HungryConfig {
    room: usize,
    /// What the backend says.
    words: String,
    #[serde(skip)]
    inner: SeqJepaConfig,
}

impl Default for HungryConfig {
    fn default() -> Self {
        Self {
            room: 4,
            words: "An error has happened\nout of device memory allocating 8589934592 bytes\n  0: a trace"
                .into(),
            inner: SeqJepaConfig::default(),
        }
    }
}

#[derive(Module, Debug)]
struct Hungry {
    inner: SeqJepa,
    #[module(skip)]
    config: HungryConfig,
}

impl MethodConfig for HungryConfig {
    type Method = Hungry;

    const NAME: &'static str = "hungry";

    fn with_input(self, encoder: EncoderConfig, action_dim: usize) -> Self {
        let inner = SeqJepaConfig { heads: 2, layers: 1, ..self.inner };
        Self { inner: inner.with_input(encoder, action_dim), ..self }
    }

    fn validate(&self) -> Result<(), ModelError> {
        self.inner.validate()
    }

    fn parameter_count(&self) -> u64 {
        self.inner.parameter_count()
    }

    fn loss_is_mean(&self) -> bool {
        true
    }

    fn init(&self, seed: u64, device: &Device) -> Result<Hungry, ModelError> {
        Ok(Hungry { inner: self.inner.init(seed, device)?, config: self.clone() })
    }
}

impl Method for Hungry {
    type Config = HungryConfig;

    fn config(&self) -> &HungryConfig {
        &self.config
    }

    fn representations(&self) -> RepresentationLayout {
        self.inner.representations()
    }

    fn training_forward(&self, input: SequenceInput, key: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let [sequences, ..] = input.observed.dims();
        assert!(sequences <= self.config.room || key.step < 4, "{}", self.config.words);
        self.inner.training_forward(input, key)
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        self.inner.evaluation_forward(input)
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        self.inner.encode(images, encoder)
    }

    fn invariant(&self, codes: Tensor<3>, actions: &SequenceActions) -> Result<Tensor<2>, ModelError> {
        self.inner.invariant(codes, actions)
    }
}

fn registry() -> Registry {
    Registry::standard().with_method::<HungryConfig>()
}

fn start(folder: &Path, overrides: &[&str]) -> Run {
    let output = format!("run.output_dir={}", folder.display());
    let given = ["method=hungry", &output].into_iter().chain(overrides.iter().copied());
    let config = Config::parse_with(&registry(), TINY, "tiny", &given.collect::<Vec<_>>()).unwrap();
    Run::start_with(&registry(), config, &mut Observers::new()).unwrap()
}

#[test]
fn the_run_ends_in_one_message_and_goes_on_with_less() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let mut run = start(&folder, &["run.epochs=2"]);
    let error = run.train(&mut Observers::new()).unwrap_err();
    drop(run);
    assert!(matches!(error, RunError::OutOfMemory { .. }), "{error}");
    let message = error.to_string();
    for words in [
        "memory: flex has no more (out of device memory allocating 8589934592 bytes)",
        "a smaller `dataset.micro_batch` (8 sequences pass at once now), `model.width` or `dataset.batch_size` takes less",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert!(!message.contains('\n'), "{message}");
    assert_eq!(inspect(&folder).unwrap().0.state, RunState::Failed);

    // Another division is another run: not without a word.
    let overrides = vec!["dataset.micro_batch=4".to_owned()];
    let mut options = ResumeOptions { overrides, ..ResumeOptions::default() };
    let resume =
        |options: &ResumeOptions| Run::resume_with(&registry(), &folder, options, &mut Observers::new());
    let refused = resume(&options).unwrap_err();
    assert!(refused.to_string().contains("`dataset.micro_batch`: the run has null, given is 4"), "{refused}");
    options.allow_changes = true;
    let mut run = resume(&options).unwrap();
    run.train(&mut Observers::new()).unwrap();
    assert_eq!(run.rows().len(), 2);
}

#[test]
#[should_panic(expected = "an invariant of its own")]
fn another_panic_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let mut run = start(&scratch.path().join("run"), &["hungry.words=an invariant of its own"]);
    let _ = run.train(&mut Observers::new());
}

#[test]
fn a_kernel_that_does_not_compile_ends_the_run_in_one_message() {
    let words = "hungry.words=\"An error happened during execution\\nCaused by:\\n  skipped `Normalize`: it needed memory 7\\nCaused by:\\n  \
                 A compilation error happened during launch\\nCaused by:\\n  expected a pointer\"";
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let mut run = start(&folder, &[words]);
    let error = run.train(&mut Observers::new()).unwrap_err();
    assert!(matches!(&error, RunError::Kernel { waiting, .. } if waiting == &["Normalize"]), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("A compilation error happened during launch: expected a pointer"), "{message}");
    assert!(!message.contains('\n') && message.contains("`flex`"), "{message}");
    drop(run);
    assert_eq!(inspect(&folder).unwrap().0.state, RunState::Failed);
}
