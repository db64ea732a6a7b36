//! From one source image to the views and actions of one sequence.

use crate::action::{ActionNormalization, relative_actions};
use crate::augment::{AugmentParams, AugmentPolicy, Normalization, Scratch};
use crate::error::DataError;
use crate::image::ImageView;
use crate::rng::{Split, ViewKey};

/// Length of the action vector of an augmented view.
pub(crate) const PARAMETERS: usize = 9;

/// Most observed views of a sequence.
const MAX_VIEWS: usize = 256;

/// How a source image becomes a sequence: `observed_views` (the paper's M) independent draws from one distribution,
/// then one target view from a second (arXiv 2505.03176, section 3).
///
/// Plain data: change what you need, then call [`validate`](Self::validate); [`SequenceLoader::new`] does so too.
///
/// [`SequenceLoader::new`]: crate::SequenceLoader::new
#[derive(Clone, Debug, PartialEq)]
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
    /// Seed of every view and of the order of every epoch.
    pub seed: u64,
}

impl SequenceConfig {
    /// The published pipeline: `observed_views` + 1 views of `size` x `size` pixels, actions divided by their L2 norm
    /// over the sequence.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn new(
        size: usize,
        observed_views: usize,
        normalization: Normalization,
        seed: u64,
    ) -> Result<Self, DataError> {
        let config = Self {
            observed: AugmentPolicy::observed(size),
            target: AugmentPolicy::target(size),
            observed_views,
            normalization,
            action_normalization: ActionNormalization::SequenceL2,
            seed,
        };
        config.validate()?;
        Ok(config)
    }

    /// Checks every field, and that both kinds of view have one size.
    ///
    /// # Errors
    /// [`DataError::Augment`] for a policy or normalisation, [`DataError::InvalidArgument`] for the rest.
    pub fn validate(&self) -> Result<(), DataError> {
        self.observed.validate()?;
        self.target.validate()?;
        self.normalization.validate()?;
        self.action_normalization.validate(PARAMETERS)?;
        let sizes = [&self.observed, &self.target].map(|policy| (policy.output_height, policy.output_width));
        if sizes[0] != sizes[1] {
            let expected = format!("{}x{}, the size of the observed views", sizes[0].0, sizes[0].1);
            return Err(DataError::invalid(
                "target view size",
                expected,
                format!("{}x{}", sizes[1].0, sizes[1].1),
            ));
        }
        if !(1..=MAX_VIEWS).contains(&self.observed_views) {
            return Err(DataError::invalid(
                "observed_views",
                format!("1 to {MAX_VIEWS}"),
                self.observed_views,
            ));
        }
        Ok(())
    }

    /// The parameters of every view of one sequence, the target last: what [`SequenceBatch`] was made with.
    ///
    /// `sample` is the image's index in its data set; `source_height` and `source_width` are its size in pixels. The
    /// views of (seed, split, epoch, sample) are always the same, whatever else is loaded.
    ///
    /// [`SequenceBatch`]: crate::SequenceBatch
    pub fn sample(
        &self,
        split: Split,
        epoch: u64,
        sample: u32,
        source_height: usize,
        source_width: usize,
    ) -> Vec<AugmentParams> {
        let key = SequenceKey { split, epoch, sample };
        (0..=self.observed_views)
            .map(|view| self.sample_view(key, view, source_height, source_width))
            .collect()
    }

    fn sample_view(&self, key: SequenceKey, view: usize, height: usize, width: usize) -> AugmentParams {
        let policy = if view < self.observed_views { &self.observed } else { &self.target };
        let SequenceKey { split, epoch, sample } = key;
        let view = view as u32;
        let key = ViewKey { seed: self.seed, split, epoch, sample: u64::from(sample), view };
        policy.sample(&mut key.rng(), height, width)
    }

    /// Elements of one view, `3 * height * width`.
    pub(crate) fn view_len(&self) -> usize {
        3 * self.observed.output_height * self.observed.output_width
    }

    /// Makes one sequence; nothing is allocated once `scratch` is warm.
    pub(crate) fn fill(
        &self,
        image: ImageView<'_>,
        key: SequenceKey,
        scratch: &mut Scratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        let failed = |source| DataError::View { sample: key.sample, source };
        let pixels = slot.observed.chunks_exact_mut(self.view_len()).chain(std::iter::once(slot.target));
        for (view, (out, row)) in pixels.zip(slot.parameters.chunks_exact_mut(PARAMETERS)).enumerate() {
            let params = self.sample_view(key, view, image.height(), image.width());
            row.copy_from_slice(&params.action());
            params.apply_normalized(image, &self.normalization, scratch, out).map_err(failed)?;
        }
        slot.actions.copy_from_slice(slot.parameters);
        self.action_normalization.apply(slot.actions, PARAMETERS).map_err(failed)?;
        relative_actions(slot.actions, PARAMETERS, slot.relative).map_err(failed)
    }
}

/// Names one sequence of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SequenceKey {
    pub split: Split,
    pub epoch: u64,
    /// Index of the image in its data set.
    pub sample: u32,
}

/// Where one sequence is written to.
pub(crate) struct SequenceSlot<'a> {
    /// `[views, 3, height, width]`
    pub observed: &'a mut [f32],
    /// `[3, height, width]`
    pub target: &'a mut [f32],
    /// `[views + 1, parameters]`
    pub parameters: &'a mut [f32],
    /// `[views + 1, parameters]`
    pub actions: &'a mut [f32],
    /// `[views, parameters]`
    pub relative: &'a mut [f32],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SequenceConfig {
        SequenceConfig::new(32, 3, Normalization::CIFAR100, 42).unwrap()
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(SequenceConfig::new(32, 0, Normalization::CIFAR100, 0).is_err());
        assert!(SequenceConfig::new(0, 3, Normalization::CIFAR100, 0).is_err());
        let sizes = SequenceConfig { target: AugmentPolicy::target(28), ..config() };
        let error = sizes.validate().unwrap_err().to_string();
        assert!(error.contains("32x32") && error.contains("28x28"), "{error}");
        let short = ActionNormalization::Standardize { mean: vec![0.0; 8], std: vec![1.0; 8] };
        let error = SequenceConfig { action_normalization: short, ..config() }.validate().unwrap_err();
        assert!(matches!(error, DataError::Augment(_)), "{error}");
    }

    #[test]
    fn a_view_does_not_depend_on_how_many_follow() {
        let three = config().sample(Split::Train, 5, 77, 32, 32);
        let five = SequenceConfig { observed_views: 5, ..config() }.sample(Split::Train, 5, 77, 32, 32);
        assert_eq!((three.len(), five.len()), (4, 6));
        assert_eq!(three[..3], five[..3]);
        assert_ne!(three, config().sample(Split::Train, 6, 77, 32, 32));
        assert_ne!(three, config().sample(Split::Test, 5, 77, 32, 32));
    }

    #[test]
    fn only_the_target_is_drawn_from_the_target_policy() {
        let views: Vec<Vec<AugmentParams>> =
            (0..200).map(|sample| config().sample(Split::Train, 0, sample, 32, 32)).collect();
        let observed = || views.iter().flat_map(|views| &views[..3]);
        let targets = || views.iter().map(|views| &views[3]);
        assert!(observed().all(|view| view.blur.is_some() && view.solarize.is_none()));
        // Binomial(200, 0.1) and Binomial(200, 0.2), five standard deviations wide.
        assert!((1..=41).contains(&targets().filter(|view| view.blur.is_some()).count()));
        assert!((12..=68).contains(&targets().filter(|view| view.solarize.is_some()).count()));
    }
}
