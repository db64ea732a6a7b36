//! The whole model against PyTorch, in every configuration: loss, representations, prediction, running
//! statistics, and the gradient of every parameter.
//!
//! Fixtures: `scripts/goldens/model.py`, function `variants`, computed in f64 and stored in f32. Through
//! about 40 f32 layers outputs agree to 1e-5 of the largest value, gradients to 1e-4 of a tensor's norm. The
//! script picks batches whose pre-activations stay clear of zero, where a ReLU's gradient jumps.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

mod common;

use burn::tensor::Tensor;
use common::{Fixture, batch, fill, gradients, small_config, statistics, training_device};
use seqjepa_model::{
    ActionConditioning, DropoutKey, EncoderChoice, EvaluationOutput, Method, PredictorConfig,
    Representations, SeqJepaConfig, TargetConfig,
};
use std::collections::BTreeMap;

const KEY: DropoutKey = DropoutKey { seed: 0, step: 0 };

fn named(representations: Representations) -> BTreeMap<String, Tensor<2>> {
    let Representations { invariant, first, second } = representations;
    [("aggregate", invariant), ("first", first), ("second", second)]
        .into_iter()
        .map(|(name, tensor)| (name.to_owned(), tensor))
        .collect()
}

fn compare(name: &str, views: usize, config: SeqJepaConfig) {
    let fixture = Fixture::open("variants");
    let device = training_device();
    let model = fill(config.init(0, &device).expect("a valid configuration"));
    let number = fixture.values(&format!("{name}.batch"))[0];
    let input = batch(&format!("variant.{number}"), 4, views, 16, &device);

    let output = model.evaluation_forward(input.clone()).expect("shapes that fit");
    let EvaluationOutput { loss, terms, representations } = output;
    fixture.assert_close(&format!("{name}.eval.loss"), &loss, 1e-5);
    assert_eq!(terms.iter().map(|term| term.name).collect::<Vec<_>>(), ["prediction"]);
    fixture.assert_close(&format!("{name}.eval.loss"), &terms[0].value, 1e-5);
    let prediction = model.predict(representations.invariant.clone(), &input.actions);
    let prediction = prediction.expect("actions that fit").expect("seq-JEPA predicts");
    let images = input.target.clone().expect("a target view");
    let target = Method::encode(&model, images.clone(), EncoderChoice::Target)
        .or_else(|| Method::encode(&model, images, EncoderChoice::Online))
        .expect("there is an online encoder");
    let mut outputs = named(representations);
    outputs.insert("prediction".to_owned(), prediction);
    outputs.insert("target".to_owned(), target);
    if name == "learned" {
        for (part, tensor) in &outputs {
            fixture.assert_close(&format!("{name}.eval.{part}"), tensor, 1e-5);
        }
    } else {
        let outputs = outputs.into_iter().map(|(part, tensor)| (part, tensor.to_data().iter().collect()));
        fixture.assert_table(&format!("{name}.eval.outputs"), &outputs.collect(), 1e-5);
    }

    let output = model.training_forward(input, KEY).expect("shapes that fit");
    fixture.assert_close(&format!("{name}.train.loss"), &output.loss, 1e-5);
    if name == "learned" {
        for (part, tensor) in named(output.representations) {
            assert!(!tensor.is_autodiff(), "{part} carries gradients");
            fixture.assert_close(&format!("{name}.train.{part}"), &tensor, 1e-5);
        }
    }
    let gradients = gradients(&model, &output.loss);
    fixture.assert_table(&format!("{name}.gradients"), &gradients, 1e-4);
    fixture.assert_table(&format!("{name}.statistics"), &statistics(&model), 1e-5);
}

#[test]
fn learned_action_embedding() {
    compare("learned", 3, small_config());
}

#[test]
fn one_observed_view() {
    compare("one_view", 1, small_config());
}

#[test]
fn last_relative_action_in_the_batch_statistics() {
    compare("relative_last", 3, SeqJepaConfig { relative_last_action: true, ..small_config() });
}

#[test]
fn raw_actions() {
    let config = SeqJepaConfig { action_conditioning: ActionConditioning::Raw, ..small_config() };
    compare("raw", 3, config);
}

#[test]
fn raw_relative_actions() {
    let config = SeqJepaConfig {
        action_conditioning: ActionConditioning::Raw,
        relative_last_action: true,
        ..small_config()
    };
    compare("raw_relative", 3, config);
}

#[test]
fn no_actions() {
    let config = SeqJepaConfig { action_conditioning: ActionConditioning::None, ..small_config() };
    compare("none", 2, config);
}

#[test]
fn stop_gradient_target() {
    compare("stop_gradient", 3, SeqJepaConfig { target: TargetConfig::StopGradient, ..small_config() });
}

#[test]
fn linear_predictor() {
    compare("linear_predictor", 3, SeqJepaConfig { predictor: PredictorConfig::Linear, ..small_config() });
}
