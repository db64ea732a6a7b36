//! From one source image to the views of one sequence.

use serde::{Deserialize, Serialize};

use super::{SequenceKey, SequenceLayout};
use crate::action::{ActionNormalization, ActionSpace};
use crate::augment::{AugmentParams, AugmentPolicy, Normalization};
use crate::error::DataError;

/// How a source image becomes a sequence: `observed_views` (the paper's M) independent draws from one distribution,
/// then one target view from a second (arXiv 2505.03176, section 3).
///
/// Plain data: change what you need, then call [`validate`](Self::validate); [`AugmentedImages::new`] does so too.
///
/// [`AugmentedImages::new`]: crate::AugmentedImages::new
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceConfig {
    /// Distribution of the observed views.
    pub observed: AugmentPolicy,
    /// Distribution of the target view; of the same output size.
    pub target: AugmentPolicy,
    /// Number of observed views M, 1 to 256.
    pub observed_views: usize,
    /// Mean and standard deviation of the pixels.
    pub normalization: Normalization,
    /// How the actions of one sequence are scaled.
    pub action_normalization: ActionNormalization,
}

impl SequenceConfig {
    /// The published pipeline: `observed_views` + 1 views of `size` x `size` pixels, actions divided by their L2 norm
    /// over the sequence.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn new(size: usize, observed_views: usize, normalization: Normalization) -> Result<Self, DataError> {
        let config = Self {
            observed: AugmentPolicy::observed(size),
            target: AugmentPolicy::target(size),
            observed_views,
            normalization,
            action_normalization: ActionNormalization::SequenceL2,
        };
        config.validate()?;
        Ok(config)
    }

    /// Checks every field, and that both kinds of view have one size.
    ///
    /// # Errors
    /// [`DataError::Augment`] for a policy or normalisation, [`DataError::Action`] for that of the actions,
    /// [`DataError::InvalidArgument`] for the rest.
    pub fn validate(&self) -> Result<(), DataError> {
        // Nothing but the ranges of the actions depends on the size of the source images.
        self.layout(1, 1).map(drop)
    }

    /// The shapes and the action space of sequences of images of at most this size in pixels.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn layout(&self, source_height: usize, source_width: usize) -> Result<SequenceLayout, DataError> {
        self.observed.validate()?;
        self.target.validate()?;
        self.normalization.validate()?;
        let sizes = [&self.observed, &self.target].map(|policy| (policy.output_height, policy.output_width));
        if sizes[0] != sizes[1] {
            let expected = format!("{}x{}, the size of the observed views", sizes[0].0, sizes[0].1);
            return Err(DataError::invalid(
                "target view size",
                expected,
                format!("{}x{}", sizes[1].0, sizes[1].1),
            ));
        }
        let actions = ActionSpace::augmentation(&self.observed, &self.target, source_height, source_width);
        let layout = SequenceLayout {
            observed_views: self.observed_views,
            channels: 3,
            height: sizes[0].0,
            width: sizes[0].1,
            actions: actions.with_normalization(self.action_normalization.clone())?,
        };
        layout.validate()?;
        Ok(layout)
    }

    /// The parameters of every view of one sequence, the target last: what [`AugmentedImages`](crate::AugmentedImages) makes
    /// it with.
    ///
    /// `source_height` and `source_width` are the image's size in pixels. The views of a key are always the same, whatever
    /// else is loaded.
    #[must_use]
    pub fn sample(&self, key: SequenceKey, source_height: usize, source_width: usize) -> Vec<AugmentParams> {
        let views = 0..=self.observed_views;
        views.map(|view| self.sample_view(key, view, source_height, source_width)).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a sequence has at most 257 views")]
    pub(super) fn sample_view(
        &self,
        key: SequenceKey,
        view: usize,
        height: usize,
        width: usize,
    ) -> AugmentParams {
        let policy = if view < self.observed_views { &self.observed } else { &self.target };
        policy.sample(&mut key.view(view as u32).rng(), height, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Split;

    fn config() -> SequenceConfig {
        SequenceConfig::new(32, 3, Normalization::CIFAR100).unwrap()
    }

    fn key(epoch: u64, sample: u32) -> SequenceKey {
        SequenceKey { seed: 42, split: Split::Train, epoch, sample }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(SequenceConfig::new(32, 0, Normalization::CIFAR100).is_err());
        assert!(SequenceConfig::new(0, 3, Normalization::CIFAR100).is_err());
        let sizes = SequenceConfig { target: AugmentPolicy::target(28), ..config() };
        let error = sizes.validate().unwrap_err().to_string();
        assert!(error.contains("32x32") && error.contains("28x28"), "{error}");
        let short = ActionNormalization::Standardize { mean: vec![0.0; 8], std: vec![1.0; 8] };
        let error = SequenceConfig { action_normalization: short, ..config() }.validate().unwrap_err();
        assert!(matches!(error, DataError::Action(_)), "{error}");
    }

    #[test]
    fn a_view_does_not_depend_on_how_many_follow() {
        let three = config().sample(key(5, 77), 32, 32);
        let five = SequenceConfig { observed_views: 5, ..config() }.sample(key(5, 77), 32, 32);
        assert_eq!((three.len(), five.len()), (4, 6));
        assert_eq!(three[..3], five[..3]);
        for other in [
            key(6, 77),
            key(5, 78),
            SequenceKey { split: Split::Test, ..key(5, 77) },
            SequenceKey { seed: 43, ..key(5, 77) },
        ] {
            assert_ne!(three, config().sample(other, 32, 32), "{other:?}");
        }
    }

    #[test]
    fn only_the_target_is_drawn_from_the_target_policy() {
        let views: Vec<Vec<AugmentParams>> =
            (0..200).map(|sample| config().sample(key(0, sample), 32, 32)).collect();
        let observed = || views.iter().flat_map(|views| &views[..3]);
        let targets = || views.iter().map(|views| &views[3]);
        assert!(observed().all(|view| view.blur.is_some() && view.solarize.is_none()));
        // Binomial(200, 0.1) and Binomial(200, 0.2), five standard deviations wide.
        assert!((1..=41).contains(&targets().filter(|view| view.blur.is_some()).count()));
        assert!((12..=68).contains(&targets().filter(|view| view.solarize.is_some()).count()));
    }
}
