//! The action space of augmented views.

use super::{ActionGroup, ActionParameter, ActionSpace};
use crate::augment::AugmentPolicy;

impl ActionSpace {
    /// The nine parameters of an augmented view (arXiv 2505.03176, section 4), in the order of
    /// [`AugmentParams::action`](crate::AugmentParams::action): crop (0..4), jitter (4..8), blur (8..9).
    ///
    /// The ranges cover both policies, with the identity recorded for a step that was not applied. A policy
    /// without blur keeps its ninth parameter, always 0. The actions are raw until
    /// [`with_normalization`](Self::with_normalization) says otherwise; the published pipeline takes
    /// [`ActionNormalization::SequenceL2`](super::ActionNormalization::SequenceL2).
    #[must_use]
    pub fn augmentation(
        observed: &AugmentPolicy,
        target: &AugmentPolicy,
        source_height: usize,
        source_width: usize,
    ) -> Self {
        let (height, width) = (source_height as f32, source_width as f32);
        let jitter = |get: fn(&AugmentPolicy) -> [f32; 2], identity: f32| {
            spanning([observed, target].map(|policy| (get(policy), policy.jitter_probability)), identity)
        };
        let blur = spanning([observed, target].map(|p| (p.blur_sigma, p.blur_probability)), 0.0);
        let rows = [
            ("top", "pixels", [0.0, (height - 1.0).max(0.0)], 0.0),
            ("left", "pixels", [0.0, (width - 1.0).max(0.0)], 0.0),
            ("height", "pixels", [1.0, height], height),
            ("width", "pixels", [1.0, width], width),
            ("brightness", "factor", jitter(|p| p.brightness, 1.0), 1.0),
            ("contrast", "factor", jitter(|p| p.contrast, 1.0), 1.0),
            ("saturation", "factor", jitter(|p| p.saturation, 1.0), 1.0),
            ("hue", "turns", jitter(|p| p.hue, 0.0), 0.0),
            ("sigma", "pixels", blur, 0.0),
        ];
        let parameters = rows.map(|(name, unit, [low, high], identity)| ActionParameter {
            name: name.into(),
            unit: unit.into(),
            low,
            high,
            identity,
        });
        let groups = [("crop", 0..4), ("jitter", 4..8), ("blur", 8..9)]
            .map(|(name, range)| ActionGroup::vector(name, range));
        Self::new(parameters.into(), groups.into()).expect("the names differ and the groups lie inside")
    }
}

/// The range that the given (range, probability) pairs can record, the identity included where a step may be
/// skipped.
fn spanning(steps: [([f32; 2], f64); 2], identity: f32) -> [f32; 2] {
    let mut span = [f32::INFINITY, f32::NEG_INFINITY];
    for ([low, high], probability) in steps {
        if probability > 0.0 {
            span = [span[0].min(low), span[1].max(high)];
        }
        if probability < 1.0 {
            span = [span[0].min(identity), span[1].max(identity)];
        }
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn augmentation_space_names_every_parameter() {
        let space =
            ActionSpace::augmentation(&AugmentPolicy::observed(32), &AugmentPolicy::target(32), 32, 32);
        assert_eq!(space.width(), 9);
        assert_eq!(space.group("jitter"), Some(4..8));
        assert_eq!(space.identity(), [0.0, 0.0, 32.0, 32.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        let (index, sigma) = space.parameter("sigma").unwrap();
        assert_eq!((index, sigma.low, sigma.high), (8, 0.0, 2.0));
        assert_eq!(space.group_of(index).map(|group| group.name.as_str()), Some("blur"));
        assert_eq!(space.group_of(9), None);
        assert_eq!(space.parameter("gamma"), None);
    }
}
