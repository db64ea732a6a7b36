//! How many parameters a configuration describes, without building them.

use crate::{
    ActionConditioning, EncoderConfig, PredictorConfig, ResNetConfig, ResNetStem, SeqJepaConfig, VitConfig,
};

impl SeqJepaConfig {
    /// Trained parameters of the model: those of the online encoder, the aggregator and its token, the action embedding
    /// and the predictor. Running statistics and the target encoder, which has as many as the online one, do not count.
    ///
    /// Meaningful for a configuration that [`validate`](Self::validate)s.
    pub fn parameter_count(&self) -> u64 {
        let [action_dim, action_width, code, token] =
            [self.action_dim, self.action_width(), self.code_width(), self.token_width()].map(|n| n as u64);
        let embedding = match self.action_conditioning {
            ActionConditioning::Learned { .. } => action_dim * action_width,
            ActionConditioning::None | ActionConditioning::Raw => 0,
        };
        let layer = transformer_layer(token, self.feed_forward_factor as u64 * token);
        let aggregator = token + self.layers as u64 * layer + norm(token);
        let inputs = token + action_width;
        let predictor = match self.predictor {
            PredictorConfig::Linear => inputs * code + norm(code),
            PredictorConfig::Mlp { hidden } => {
                let hidden = hidden as u64;
                inputs * hidden + norm(hidden) + linear(hidden, code)
            }
        };
        self.encoder.parameter_count() + embedding + aggregator + predictor
    }
}

impl EncoderConfig {
    /// Trained parameters of the encoder. Meaningful for a configuration that [`validate`](Self::validate)s.
    pub fn parameter_count(&self) -> u64 {
        match self {
            Self::Resnet(config) => resnet(config),
            Self::Vit(config) => vit(config),
        }
    }
}

fn linear(inputs: u64, outputs: u64) -> u64 {
    inputs * outputs + outputs
}

/// Gain and shift of a batch or layer norm.
fn norm(width: u64) -> u64 {
    2 * width
}

/// A convolution without bias, and its batch norm.
fn conv_norm(inputs: u64, outputs: u64, kernel: u64) -> u64 {
    inputs * outputs * kernel * kernel + norm(outputs)
}

fn transformer_layer(width: u64, feed_forward: u64) -> u64 {
    let attention = linear(width, 3 * width) + linear(width, width);
    attention + linear(width, feed_forward) + linear(feed_forward, width) + 2 * norm(width)
}

fn resnet(config: &ResNetConfig) -> u64 {
    let expansion = config.depth.expansion() as u64;
    let width = config.width as u64;
    let kernel = match config.stem {
        ResNetStem::Cifar => 3,
        ResNetStem::ImageNet => 7,
    };
    let mut count = conv_norm(config.channels as u64, width, kernel);
    let mut inputs = width;
    for (stage, blocks) in config.depth.blocks().into_iter().enumerate() {
        let inner = width << stage;
        let outputs = inner * expansion;
        for block in 0..blocks {
            count += if expansion > 1 {
                conv_norm(inputs, inner, 1) + conv_norm(inner, inner, 3) + conv_norm(inner, outputs, 1)
            } else {
                conv_norm(inputs, inner, 3) + conv_norm(inner, outputs, 3)
            };
            if (stage > 0 && block == 0) || inputs != outputs {
                count += conv_norm(inputs, outputs, 1);
            }
            inputs = outputs;
        }
    }
    count
}

fn vit(config: &VitConfig) -> u64 {
    let [width, patch, channels, depth] =
        [config.width, config.patch, config.channels, config.depth].map(|n| n as u64);
    let side = (config.image_size / config.patch.max(1)) as u64;
    let tokens = side * side + 1;
    let embedding = linear(channels * patch * patch, width) + width + tokens * width;
    embedding + depth * transformer_layer(width, 4 * width) + norm(width)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use seqjepa_nn::tensor_specs;

    use super::*;
    use crate::ResNetDepth;

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
                    let trained = |name: &str| !name.starts_with("target_encoder.");
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
}
