//! What training and evaluation leave behind, beyond the numbers.

#![allow(clippy::disallowed_methods, reason = "tests look at values")]

mod common;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use common::{batch, small_config, statistics, tensors, training_device};
use seqjepa_model::{
    DropoutKey, EmaSchedule, EncoderChoice, Method, ModelError, ResNetConfig, SeqJepa, SeqJepaConfig,
    SequenceActions, TargetConfig, TensorRole, VitConfig, cosine_distance,
};
use seqjepa_nn::{host, state_dict};

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
    assert!(!output.loss.is_autodiff() && !output.terms[0].value.is_autodiff());
}

#[test]
fn evaluation_needs_neither_autodiff_nor_a_second_sample() {
    let model = tiny(&tiny_config()).valid();
    let input = batch("behaviour", 1, 3, 8, &Device::flex());
    let output = model.evaluation_forward(input).expect("shapes that fit");
    assert_eq!(output.representations.invariant.dims(), [1, model.representations().invariant.width]);
    assert_eq!(output.representations.first.dims(), [1, model.representations().equivariant.width]);
}

#[test]
fn more_views_may_be_observed_than_in_training() {
    let model = tiny(&tiny_config());
    for views in [1, 2, 5] {
        let input = batch("behaviour", 2, views, 8, &training_device());
        let output = model.evaluation_forward(input).expect("shapes that fit");
        assert_eq!(output.representations.invariant.dims(), [2, model.representations().invariant.width]);
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
        .encode_views(batch("behaviour", 2, 2, 8, &training_device()).observed, seqjepa_model::Mode::Train)
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
    assert_eq!(model.representations().equivariant.width, 12);
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let model = tiny(&tiny_config());
    let device = training_device();
    let good = || batch("behaviour", 4, 3, 8, &device);
    let refused = |input| match model.training_forward(input, KEY) {
        Err(ModelError::InputShape { input, .. } | ModelError::MissingInput { input, .. }) => input,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("an input that does not fit was accepted"),
    };
    let mut input = good();
    input.target = Some(Tensor::zeros([4, 3, 8, 9], &device));
    assert_eq!(refused(input), "target");
    let mut input = good();
    input.target = None;
    assert_eq!(refused(input), "target");
    // Actions that fit together, but not the views or the model.
    for (batch, rows, width) in [(4, 3, 9), (4, 5, 9), (3, 4, 9), (4, 4, 8)] {
        let [absolute, relative] = [rows, rows - 1].map(|rows| Tensor::zeros([batch, rows, width], &device));
        let mut input = good();
        input.actions = SequenceActions::new(absolute, relative).expect("they fit together");
        assert_eq!(refused(input), "actions");
    }
    let mut input = good();
    input.observed = Tensor::zeros([4, 3, 1, 8, 8], &device);
    input.target = Some(Tensor::zeros([4, 1, 8, 8], &device));
    assert_eq!(refused(input), "observed");
    assert_eq!(refused(batch("behaviour", 1, 3, 8, &device)), "observed");
}

/// Absolute and relative actions have one width: only their numbers tell them apart.
#[test]
fn swapped_actions_are_refused() {
    let device = training_device();
    let actions = |rows| Tensor::<3>::zeros([2, rows, 9], &device);
    let refused = |absolute, relative| match SequenceActions::new(absolute, relative) {
        Err(ModelError::InputShape { input, .. }) => input,
        other => panic!("{other:?}"),
    };
    for views in 1..5 {
        let good = SequenceActions::new(actions(views + 1), actions(views)).expect("as they should be");
        assert_eq!((good.batch(), good.observed_views(), good.action_dim()), (2, views, 9));
        for rows in (0..8).filter(|rows| *rows != views) {
            assert_eq!(refused(actions(views + 1), actions(rows)), "relative");
        }
        let swapped = if views == 1 { "actions" } else { "relative" };
        assert_eq!(refused(actions(views), actions(views + 1)), swapped);
    }
    assert_eq!(refused(actions(3), Tensor::zeros([1, 2, 9], &device)), "relative");
    assert_eq!(refused(actions(3), Tensor::zeros([2, 2, 8], &device)), "relative");
}

/// What the trait gives piece by piece is what a pass puts together.
#[test]
fn encoding_aggregating_and_predicting_are_the_pass() {
    let model = tiny(&tiny_config());
    let input = batch("behaviour", 4, 3, 8, &training_device());
    let output = model.evaluation_forward(input.clone()).expect("shapes that fit");
    let images = input.observed.reshape([12, 3, 8, 8]);
    let representations = Method::encode(&model, images, EncoderChoice::Online).expect("an online encoder");
    let width = model.representations().equivariant.width;
    let representations = representations.reshape([4, 3, width]);
    let invariant = model.invariant(representations, &input.actions).expect("actions that fit");
    let bits = |tensor: Tensor<2>| host::read(tensor);
    assert_eq!(bits(invariant.clone()), bits(output.representations.invariant));

    let target = input.target.expect("a target view");
    let target = Method::encode(&model, target, EncoderChoice::Target).expect("an EMA target");
    let prediction = model.predict(invariant, &input.actions).expect("actions that fit");
    let loss = cosine_distance(prediction.expect("seq-JEPA predicts"), target.clone());
    assert_eq!(host::read(loss), host::read(output.loss));
    assert!(!target.is_autodiff());

    let frozen = tiny(&SeqJepaConfig { target: TargetConfig::StopGradient, ..tiny_config() });
    let images = Tensor::zeros([2, 3, 8, 8], &Device::flex());
    assert!(!frozen.representations().target_encoder && model.representations().target_encoder);
    assert!(Method::encode(&frozen, images, EncoderChoice::Target).is_none());
}

#[test]
fn tensors_have_the_roles_that_they_are_needed_for() {
    let model = tiny(&tiny_config());
    for (name, role) in [
        ("encoder.conv1.weight", TensorRole::Representation),
        ("agg_token", TensorRole::Representation),
        ("target_encoder.conv1.weight", TensorRole::TargetEncoder),
        ("predictor.0.weight", TensorRole::Objective),
    ] {
        assert!(seqjepa_nn::tensor_specs(&model).iter().any(|spec| spec.name == name), "{name}");
        assert_eq!(model.tensor_role(name), role, "{name}");
    }
}
