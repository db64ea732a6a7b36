//! Sequences of images that are scaled, rotated and moved.

mod config;
mod params;
mod warp;

pub use config::AffineConfig;
pub use params::AffineParams;

use std::sync::{Arc, OnceLock};

use super::{
    ByteSource, Pixel, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot, SequenceSource, square,
};
use crate::augment::{Normalization, PixelTable};
use crate::dataset::ImageSource;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;

/// Views of square images that are scaled, rotated and moved on a black ground, drawn as an [`AffineConfig`] says.
///
/// The first view is the image as it is; the parameters of every other one, the target's among them, are drawn independently.
#[derive(Clone, Debug)]
pub struct AffineImages {
    images: Arc<dyn ImageSource>,
    config: AffineConfig,
    /// Whether the first view is the image as it is.
    reference: bool,
    pixels: PixelTable,
    layout: SequenceLayout,
    /// Made once for all sources of these images: it may take a pass over all pixels.
    fingerprint: Arc<OnceLock<Fingerprint>>,
}

impl AffineImages {
    /// Sequences of `images`, which are squares of one side; views have that side too.
    ///
    /// # Errors
    /// As [`AffineConfig::validate`]; [`DataError::InvalidArgument`] for images that are no squares.
    pub fn new(images: Arc<dyn ImageSource>, config: AffineConfig) -> Result<Self, DataError> {
        let layout = config.layout(square::side(&*images)?)?;
        let pixels = PixelTable::new(&config.normalization);
        Ok(Self { images, config, reference: true, pixels, layout, fingerprint: Arc::default() })
    }

    /// The source images.
    #[must_use]
    pub fn images(&self) -> &Arc<dyn ImageSource> {
        &self.images
    }

    /// How views are drawn.
    #[must_use]
    pub fn config(&self) -> &AffineConfig {
        &self.config
    }

    fn sample(&self, key: SequenceKey, view: u32) -> AffineParams {
        if view == 0 && self.reference {
            AffineParams::IDENTITY
        } else {
            self.config.sample(&mut key.view(view).rng())
        }
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
        square::check(image, self.layout.width, key.sample)?;
        let source = warp::Source::new(image, &mut scratch.bytes);
        let mut observed = observed.chunks_exact_mut(self.layout.view_len());
        for (view, row) in (0..).zip(parameters.chunks_exact_mut(self.layout.actions.width())) {
            let params = self.sample(key, view);
            row.copy_from_slice(&params.action(self.config.max_translation));
            let is_target = view as usize == self.layout.observed_views;
            if let Some(out) = if is_target { target.take() } else { observed.next() } {
                source.render(&params.matrix(self.layout.width), P::levels(&self.pixels), out);
            }
        }
        Ok(())
    }
}

impl SequenceSource for AffineImages {
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

    /// The [`AffineConfig`] as JSON, and what the first view is.
    fn settings(&self) -> String {
        let config = serde_json::to_string(&self.config).expect("a config is plain data");
        let first = if self.reference { "first view as it is" } else { "first view drawn" };
        format!("affine {config}, {first}")
    }

    fn description(&self) -> String {
        let AffineConfig { max_rotation, max_translation, log_scale: [low, high], .. } = self.config;
        let first = if self.reference { "first view as it is; others and target" } else { "all views" };
        format!(
            "{first} scaled by exp({low}..{high}), rotated by up to {max_rotation} degrees and moved by up to \
             {max_translation} pixels; raw actions"
        )
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
        let config = AffineConfig { observed_views: views, ..self.config };
        let layout = config.layout(self.layout.width)?;
        Ok(Arc::new(Self { config, layout, ..self.clone() }))
    }

    /// The first view of every sequence, which is the image as it is.
    fn clean(&self) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        Some(Self { reference: true, ..self.clone() }.with_observed_views(1))
    }

    fn candidates(&self, views: usize) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        Some(Self { reference: false, ..self.clone() }.with_observed_views(views))
    }
}

impl ByteSource for AffineImages {
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
    use crate::dataset::ImageSet;

    const NORMALIZATION: Normalization = Normalization { mean: [0.25; 3], std: [0.5; 3] };

    fn source(views: usize) -> AffineImages {
        let pixels = (0..2 * 10 * 10 * 3_u32).map(|value| (value * 37 % 256) as u8).collect();
        let images = ImageSet::new(pixels, 10, 10, vec![1, 0], vec!["a".into(), "b".into()]).unwrap();
        AffineImages::new(Arc::new(images), AffineConfig::new(views, NORMALIZATION)).unwrap()
    }

    #[test]
    fn the_first_view_is_the_image_to_the_bit() {
        let source = source(2);
        let key = SequenceKey { sample: 1, ..KEY };
        let [observed, _, parameters] = fill(&source, key, 1, false);
        let image = source.images.image(1, &mut Default::default()).unwrap().pixels().to_vec();
        for (place, pixel) in image.chunks_exact(3).enumerate() {
            for (channel, byte) in pixel.iter().enumerate() {
                let expected = (f32::from(*byte) / 255.0 - 0.25) / 0.5;
                assert_eq!(observed[100 * channel + place].to_bits(), expected.to_bits());
            }
        }
        assert_eq!(parameters[..5], [0.0, 1.0, 0.0, 0.0, 0.0]);
        let space = &source.layout.actions;
        assert_eq!(space.identity(), parameters[..5]);
        assert!(parameters[5..].chunks_exact(5).all(|row| row[4] < 0.0 && row[0] != 0.0));
    }

    #[test]
    fn sequences_keep_what_sources_promise() {
        keeps_its_promises(&source(3), 1);
        refuses_what_does_not_fit(&source(2));
    }

    #[test]
    fn candidates_are_drawn_as_targets_are() {
        let source = source(2);
        let candidates = source.candidates(3).unwrap().unwrap();
        assert_eq!(candidates.layout().observed_views, 3);
        assert_ne!(candidates.settings(), source.with_observed_views(3).unwrap().settings());
        assert_eq!(candidates.fingerprint(), source.fingerprint());
        let [.., target] = fill(&source, KEY, 0, false);
        let [.., drawn] = fill(&*candidates, KEY, 0, false);
        assert_ne!(drawn[..5], [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(drawn[5..15], target[5..15]);
    }

    #[test]
    fn a_source_says_what_it_is() {
        assert_eq!(
            source(2).description(),
            "first view as it is; others and target scaled by exp(-0.6931472..0), rotated by up to 75 degrees and moved by \
             up to 7 pixels; raw actions"
        );
    }
}
