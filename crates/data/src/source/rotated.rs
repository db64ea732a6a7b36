//! Sequences of images that are turned by quarters.

use std::sync::{Arc, OnceLock};

use super::{
    ByteSource, Pixel, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot, SequenceSource, square,
};
use crate::action::{ActionGroup, ActionParameter, ActionSpace, GroupKind};
use crate::augment::{ImageView, Normalization, PixelTable};
use crate::dataset::ImageSource;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::rng::below;

/// Sine and cosine of 0 to 3 quarter turns.
const QUARTERS: [[f32; 2]; 4] = [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]];

/// Views of square images turned counter-clockwise by 0, 90, 180 or 270 degrees.
///
/// The first view is the image as it is. The angle of every other view, the target's among them, is drawn independently, each of
/// the four equally likely. Pixels move without being resampled. An action is the angle as `(sin, cos)`, the group `rotation`;
/// from one view to the next it is the difference of the angles, which wraps around.
#[derive(Clone, Debug)]
pub struct RotatedImages {
    images: Arc<dyn ImageSource>,
    normalization: Normalization,
    pixels: PixelTable,
    layout: SequenceLayout,
    /// Made once for all sources of these images: it may take a pass over all pixels.
    fingerprint: Arc<OnceLock<Fingerprint>>,
}

impl RotatedImages {
    /// Sequences of `images`, which are squares of one side, with pixels normalised so.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for images that are no squares, or a number of observed views that is not 1 to 256;
    /// [`DataError::Augment`] for a normalisation out of range.
    pub fn new(
        images: Arc<dyn ImageSource>,
        observed_views: usize,
        normalization: Normalization,
    ) -> Result<Self, DataError> {
        normalization.validate()?;
        let side = square::side(&*images)?;
        let layout = SequenceLayout {
            observed_views,
            channels: 3,
            height: side,
            width: side,
            actions: Self::action_space(),
        };
        layout.validate()?;
        let pixels = PixelTable::new(&normalization);
        Ok(Self { images, normalization, pixels, layout, fingerprint: Arc::default() })
    }

    /// The actions of every such source: the angle as `(sin, cos)`, one group `rotation`, never normalised.
    #[must_use]
    pub fn action_space() -> ActionSpace {
        let parameter = |name: &str, identity| ActionParameter {
            name: name.into(),
            unit: "of the angle".into(),
            low: -1.0,
            high: 1.0,
            identity,
        };
        let rotation = ActionGroup { name: "rotation".into(), range: 0..2, kind: GroupKind::Angle };
        ActionSpace::new(vec![parameter("sin", 0.0), parameter("cos", 1.0)], vec![rotation])
            .expect("an angle has two components")
    }

    /// The source images.
    #[must_use]
    pub fn images(&self) -> &Arc<dyn ImageSource> {
        &self.images
    }

    /// Quarter turns of one view.
    fn quarters(key: SequenceKey, view: u32) -> usize {
        if view == 0 { 0 } else { below(&mut key.view(view).rng(), 4) }
    }

    fn render<P: Pixel>(&self, image: ImageView<'_>, quarters: usize, out: &mut [P]) {
        let side = self.layout.width;
        let pixel = image.format().channels();
        let area = side * side;
        let back = usize::wrapping_neg;
        // The first pixel of the view in the image, and the way to the next row and to the next column.
        let (first, down, right) = match quarters {
            0 => (0, side, 1),
            1 => (side - 1, back(1), side),
            2 => (area - 1, back(side), back(1)),
            _ => (area - side, 1, back(side)),
        };
        for (channel, (plane, values)) in out.chunks_exact_mut(area).zip(P::levels(&self.pixels)).enumerate()
        {
            let channel = channel % pixel;
            let mut start = first;
            for row in plane.chunks_exact_mut(side) {
                let mut place = start;
                for out in row {
                    *out = values[usize::from(image.pixels()[place * pixel + channel])];
                    place = place.wrapping_add(right);
                }
                start = start.wrapping_add(down);
            }
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
        let mut observed = observed.chunks_exact_mut(self.layout.view_len());
        for (view, row) in (0..).zip(parameters.chunks_exact_mut(2)) {
            let quarters = Self::quarters(key, view);
            row.copy_from_slice(&QUARTERS[quarters]);
            let is_target = view as usize == self.layout.observed_views;
            if let Some(out) = if is_target { target.take() } else { observed.next() } {
                self.render(image, quarters, out);
            }
        }
        Ok(())
    }
}

impl SequenceSource for RotatedImages {
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

    fn settings(&self) -> String {
        let normalization = serde_json::to_string(&self.normalization).expect("plain data");
        format!("quarter turns, {} observed views, {normalization}", self.layout.observed_views)
    }

    fn description(&self) -> String {
        "first view as it is; others and target turned counter-clockwise by 0, 90, 180 or 270 degrees, each equally likely; \
         actions sine and cosine"
            .into()
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
        let layout = SequenceLayout { observed_views: views, ..self.layout.clone() };
        layout.validate()?;
        Ok(Arc::new(Self { layout, ..self.clone() }))
    }

    /// The first view of every sequence, which is the image as it is.
    fn clean(&self) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        Some(self.with_observed_views(1))
    }
}

impl ByteSource for RotatedImages {
    fn normalization(&self) -> Normalization {
        self.normalization
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
    use super::super::test_source::{KEY, fill, refuses_what_does_not_fit};
    use super::*;
    use crate::dataset::ImageSet;

    /// Two squares of two pixels a side, all channels of a pixel different.
    fn source(views: usize) -> RotatedImages {
        let pixels = (0..24).map(|value| value * 10).collect();
        let images = ImageSet::new(pixels, 2, 2, vec![0, 1], vec!["a".into(), "b".into()]).unwrap();
        let normalization = Normalization { mean: [0.0; 3], std: [1.0 / 255.0; 3] };
        RotatedImages::new(Arc::new(images), views, normalization).unwrap()
    }

    #[test]
    fn quarters_turn_counter_clockwise() {
        let source = source(1);
        let image = source.images.image(0, &mut Default::default()).unwrap().pixels().to_vec();
        let image = ImageView::new(&image, 2, 2).unwrap();
        // Indices of the source pixels: 0 1 / 2 3.
        for (quarters, expected) in
            [[0, 1, 2, 3], [1, 3, 0, 2], [3, 2, 1, 0], [2, 0, 3, 1]].iter().enumerate()
        {
            let mut out = [0.0; 12];
            source.render(image, quarters, &mut out);
            for (place, from) in expected.iter().enumerate() {
                for channel in 0..3 {
                    let value = (30 * from + 10 * channel) as f32;
                    assert!((out[4 * channel + place] - value).abs() < 1e-3, "{quarters} {place} {channel}");
                }
            }
        }
    }

    #[test]
    fn the_first_view_is_untouched_and_the_others_are_uniform() {
        let source = source(3);
        let mut counts = [0; 4];
        for epoch in 0..2000 {
            let key = SequenceKey { epoch, sample: 1, ..KEY };
            let [observed, _, parameters] = fill(&source, key, 1, false);
            assert_eq!(parameters[..2], [0.0, 1.0]);
            let image = source.images.image(1, &mut Default::default()).unwrap().pixels().to_vec();
            let mut untouched = [0.0; 12];
            source.render(ImageView::new(&image, 2, 2).unwrap(), 0, &mut untouched);
            assert_eq!(observed, untouched);
            for row in parameters[2..].chunks_exact(2) {
                counts[QUARTERS.iter().position(|quarter| quarter == row).unwrap()] += 1;
            }
        }
        // Binomial(6000, 1/4), five standard deviations wide.
        assert!(counts.iter().all(|count| (1332..=1668).contains(count)), "{counts:?}");
    }

    #[test]
    fn sequences_keep_what_sources_promise() {
        super::super::test_source::keeps_its_promises(&source(3), 1);
        refuses_what_does_not_fit(&source(2));
        assert!(source(2).candidates(4).is_none());
        let clean = source(2).clean().unwrap().unwrap();
        assert_eq!(fill(&*clean, KEY, 1, false)[0], fill(&source(2), KEY, 1, false)[0]);
    }

    #[test]
    fn only_squares_are_taken() {
        let images = ImageSet::unlabelled(vec![0; 18], 2, 3).unwrap();
        let error = RotatedImages::new(Arc::new(images), 1, Normalization::CIFAR10).unwrap_err().to_string();
        assert!(error.contains("2x3"), "{error}");
    }
}
