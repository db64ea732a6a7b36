//! Sequences of the views of one object.

use std::sync::Arc;

use serde::Serialize;

use super::ViewLatents;
use super::objects::{MAX_VIEWS, ObjectViews};
use crate::augment::{AugmentParams, ImageView, Normalization};
use crate::dataset::subset::shuffle_prefix;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::rng::KeyedRng;
use crate::source::{
    ByteSource, Pixel, SequenceKey, SequenceLayout, SequenceScratch, SequenceSlot, SequenceSource,
};

/// Sequences of views of one object each, drawn without replacement: a sample is an object, its class the label.
///
/// Actions are the views' [`ViewLatents::action`]s, in two groups, `rotation` and `color`; they are not normalised. The order of
/// an object's views is a permutation keyed by seed, split, epoch and object, of which a sequence takes the first: M + 1 views
/// begin with the same ones for every M. [`candidates`](SequenceSource::candidates) has none: a target is one of few images, so
/// that further draws would meet it again.
#[derive(Clone, Debug)]
pub struct ObjectSequences {
    objects: Arc<dyn ObjectViews>,
    normalization: Normalization,
    layout: SequenceLayout,
    /// Whether views come in their own order, the same for every key.
    clean: bool,
}

/// What sequences depend on beside the objects.
#[derive(Serialize)]
struct Settings<'a> {
    side: usize,
    observed_views: usize,
    normalization: &'a Normalization,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    clean: bool,
}

impl ObjectSequences {
    pub(crate) fn new(
        objects: Arc<dyn ObjectViews>,
        observed_views: usize,
        normalization: Normalization,
    ) -> Result<Self, DataError> {
        normalization.validate()?;
        let (side, actions) = (objects.side(), ViewLatents::action_space());
        let layout = SequenceLayout { observed_views, channels: 3, height: side, width: side, actions };
        layout.validate()?;
        if observed_views >= objects.views() {
            let expected = format!(
                "at most {}, as the target is a view more and an object has {}",
                objects.views() - 1,
                objects.views()
            );
            return Err(DataError::invalid("observed_views", expected, observed_views));
        }
        Ok(Self { objects, normalization, layout, clean: false })
    }

    /// Number of views of every object.
    #[must_use]
    pub fn views_per_object(&self) -> usize {
        self.objects.views()
    }

    /// The latents of view `view` of object `object`.
    ///
    /// # Errors
    /// [`DataError`] with the path for a file that cannot be read.
    ///
    /// # Panics
    /// If the object is not below [`len`](SequenceSource::len), or the view not below
    /// [`views_per_object`](Self::views_per_object).
    pub fn latents(&self, object: usize, view: usize) -> Result<ViewLatents, DataError> {
        assert!(
            object < self.objects.objects() && view < self.objects.views(),
            "view {view} of object {object}"
        );
        self.objects.latents(object, view)
    }

    /// The views of a sequence, the target's last, into `views`: those of the object's own that it takes.
    fn draw<'a>(&self, key: SequenceKey, order: &'a mut [u16; MAX_VIEWS]) -> &'a [u16] {
        for (number, view) in (0..).zip(order.iter_mut()) {
            *view = number;
        }
        let total = self.layout.observed_views + 1;
        if !self.clean {
            let mut rng: KeyedRng = key.view(0).rng();
            shuffle_prefix(&mut order[..self.objects.views()], total, &mut rng);
        }
        &order[..total]
    }

    fn make<P: Pixel>(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_, P>,
    ) -> Result<(), DataError> {
        slot.check(&self.layout)?;
        let SequenceSlot { observed, mut target, parameters } = slot;
        let (object, side) = (key.sample as usize, self.layout.height);
        let mut order = [0; MAX_VIEWS];
        let views = self.draw(key, &mut order);
        let whole = AugmentParams::identity(side, side);
        let mut observed = observed.chunks_exact_mut(self.layout.view_len());
        let rows = parameters.chunks_exact_mut(self.layout.actions.width());
        for (number, (&view, row)) in views.iter().zip(rows).enumerate() {
            let view = usize::from(view);
            row.copy_from_slice(&self.objects.latents(object, view)?.action());
            let out = if number < self.layout.observed_views { observed.next() } else { target.take() };
            let Some(out) = out else { continue };
            let pixels = self.objects.pixels(object, view, &mut scratch.image)?;
            let image = ImageView::new(pixels, side, side)?;
            let made = P::augment(&whole, image, &self.normalization, &mut scratch.augment, out);
            made.map_err(|source| DataError::View { sample: key.sample, source })?;
        }
        Ok(())
    }
}

impl SequenceSource for ObjectSequences {
    fn len(&self) -> usize {
        self.objects.objects()
    }

    fn label(&self, index: usize) -> Option<u32> {
        Some(self.objects.label(index))
    }

    fn class_names(&self) -> &[String] {
        self.objects.class_names()
    }

    fn layout(&self) -> &SequenceLayout {
        &self.layout
    }

    fn fingerprint(&self) -> Fingerprint {
        self.objects.fingerprint()
    }

    /// Side, number of observed views and normalisation, as JSON.
    fn settings(&self) -> String {
        let (side, observed_views) = (self.layout.height, self.layout.observed_views);
        let settings =
            Settings { side, observed_views, normalization: &self.normalization, clean: self.clean };
        serde_json::to_string(&settings).expect("settings are plain data")
    }

    fn description(&self) -> String {
        let views =
            if self.clean { "the first view" } else { "views of an object drawn without replacement" };
        format!("{}, {views}; raw actions", self.objects.description())
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
        let made = Self::new(Arc::clone(&self.objects), views, self.normalization)?;
        Ok(Arc::new(Self { clean: self.clean, ..made }))
    }

    /// View 0 of every object, as published.
    fn clean(&self) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        Some(Self { clean: true, ..self.clone() }.with_observed_views(1))
    }
}

impl ByteSource for ObjectSequences {
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
