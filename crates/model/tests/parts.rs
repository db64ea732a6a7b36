//! Aggregator, action embedding and predictor, each alone, against torch's layers.
//!
//! Fixtures: `scripts/goldens/model.py`, function `parts`, computed in f64 and stored in f32. A handful of
//! f32 layers: outputs agree to 1e-5 of the largest value, gradients to 1e-4 of a tensor's norm.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

mod common;

use burn::module::Module;
use burn::tensor::Tensor;
use common::{Fixture, fill, gradients, spread, statistics, training_device};
use seqjepa_model::{ActionEmbedding, Aggregator, Mode, Predictor, PredictorConfig};
use seqjepa_nn::{FeedForwardActivation, InitRng, NormPlacement, TransformerLayerConfig};

#[test]
fn aggregator() {
    let fixture = Fixture::open("parts");
    let device = training_device();
    let layer = TransformerLayerConfig {
        width: 48,
        heads: 4,
        feed_forward: 192,
        dropout: 0.0,
        norm: NormPlacement::Post,
        activation: FeedForwardActivation::Relu,
    };
    let aggregator = fill(Aggregator::new(3, layer, &mut InitRng::new(0), &device));
    let tokens: Tensor<3> = spread("tokens", [3, 5, 48], 2.0, &device).require_grad();
    let mixed = aggregator.norm.forward(aggregator.transformer_encoder.forward(tokens.clone(), None));
    fixture.assert_close("aggregator.output", &mixed, 1e-5);

    // Read at the [AGG] position, with the first token in its place.
    let [agg_token, rest] = [tokens.clone().narrow(1, 0, 1), tokens.clone().narrow(1, 1, 4)];
    let first = aggregator.forward(agg_token.narrow(0, 0, 1), rest.narrow(0, 0, 1), None);
    let expected = mixed.clone().narrow(0, 0, 1).narrow(1, 0, 1).reshape([1, 48]);
    let difference: f32 = (first - expected).abs().max().into_scalar();
    assert!(difference < 1e-5, "{difference}");

    let loss = (mixed * spread("tokens.weights", [3, 5, 48], 1.0, &device)).sum();
    let input_gradient = {
        let backward = loss.clone().backward();
        tokens.grad(&backward).expect("the tokens require a gradient")
    };
    fixture.assert_close("aggregator.input_gradient", &input_gradient, 1e-4);

    let mixed = aggregator.norm.forward(aggregator.transformer_encoder.forward(tokens, None));
    let loss = (mixed * spread("tokens.weights", [3, 5, 48], 1.0, &device)).sum();
    fixture.assert_table("aggregator.gradients", &gradients(&aggregator, &loss), 1e-4);
}

fn compare_statistics<M: Module>(fixture: &Fixture, name: &str, module: &M) {
    for (statistic, values) in statistics(module) {
        let name = format!("{name}.{statistic}");
        common::assert_close(&name, &values, &fixture.values(&name), 1e-5);
    }
}

#[test]
fn action_embedding() {
    let fixture = Fixture::open("parts");
    let device = training_device();
    let embedding = fill(ActionEmbedding::new(9, 32, &mut InitRng::new(0), &device));
    let actions: Tensor<2> = spread("actions", [12, 9], 1.0, &device);
    fixture.assert_close("embedding.eval", &embedding.forward(actions.clone(), Mode::Eval), 1e-5);
    fixture.assert_close("embedding.train", &embedding.forward(actions, Mode::Train), 1e-5);
    compare_statistics(&fixture, "embedding", &embedding);
}

#[test]
fn predictors() {
    let fixture = Fixture::open("parts");
    let device = training_device();
    for (name, config) in [("mlp", PredictorConfig::Mlp { hidden: 24 }), ("linear", PredictorConfig::Linear)]
    {
        let predictor = fill(Predictor::new(config, [40, 16], &mut InitRng::new(0), &device));
        let joint: Tensor<2> = spread("joint", [6, 40], 2.0, &device);
        let name = format!("predictor.{name}");
        let output = predictor.forward(joint.clone(), Mode::Eval);
        fixture.assert_close(&format!("{name}.eval"), &output, 1e-5);
        let output = predictor.forward(joint, Mode::Train);
        fixture.assert_close(&format!("{name}.train"), &output, 1e-5);
        compare_statistics(&fixture, &name, &predictor);
    }
}
