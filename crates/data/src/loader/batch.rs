//! The buffers of a batch.

use std::ops::Range;

use super::byte_views::ByteViews;
use crate::augment::Normalization;
use crate::error::DataError;
use crate::source::SequenceLayout;

/// A batch of sequences in contiguous row-major buffers.
///
/// In the shapes, `views` is the number of observed views (the paper's M), `rendered` how many of them were made, and
/// `parameters` the length of an action.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceBatch {
    /// Observed views, normalised, `[batch, rendered, channels, height, width]`; empty where they are [`bytes`](Self::bytes).
    pub observed: Vec<f32>,
    /// Target views, normalised, `[batch, channels, height, width]`; empty where they were not rendered, or are
    /// [`bytes`](Self::bytes).
    pub target: Vec<f32>,
    /// The views in bytes, where [`LoaderConfig::bytes`](crate::LoaderConfig::bytes) asks for them and the source has them.
    pub bytes: Option<ByteViews>,
    /// Raw action parameters, the target's last, `[batch, views + 1, parameters]`: see
    /// [`AugmentParams::action`](crate::AugmentParams::action).
    pub parameters: Vec<f32>,
    /// Normalised actions, `[batch, views + 1, parameters]`.
    pub actions: Vec<f32>,
    /// Relative actions, `[batch, views, parameters]`: row `t` leads from view `t` to view `t + 1`, see
    /// [`ActionSpace::sequence`](crate::ActionSpace::sequence).
    pub relative: Vec<f32>,
    /// Class of each sample, `[batch]`; `None` unless all of them have one.
    pub labels: Option<Vec<u32>>,
    /// Index of each sample in its source, `[batch]`.
    pub indices: Vec<u32>,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    views: usize,
    rendered: usize,
    target: bool,
    channels: usize,
    height: usize,
    width: usize,
    parameters: usize,
}

/// What a batch is made of by hand: see [`SequenceBatch::new`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchParts {
    /// Observed views, `[batch, rendered, channels, height, width]`, with at most as many views as the layout has.
    pub observed: Vec<f32>,
    /// Target views, `[batch, channels, height, width]`, or empty.
    pub target: Vec<f32>,
    /// Raw action parameters of all views, the target's last, `[batch, views + 1, parameters]`.
    pub parameters: Vec<f32>,
    /// Class of each sample, `[batch]`, if they have one.
    pub labels: Option<Vec<u32>>,
    /// Index of each sample in its source, `[batch]`.
    pub indices: Vec<u32>,
}

impl SequenceBatch {
    /// A batch of sequences that were made elsewhere; its actions are made from the raw parameters by the layout's action
    /// space, as the loader does.
    ///
    /// # Errors
    /// [`DataError::InvalidArgument`] names a buffer whose length is not that of the layout and the number of indices, or
    /// `indices` if there is none; [`DataError::SampleActions`] for parameters that are not actions of the space.
    pub fn new(layout: &SequenceLayout, parts: BatchParts) -> Result<Self, DataError> {
        layout.validate()?;
        let BatchParts { observed, target, parameters, labels, indices } = parts;
        let (len, views, view) = (indices.len(), layout.observed_views, layout.view_len());
        if len == 0 {
            return Err(DataError::invalid("indices", "at least one", 0));
        }
        let length = |name, found: usize, expected: usize| {
            if found == expected {
                return Ok(());
            }
            Err(DataError::invalid(name, format!("{expected} values for {len} sequences"), found))
        };
        let rendered = observed.len() / (len * view);
        length("observed", observed.len(), rendered.min(views) * len * view)?;
        if !target.is_empty() {
            length("target", target.len(), len * view)?;
        }
        let width = layout.actions.width();
        length("parameters", parameters.len(), len * (views + 1) * width)?;
        if let Some(labels) = &labels {
            length("labels", labels.len(), len)?;
        }
        let mut batch = Self::empty(layout, rendered, !target.is_empty(), None);
        batch.actions.resize(parameters.len(), 0.0);
        batch.relative.resize(len * views * width, 0.0);
        let rows = parameters.chunks_exact((views + 1) * width);
        let outputs = batch.actions.chunks_exact_mut((views + 1) * width);
        let outputs = outputs.zip(batch.relative.chunks_exact_mut(views * width));
        for ((raw, (actions, relative)), &sample) in rows.zip(outputs).zip(&indices) {
            let made = layout.actions.sequence(raw, actions, relative);
            made.map_err(|source| DataError::SampleActions { sample, source })?;
        }
        Ok(Self { observed, target, parameters, labels, indices, ..batch })
    }

    /// A batch of no sequences, with `rendered` observed views each, or all if that is more; in bytes for a normalisation.
    pub(super) fn empty(
        layout: &SequenceLayout,
        rendered: usize,
        target: bool,
        bytes: Option<Normalization>,
    ) -> Self {
        let shape = Shape {
            views: layout.observed_views,
            rendered: rendered.min(layout.observed_views),
            target,
            channels: layout.channels,
            height: layout.height,
            width: layout.width,
            parameters: layout.actions.width(),
        };
        Self {
            observed: Vec::new(),
            target: Vec::new(),
            bytes: bytes.map(ByteViews::empty),
            parameters: Vec::new(),
            actions: Vec::new(),
            relative: Vec::new(),
            labels: None,
            indices: Vec::new(),
            shape,
        }
    }

    /// Number of sequences, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "no empty batch can be had")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Number of observed views of each sequence, M, rendered or not.
    #[must_use]
    pub fn views(&self) -> usize {
        self.shape.views
    }

    /// Number of observed views that were rendered.
    #[must_use]
    pub fn rendered_views(&self) -> usize {
        self.shape.rendered
    }

    /// Whether the target views were rendered.
    #[must_use]
    pub fn has_target(&self) -> bool {
        self.shape.target
    }

    /// Channels of every view.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.shape.channels
    }

    /// Height of every view in pixels.
    #[must_use]
    pub fn height(&self) -> usize {
        self.shape.height
    }

    /// Width of every view in pixels.
    #[must_use]
    pub fn width(&self) -> usize {
        self.shape.width
    }

    /// Length of an action vector.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.shape.parameters
    }

    /// The sequences of `range` as a batch of their own.
    ///
    /// # Panics
    /// If there are no sequences in the range, or if it goes beyond the batch.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let len = self.len();
        assert!(!range.is_empty() && range.end <= len, "{range:?} is no part of a batch of {len} sequences");
        let floats = |values: &[f32]| rows(values, &range, len);
        Self {
            observed: floats(&self.observed),
            target: floats(&self.target),
            bytes: self.bytes.as_ref().map(|bytes| bytes.part(&range, len)),
            parameters: floats(&self.parameters),
            actions: floats(&self.actions),
            relative: floats(&self.relative),
            labels: self.labels.as_deref().map(|labels| rows(labels, &range, len)),
            indices: rows(&self.indices, &range, len),
            shape: self.shape,
        }
    }

    /// The same batch with normalised views, whatever they were in.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        if let Some(bytes) = self.bytes.take() {
            [self.observed, self.target] = bytes.normalize(self.shape.height * self.shape.width);
        }
        self
    }

    /// Sets the number of sequences; a buffer that was as large before is not reallocated.
    pub(super) fn resize(&mut self, len: usize) {
        let Shape { views, rendered, target, channels, height, width, parameters } = self.shape;
        let view = channels * height * width;
        let (observed, target) = (len * rendered * view, if target { len * view } else { 0 });
        match &mut self.bytes {
            Some(bytes) => {
                bytes.observed.resize(observed, 0);
                bytes.target.resize(target, 0);
            }
            None => {
                self.observed.resize(observed, 0.0);
                self.target.resize(target, 0.0);
            }
        }
        self.parameters.resize(len * (views + 1) * parameters, 0.0);
        self.actions.resize(len * (views + 1) * parameters, 0.0);
        self.relative.resize(len * views * parameters, 0.0);
        self.indices.resize(len, 0);
    }

    /// Sets the labels, if all of them are known.
    pub(super) fn set_labels(&mut self, labels: impl Iterator<Item = Option<u32>>) {
        let mut all = self.labels.take().unwrap_or_default();
        all.clear();
        for label in labels {
            let Some(label) = label else { return };
            all.push(label);
        }
        self.labels = Some(all);
    }

    /// The whole batch as consecutive slots.
    pub(super) fn slots(&mut self) -> Slots<'_> {
        let (parameters, actions, relative) = (&mut self.parameters, &mut self.actions, &mut self.relative);
        let has_target = self.shape.target;
        match &mut self.bytes {
            Some(ByteViews { observed, target, .. }) => {
                let target = has_target.then_some(&mut target[..]);
                Slots::Bytes(BatchSlots { observed, target, parameters, actions, relative })
            }
            None => {
                let (observed, target) = (&mut self.observed, has_target.then_some(&mut self.target[..]));
                Slots::Values(BatchSlots { observed, target, parameters, actions, relative })
            }
        }
    }
}

/// The values of the sequences of `range`, of `len`.
pub(super) fn rows<T: Copy>(values: &[T], range: &Range<usize>, len: usize) -> Vec<T> {
    let each = values.len() / len;
    values[range.start * each..range.end * each].to_vec()
}

/// Where a batch is written to.
pub(super) enum Slots<'a> {
    /// Views as normalised values.
    Values(BatchSlots<'a, f32>),
    /// Views in bytes.
    Bytes(BatchSlots<'a, u8>),
}

/// Where consecutive sequences of a batch are written to; shapes as in [`SequenceBatch`].
pub(super) struct BatchSlots<'a, P> {
    pub(super) observed: &'a mut [P],
    pub(super) target: Option<&'a mut [P]>,
    pub(super) parameters: &'a mut [f32],
    pub(super) actions: &'a mut [f32],
    pub(super) relative: &'a mut [f32],
}

impl<P> BatchSlots<'_, P> {
    /// Divides consecutive slots of `count` sequences before sequence `at`.
    pub(super) fn split_at(self, at: usize, count: usize) -> (Self, Self) {
        fn split<T>(values: &mut [T], at: usize, count: usize) -> (&mut [T], &mut [T]) {
            let each = values.len() / count;
            values.split_at_mut(at * each)
        }
        let (observed, observed_rest) = split(self.observed, at, count);
        let (target, target_rest) = self.target.map(|target| split(target, at, count)).unzip();
        let (parameters, parameters_rest) = split(self.parameters, at, count);
        let (actions, actions_rest) = split(self.actions, at, count);
        let (relative, relative_rest) = split(self.relative, at, count);
        let rest = Self {
            observed: observed_rest,
            target: target_rest,
            parameters: parameters_rest,
            actions: actions_rest,
            relative: relative_rest,
        };
        (Self { observed, target, parameters, actions, relative }, rest)
    }
}
