//! What training and evaluation leave behind, beyond the numbers.

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{batch, small_config, statistics, tensors, training_device};
use seqjepa_model::{
    DropoutKey, EmaSchedule, Method, ModelError, ResNetConfig, SeqJepa, SeqJepaConfig, TargetConfig,
    VitConfig,
};
use seqjepa_nn::state_dict;

const KEY: DropoutKey = DropoutKey { seed: 0, step: 0 };

fn tiny_config() -> SeqJepaConfig {
    SeqJepaConfig { encoder: ResNetConfig { width: 4, ..ResNetConfig::default() }.into(), ..small_config() }
}

fn tiny(config: &SeqJepaConfig) -> SeqJepa {
    config.init(3, &training_device()).expect("a valid configuration")
}

fn dropping() -> SeqJepaConfig {
    SeqJepaConfig { dropout: 0.1, ..tiny_config() }
}

#[test]
fn evaluation_leaves_every_bit_as_it_was() {
    let model = tiny(&tiny_config());
    let before = state_dict(&model);
    let input = batch("behaviour", 4, 3, 8, &training_device());
    let output = model.evaluation_forward(input).expect("shapes that fit");
    assert_eq!(state_dict(&model), before);
    assert!(!output.loss.is_autodiff() && !output.prediction.is_autodiff());
}

#[test]
fn evaluation_needs_neither_autodiff_nor_a_second_sample() {
    let model = tiny(&tiny_config()).valid();
    let input = batch("behaviour", 1, 3, 8, &Device::flex());
    let output = model.evaluation_forward(input).expect("shapes that fit");
    assert_eq!(output.representations.aggregate.dims(), [1, model.invariant_width()]);
    assert_eq!(output.representations.first.dims(), [1, model.equivariant_width()]);
}

#[test]
fn more_views_may_be_observed_than_in_training() {
    let model = tiny(&tiny_config());
    for views in [1, 2, 5] {
        let input = batch("behaviour", 2, views, 8, &training_device());
        let output = model.evaluation_forward(input).expect("shapes that fit");
        assert_eq!(output.representations.aggregate.dims(), [2, model.invariant_width()]);
    }
}

#[test]
fn both_encoders_gather_their_own_statistics() {
    let model = tiny(&tiny_config());
    let input = batch("behaviour", 4, 3, 8, &training_device());
    model.training_forward(input, KEY).expect("shapes that fit");
    let online = statistics(&model.encoder);
    let target = statistics(&model.target_encoder.clone().expect("an EMA target"));
    for (name, values) in &online {
        assert_ne!(values, &target[name], "{name} saw the same images");
        let start = if name.ends_with("mean") { 0.0 } else { 1.0 };
        assert!(target[name].iter().any(|value| *value != start), "{name} of the target has not moved");
    }
}

#[test]
fn dropout_follows_the_key() {
    let model = tiny(&dropping());
    let loss = |step| {
        let input = batch("behaviour", 4, 3, 8, &training_device());
        let output = model.training_forward(input, DropoutKey { seed: 0, step }).expect("shapes that fit");
        output.loss.into_scalar::<f32>()
    };
    assert_eq!(loss(0).to_bits(), loss(0).to_bits());
    assert_ne!(loss(0).to_bits(), loss(1).to_bits());
}

#[test]
fn the_average_moves_parameters_and_not_statistics() {
    let target = TargetConfig::Ema { decay: 0.75, schedule: EmaSchedule::Constant };
    let config = SeqJepaConfig { target, ..tiny_config() };
    let mut model = tiny(&config);
    let other = tensors(&config.init(4, &training_device()).expect("a valid configuration").encoder);
    let online = tensors(&model.encoder);
    model.encoder = config.init(4, &training_device()).expect("a valid configuration").encoder;
    model
        .encode(batch("behaviour", 2, 2, 8, &training_device()).observed, seqjepa_model::Mode::Train)
        .expect("shapes that fit");

    let target = tensors(&model.after_step(0, 10).target_encoder.expect("an EMA target"));
    for (name, values) in &target {
        for (index, value) in values.iter().enumerate() {
            let expected = if seqjepa_nn::is_buffer(name) {
                online[name][index]
            } else {
                0.75 * online[name][index] + 0.25 * other[name][index]
            };
            assert!((value - expected).abs() <= 1e-7, "{name}[{index}]: {value}, expected {expected}");
        }
    }
}

#[test]
fn gradients_reach_the_online_side_alone() {
    let model = tiny(&tiny_config());
    let output = model
        .training_forward(batch("behaviour", 4, 3, 8, &training_device()), KEY)
        .expect("shapes that fit");
    let gradients = common::gradients(&model, &output.loss);
    assert!(gradients.keys().all(|name| !name.starts_with("target_encoder.")));
    let trained = seqjepa_nn::tensor_specs(&model)
        .into_iter()
        .filter(|spec| !spec.buffer && !spec.name.starts_with("target_encoder."));
    for spec in trained {
        assert!(gradients.contains_key(&spec.name), "{} has no gradient", spec.name);
    }
}

#[test]
fn a_vision_transformer_trains_in_its_place() {
    let vit = VitConfig { image_size: 8, width: 12, depth: 2, ..VitConfig::default() };
    let model = tiny(&SeqJepaConfig { encoder: vit.into(), ..tiny_config() });
    let output = model
        .training_forward(batch("behaviour", 4, 3, 8, &training_device()), KEY)
        .expect("shapes that fit");
    let gradients = common::gradients(&model, &output.loss);
    assert!(gradients["encoder.pos_embed"].iter().any(|value| *value != 0.0));
    assert_eq!(model.equivariant_width(), 12);
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let model = tiny(&tiny_config());
    let device = training_device();
    let good = || batch("behaviour", 4, 3, 8, &device);
    let refused = |input| match model.training_forward(input, KEY) {
        Err(ModelError::InputShape { input, .. }) => input,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("an input that does not fit was accepted"),
    };
    let mut input = good();
    input.target = Tensor::zeros([4, 3, 8, 9], &device);
    assert_eq!(refused(input), "target");
    let mut input = good();
    input.actions = Tensor::zeros([4, 3, 9], &device);
    assert_eq!(refused(input), "actions");
    let mut input = good();
    input.relative = Tensor::zeros([4, 3, 8], &device);
    assert_eq!(refused(input), "relative");
    let mut input = good();
    input.observed = Tensor::zeros([4, 3, 1, 8, 8], &device);
    input.target = Tensor::zeros([4, 1, 8, 8], &device);
    assert_eq!(refused(input), "observed");
    assert_eq!(refused(batch("behaviour", 1, 3, 8, &device)), "observed");
}
