//! What makes sequences.

use std::fmt::Debug;
use std::sync::Arc;

use super::{ByteSource, SequenceLayout};
use crate::augment::{Normalization, Scratch};
use crate::dataset::PixelBuffer;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::rng::{Split, ViewKey};

/// Names one sequence of a run: a source makes the same bits for the same key, whatever else it makes, and in any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceKey {
    /// The run's seed.
    pub seed: u64,
    /// Training or held-out samples.
    pub split: Split,
    /// Epoch, from 0.
    pub epoch: u64,
    /// Index of the sample in its source (not its place in the shuffled epoch).
    pub sample: u32,
}

impl SequenceKey {
    /// The key of one view, from 0; the target is the last. Its random stream is the view's own.
    #[must_use]
    pub fn view(&self, view: u32) -> ViewKey {
        let Self { seed, split, epoch, sample } = *self;
        ViewKey { seed, split, epoch, sample: u64::from(sample), view }
    }
}

/// Where one sequence goes.
///
/// A source fills as many observed views, from the first, as there is room for, and the target view if it is wanted; but it
/// draws the parameters of *all* views, and a view's bits do not depend on which others are wanted.
///
/// Pixels are normalised values, or bytes where a [`ByteSource`] makes them.
#[derive(Debug)]
pub struct SequenceSlot<'a, P = f32> {
    /// `[rendered, channels, height, width]`, with at most `observed_views` views.
    pub observed: &'a mut [P],
    /// `[channels, height, width]`
    pub target: Option<&'a mut [P]>,
    /// `[observed_views + 1, parameters]`, raw, the target's last.
    pub parameters: &'a mut [f32],
}

impl<P> SequenceSlot<'_, P> {
    /// Checks the lengths against a layout.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] names the buffer.
    pub fn check(&self, layout: &SequenceLayout) -> Result<(), DataError> {
        let (view, views) = (layout.view_len(), layout.observed_views);
        let observed = self.observed.len();
        if !observed.is_multiple_of(view) || observed / view > views {
            return Err(DataError::invalid("observed", format!("0 to {views} x {view} values"), observed));
        }
        if let Some(target) = &self.target
            && target.len() != view
        {
            return Err(DataError::invalid("target", format!("{view} values"), target.len()));
        }
        let parameters = (views + 1) * layout.actions.width();
        if self.parameters.len() != parameters {
            let expected = format!("{parameters} values");
            return Err(DataError::invalid("parameters", expected, self.parameters.len()));
        }
        Ok(())
    }
}

/// Working memory to make sequences in, one per thread: a warm one allocates nothing.
///
/// A source uses what it needs of it and expects nothing of its content.
#[derive(Debug, Default)]
pub struct SequenceScratch {
    /// Working memory of augmentations.
    pub augment: Scratch,
    /// Memory to decode a source image in.
    pub image: PixelBuffer,
    /// Any bytes.
    pub bytes: Vec<u8>,
    /// Any numbers.
    pub floats: Vec<f32>,
}

/// Makes sequences: augmented images, renders with their latents, glimpses along a saliency map, rotations.
///
/// [`SequenceLoader`](crate::SequenceLoader) makes batches of any of them. A new kind of data is one implementation:
///
/// ```
/// use std::sync::Arc;
/// use rand::Rng;
/// use seqjepa_data::{
///     ActionParameter, ActionSpace, DataError, Fingerprint, LoaderConfig, SequenceKey, SequenceLayout, SequenceLoader,
///     SequenceScratch, SequenceSlot, SequenceSource,
/// };
///
/// /// Numbers on a line: a view is one pixel, as bright as its place is far to the right; an action is the place.
/// #[derive(Debug)]
/// struct Line(SequenceLayout);
///
/// impl Line {
///     fn new(observed_views: usize) -> Result<Self, DataError> {
///         let place = ActionParameter {
///             name: "place".into(),
///             unit: "of the line".into(),
///             low: 0.0,
///             high: 1.0,
///             identity: 0.0,
///         };
///         let actions = ActionSpace::new(vec![place], vec![])?;
///         Ok(Self(SequenceLayout { observed_views, channels: 1, height: 1, width: 1, actions }))
///     }
/// }
///
/// impl SequenceSource for Line {
///     fn len(&self) -> usize {
///         1000
///     }
///     fn label(&self, _: usize) -> Option<u32> {
///         None
///     }
///     fn class_names(&self) -> &[String] {
///         &[]
///     }
///     fn layout(&self) -> &SequenceLayout {
///         &self.0
///     }
///     fn fingerprint(&self) -> Fingerprint {
///         Fingerprint::of(["line"])
///     }
///     fn settings(&self) -> String {
///         format!("line {}", self.0.observed_views)
///     }
///     fn description(&self) -> String {
///         "places on a line".into()
///     }
///     fn fill(&self, key: SequenceKey, _: &mut SequenceScratch, slot: SequenceSlot<'_>) -> Result<(), DataError> {
///         slot.check(&self.0)?;
///         for (view, place) in slot.parameters.iter_mut().enumerate() {
///             *place = (key.view(view as u32).rng().next_u32() >> 8) as f32 / (1 << 24) as f32;
///         }
///         let (observed, target) = slot.parameters.split_at(self.0.observed_views);
///         slot.observed.copy_from_slice(&observed[..slot.observed.len()]);
///         slot.target.into_iter().for_each(|view| view.copy_from_slice(target));
///         Ok(())
///     }
///     fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError> {
///         Ok(Arc::new(Self::new(views)?))
///     }
/// }
///
/// let loader = SequenceLoader::new(Arc::new(Line::new(2)?), LoaderConfig::train(100, 42))?;
/// let batch = loader.epoch(0, 0).next().expect("an epoch has ten batches")?;
/// assert_eq!((batch.observed.len(), batch.relative.len()), (200, 200));
/// assert_eq!(batch.relative[0], batch.observed[1] - batch.observed[0]);
/// # Ok::<(), DataError>(())
/// ```
#[expect(clippy::len_without_is_empty, reason = "a source is never empty")]
pub trait SequenceSource: Send + Sync + Debug {
    /// Number of samples, each of which becomes a sequence an epoch: at least 1 and at most 4 294 967 295.
    fn len(&self) -> usize;

    /// The class of sample `index`, an index into [`class_names`](Self::class_names); `None` where it has none.
    fn label(&self, index: usize) -> Option<u32>;

    /// The name of each class, in label order; empty without labels.
    fn class_names(&self) -> &[String];

    /// Shapes and actions of every sequence.
    fn layout(&self) -> &SequenceLayout;

    /// The digest of the data alone, by which a resumed run knows them.
    fn fingerprint(&self) -> Fingerprint;

    /// Everything beside data and key that sequences depend on: the texts of two sources of the same data are equal exactly
    /// where their sequences are.
    fn settings(&self) -> String;

    /// The distributions that views are drawn from, for people.
    fn description(&self) -> String;

    /// What the pixels were normalised with, by which a picture of them undoes it; `None` where it is not per channel, or
    /// the channels are not red, green and blue.
    ///
    /// That of [`as_bytes`](Self::as_bytes), if not said otherwise.
    fn pixel_normalization(&self) -> Option<Normalization> {
        self.as_bytes().map(ByteSource::normalization)
    }

    /// The same sequences with their views in bytes, the same answer every time; `None` where no bytes are what is normalised, or channels
    /// are not red, green and blue.
    fn as_bytes(&self) -> Option<&dyn ByteSource> {
        None
    }

    /// Makes the sequence of sample `key.sample`: see [`SequenceSlot`].
    ///
    /// # Errors
    /// [`DataError`] for data that cannot be read, or a slot that does not fit the layout.
    ///
    /// # Panics
    /// If the sample is not below [`len`](Self::len), as a slice does.
    fn fill(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_>,
    ) -> Result<(), DataError>;

    /// The same source with another number of observed views, whose first views are the same.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] for a number that the source cannot make.
    fn with_observed_views(&self, views: usize) -> Result<Arc<dyn SequenceSource>, DataError>;

    /// The same data with `views` observed views that are drawn as target views are, for measures that rank a prediction
    /// among further targets of its own image; `None` where targets have no distribution of their own to draw from.
    fn candidates(&self, views: usize) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        let _ = views;
        None
    }

    /// The same samples without what tells their views apart: sequences of one observed view, the clean image, which is the same for every
    /// seed and epoch, resized and normalised as views are; actions keep their space. Of augmented images that is the image itself, of
    /// renders view 0, of rotated ones the one that is not turned. `None` where nothing is clean.
    ///
    /// Accuracies of one view are published on it. The sequences have a target view too, which may be anything.
    fn clean(&self) -> Option<Result<Arc<dyn SequenceSource>, DataError>> {
        None
    }
}
