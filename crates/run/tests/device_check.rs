//! A device is held against the processor before it is trained on; `ndarray` stands in for a device.

mod common;

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{TINY, tiny};
use seqjepa_evaluation::{DeviceCheck, DeviceCheckRecord};
use seqjepa_model::{
    EncoderChoice, EncoderConfig, EvaluationOutput, Method, MethodConfig, ModelError, RepresentationLayout,
    SeqJepa, SeqJepaConfig, SequenceActions, SequenceInput, TrainingOutput,
};
use seqjepa_nn::DropoutKey;
use seqjepa_run::device_check::DeviceCheckError;
use seqjepa_run::{Config, Registry, ResumeOptions, Run, RunError};
use seqjepa_train::observer::Observers;
use serde::{Deserialize, Serialize};

/// What goes wrong outside Flex.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    #[default]
    None,
    /// Products with the action parameters are zero, as on a driver that has been seen.
    Actions,
    /// The loss is right, its gradient is not.
    Gradient,
    /// What is computed is no number.
    Nan,
}

/// seq-JEPA with a fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct DoubtfulConfig {
    fault: Fault,
    #[serde(skip)]
    inner: SeqJepaConfig,
}

#[derive(Module, Debug)]
struct Doubtful {
    inner: SeqJepa,
    #[module(skip)]
    config: DoubtfulConfig,
}

impl MethodConfig for DoubtfulConfig {
    type Method = Doubtful;

    const NAME: &'static str = "doubtful";

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

    fn init(&self, seed: u64, device: &Device) -> Result<Doubtful, ModelError> {
        Ok(Doubtful { inner: self.inner.init(seed, device)?, config: self.clone() })
    }
}

impl Method for Doubtful {
    type Config = DoubtfulConfig;

    fn config(&self) -> &DoubtfulConfig {
        &self.config
    }

    fn representations(&self) -> RepresentationLayout {
        self.inner.representations()
    }

    fn training_forward(
        &self,
        mut input: SequenceInput,
        key: DropoutKey,
    ) -> Result<TrainingOutput, ModelError> {
        let wrong = !format!("{:?}", input.observed.device()).contains("Flex");
        let fault = if wrong { self.config.fault } else { Fault::None };
        if fault == Fault::Actions {
            let device = input.observed.device();
            let [batch, views, ..] = input.observed.dims();
            let zeros = |rows| Tensor::<3>::zeros([batch, rows, 9], &device);
            input.actions = SequenceActions::new(zeros(views + 1), zeros(views))?;
        }
        let mut output = self.inner.training_forward(input, key)?;
        let loss = output.loss;
        output.loss = match fault {
            Fault::None | Fault::Actions => loss,
            Fault::Gradient => loss.clone() * 1.5 - loss.detach() * 0.5,
            Fault::Nan => loss * f32::NAN,
        };
        Ok(output)
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

/// Starts a run of the doubtful method on ndarray.
fn start(folder: &Path, overrides: &[&str]) -> Result<Run, RunError> {
    let registry = Registry::standard().with_method::<DoubtfulConfig>();
    let output = format!("run.output_dir={}", folder.display());
    let overrides: Vec<&str> = ["method=doubtful", "run.device=ndarray", &output]
        .into_iter()
        .chain(overrides.iter().copied())
        .collect();
    let config = Config::parse_with(&registry, TINY, "tiny", &overrides)?;
    Run::start_with(&registry, config, &mut Observers::new())
}

#[test]
fn a_right_device_is_trained_on_and_the_check_is_kept() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let config = tiny(&folder, &["run.device=ndarray", "run.epochs=1"]);
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    let read = || -> DeviceCheckRecord {
        serde_json::from_slice(&fs::read(folder.join("device_check.json")).unwrap()).unwrap()
    };
    run.train(&mut Observers::new()).unwrap();
    let record = read();
    assert_eq!(
        (record.backend.as_str(), record.reference.as_str(), record.sequences),
        ("ndarray", "flex", 8)
    );
    assert!(record.share > 0.0 && record.share < 1.0 && record.tensors > 100, "{record:?}");
    assert_eq!(run.rows()[0].get("device_check"), Some(record.share));
    assert_eq!(run.evaluate(&mut Observers::new()).unwrap().device_check, Some(DeviceCheck::Passed(record)));
    drop(run);

    // The device may be another one after a resume: it is checked again.
    fs::remove_file(folder.join("device_check.json")).unwrap();
    let options = ResumeOptions {
        overrides: vec![
            "run.epochs=2".into(),
            "run.device_check=quick".into(),
            "dataset.batch_size=8".into(),
        ],
        ..ResumeOptions::default()
    };
    let mut run = Run::resume_with(&Registry::standard(), &folder, &options, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    assert_eq!(read().sequences, 8);
}

#[test]
fn a_check_that_was_left_out_is_told_of() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("run");
    let config = tiny(&folder, &["run.device=ndarray", "run.epochs=1", "run.device_check=off"]);
    let mut run = Run::start(config, &mut Observers::new()).unwrap();
    run.train(&mut Observers::new()).unwrap();
    let text = fs::read_to_string(folder.join("device_check.json")).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).unwrap(),
        serde_json::json!({"skipped": "run.device_check is off"})
    );
    assert_eq!(run.rows()[0].get("device_check"), None);
    let card = run.evaluate(&mut Observers::new()).unwrap();
    assert!(matches!(card.device_check, Some(DeviceCheck::Skipped { .. })));
}

#[test]
fn flex_itself_is_not_checked() {
    let scratch = tempfile::tempdir().unwrap();
    let run = Run::start(tiny(&scratch.path().join("run"), &[]), &mut Observers::new()).unwrap();
    assert!(!run.folder().root().join("device_check.json").exists());
}

#[test]
fn a_wrong_device_is_refused_before_anything_is_written() {
    let scratch = tempfile::tempdir().unwrap();
    for (fault, what) in [("actions", "loss"), ("gradient", "gradient of inner."), ("nan", "the loss")] {
        let folder = scratch.path().join(fault);
        for level in ["full", "quick"] {
            let level = format!("run.device_check={level}");
            let error = start(&folder, &[&format!("doubtful.fault={fault}"), &level]).unwrap_err();
            let RunError::DeviceCheck(DeviceCheckError::Wrong { deviation, .. }) = &error else {
                panic!("{fault}: {error}");
            };
            assert!(fault == "actions" || deviation.what.contains(what), "{fault}: {error}");
            assert!(error.to_string().contains("8 sequences of 2 views"), "{error}");
            assert!(!folder.exists());
        }
        // Whoever knows better.
        start(&folder, &[&format!("doubtful.fault={fault}"), "run.device_check=off"]).unwrap();
    }
    start(&scratch.path().join("none"), &[]).unwrap();
}
