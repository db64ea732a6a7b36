//! LARS and parameter groups, which `torch.optim` does not have in this form, against plain loops in f64.

#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]
#![allow(clippy::disallowed_methods, reason = "tests look at values")]

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use seqjepa_nn::optimizer::{Optimizer, OptimizerConfig, ParameterGradients, ParameterGroups};

/// Two parameters whose gradients a test chooses: one with two axes, one with one.
#[derive(Module, Debug)]
struct Pair {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

/// Values of the two, or gradients.
type Values = [Vec<f64>; 2];

const WEIGHT: usize = 12;
const BIAS: usize = 5;

/// Numbers of either sign, of sizes about `scale`.
fn wave(count: usize, frequency: f64, scale: f64) -> Vec<f64> {
    (0..count).map(|index| scale * (frequency * (index as f64 + 1.0)).sin()).collect()
}

fn chosen(step: usize) -> Values {
    let frequency = 0.7 + step as f64;
    [wave(WEIGHT, frequency, 3.0), wave(BIAS, frequency + 0.4, 0.5)]
}

fn initial() -> Values {
    [wave(WEIGHT, 0.3, 0.8), wave(BIAS, 0.9, 0.2)]
}

impl Pair {
    fn new([weight, bias]: &Values, device: &Device) -> Self {
        let single = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
        Self {
            weight: Param::from_data(TensorData::new(single(weight), [3, 4]), device),
            bias: Param::from_data(TensorData::new(single(bias), [BIAS]), device),
        }
    }

    /// The gradient of `sum(parameter * chosen)` is `chosen`.
    fn gradients(&self, chosen: &Values) -> ParameterGradients {
        let chosen = Self::new(chosen, &self.weight.val().device());
        let (weight, bias) = (chosen.weight.val().detach(), chosen.bias.val().detach());
        let loss = (self.weight.val() * weight).sum() + (self.bias.val() * bias).sum();
        ParameterGradients::take(&mut loss.backward(), self)
    }

    fn values(&self) -> Values {
        let double = |data: TensorData| data.iter::<f64>().collect();
        [double(self.weight.val().into_data()), double(self.bias.val().into_data())]
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// LARS's constants, written out.
#[derive(Clone, Copy)]
struct Constants {
    momentum: f64,
    decay: f64,
    trust: f64,
    exclude: bool,
}

impl Constants {
    fn config(self) -> OptimizerConfig {
        OptimizerConfig::Lars {
            momentum: self.momentum,
            weight_decay: self.decay,
            trust_coefficient: self.trust,
            exclude_one_dimensional: self.exclude,
        }
    }

    /// One step of one parameter as the papers' code has it.
    fn step(self, lr: f64, values: &mut [f64], gradient: &[f64], buffer: &mut [f64], one_dimensional: bool) {
        let mut update = gradient.to_vec();
        if !(self.exclude && one_dimensional) {
            for (update, value) in update.iter_mut().zip(values.iter()) {
                *update += self.decay * value;
            }
            let (value_norm, update_norm) = (norm(values), norm(&update));
            let ratio = match value_norm > 0.0 && update_norm > 0.0 {
                true => self.trust * value_norm / update_norm,
                false => 1.0,
            };
            update.iter_mut().for_each(|update| *update *= ratio);
        }
        for ((value, buffer), update) in values.iter_mut().zip(buffer).zip(update) {
            *buffer = self.momentum * *buffer + update;
            *value -= lr * *buffer;
        }
    }
}

fn assert_close(found: &Values, expected: &Values, what: &str) {
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() <= 2e-6, "{what}: {found} for {expected}");
    }
}

/// Twelve steps in f32 against f64: values of size 1, each step rounded to 6e-8, a few roundings a step.
#[expect(deprecated, reason = "ndarray is the second oracle until Burn removes it")]
#[test]
fn lars_agrees_with_plain_loops() {
    let paper = Constants { momentum: 0.9, decay: 1e-2, trust: 1e-3, exclude: true };
    // Learning rates as LARS has them: the trust ratio makes steps small.
    for (what, constants) in [
        ("as in the papers", paper),
        ("biases too", Constants { exclude: false, ..paper }),
        ("without momentum", Constants { momentum: 0.0, ..paper }),
        ("without decay", Constants { decay: 0.0, ..paper }),
        ("trusting", Constants { trust: 0.02, ..paper }),
    ] {
        for device in [Device::flex().autodiff(), Device::ndarray().autodiff()] {
            let mut module = Pair::new(&initial(), &device);
            let mut optimizer = Optimizer::new(constants.config()).unwrap();
            let mut expected = initial();
            let mut buffers = [vec![0.0; WEIGHT], vec![0.0; BIAS]];
            for step in 0..12 {
                let lr = 0.05 * (step + 1) as f64;
                let gradients = module.gradients(&chosen(step));
                module = optimizer.step(lr, module, gradients).unwrap();
                for index in 0..2 {
                    let (values, buffer) = (&mut expected[index], &mut buffers[index]);
                    constants.step(lr, values, &chosen(step)[index], buffer, index == 1);
                }
            }
            assert_close(&module.values(), &expected, what);
        }
    }
}

/// A zero parameter has no size to trust, a zero gradient no direction: the ratio is 1, not a NaN.
#[test]
fn the_trust_ratio_of_nothing_is_one() {
    let constants = Constants { momentum: 0.0, decay: 0.0, trust: 1e-3, exclude: false };
    let device = Device::flex().autodiff();
    let zeros = [vec![0.0; WEIGHT], vec![0.0; BIAS]];
    let mut optimizer = Optimizer::new(constants.config()).unwrap();
    let module = Pair::new(&zeros, &device);
    let gradients = module.gradients(&chosen(0));
    let stepped = optimizer.step(0.5, module, gradients).unwrap();
    let expected = chosen(0).map(|values| values.iter().map(|value| -0.5 * value).collect());
    assert_close(&stepped.values(), &expected, "zero parameters");

    let module = Pair::new(&initial(), &device);
    let before = module.values();
    let gradients = module.gradients(&zeros);
    assert_eq!(optimizer.step(0.5, module, gradients).unwrap().values(), before, "zero gradients");
}

#[test]
fn lars_resumes_with_the_same_bits() {
    let device = Device::flex().autodiff();
    let config = OptimizerConfig::lars().with_weight_decay(1e-3);
    let step = |optimizer: &mut Optimizer, module: Pair, step: usize| {
        let gradients = module.gradients(&chosen(step));
        optimizer.step(0.3, module, gradients).unwrap()
    };
    let mut optimizer = Optimizer::new(config).unwrap();
    let mut module = Pair::new(&initial(), &device);
    for index in 0..3 {
        module = step(&mut optimizer, module, index);
    }
    let names: Vec<_> = optimizer.state_dict().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["bias.step", "bias.momentum_buffer", "weight.step", "weight.momentum_buffer"]);
    let mut resumed = Optimizer::new(config).unwrap();
    resumed.load_state_dict(optimizer.state_dict(), &module).unwrap();
    let mut copy = module.clone().fork(&device);
    for index in 3..6 {
        module = step(&mut optimizer, module, index);
        copy = step(&mut resumed, copy, index);
    }
    assert_eq!(module.values(), copy.values());
    assert_eq!(optimizer.state_dict(), resumed.state_dict());

    // Adam's moments are no LARS state.
    let mut adam = Optimizer::new(OptimizerConfig::adam()).unwrap();
    step(&mut adam, Pair::new(&initial(), &device), 0);
    let error = Optimizer::new(config).unwrap().load_state_dict(adam.state_dict(), &module).unwrap_err();
    assert!(error.to_string().contains("lars"), "{error}");
}

/// The bias moves as without decay, the weight as with it, to the bit.
#[test]
fn decay_may_leave_one_dimensional_parameters_alone() {
    let device = Device::flex().autodiff();
    let all_but_one = ParameterGroups { decay_one_dimensional: false };
    let rules = [
        OptimizerConfig::adam(),
        OptimizerConfig::adamw(),
        OptimizerConfig::sgd(0.9),
        OptimizerConfig::lars(),
    ];
    for config in rules {
        let run = |decay: f64, groups: ParameterGroups| {
            let mut module = Pair::new(&initial(), &device);
            let mut optimizer = Optimizer::new(config.with_weight_decay(decay)).unwrap().with_groups(groups);
            for step in 0..4 {
                let gradients = module.gradients(&chosen(step));
                module = optimizer.step(0.1, module, gradients).unwrap();
            }
            module.values()
        };
        let [none, all] = [0.0, 0.2].map(|decay| run(decay, ParameterGroups::default()));
        let grouped = run(0.2, all_but_one);
        assert_ne!(none[0], all[0], "{config:?}");
        assert_eq!(grouped[0], all[0], "{config:?}: the weight decays");
        assert_eq!(grouped[1], none[1], "{config:?}: the bias does not");
        let excluded = matches!(config, OptimizerConfig::Lars { .. });
        assert_eq!(none[1] == all[1], excluded, "{config:?}: by default biases decay, but for LARS");
    }
    assert_eq!(ParameterGroups::default(), serde_json::from_str("{}").unwrap());
    assert!(!all_but_one.decays(&[7]) && all_but_one.decays(&[1, 1, 7]));
}
