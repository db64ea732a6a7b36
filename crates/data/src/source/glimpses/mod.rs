//! Glimpses along a saliency map.

mod config;
mod gaze;
mod geometry;

pub use config::GlimpseConfig;
pub use geometry::GlimpseGeometry;

use std::sync::{Arc, OnceLock};

use super::{ByteSource, Pixel, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot, SequenceSource};
use crate::augment::{Normalization, PixelTable};
use crate::dataset::ImageSource;
use crate::dataset::saliency::Saliency;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use gaze::{Gaze, share};

/// Longest side of an image in pixels.
const MAX_SIDE: usize = 1024;

/// Glimpses of images: small crops where a gaze falls, which is drawn from each image's saliency map (arXiv 2505.03176,
/// "predictive learning across saccades").
///
/// The points of a sequence are drawn one after the other, without return: around a point that was drawn, a square of
/// weights becomes 0; then every weight gets 1e-16 of the total, so that there is always something to draw from. Where a
/// glimpse falls so depends on those before it in its sequence, and on nothing that follows: the draw of view number `v` is the
/// first of the stream keyed by (seed, split, epoch, sample, `v`).
///
/// The action of a glimpse is its point over the image's side, row first: group `position`, two plain numbers from 0 to below 1,
/// not normalised. From one glimpse to the next it is the displacement of the gaze. Glimpses are not augmented: the published
/// code has a flag for it that nothing reads.
///
/// With squares of 33x33 pixels, an image of 96x96 is used up after 18 to 29 glimpses, sooner where parts of a map are 0. Then the
/// 1e-16 are all that is left: further points are drawn from all pixels, more likely where the gaze has not been for longest.
///
/// ```
/// use std::sync::Arc;
/// use seqjepa_data::dataset::{Saliency, Synthetic};
/// use seqjepa_data::{GlimpseConfig, Glimpses, LoaderConfig, SequenceLoader, Split};
///
/// let images = Synthetic { image_size: 96, train_images: 20, ..Synthetic::default() }.load(Split::Train)?;
/// let images = Arc::new(images);
/// let saliency = Saliency::contrast(&*images, 1 << 20);
/// let source = Glimpses::new(images, saliency, GlimpseConfig::new(4))?; // four observed glimpses and a target
/// let loader = SequenceLoader::new(Arc::new(source), LoaderConfig::train(10, 42))?;
/// let batch = loader.epoch(0, 0).next().expect("an epoch has two batches")?;
/// assert_eq!(batch.observed.len(), 10 * 4 * 3 * 32 * 32); // [batch, views, 3, height, width]
/// assert_eq!(batch.relative.len(), 10 * 4 * 2); // [batch, views, row and column]
/// # Ok::<(), seqjepa_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Glimpses {
    images: Arc<dyn ImageSource>,
    saliency: Arc<Saliency>,
    config: GlimpseConfig,
    side: usize,
    layout: SequenceLayout,
    pixels: PixelTable,
    /// Made once for all sources of these images and maps: it reads a thousand of each.
    fingerprint: Arc<OnceLock<Fingerprint>>,
}

impl Glimpses {
    /// Glimpses of `images`, squares of one size, where `saliency` leads the gaze.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for images that are not square or larger than 1024 pixels, for a saliency of another
    /// number or size of images, and for a config out of range (see [`GlimpseConfig`]); [`DataError::Augment`] for a
    /// normalisation out of range.
    pub fn new(
        images: Arc<dyn ImageSource>,
        saliency: Saliency,
        config: GlimpseConfig,
    ) -> Result<Self, DataError> {
        let [height, width] = images.max_size();
        if height != width || !(1..=MAX_SIDE).contains(&height) {
            let expected = format!("squares of 1 to {MAX_SIDE} pixels");
            return Err(DataError::invalid("image size", expected, format!("{height}x{width}")));
        }
        saliency.check(images.len(), height)?;
        let layout = config.layout(height)?;
        let pixels = PixelTable::new(&config.normalization);
        let (saliency, fingerprint) = (Arc::new(saliency), Arc::default());
        Ok(Self { images, saliency, config, side: height, layout, pixels, fingerprint })
    }

    /// The source images.
    #[must_use]
    pub fn images(&self) -> &Arc<dyn ImageSource> {
        &self.images
    }

    /// What leads the gaze.
    #[must_use]
    pub fn saliency(&self) -> &Saliency {
        &self.saliency
    }

    /// How glimpses are made.
    #[must_use]
    pub fn config(&self) -> &GlimpseConfig {
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
        let (sample, side) = (key.sample as usize, self.side);
        let image = self.images.image(sample, &mut scratch.image)?;
        if [image.height(), image.width()] != [side; 2] {
            let found = format!("{}x{} for image {sample}", image.height(), image.width());
            return Err(DataError::invalid("image size", format!("{side}x{side}"), found));
        }
        scratch.floats.resize(side * side, 0.0);
        self.saliency.weights(sample, image, &mut scratch.bytes, &mut scratch.floats)?;
        let mut gaze = Gaze::new(&mut scratch.floats, side);
        let mut observed = observed.chunks_exact_mut(self.layout.view_len());
        for (view, action) in (0..).zip(parameters.chunks_exact_mut(2)) {
            let point = gaze.draw(share(&mut key.view(view).rng()));
            action.copy_from_slice(&[point.row, point.column].map(|place| place as f32 / side as f32));
            if let Some(radius) = self.config.inhibition {
                gaze.inhibit(point, radius);
            }
            let last = view as usize == self.config.observed_views;
            let out = if last { target.take() } else { observed.next() };
            if let Some(out) = out {
                self.config.geometry.render(
                    image,
                    point,
                    self.config.glimpse_size,
                    P::levels(&self.pixels),
                    out,
                );
            }
        }
        Ok(())
    }
}

impl SequenceSource for Glimpses {
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

    /// Of the images, and of the saliency maps where they are data of their own.
    fn fingerprint(&self) -> Fingerprint {
        let made = self.fingerprint.get_or_init(|| {
            let images = self.images.fingerprint();
            match self.saliency.fingerprint() {
                Some(maps) => Fingerprint::of([images.as_str(), maps.as_str()]),
                None => images,
            }
        });
        made.clone()
    }

    /// The [`GlimpseConfig`] as JSON, and the kind of saliency.
    fn settings(&self) -> String {
        let config = serde_json::to_string(&self.config).expect("a config is plain data");
        format!("glimpses by {}: {config}", self.saliency.name())
    }

    fn description(&self) -> String {
        let GlimpseConfig { glimpse_size, inhibition, geometry, .. } = &self.config;
        let inhibition = match inhibition {
            Some(radius) => format!("return inhibited within {radius} pixels"),
            None => "return not inhibited".to_owned(),
        };
        let geometry = match geometry {
            GlimpseGeometry::Centered => "centred at the point",
            GlimpseGeometry::Published => "at the transposed point, resampled, as published",
        };
        format!(
            "glimpses of {glimpse_size}x{glimpse_size} of {side}x{side} pixels, {geometry}, drawn from {}, {inhibition}; \
             actions are positions over {side}",
            self.saliency.description(),
            side = self.side
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
        let config = GlimpseConfig { observed_views: views, ..self.config.clone() };
        let layout = config.layout(self.side)?;
        Ok(Arc::new(Self { config, layout, ..self.clone() }))
    }

    /// Target glimpses are drawn as all others are.
    fn candidates(&self, views: usize) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        Some(self.with_observed_views(views))
    }
}

impl ByteSource for Glimpses {
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
