//! Sequences of augmented images.

use std::sync::{Arc, OnceLock};

use super::{
    ByteSource, Pixel, SequenceConfig, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot,
    SequenceSource, description,
};
use crate::augment::{AugmentPolicy, Normalization};
use crate::dataset::ImageSource;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Views of source images, drawn as a [`SequenceConfig`] says.
#[derive(Clone, Debug)]
pub struct AugmentedImages {
    images: Arc<dyn ImageSource>,
    config: SequenceConfig,
    layout: SequenceLayout,
    /// Made once for all sources of these images: it may take a pass over all pixels.
    fingerprint: Arc<OnceLock<Fingerprint>>,
}

impl AugmentedImages {
    /// Sequences of `images`.
    ///
    /// # Errors
    /// As [`SequenceConfig::validate`].
    pub fn new(images: Arc<dyn ImageSource>, config: SequenceConfig) -> Result<Self, DataError> {
        Self::with_fingerprint(images, config, Arc::default())
    }

    fn with_fingerprint(
        images: Arc<dyn ImageSource>,
        config: SequenceConfig,
        fingerprint: Arc<OnceLock<Fingerprint>>,
    ) -> Result<Self, DataError> {
        let [height, width] = images.max_size();
        let layout = config.layout(height, width)?;
        Ok(Self { images, config, layout, fingerprint })
    }

    fn with_config(&self, config: SequenceConfig) -> Result<Arc<dyn SequenceSource>, DataError> {
        let (images, fingerprint) = (Arc::clone(&self.images), Arc::clone(&self.fingerprint));
        Ok(Arc::new(Self::with_fingerprint(images, config, fingerprint)?))
    }

    /// The source images.
    #[must_use]
    pub fn images(&self) -> &Arc<dyn ImageSource> {
        &self.images
    }

    /// How views are drawn.
    #[must_use]
    pub fn config(&self) -> &SequenceConfig {
        &self.config
    }

    fn make<P: Pixel>(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_, P>,
    ) -> Result<(), DataError> {
        slot.check(&self.layout)?;
        let SequenceSlot { observed, mut target, parameters } = slot;
        let image = self.images.image(key.sample as usize, &mut scratch.image)?;
        let mut observed = observed.chunks_exact_mut(self.layout.view_len());
        for (view, row) in parameters.chunks_exact_mut(self.layout.actions.width()).enumerate() {
            let params = self.config.sample_view(key, view, image.height(), image.width());
            row.copy_from_slice(&params.action());
            let out = if view < self.config.observed_views { observed.next() } else { target.take() };
            if let Some(out) = out {
                let made = P::augment(&params, image, &self.config.normalization, &mut scratch.augment, out);
                made.map_err(|source| DataError::View { sample: key.sample, source })?;
            }
        }
        Ok(())
    }
}

impl SequenceSource for AugmentedImages {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.images.label(index)
    }

    fn class_names(&self) -> &[String] {
        self.images.class_names()
    }

    fn layout(&self) -> &SequenceLayout {
        &self.layout
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.get_or_init(|| self.images.fingerprint()).clone()
    }

    /// The [`SequenceConfig`] as JSON.
    fn settings(&self) -> String {
        serde_json::to_string(&self.config).expect("a config is plain data")
    }

    fn description(&self) -> String {
        description::describe(&self.config)
    }

    fn as_bytes(&self) -> Option<&dyn ByteSource> {
        Some(self)
    }

    fn fill(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError> {
        self.make(key, scratch, slot)
    }

    fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
        self.with_config(SequenceConfig { observed_views: views, ..self.config.clone() })
    }

    fn candidates(&self, views: usize) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        let observed = self.config.target.clone();
        Some(self.with_config(SequenceConfig { observed, observed_views: views, ..self.config.clone() }))
    }

    fn clean(&self) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        let [observed, target] = [&self.config.observed, &self.config.target].map(AugmentPolicy::clean);
        Some(self.with_config(SequenceConfig { observed, target, observed_views: 1, ..self.config.clone() }))
    }
}

impl ByteSource for AugmentedImages {
    fn normalization(&self) -> Normalization {
        self.config.normalization
    }

    fn fill_bytes(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_, u8>,
    ) -> Result<(), DataError> {
        self.make(key, scratch, slot)
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_source::{KEY, fill, keeps_its_promises, refuses_what_does_not_fit};
    use super::*;
    use crate::dataset::{PixelBuffer, Synthetic};
    use crate::rng::Split;

    fn source() -> AugmentedImages {
        let images = Synthetic { train_images: 10, ..Synthetic::default() }.load(Split::Train).unwrap();
        let config = SequenceConfig::new(16, 2, Synthetic::NORMALIZATION).unwrap();
        AugmentedImages::new(Arc::new(images), config).unwrap()
    }

    #[test]
    fn sequences_keep_what_sources_promise() {
        keeps_its_promises(&source(), 4);
        refuses_what_does_not_fit(&source());
    }

    #[test]
    fn candidates_are_drawn_as_targets_are() {
        let source = source();
        let candidates = source.candidates(3).unwrap().unwrap();
        let expected = SequenceConfig {
            observed: source.config().target.clone(),
            observed_views: 3,
            ..source.config().clone()
        };
        assert_eq!(candidates.settings(), serde_json::to_string(&expected).unwrap());
        assert_eq!(candidates.layout().observed_views, 3);
    }

    #[test]
    fn the_clean_image_is_the_normalised_pixels() {
        // Images of 32 x 32 pixels.
        let config = SequenceConfig::new(32, 2, Synthetic::NORMALIZATION).unwrap();
        let whole = AugmentedImages::new(Arc::clone(source().images()), config).unwrap();
        let clean = whole.clean().unwrap().unwrap();
        assert_eq!(clean.layout().observed_views, 1);
        assert_eq!(clean.fingerprint(), whole.fingerprint());
        let [view, target, parameters] = fill(&*clean, KEY, 1, true);
        let identity = clean.layout().actions.identity();
        assert_eq!(parameters, [identity.clone(), identity].concat());
        assert_eq!(view, target);

        let mut buffer = PixelBuffer::default();
        let image = whole.images().image(KEY.sample as usize, &mut buffer).unwrap();
        let Normalization { mean, std } = Synthetic::NORMALIZATION;
        let normalized = |channel: usize, byte: u8| (f32::from(byte) / 255.0 - mean[channel]) / std[channel];
        let channel =
            |channel| image.pixels().iter().skip(channel).step_by(3).map(move |byte| (channel, *byte));
        let expected: Vec<f32> = (0..3).flat_map(channel).map(|(c, byte)| normalized(c, byte)).collect();
        assert_eq!(view, expected);
        // At another size there is one as well.
        assert_eq!(source().clean().unwrap().unwrap().layout().height, 16);
    }

    #[test]
    fn a_source_says_what_it_is() {
        let source = source();
        assert_eq!(source.layout().actions.parameter("height").unwrap().1.high, 32.0);
        assert_eq!((source.layout().height, source.layout().channels), (16, 3));
        assert_eq!(source.fingerprint(), source.images().fingerprint());
        let text = source.settings();
        assert_eq!(&serde_json::from_str::<SequenceConfig>(&text).unwrap(), source.config());
        // As result cards have always said it.
        assert_eq!(
            source.description(),
            "observed: crop area 0.2..1 ratio 0.75..1.3333334 to 16x16, flip p 0.5, jitter p 0.8 (brightness 0.6..1.4, \
             contrast 0.6..1.4, saturation 0.8..1.2, hue -0.1..0.1), grey p 0.2, blur p 1 sigma 0.1..2, solarize p 0; \
             target: crop area 0.2..1 ratio 0.75..1.3333334 to 16x16, flip p 0.5, jitter p 0.8 (brightness 0.6..1.4, \
             contrast 0.6..1.4, saturation 0.8..1.2, hue -0.1..0.1), grey p 0.2, blur p 0.1 sigma 0.1..2, solarize p 0.2; \
             actions divided by their L2 norm over the sequence"
        );
    }
}
