//! From a config to the parts that it describes.

use seqjepa_data::{ActionNormalization, ActionSpace, AugmentPolicy, Normalization, SequenceConfig};
use seqjepa_model::{
    ActionConditioning, EmaSchedule, EncoderConfig, PredictorConfig, Regularizer, ResNetConfig, ResNetDepth,
    ResNetStem, SeqJepaConfig, TargetConfig, VitConfig,
};
use seqjepa_nn::Recompute;
use seqjepa_nn::optimizer::{OptimizerConfig, ParameterGroups};
use seqjepa_train::{LearningRateSchedule, ScheduleShape};

use super::config::Config;
use super::error::{ConfigError, invalid};
use super::model::{EmaScheduleKind, EncoderKind, RegularizerKind};
use super::optim::{OptimizerKind, SchedulerKind};

impl Config {
    /// The seq-JEPA model that this config describes, for actions of `action_dim` parameters, all of which it is told: which ones
    /// `model.act_group` leaves is known to whoever knows the data set's groups.
    #[must_use]
    pub fn seq_jepa(&self, action_dim: usize) -> SeqJepaConfig {
        let model = &self.model;
        SeqJepaConfig {
            encoder: self.encoder(),
            action_dim,
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
            regularizer: match model.regularizer {
                RegularizerKind::None => None,
                RegularizerKind::CodingRate => Some(Regularizer::CodingRate {
                    weight: model.regularizer_weight.unwrap_or(0.01),
                    alpha: 1.0,
                }),
                RegularizerKind::SigReg => Some(Regularizer::SigReg {
                    weight: model.regularizer_weight.unwrap_or(0.02),
                    directions: model.sigreg_directions,
                }),
            },
            ..SeqJepaConfig::default()
        }
    }

    /// The encoder that every method gets.
    #[must_use]
    pub fn encoder(&self) -> EncoderConfig {
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

    /// How many devices train.
    #[must_use]
    pub fn devices(&self) -> usize {
        1 + self.run.further_devices.len()
    }

    /// The most sequences that pass the model at once on a device: those of the largest micro-batch, or of the batch.
    #[must_use]
    pub fn sequences_at_once(&self) -> usize {
        self.dataset.batch_size.div_ceil(self.dataset.micro_batches().max(self.devices()))
    }

    /// The stages of the encoder that training computes again in the backward pass; numbers that are none are left out.
    #[must_use]
    pub fn recompute(&self) -> Recompute {
        let stages = self.run.recompute.iter().copied();
        Recompute::stages(stages.filter(|stage| (1..=self.encoder().stages()).contains(stage)))
    }

    /// The update rule, with PyTorch's constants.
    #[must_use]
    pub fn optimizer(&self) -> OptimizerConfig {
        let optim = &self.optim;
        let rule = match optim.name {
            OptimizerKind::Adam => OptimizerConfig::adam(),
            OptimizerKind::AdamW => OptimizerConfig::adamw(),
            OptimizerKind::Sgd => OptimizerConfig::sgd(optim.momentum),
            OptimizerKind::Lars => OptimizerConfig::Lars {
                momentum: optim.momentum,
                trust_coefficient: optim.trust_coefficient,
                weight_decay: 0.0,
                exclude_one_dimensional: true,
            },
        };
        rule.with_weight_decay(optim.weight_decay)
    }

    /// Which parameters the update rule treats apart.
    #[must_use]
    pub fn parameter_groups(&self) -> ParameterGroups {
        ParameterGroups { decay_one_dimensional: self.optim.decay_one_dimensional }
    }

    /// The learning rate of each step.
    #[must_use]
    pub fn learning_rate(&self) -> LearningRateSchedule {
        let optim = &self.optim;
        LearningRateSchedule {
            peak: optim.lr,
            shape: match optim.scheduler {
                SchedulerKind::Constant => ScheduleShape::Constant,
                SchedulerKind::Cosine => {
                    ScheduleShape::WarmupCosine { floor: optim.min_lr.unwrap_or(optim.lr) }
                }
                SchedulerKind::Warmup => ScheduleShape::WarmupConstant { start: optim.warmup_start },
            },
            unit: optim.schedule_by,
            warmup_epochs: optim.warmup_epochs,
            epochs: self.run.epochs,
        }
    }

    /// How sequences of `observed_views` + 1 augmented views are formed, normalised as the config or else the data set says.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Data`] if a value is out of range.
    pub fn sequences(
        &self,
        observed_views: usize,
        default: Normalization,
    ) -> Result<SequenceConfig, ConfigError> {
        let (observed, target) = self.policies();
        let normalization = self.normalization(default)?;
        let sequence = SequenceConfig {
            observed,
            target,
            observed_views,
            normalization,
            action_normalization: self.action_normalization(),
        };
        sequence.validate()?;
        Ok(sequence)
    }

    /// What pixels are normalised with: as this config or else the data set says.
    pub(crate) fn normalization(&self, default: Normalization) -> Result<Normalization, ConfigError> {
        match (self.dataset.mean, self.dataset.std) {
            (Some(mean), Some(std)) => {
                Ok(Normalization::new(mean, std).map_err(seqjepa_data::DataError::from)?)
            }
            _ => Ok(default),
        }
    }

    fn action_normalization(&self) -> ActionNormalization {
        let dataset = &self.dataset;
        match (&dataset.action_mean, &dataset.action_std) {
            (Some(mean), Some(std)) => {
                ActionNormalization::Standardize { mean: mean.clone(), std: std.clone() }
            }
            _ if dataset.action_norm => ActionNormalization::SequenceL2,
            _ => ActionNormalization::None,
        }
    }

    /// The distributions of the observed views and of the target view.
    #[must_use]
    pub fn policies(&self) -> (AugmentPolicy, AugmentPolicy) {
        let size = self.model.img_size;
        let policies = (AugmentPolicy::observed(size), AugmentPolicy::target(size));
        if self.dataset.no_blur { (policies.0.without_blur(), policies.1.without_blur()) } else { policies }
    }

    /// The actions of augmented views of square source images.
    #[must_use]
    pub fn augmentation_space(&self) -> ActionSpace {
        let (observed, target) = self.policies();
        let side = self.source_size();
        ActionSpace::augmentation(&observed, &target, side, side)
    }

    /// Side of the source images in pixels, of data sets that have no size of their own.
    #[must_use]
    pub fn source_size(&self) -> usize {
        self.dataset.source_size.unwrap_or(self.model.img_size)
    }

    /// Refuses a `model.act_latentdim`, or constants of the actions, of another width than the actions have.
    pub(crate) fn check_action_dim(&self, space: &ActionSpace) -> Result<(), ConfigError> {
        self.dataset.check_action_constants(space.width())?;
        match self.model.act_latentdim {
            Some(found) if found != space.width() => Err(invalid(
                "model.act_latentdim",
                format!("{}, the parameters of the action space", space.width()),
                found,
            )),
            _ => Ok(()),
        }
    }
}
