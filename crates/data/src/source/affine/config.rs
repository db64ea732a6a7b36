//! What is drawn for an affine view.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::AffineParams;
use crate::action::{ActionGroup, ActionParameter, ActionSpace, GroupKind};
use crate::augment::Normalization;
use crate::error::DataError;
use crate::rng::{below, uniform};
use crate::source::SequenceLayout;

/// How the views of [`AffineImages`](super::AffineImages) are drawn: each number uniformly from its range.
///
/// Plain data: change what you need; what takes it checks it. As JSON it is what a source's
/// [settings](crate::SequenceSource::settings) are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffineConfig {
    /// Number of observed views M, 1 to 256.
    pub observed_views: usize,
    /// Mean and standard deviation of the pixels.
    pub normalization: Normalization,
    /// Largest angle in degrees, in either direction, 0 to 180.
    pub max_rotation: f32,
    /// Largest way in whole pixels, in either direction along each axis, at most 1024.
    pub max_translation: u16,
    /// Range of the natural logarithm of the scale, within -4 to 4.
    pub log_scale: [f32; 2],
}

impl AffineConfig {
    /// The published distribution: up to 75 degrees, up to 7 pixels, scales of 0.5 to 1 that are uniform in their logarithm.
    #[must_use]
    pub fn new(observed_views: usize, normalization: Normalization) -> Self {
        let log_scale = [-std::f32::consts::LN_2, 0.0];
        Self { observed_views, normalization, max_rotation: 75.0, max_translation: 7, log_scale }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`DataError::Augment`] for the normalisation, [`DataError::InvalidArgument`] names another field.
    pub fn validate(&self) -> Result<(), DataError> {
        // Nothing but the size of the views depends on that of the images.
        self.layout(1).map(drop)
    }

    /// The shapes and the action space of views of `side` x `side` pixels.
    ///
    /// # Errors
    /// As [`validate`](Self::validate); for a side of 0 too.
    pub fn layout(&self, side: usize) -> Result<SequenceLayout, DataError> {
        self.normalization.validate()?;
        if !(0.0..=180.0).contains(&self.max_rotation) {
            return Err(DataError::invalid("max_rotation", "0 to 180 degrees", self.max_rotation));
        }
        if self.max_translation > 1024 {
            return Err(DataError::invalid("max_translation", "at most 1024 pixels", self.max_translation));
        }
        let [low, high] = self.log_scale;
        if !(-4.0 <= low && low <= high && high <= 4.0) {
            let found = format!("{low} to {high}");
            return Err(DataError::invalid("log_scale", "a range within -4 to 4", found));
        }
        let actions = self.action_space();
        let observed_views = self.observed_views;
        let layout = SequenceLayout { observed_views, channels: 3, height: side, width: side, actions };
        layout.validate()?;
        Ok(layout)
    }

    /// The actions: `[sin, cos | right, down | log_scale]`, the groups `rotation`, `translation` and `scale`; the way is in
    /// shares of the largest. Never normalised.
    #[must_use]
    pub fn action_space(&self) -> ActionSpace {
        let [low, high] = self.log_scale;
        let rows = [
            ("sin", "of the angle", [-1.0, 1.0], 0.0),
            ("cos", "of the angle", [-1.0, 1.0], 1.0),
            ("right", "of the largest way", [-1.0, 1.0], 0.0),
            ("down", "of the largest way", [-1.0, 1.0], 0.0),
            ("log_scale", "natural logarithm", [low.min(0.0), high.max(0.0)], 0.0),
        ];
        let parameters = rows.map(|(name, unit, [low, high], identity)| ActionParameter {
            name: name.into(),
            unit: unit.into(),
            low,
            high,
            identity,
        });
        let groups = vec![
            ActionGroup { name: "rotation".into(), range: 0..2, kind: GroupKind::Angle },
            ActionGroup::vector("translation", 2..4),
            ActionGroup::vector("scale", 4..5),
        ];
        ActionSpace::new(parameters.into(), groups).expect("the names differ and the groups lie inside")
    }

    /// Draws the parameters of one view.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> AffineParams {
        let rotation = uniform(rng, [-self.max_rotation, self.max_rotation]);
        let [right, down] = [(); 2].map(|()| self.way(rng));
        AffineParams { rotation, right, down, log_scale: uniform(rng, self.log_scale) }
    }

    /// A whole number of pixels.
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most 2048")]
    fn way<R: Rng + ?Sized>(&self, rng: &mut R) -> i16 {
        let most = self.max_translation as i16;
        below(rng, 2 * usize::from(self.max_translation) + 1) as i16 - most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{ShuffleKey, Split};

    #[test]
    fn settings_out_of_range_are_refused() {
        let good = AffineConfig::new(3, Normalization::MNIST);
        good.validate().unwrap();
        for (bad, name) in [
            (AffineConfig { observed_views: 0, ..good }, "observed_views"),
            (AffineConfig { max_rotation: -1.0, ..good }, "max_rotation"),
            (AffineConfig { max_rotation: f32::NAN, ..good }, "max_rotation"),
            (AffineConfig { max_translation: 1025, ..good }, "max_translation"),
            (AffineConfig { log_scale: [0.0, -0.1], ..good }, "log_scale"),
            (AffineConfig { log_scale: [f32::NAN, 0.0], ..good }, "log_scale"),
        ] {
            let error = bad.validate().unwrap_err();
            assert!(
                matches!(error, DataError::InvalidArgument { name: found, .. } if found == name),
                "{error}"
            );
        }
    }

    #[test]
    fn draws_fill_their_ranges() {
        let config = AffineConfig::new(3, Normalization::MNIST);
        let mut rng = ShuffleKey { seed: 1, split: Split::Train, epoch: 0 }.rng();
        let draws: Vec<AffineParams> = (0..3000).map(|_| config.sample(&mut rng)).collect();
        let span = |values: Vec<f32>| {
            let fold = |start, pick: fn(f32, f32) -> f32| values.iter().copied().fold(start, pick);
            [fold(f32::INFINITY, f32::min), fold(f32::NEG_INFINITY, f32::max)]
        };
        let [low, high] = span(draws.iter().map(|draw| draw.rotation).collect());
        assert!((-75.0..-74.0).contains(&low) && (74.0..=75.0).contains(&high), "{low} {high}");
        assert_eq!(span(draws.iter().map(|draw| f32::from(draw.right)).collect()), [-7.0, 7.0]);
        assert_eq!(span(draws.iter().map(|draw| f32::from(draw.down)).collect()), [-7.0, 7.0]);
        let [low, high] = span(draws.iter().map(|draw| draw.log_scale).collect());
        assert!((-0.6932..-0.69).contains(&low) && (-0.01..=0.0).contains(&high), "{low} {high}");
        // Each of the fifteen ways is as likely: Binomial(3000, 1/15), five standard deviations wide.
        for way in -7..=7 {
            let count = draws.iter().filter(|draw| draw.right == way).count();
            assert!((132..=268).contains(&count), "{way}: {count}");
        }
    }
}
