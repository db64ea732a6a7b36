//! About how much memory a run takes.

use seqjepa_model::{EncoderConfig, ResNetConfig, ResNetDepth, ResNetStem, TensorRole, VitConfig};
use seqjepa_run::Rehearsal;
use seqjepa_run::config::OptimizerKind;

/// Bytes of a value.
const VALUE: u64 = 4;

/// Bytes of an image of STL-10 with its saliency map.
const STL10_IMAGE: u64 = 4 * 96 * 96;

/// Estimates in bytes.
#[derive(Debug)]
pub(super) struct Memory {
    parameters: u64,
    gradients: u64,
    optimizer: u64,
    target: u64,
    /// The state that a run goes back to when a step is not finite.
    before: u64,
    activations: u64,
    batches: u64,
    images: u64,
}

impl Memory {
    pub(super) fn of(rehearsal: &Rehearsal) -> Self {
        let (config, method) = (rehearsal.config(), rehearsal.method());
        let dataset = &config.dataset;
        let parameters = VALUE * rehearsal.parameter_count();
        let target = method.tensor_specs();
        let target = target.iter().filter(|spec| method.tensor_role(&spec.name) == TensorRole::TargetEncoder);
        let optimizer = match config.optim.name {
            OptimizerKind::Adam | OptimizerKind::AdamW => 2 * parameters,
            OptimizerKind::Sgd | OptimizerKind::Lars => parameters,
        };
        let side = config.model.img_size;
        let used = method.views_used();
        let observed = used.observed.unwrap_or(dataset.seq_len);
        let view = (config.model.n_channels * side * side) as u64;
        let views = (dataset.batch_size * (observed + usize::from(used.target))) as u64;
        let [train, test] =
            [&rehearsal.data().set().train, &rehearsal.data().set().test].map(|source| source.len());
        let pixels = 3 * config.source_size() * config.source_size() * (train + test);
        let limit = dataset.memory_limit();
        Self {
            parameters,
            gradients: parameters,
            optimizer,
            target: VALUE * target.map(|spec| spec.shape.iter().product::<usize>() as u64).sum::<u64>(),
            before: parameters + optimizer,
            // Only observed views carry gradients; what the target needs at a time is small beside them.
            activations: VALUE
                * (dataset.batch_size * observed) as u64
                * activations(&config.encoder(), side),
            batches: VALUE * views * view * (dataset.prefetch as u64 + 2),
            images: match dataset.name.as_str() {
                "image_folder" | "tiny_imagenet" | "tiny_imagenet_aug" => limit.min(pixels as u64),
                // The limit is one of each split.
                "3diebench" | "rendered_objects" => {
                    limit.saturating_mul(2).min((pixels * dataset.views_per_object) as u64)
                }
                "stl10_glimpses" => limit.saturating_mul(2).min(STL10_IMAGE * (train + test) as u64),
                _ => pixels as u64,
            },
        }
    }

    pub(super) fn parts(&self) -> [(&'static str, u64); 8] {
        [
            ("parameters", self.parameters),
            ("gradients", self.gradients),
            ("optimizer state", self.optimizer),
            ("target encoder", self.target),
            ("state to go back to after a bad step", self.before),
            ("activations of the encoder, roughly", self.activations),
            ("batches of views made ahead", self.batches),
            ("images", self.images),
        ]
    }

    pub(super) fn total(&self) -> u64 {
        self.parts().iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Values that the backward pass through an encoder needs of one view, roughly.
fn activations(encoder: &EncoderConfig, side: usize) -> u64 {
    match encoder {
        EncoderConfig::Resnet(config) => resnet(config, side),
        EncoderConfig::Vit(config) => vit(config),
    }
}

/// Per convolution: its output, normalised, and after the ReLU.
fn resnet(config: &ResNetConfig, side: usize) -> u64 {
    const KEPT: usize = 3;
    let blocks = match config.depth {
        ResNetDepth::ResNet18 => [2, 2, 2, 2],
        ResNetDepth::ResNet34 | ResNetDepth::ResNet50 => [3, 4, 6, 3],
    };
    let bottleneck = config.depth == ResNetDepth::ResNet50;
    let (stem, mut side) = match config.stem {
        ResNetStem::Cifar => (side, side),
        ResNetStem::ImageNet => (side.div_ceil(2), side.div_ceil(4)),
    };
    let mut values = KEPT * config.width * stem * stem;
    for (stage, blocks) in blocks.into_iter().enumerate() {
        if stage > 0 {
            side = side.div_ceil(2);
        }
        let map = (config.width << stage) * side * side;
        // Two maps of the stage's width, or with a bottleneck two and one of four times the width.
        values += blocks * KEPT * map * if bottleneck { 6 } else { 2 };
    }
    values as u64
}

/// Per layer and token: two norms, queries, keys, values, the attention's output, its projection, and the hidden layer of four
/// times the width before and after its activation; and the attention's weights.
fn vit(config: &VitConfig) -> u64 {
    const KEPT: usize = 16;
    let patches = config.image_size / config.patch;
    let tokens = patches * patches + 1;
    let weights = 2 * config.heads * tokens * tokens;
    (config.depth * (KEPT * tokens * config.width + weights)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_grows_as_networks_do() {
        let small = ResNetConfig { width: 16, ..ResNetConfig::default() };
        let resnet = |config: &ResNetConfig| activations(&EncoderConfig::Resnet(*config), 32);
        let wide = ResNetConfig { width: 64, ..small };
        assert_eq!(resnet(&wide), 4 * resnet(&small));
        // The stem and four stages of two blocks of two convolutions, each of half the values of the one before.
        assert_eq!(resnet(&small), 3 * 16 * 1024 + 3 * 4 * 16 * (1024 + 512 + 256 + 128));
        let deep = ResNetConfig { depth: ResNetDepth::ResNet50, ..small };
        assert!(resnet(&deep) > resnet(&small));
        let coarse = ResNetConfig { stem: ResNetStem::ImageNet, ..small };
        assert!(resnet(&coarse) < resnet(&small) / 4);
    }
}
