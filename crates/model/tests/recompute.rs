//! What is computed again in the backward pass does not change a step.

use burn::tensor::{Device, Distribution, Tensor};
use seqjepa_model::{
    DropoutKey, DynMethod, DynMethodConfig, EncoderConfig, EquiModConfig, MethodConfig, ResNetConfig,
    ResNetDepth, ResNetStem, SeqJepaConfig, SequenceActions, SequenceInput, SimClrConfig, TargetConfig,
    VitConfig, boxed_config,
};
use seqjepa_nn::optimizer::ParameterGradients;
use seqjepa_nn::{Precision, Recompute, host};

const ACTION: usize = 9;

/// What a step depends on and leaves: the loss, every gradient, every running statistic.
type Step = Vec<(String, Vec<f32>)>;

fn input(device: &Device) -> SequenceInput {
    device.seed(3);
    let random = Distribution::Normal(0.0, 1.0);
    SequenceInput {
        observed: Tensor::random([3, 2, 3, 16, 16], random, device),
        target: Some(Tensor::random([3, 3, 16, 16], random, device)),
        actions: SequenceActions::new(
            Tensor::random([3, 3, ACTION], random, device),
            Tensor::random([3, 2, ACTION], random, device),
        )
        .unwrap(),
    }
}

/// Some values away from the initial ones, where gains of zero make gradients zero.
fn stirred(config: &dyn DynMethodConfig, device: &Device) -> Box<dyn DynMethod> {
    let mut method = config.init(5, device).unwrap();
    let mut state = method.state_dict();
    for (index, (name, data)) in state.iter_mut().enumerate() {
        if name.ends_with("bn2.weight") || name.ends_with("bn3.weight") {
            let shape = data.shape().clone();
            let values: Vec<f32> =
                (0..shape.num_elements()).map(|at| 0.3 + 0.01 * (at + index) as f32).collect();
            *data = burn::tensor::TensorData::new(values, shape);
        }
    }
    method.load_state_dict(state).unwrap();
    method
}

/// A step from the same values and views.
fn step(config: &dyn DynMethodConfig, precision: Precision, stages: &[usize]) -> Step {
    let device = Device::flex().autodiff();
    let method = stirred(config, &device);
    let recompute = Recompute::stages(stages.iter().copied());
    let key = DropoutKey { seed: 1, step: 0 };
    let input = input(&device);
    let (output, recording) =
        recompute.record(|| precision.within(|| method.training_forward(input, key).unwrap()));
    let mut step = vec![("the loss".to_owned(), host::read(output.loss.clone().inner()))];
    let mut gradients = ParameterGradients::default();
    recording.backward(output.loss, |part| gradients.accumulate(method.take_gradients(part)));
    step.extend(gradients.paths().map(|path| (path.to_owned(), host::read(gradients.get(path).unwrap()))));
    let state = method.state_dict().into_iter();
    step.extend(
        state.map(|(name, data)| (format!("{name} after"), data.convert::<f32>().try_into_vec().unwrap())),
    );
    step
}

fn on(encoder: impl Into<EncoderConfig>) -> SeqJepaConfig {
    SeqJepaConfig { encoder: encoder.into(), ..SeqJepaConfig::default() }
}

fn resnet(width: usize) -> ResNetConfig {
    ResNetConfig { width, ..ResNetConfig::default() }
}

fn expect_the_same(config: &dyn DynMethodConfig, precision: Precision, stages: &[&[usize]]) {
    let expected = step(config, precision, &[]);
    assert!(expected.iter().flat_map(|(_, values)| values).all(|value| value.is_finite()));
    for stages in stages {
        let found = step(config, precision, stages);
        assert_eq!(found.len(), expected.len(), "{stages:?}: {config:?}");
        for ((name, expected), (_, found)) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "{name}: {stages:?}: {config:?}");
        }
    }
}

#[test]
fn residual_networks() {
    let stages: [&[usize]; 4] = [&[1], &[4], &[2, 3], &[1, 2, 3, 4]];
    expect_the_same(&*boxed_config(on(resnet(8))), Precision::Full, &stages);
    expect_the_same(&*boxed_config(on(resnet(4))), Precision::Bf16, &stages[2..]);
    let deep = ResNetConfig { depth: ResNetDepth::ResNet50, stem: ResNetStem::ImageNet, ..resnet(4) };
    for precision in [Precision::Full, Precision::Bf16] {
        expect_the_same(&*boxed_config(on(deep)), precision, &stages[2..]);
    }
}

/// The second pass over the target view has no gradient, and moves the running statistics of the first.
#[test]
fn without_a_target_encoder() {
    let config = SeqJepaConfig { target: TargetConfig::StopGradient, ..on(resnet(4)) };
    expect_the_same(&*boxed_config(config), Precision::Full, &[&[1, 2, 3, 4]]);
}

#[test]
fn vision_transformers() {
    let vit = VitConfig { image_size: 16, width: 24, depth: 3, ..VitConfig::default() };
    let config = boxed_config(on(vit));
    let [expected, found] = [&[][..], &[1]].map(|stages| step(&*config, Precision::Full, stages));
    assert_eq!(found.len(), expected.len());
    let size = |values: &[f32]| values.iter().map(|value| value * value).sum::<f32>().sqrt();
    let largest = expected.iter().map(|(_, values)| size(values)).fold(0.0, f32::max);
    for ((name, expected), (_, found)) in expected.iter().zip(&found) {
        let difference: Vec<_> =
            expected.iter().zip(found).map(|(expected, found)| expected - found).collect();
        // Burn's layer norm and softmax sum in other orders where gradients are recorded.
        let bound = 1e-5 * size(expected) + 1e-7 * largest;
        assert!(size(&difference) <= bound, "{name}: {} of {}", size(&difference), size(expected));
    }
}

/// Views that pass the encoder one after the other.
#[test]
fn several_passes_of_one_encoder() {
    let simclr = SimClrConfig::default().with_input(resnet(4).into(), ACTION);
    expect_the_same(&*boxed_config(simclr), Precision::Full, &[&[1, 2, 3, 4]]);
    let equimod = EquiModConfig::default().with_input(resnet(4).into(), ACTION);
    expect_the_same(&*boxed_config(equimod), Precision::Full, &[&[1, 2, 3, 4]]);
}
