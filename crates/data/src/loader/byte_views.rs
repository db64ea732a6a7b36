//! The views of a batch in bytes.

use std::ops::Range;

use super::batch::rows;
use crate::augment::{Normalization, PixelTable};

/// The views of a batch in bytes, before they are normalised; shapes as in [`SequenceBatch`](super::SequenceBatch).
#[derive(Clone, Debug, PartialEq)]
pub struct ByteViews {
    /// Observed views, `[batch, rendered, 3, height, width]`.
    pub observed: Vec<u8>,
    /// Target views, `[batch, 3, height, width]`; empty where they were not rendered.
    pub target: Vec<u8>,
    /// By which they become what a batch else holds.
    pub normalization: Normalization,
}

impl ByteViews {
    /// No views.
    pub(super) fn empty(normalization: Normalization) -> Self {
        Self { observed: Vec::new(), target: Vec::new(), normalization }
    }

    /// The views of the sequences of `range`, of `len`.
    pub(super) fn part(&self, range: &Range<usize>, len: usize) -> Self {
        let [observed, target] = [&self.observed, &self.target].map(|bytes| rows(bytes, range, len));
        Self { observed, target, normalization: self.normalization }
    }

    /// Observed and target views as they are without bytes, for views of `pixels` pixels.
    pub(super) fn normalize(&self, pixels: usize) -> [Vec<f32>; 2] {
        let table = PixelTable::new(&self.normalization);
        [&self.observed, &self.target].map(|bytes| table.normalize(bytes, pixels))
    }
}
