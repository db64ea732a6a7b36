//! From a config to the parts that it describes.

use seqjepa_data::{ActionNormalization, ActionSpace, AugmentPolicy, Normalization, SequenceConfig};
use seqjepa_model::{
    ActionConditioning, EmaSchedule, EncoderConfig, PredictorConfig, ResNetConfig, ResNetDepth, ResNetStem,
    SeqJepaConfig, TargetConfig, VitConfig,
};
use seqjepa_nn::optimizer::OptimizerConfig;
use seqjepa_probes::OutputGroup;

use crate::TrainError;
use crate::config::{Config, EmaScheduleKind, EncoderKind, OptimizerKind, invalid};

impl Config {
    /// The model that this config describes.
    #[must_use]
    pub fn model_config(&self) -> SeqJepaConfig {
        let model = &self.model;
        SeqJepaConfig {
            encoder: self.encoder_config(),
            action_dim: model.act_latentdim,
            action_conditioning: match (model.act_cond, model.learn_act_emb) {
                (false, _) => ActionConditioning::None,
                (true, false) => ActionConditioning::Raw,
                (true, true) => ActionConditioning::Learned { width: model.act_projdim },
            },
            relative_last_action: self.dataset.use_rel_latents,
            heads: model.num_heads,
            layers: model.num_enc_layers,
            dropout: model.dropout,
            predictor: match model.pred_hidden {
                0 => PredictorConfig::Linear,
                hidden => PredictorConfig::Mlp { hidden },
            },
            target: if model.ema {
                TargetConfig::Ema {
                    decay: model.ema_decay,
                    schedule: match model.ema_schedule {
                        EmaScheduleKind::Constant => EmaSchedule::Constant,
                        EmaScheduleKind::Cosine => EmaSchedule::Cosine,
                    },
                }
            } else {
                TargetConfig::StopGradient
            },
            ..SeqJepaConfig::default()
        }
    }

    fn encoder_config(&self) -> EncoderConfig {
        let model = &self.model;
        match model.encoder {
            EncoderKind::Resnet => EncoderConfig::Resnet(ResNetConfig {
                depth: match model.depth {
                    34 => ResNetDepth::ResNet34,
                    50 => ResNetDepth::ResNet50,
                    _ => ResNetDepth::ResNet18,
                },
                width: model.width,
                stem: if model.cifar_resnet { ResNetStem::Cifar } else { ResNetStem::ImageNet },
                channels: model.n_channels,
            }),
            EncoderKind::Vit => EncoderConfig::Vit(VitConfig {
                image_size: model.img_size,
                patch: model.vit_patch,
                width: model.vit_width,
                depth: model.vit_depth,
                heads: model.vit_heads,
                channels: model.n_channels,
            }),
        }
    }

    /// The optimizer that this config describes, with PyTorch's constants.
    #[must_use]
    pub fn optimizer_config(&self) -> OptimizerConfig {
        let rule = match self.optim.name {
            OptimizerKind::Adam => OptimizerConfig::adam(),
            OptimizerKind::AdamW => OptimizerConfig::adamw(),
            OptimizerKind::Sgd => OptimizerConfig::sgd(self.optim.momentum),
        };
        rule.with_weight_decay(self.optim.weight_decay)
    }

    /// How sequences of `observed_views` + 1 views are formed, normalised as the config or else the data set says.
    ///
    /// # Errors
    ///
    /// [`TrainError::Augment`] or [`TrainError::Data`] if a value is out of range.
    pub fn sequence_config(
        &self,
        observed_views: usize,
        default: Normalization,
    ) -> Result<SequenceConfig, TrainError> {
        let (observed, target) = self.policies();
        let normalization = match (self.dataset.mean, self.dataset.std) {
            (Some(mean), Some(std)) => Normalization::new(mean, std)?,
            _ => default,
        };
        let dataset = &self.dataset;
        let action_normalization = match (&dataset.action_mean, &dataset.action_std) {
            (Some(mean), Some(std)) => {
                ActionNormalization::Standardize { mean: mean.clone(), std: std.clone() }
            }
            _ if dataset.action_norm => ActionNormalization::SequenceL2,
            _ => ActionNormalization::None,
        };
        let sequence = SequenceConfig {
            observed,
            target,
            observed_views,
            normalization,
            action_normalization,
            seed: self.run.seed,
        };
        sequence.validate()?;
        Ok(sequence)
    }

    /// The distributions of the observed views and of the target view.
    #[must_use]
    pub fn policies(&self) -> (AugmentPolicy, AugmentPolicy) {
        let size = self.model.img_size;
        let policies = (AugmentPolicy::observed(size), AugmentPolicy::target(size));
        if self.dataset.no_blur { (policies.0.without_blur(), policies.1.without_blur()) } else { policies }
    }

    /// The layout of the actions of these views.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidValue`] if `model.act_latentdim` is not its width.
    pub fn action_space(&self, height: usize, width: usize) -> Result<ActionSpace, TrainError> {
        let (observed, target) = self.policies();
        let space = ActionSpace::augmentation(&observed, &target, height, width);
        if space.width() != self.model.act_latentdim {
            return Err(invalid(
                "model.act_latentdim",
                format!("{}, the parameters of the action space", space.width()),
                self.model.act_latentdim,
            ));
        }
        Ok(space)
    }
}

/// The groups of an action space as the probes name them.
pub(crate) fn output_groups(space: &ActionSpace) -> Vec<OutputGroup> {
    space.groups().iter().map(|group| OutputGroup::new(&group.name, group.range.clone())).collect()
}
