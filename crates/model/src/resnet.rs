//! Residual networks (He et al. 2016, arXiv 1512.03385) with torchvision's parameter names.

use crate::counts::conv_norm;
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::layer_memory::{LayerMemory, RecomputedMemory};
use crate::limits::size;
use burn::module::Module;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, module::max_pool2d};
use seqjepa_nn::{BatchNorm, Conv2d, InitRng, Mode, narrowed, recomputable, widened};
use serde::{Deserialize, Serialize};

/// Configuration of a [`ResNet`]; the default is ResNet-18 with the CIFAR stem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResNetConfig {
    /// Number of layers. Default: 18.
    pub depth: ResNetDepth,
    /// Channels after the stem; the four stages have 1, 2, 4 and 8 times as many. Default: 64.
    pub width: usize,
    /// First layers. Default: CIFAR.
    pub stem: ResNetStem,
    /// Channels of an image. Default: 3.
    pub channels: usize,
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self { depth: ResNetDepth::ResNet18, width: 64, stem: ResNetStem::Cifar, channels: 3 }
    }
}

/// Number of layers of a [`ResNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResNetDepth {
    /// 18 layers in basic blocks.
    #[serde(rename = "18")]
    ResNet18,
    /// 34 layers in basic blocks.
    #[serde(rename = "34")]
    ResNet34,
    /// 50 layers in bottleneck blocks.
    #[serde(rename = "50")]
    ResNet50,
}

impl ResNetDepth {
    pub(crate) fn blocks(self) -> [usize; 4] {
        match self {
            Self::ResNet18 => [2, 2, 2, 2],
            Self::ResNet34 | Self::ResNet50 => [3, 4, 6, 3],
        }
    }

    /// Output channels of a block in units of its inner channels.
    pub(crate) fn expansion(self) -> usize {
        match self {
            Self::ResNet18 | Self::ResNet34 => 1,
            Self::ResNet50 => 4,
        }
    }
}

/// First layers of a [`ResNet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResNetStem {
    /// 3x3 convolution of stride 1, no pooling: for images of about 32 pixels.
    Cifar,
    /// 7x7 convolution of stride 2 and 3x3 max-pooling of stride 2.
    ImageNet,
}

impl ResNetConfig {
    /// Number of features of a representation: the channels of the last stage.
    #[must_use]
    pub fn representation_width(&self) -> usize {
        8 * self.width * self.depth.expansion()
    }

    /// Trained parameters. Meaningful for a configuration that [`validate`](Self::validate)s.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.parameters().into_iter().sum()
    }

    /// Those of the stem and of each stage.
    fn parameters(&self) -> [u64; 5] {
        let expansion = self.depth.expansion() as u64;
        let width = self.width as u64;
        let kernel = match self.stem {
            ResNetStem::Cifar => 3,
            ResNetStem::ImageNet => 7,
        };
        let mut counts = [conv_norm(self.channels as u64, width, kernel), 0, 0, 0, 0];
        let mut inputs = width;
        for (stage, blocks) in self.depth.blocks().into_iter().enumerate() {
            let inner = width << stage;
            let outputs = inner * expansion;
            let count = &mut counts[stage + 1];
            for block in 0..blocks {
                *count += if expansion > 1 {
                    conv_norm(inputs, inner, 1) + conv_norm(inner, inner, 3) + conv_norm(inner, outputs, 1)
                } else {
                    conv_norm(inputs, inner, 3) + conv_norm(inner, outputs, 3)
                };
                if (stage > 0 && block == 0) || inputs != outputs {
                    *count += conv_norm(inputs, outputs, 1);
                }
                inputs = outputs;
            }
        }
        counts
    }

    /// What stem and stages take of memory in training, for one image of `side` pixels in height and width.
    #[must_use]
    pub fn layer_memory(&self, side: usize) -> Vec<LayerMemory> {
        const NAMES: [&str; 5] =
            ["encoder, stem", "encoder, stage 1", "encoder, stage 2", "encoder, stage 3", "encoder, stage 4"];
        let expansion = self.depth.expansion();
        let map = |channels: usize, side: usize| (channels * side * side) as u64;
        let image = map(self.channels, side);
        // Every convolution's output goes into a norm, which keeps it and its own rectified output.
        let (stem, mut side) = match self.stem {
            ResNetStem::Cifar => (2 * map(self.width, side), side),
            ResNetStem::ImageNet => {
                let [half, quarter] = [side.div_ceil(2), side.div_ceil(4)];
                // Pooling also keeps where each of its values comes from, in integers of twice the bytes.
                (2 * map(self.width, half) + 3 * map(self.width, quarter), quarter)
            }
        };
        let mut kept = [image + stem, 0, 0, 0, 0];
        let mut passing = [stem, 0, 0, 0, 0];
        // What leaves the blocks of a stage, and what the largest of them keeps.
        let [mut leaving, mut largest] = [[0; 5]; 2];
        let mut inputs = self.width;
        for (stage, blocks) in self.depth.blocks().into_iter().enumerate() {
            let inner = self.width << stage;
            let outputs = inner * expansion;
            let entering = map(inputs, side);
            for block in 0..blocks {
                let strided = stage > 0 && block == 0;
                let before = side;
                if strided {
                    side = side.div_ceil(2);
                }
                // The shortcut's norm is not rectified: it keeps its input alone.
                let shortcut = if strided || inputs != outputs { map(outputs, side) } else { 0 };
                let inside =
                    if expansion > 1 { map(inner, before) + map(inner, side) } else { map(inner, side) };
                let block = 2 * inside + 2 * map(outputs, side) + shortcut;
                kept[stage + 1] += block;
                leaving[stage + 1] += map(outputs, side);
                largest[stage + 1] = block.max(largest[stage + 1]);
                inputs = outputs;
            }
            // Gradients of a block's output, of its residual and of what is inside; where a stage begins, two of its input.
            passing[stage + 1] = (3 * map(outputs, side)).max(map(outputs, side) + 2 * entering);
        }
        let parameters = self.parameters();
        let recomputed = |part: usize| RecomputedMemory {
            stage: part,
            kept: leaving[part],
            passing: largest[part] + passing[part],
        };
        let part = |(part, name)| LayerMemory {
            name,
            parameters: parameters[part],
            kept: kept[part],
            passing: passing[part],
            narrowed: true,
            recomputed: (part > 0).then(|| recomputed(part)),
            ..LayerMemory::default()
        };
        NAMES.into_iter().enumerate().map(part).collect()
    }

    /// Checks all values.
    ///
    /// # Errors
    /// [`ModelError::Config`] for the first value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        size("encoder.width", self.width)?;
        size("encoder.channels", self.channels)
    }

    /// A network with torchvision's initial values: convolutions Kaiming normal over the fan-out, the last
    /// gain of each block zero.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) fails.
    pub fn init(&self, rng: &mut InitRng, device: &Device) -> Result<ResNet, ModelError> {
        self.validate()?;
        let (kernel, geometry) = match self.stem {
            ResNetStem::Cifar => (3, [1, 1]),
            ResNetStem::ImageNet => (7, [2, 3]),
        };
        let conv1 = Conv2d::kaiming([self.channels, self.width], kernel, geometry, rng, device);
        let mut inputs = self.width;
        let mut stage = |index: usize, rng: &mut InitRng| {
            let inner = self.width << index;
            let blocks = self.depth.blocks()[index];
            (0..blocks)
                .map(|block| {
                    let stride = if index > 0 && block == 0 { 2 } else { 1 };
                    let block = ResidualBlock::new(inputs, inner, stride, self.depth, rng, device);
                    inputs = inner * self.depth.expansion();
                    block
                })
                .collect()
        };
        Ok(ResNet {
            conv1,
            bn1: BatchNorm::new(self.width, device),
            layer1: stage(0, rng),
            layer2: stage(1, rng),
            layer3: stage(2, rng),
            layer4: stage(3, rng),
            config: *self,
        })
    }
}

/// A residual network without its classifier.
#[derive(Module, Debug)]
pub struct ResNet {
    /// Stem convolution.
    pub conv1: Conv2d,
    /// Stem normalisation.
    pub bn1: BatchNorm,
    /// First stage.
    pub layer1: Vec<ResidualBlock>,
    /// Second stage, half the resolution.
    pub layer2: Vec<ResidualBlock>,
    /// Third stage, a quarter of the resolution.
    pub layer3: Vec<ResidualBlock>,
    /// Fourth stage, an eighth of the resolution.
    pub layer4: Vec<ResidualBlock>,
    #[module(skip)]
    config: ResNetConfig,
}

impl ResNet {
    /// What the network was built from.
    pub fn config(&self) -> &ResNetConfig {
        &self.config
    }
}

impl Encoder for ResNet {
    fn encode(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        let mut features = self.bn1.forward_relu(self.conv1.forward(narrowed(images)), mode);
        if self.config.stem == ResNetStem::ImageNet {
            let window = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
            features = max_pool2d(features, window);
        }
        let stages = [&self.layer1, &self.layer2, &self.layer3, &self.layer4];
        for (index, stage) in stages.into_iter().enumerate() {
            for block in stage {
                let forward = move |block: &ResidualBlock, features| block.forward(features, mode);
                features = recomputable(index + 1, block, features, forward);
            }
        }
        let [batch, channels, height, width] = features.dims();
        widened(features).reshape([batch, channels, height * width]).mean_dim(2).reshape([batch, channels])
    }

    fn width(&self) -> usize {
        self.config.representation_width()
    }
}

/// A block with a shortcut around it: two 3x3 convolutions (basic) or 1x1, 3x3 and 1x1 (bottleneck).
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// First convolution.
    pub conv1: Conv2d,
    /// First normalisation.
    pub bn1: BatchNorm,
    /// Second convolution.
    pub conv2: Conv2d,
    /// Second normalisation.
    pub bn2: BatchNorm,
    /// Third convolution of a bottleneck.
    pub conv3: Option<Conv2d>,
    /// Third normalisation of a bottleneck.
    pub bn3: Option<BatchNorm>,
    /// 1x1 convolution and normalisation of the shortcut where the shape changes.
    pub downsample: Option<(Conv2d, BatchNorm)>,
}

impl ResidualBlock {
    fn new(
        inputs: usize,
        inner: usize,
        stride: usize,
        depth: ResNetDepth,
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        let outputs = inner * depth.expansion();
        let norm = |channels| BatchNorm::new(channels, device);
        let (conv1, conv2, conv3) = if depth == ResNetDepth::ResNet50 {
            // The stride sits on the 3x3 convolution, as in torchvision ("ResNet v1.5").
            (
                Conv2d::kaiming([inputs, inner], 1, [1, 0], rng, device),
                Conv2d::kaiming([inner, inner], 3, [stride, 1], rng, device),
                Some(Conv2d::kaiming([inner, outputs], 1, [1, 0], rng, device)),
            )
        } else {
            (
                Conv2d::kaiming([inputs, inner], 3, [stride, 1], rng, device),
                Conv2d::kaiming([inner, outputs], 3, [1, 1], rng, device),
                None,
            )
        };
        let bottleneck = conv3.is_some();
        let last = |channels| norm(channels).with_zero_gain();
        Self {
            conv1,
            bn1: norm(inner),
            conv2,
            bn2: if bottleneck { norm(inner) } else { last(outputs) },
            bn3: bottleneck.then(|| last(outputs)),
            conv3,
            downsample: (stride != 1 || inputs != outputs).then(|| {
                let conv = Conv2d::kaiming([inputs, outputs], 1, [stride, 0], rng, device);
                (conv, norm(outputs))
            }),
        }
    }

    /// Maps `[batch, in, height, width]` to `[batch, out, height / stride, width / stride]`.
    pub fn forward(&self, input: Tensor<4>, mode: Mode) -> Tensor<4> {
        let shortcut = match &self.downsample {
            Some((conv, norm)) => norm.forward(conv.forward(input.clone()), mode),
            None => input.clone(),
        };
        let hidden = self.conv2.forward(self.bn1.forward_relu(self.conv1.forward(input), mode));
        match (&self.conv3, &self.bn3) {
            (Some(conv), Some(norm)) => {
                let hidden = conv.forward(self.bn2.forward_relu(hidden, mode));
                norm.forward_add_relu(hidden, shortcut, mode)
            }
            _ => self.bn2.forward_add_relu(hidden, shortcut, mode),
        }
    }
}
