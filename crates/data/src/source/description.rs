//! Distributions of views in words.

use super::SequenceConfig;
use crate::action::ActionNormalization;
use crate::augment::AugmentPolicy;

/// The distributions of the views, in words that are equal where the distributions are.
pub(super) fn describe(config: &SequenceConfig) -> String {
    let actions = match config.action_normalization {
        ActionNormalization::SequenceL2 => "actions divided by their L2 norm over the sequence",
        ActionNormalization::Standardize { .. } => "actions standardized",
        ActionNormalization::None => "raw actions",
    };
    format!("observed: {}; target: {}; {actions}", policy(&config.observed), policy(&config.target))
}

fn policy(policy: &AugmentPolicy) -> String {
    let range = |[low, high]: [f32; 2]| format!("{low}..{high}");
    let blur = if policy.blur_probability > 0.0 {
        format!("blur p {} sigma {}", policy.blur_probability, range(policy.blur_sigma))
    } else {
        "no blur".into()
    };
    format!(
        "crop area {} ratio {} to {}x{}, flip p {}, jitter p {} (brightness {}, contrast {}, saturation {}, hue {}), grey p \
         {}, {blur}, solarize p {}",
        range(policy.crop_scale),
        range(policy.crop_ratio),
        policy.output_height,
        policy.output_width,
        policy.flip_probability,
        policy.jitter_probability,
        range(policy.brightness),
        range(policy.contrast),
        range(policy.saturation),
        range(policy.hue),
        policy.grayscale_probability,
        policy.solarize_probability,
    )
}
