use schemars::JsonSchema;
use seqjepa_evaluation::settings::flag;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, between, invalid, within};

/// The largest width and the most layers, as of `SeqJepaConfig`.
const MAX_SIZE: usize = 1 << 16;
const MAX_LAYERS: usize = 1024;
/// The largest weight of a regulariser.
const MAX_WEIGHT: f64 = 1e6;

/// `model`: sizes and variants (paper, section 3 and appendix; the published code's names).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Side of a view in pixels. Default 32.
    #[schemars(range(min = 8, max = 512))]
    pub img_size: usize,
    /// Channels of a view; only 3, grey images are replicated. Default 3.
    #[schemars(extend("enum" = [3]))]
    pub n_channels: usize,
    /// Family of the encoder: `resnet` (`depth`, `width`, `cifar_resnet`), or `vit`, a vision transformer (`vit_*`). Default
    /// `resnet`.
    pub encoder: EncoderKind,
    /// Depth of the ResNet: 18, 34 or 50. Default 18.
    #[schemars(extend("enum" = [18, 34, 50]))]
    pub depth: usize,
    /// Channels of the ResNet's first stage; 64 is the standard ResNet (representation width 512), 16 a small one for CPUs
    /// (128). Default 64.
    #[schemars(range(min = 1, max = MAX_SIZE))]
    pub width: usize,
    /// The CIFAR stem (3x3 convolution, stride 1, no max-pool); false: the ImageNet stem. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub cifar_resnet: bool,
    /// Side of the vision transformer's patches in pixels; divides `img_size`. Default 4.
    #[schemars(range(min = 1, max = MAX_SIZE))]
    pub vit_patch: usize,
    /// Features of the vision transformer's tokens and of its representation; 192 is ViT-tiny. Default 192.
    #[schemars(range(min = 1, max = MAX_SIZE))]
    pub vit_width: usize,
    /// Layers of the vision transformer. Default 12.
    #[schemars(range(min = 1, max = MAX_LAYERS))]
    pub vit_depth: usize,
    /// Attention heads of the vision transformer; they divide `vit_width`. Default 3.
    #[schemars(range(min = 1, max = MAX_SIZE))]
    pub vit_heads: usize,
    /// The target encoder is an exponential moving average; false: the online encoder with stop-gradient. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub ema: bool,
    /// EMA decay (of the first step, where the schedule is cosine). Default 0.996.
    #[schemars(range(min = 0, max = 1))]
    pub ema_decay: f64,
    /// How the decay moves: `constant`, or `cosine` up to 1: `1 - (1 - ema_decay) (1 + cos(pi t / T)) / 2` at step `t` of
    /// `T`. Default `constant`.
    pub ema_schedule: EmaScheduleKind,
    /// Width of the predictor's hidden layer; 0: a single linear layer with batch norm. Default 1024.
    #[schemars(range(min = 0, max = MAX_SIZE))]
    pub pred_hidden: usize,
    /// Attention heads of the aggregator; they divide the width of a token. Default 4.
    #[schemars(range(min = 1, max = MAX_SIZE))]
    pub num_heads: usize,
    /// Transformer layers of the aggregator. Default 3.
    #[schemars(range(min = 1, max = MAX_LAYERS))]
    pub num_enc_layers: usize,
    /// Dropout of the aggregator. Default 0.1.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// Condition on actions; false: tokens are representations alone. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub act_cond: bool,
    /// Learn an embedding of the action; false: concatenate the normalised parameters. Default true.
    #[serde(deserialize_with = "flag::deserialize")]
    #[schemars(schema_with = "flag::schema")]
    pub learn_act_emb: bool,
    /// Action parameters; where given, the number that the data set's action space has. Default: that number.
    pub act_latentdim: Option<usize>,
    /// Width of the action embedding. Default 128.
    #[schemars(range(min = 1, max = MAX_SIZE))]
    pub act_projdim: usize,
    /// The one group of the action that the model is told, as `crop`, `jitter` or `blur` of augmentations (the published code's
    /// `latent-type`); probes still regress all. Default: all groups.
    pub act_group: Option<String>,
    /// A term that keeps z_AGG from collapse, for `ema: false`: `coding_rate`, minus log det((1 + 1e-4) I + C) of its covariance over
    /// the batch, or `sigreg`, its distance from an isotropic Gaussian. Default `none`.
    pub regularizer: RegularizerKind,
    /// Weight of that term. Default: 0.01 of `coding_rate`, 0.02 of `sigreg`.
    #[schemars(range(min = 0, max = MAX_WEIGHT))]
    pub regularizer_weight: Option<f64>,
    /// Random directions along which `sigreg` measures, drawn anew at every step. Default 256.
    #[schemars(range(min = 1, max = MAX_SIZE))]
    pub sigreg_directions: usize,
}

/// What keeps z_AGG from collapse beside the prediction loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegularizerKind {
    /// Nothing (the published runs).
    #[default]
    None,
    /// The coding rate of its batch-centred rows (arXiv 2502.10385).
    CodingRate,
    /// Sketched isotropic Gaussian regularisation (LeJEPA, arXiv 2511.08544).
    #[serde(rename = "sigreg")]
    SigReg,
}

/// Family of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncoderKind {
    /// A residual network: `depth`, `width` and `cifar_resnet` describe it (the published runs).
    #[default]
    Resnet,
    /// A vision transformer: the keys `vit_*` describe it; the defaults are ViT-tiny for 32x32 pixels in 4x4 patches.
    Vit,
}

/// How the EMA decay moves over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmaScheduleKind {
    /// `ema_decay` throughout (the published run).
    #[default]
    Constant,
    /// From `ema_decay` to 1: `d(t) = 1 - (1 - d) (cos(pi t / T) + 1) / 2` over all T steps.
    Cosine,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            img_size: 32,
            n_channels: 3,
            encoder: EncoderKind::Resnet,
            depth: 18,
            width: 64,
            cifar_resnet: true,
            vit_patch: 4,
            vit_width: 192,
            vit_depth: 12,
            vit_heads: 3,
            ema: true,
            ema_decay: 0.996,
            ema_schedule: EmaScheduleKind::Constant,
            pred_hidden: 1024,
            num_heads: 4,
            num_enc_layers: 3,
            dropout: 0.1,
            act_cond: true,
            learn_act_emb: true,
            act_latentdim: None,
            act_projdim: 128,
            act_group: None,
            regularizer: RegularizerKind::None,
            regularizer_weight: None,
            sigreg_directions: 256,
        }
    }
}

impl ModelConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(8..=512).contains(&self.img_size) {
            return Err(invalid("model.img_size", "8 to 512", self.img_size));
        }
        if self.n_channels != 3 {
            return Err(invalid("model.n_channels", "3 (grey images are replicated)", self.n_channels));
        }
        if ![18, 34, 50].contains(&self.depth) {
            return Err(invalid("model.depth", "18, 34 or 50", self.depth));
        }
        within("model.width", self.width, MAX_SIZE)?;
        if !(0.0..=1.0).contains(&self.ema_decay) {
            return Err(invalid("model.ema_decay", "0 to 1", self.ema_decay));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(invalid("model.dropout", "at least 0 and below 1", self.dropout));
        }
        if let Some(weight) = self.regularizer_weight {
            between("model.regularizer_weight", weight, 0.0, MAX_WEIGHT)?;
        }
        for (key, value) in [
            ("model.sigreg_directions", self.sigreg_directions),
            ("model.vit_patch", self.vit_patch),
            ("model.vit_width", self.vit_width),
            ("model.vit_heads", self.vit_heads),
            ("model.num_heads", self.num_heads),
            ("model.act_projdim", self.act_projdim),
            // 0 is a predictor without a hidden layer.
            ("model.pred_hidden", self.pred_hidden.max(1)),
        ] {
            within(key, value, MAX_SIZE)?;
        }
        within("model.vit_depth", self.vit_depth, MAX_LAYERS)?;
        within("model.num_enc_layers", self.num_enc_layers, MAX_LAYERS)?;
        if self.encoder == EncoderKind::Vit {
            if !self.img_size.is_multiple_of(self.vit_patch) {
                let expected = format!("a divisor of model.img_size, {}", self.img_size);
                return Err(invalid("model.vit_patch", expected, self.vit_patch));
            }
            if !self.vit_width.is_multiple_of(self.vit_heads) {
                let expected = format!("a divisor of model.vit_width, {}", self.vit_width);
                return Err(invalid("model.vit_heads", expected, self.vit_heads));
            }
        }
        Ok(())
    }
}
