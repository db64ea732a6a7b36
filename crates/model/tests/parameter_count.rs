//! Parameter counts of configurations against the models that they describe.

use burn::tensor::Device;
use seqjepa_model::{
    ActionConditioning, EncoderConfig, Method, PredictorConfig, ResNetConfig, ResNetDepth, ResNetStem,
    SeqJepaConfig, TensorRole, VitConfig,
};
use seqjepa_nn::tensor_specs;

#[test]
fn it_is_the_number_of_parameters_of_the_model() {
    let small = |depth, stem| ResNetConfig { depth, width: 2, stem, channels: 3 };
    let encoders: [EncoderConfig; 5] = [
        small(ResNetDepth::ResNet18, ResNetStem::Cifar).into(),
        small(ResNetDepth::ResNet34, ResNetStem::ImageNet).into(),
        small(ResNetDepth::ResNet50, ResNetStem::Cifar).into(),
        ResNetConfig { channels: 1, ..small(ResNetDepth::ResNet18, ResNetStem::Cifar) }.into(),
        VitConfig { image_size: 12, patch: 3, width: 8, depth: 2, heads: 2, channels: 3 }.into(),
    ];
    let conditionings =
        [ActionConditioning::None, ActionConditioning::Raw, ActionConditioning::Learned { width: 8 }];
    for encoder in encoders {
        for action_conditioning in conditionings {
            for predictor in [PredictorConfig::Linear, PredictorConfig::Mlp { hidden: 7 }] {
                let config = SeqJepaConfig {
                    encoder,
                    action_conditioning,
                    predictor,
                    layers: 2,
                    ..SeqJepaConfig::default()
                };
                let model = config.init(0, &Device::flex()).expect("a valid configuration");
                let trained = |name: &str| model.tensor_role(name) != TensorRole::TargetEncoder;
                let count: usize = tensor_specs(&model)
                    .iter()
                    .filter(|spec| !spec.buffer && trained(&spec.name))
                    .map(|spec| spec.shape.iter().product::<usize>())
                    .sum();
                assert_eq!(config.parameter_count(), count as u64, "{config:?}");
            }
        }
    }
}

#[test]
fn the_standard_encoders_have_their_known_sizes() {
    let count = |depth, stem| {
        EncoderConfig::from(ResNetConfig { depth, stem, ..ResNetConfig::default() }).parameter_count()
    };
    // torchvision's figures less the classifier (512 or 2048 features to 1000 classes, with bias).
    assert_eq!(count(ResNetDepth::ResNet18, ResNetStem::ImageNet), 11_689_512 - 513_000);
    assert_eq!(count(ResNetDepth::ResNet34, ResNetStem::ImageNet), 21_797_672 - 513_000);
    assert_eq!(count(ResNetDepth::ResNet50, ResNetStem::ImageNet), 25_557_032 - 2_049_000);
}
