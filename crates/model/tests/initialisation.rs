//! Initial values have PyTorch's distributions, parameter by parameter.
//!
//! Moments are compared within five standard errors of the estimate: of n values the mean has standard error
//! σ / √n, the variance σ² √((κ - 1) / n) with kurtosis κ, 3 for the normal and 9/5 for the uniform
//! distribution. The seed is fixed, so the tests cannot fail by chance.

mod common;

use burn::tensor::Device;
use common::tensors;
use seqjepa_model::{
    ActionConditioning, AnyEncoder, ModelError, ResNetConfig, SeqJepa, SeqJepaConfig, TargetConfig, VitConfig,
};
use seqjepa_nn::state_dict;
use seqjepa_nn::visit::visit_floats;

fn small() -> SeqJepaConfig {
    SeqJepaConfig {
        encoder: ResNetConfig { width: 8, ..ResNetConfig::default() }.into(),
        ..SeqJepaConfig::default()
    }
}

fn init(config: &SeqJepaConfig, seed: u64) -> SeqJepa {
    config.init(seed, &Device::flex()).expect("a valid configuration")
}

fn assert_moments(name: &str, values: &[f32], variance: f64, kurtosis: f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let square = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / count;
    assert!(mean.abs() <= 5.0 * (variance / count).sqrt(), "{name}: mean {mean}");
    let error = 5.0 * variance * ((kurtosis - 1.0) / count).sqrt();
    assert!((square - variance).abs() <= error, "{name}: variance {square}, expected {variance} +- {error}");
}

fn assert_normal(name: &str, values: &[f32], deviation: f64) {
    assert_moments(name, values, deviation * deviation, 3.0);
    // A normal sample exceeds twice its deviation in 4.55 % of all cases, a uniform one never.
    let beyond = values.iter().filter(|v| f64::from(v.abs()) > 2.0 * deviation).count() as f64;
    let expected = 0.0455 * values.len() as f64;
    assert!((beyond - expected).abs() <= 5.0 * expected.sqrt(), "{name}: {beyond} beyond two deviations");
}

fn assert_uniform(name: &str, values: &[f32], bound: f64) {
    assert_moments(name, values, bound * bound / 3.0, 1.8);
    let largest = values.iter().fold(0.0_f64, |largest, v| largest.max(f64::from(v.abs())));
    assert!(largest <= bound * (1.0 + 1e-6), "{name}: {largest} beyond {bound}");
    // The largest of n values stays below (1 - 20 / n) bound with probability e^-20.
    let least = bound * (1.0 - 20.0 / values.len() as f64);
    assert!(largest >= least, "{name}: largest {largest}, bound {bound}");
}

fn assert_constant(name: &str, values: &[f32], expected: f32) {
    assert!(values.iter().all(|value| *value == expected), "{name}: not all {expected}");
}

#[test]
fn every_parameter_has_pytorchs_distribution() {
    let model = init(&small(), 42);
    let shapes: Vec<_> = seqjepa_nn::tensor_specs(&model);
    let values = tensors(&model);
    let mut checked = 0;
    for spec in shapes.iter().filter(|spec| values.contains_key(&spec.name)) {
        let (name, shape, values) = (spec.name.as_str(), &spec.shape, &values[&spec.name]);
        let inputs = shape.get(1).copied().unwrap_or(0) as f64;
        let leaf = name.rsplit('.').next().unwrap_or(name);
        let encoder = name.contains("encoder.") && !name.starts_with("transformer_encoder");
        match leaf {
            "running_mean" => assert_constant(name, values, 0.0),
            "running_var" => assert_constant(name, values, 1.0),
            "agg_token" | "in_proj_bias" => assert_constant(name, values, 0.0),
            // Kaiming normal, fan-out, ReLU: variance 2 / (out · kernel²).
            "weight" if shape.len() == 4 => {
                assert_normal(name, values, (2.0 / (shape[0] * shape[2] * shape[3]) as f64).sqrt());
            }
            // The last gain of each basic block is zero, every other gain one.
            "weight" if shape.len() == 1 && name.contains(".bn2.") => assert_constant(name, values, 0.0),
            "weight" if shape.len() == 1 => assert_constant(name, values, 1.0),
            "bias" if encoder || name.contains("norm") || name == "predictor.1.bias" => {
                assert_constant(name, values, 0.0);
            }
            "bias" if name.contains("out_proj") => assert_constant(name, values, 0.0),
            // Xavier uniform of the packed matrix: bound √(6 / (in + 3 in)).
            "in_proj_weight" => assert_uniform(name, values, (6.0 / (4.0 * inputs)).sqrt()),
            // torch.nn.Linear: kaiming_uniform(a = √5) is U(±1/√in); its bias has the same bound.
            "weight" => assert_uniform(name, values, 1.0 / inputs.sqrt()),
            "bias" => {
                let weight = name.replace(".bias", ".weight");
                let weight = shapes.iter().find(|spec| spec.name == weight).expect("a weight to the bias");
                assert_uniform(name, values, 1.0 / (weight.shape[1] as f64).sqrt());
            }
            _ => panic!("{name} has no rule"),
        }
        checked += 1;
    }
    // 60 parameters and 40 statistics in each encoder, and 1 + 2, 1, 3 * 12, 2, and 5 + 2 around them.
    assert_eq!(checked, 2 * (60 + 40) + 3 + 1 + 36 + 2 + 7);
}

#[test]
fn a_seed_means_the_same_bits_and_another_seed_other_bits() {
    let [first, same, other] = [1, 1, 2].map(|seed| state_dict(&init(&small(), seed)));
    assert_eq!(first, same);
    assert_ne!(first, other);
}

/// `torch.nn.TransformerEncoder(layer, depth)` deep-copies `layer`: all layers start with its values.
#[test]
fn layers_of_the_aggregator_start_as_copies_of_one() {
    let model = small().init(42, &Device::flex().autodiff()).expect("a valid configuration");
    let layers = &model.transformer_encoder.transformer_encoder.layers;
    assert_eq!(layers.len(), 3);
    for layer in &layers[1..] {
        assert_eq!(state_dict(layer), state_dict(&layers[0]));
        // Equal at the start, each a parameter of its own.
        assert_ne!(layer.linear1.weight.id, layers[0].linear1.weight.id);
        assert!(layer.linear1.weight.is_require_grad());
    }
    // What is drawn after the layers does not repeat them.
    let single = SeqJepaConfig { layers: 1, ..small() };
    let single = single.init(42, &Device::flex()).expect("a valid configuration");
    assert_eq!(state_dict(&single.predictor), state_dict(&model.predictor));
}

#[test]
fn layers_of_the_vision_transformer_start_differently() {
    let vit = VitConfig { width: 12, depth: 2, ..VitConfig::default() };
    let values = tensors(&init(&SeqJepaConfig { encoder: vit.into(), ..SeqJepaConfig::default() }, 42));
    let weight = |layer| &values[&format!("encoder.transformer.layers.{layer}.linear1.weight")];
    assert_ne!(weight(0), weight(1));
}

#[test]
fn the_target_starts_as_a_copy_without_gradients() {
    let device = Device::flex().autodiff();
    let model = small().init(42, &device).expect("a valid configuration");
    let target = model.target_encoder.clone().expect("an EMA target");
    assert_eq!(state_dict(&target), state_dict(&model.encoder));
    let parameters = |encoder: &AnyEncoder| {
        let mut trained = 0;
        visit_floats(encoder, |_, tensor| trained += usize::from(tensor.requires_gradient()));
        trained
    };
    assert_eq!((parameters(&model.encoder), parameters(&target)), (60, 0));
    let frozen = SeqJepaConfig { target: TargetConfig::StopGradient, ..small() };
    assert!(init(&frozen, 42).target_encoder.is_none());
}

#[test]
fn positions_of_the_vision_transformer_are_normal() {
    let config = SeqJepaConfig { encoder: VitConfig::default().into(), ..SeqJepaConfig::default() };
    let values = tensors(&init(&config, 42));
    assert_normal("pos_embed", &values["encoder.pos_embed"], 0.02);
    assert_constant("cls_token", &values["encoder.cls_token"], 0.0);
    assert_uniform("patch_embed", &values["encoder.patch_embed.weight"], 1.0 / 48.0_f64.sqrt());
}

#[test]
fn invalid_configurations_are_refused() {
    let odd = ActionConditioning::Learned { width: 127 };
    let config = SeqJepaConfig { action_conditioning: odd, ..SeqJepaConfig::default() };
    let error = config.init(0, &Device::flex()).expect_err("639 features for 4 heads");
    assert!(matches!(error, ModelError::Config { .. }));
    assert!(error.to_string().contains("639"), "{error}");
    let vit = VitConfig { patch: 5, ..VitConfig::default() };
    let config = SeqJepaConfig { encoder: vit.into(), ..SeqJepaConfig::default() };
    assert!(config.init(0, &Device::flex()).expect_err("32 pixels in 5s").to_string().contains("image_size"));
}
