//! Sequences whose views are bytes.

use super::{SequenceKey, SequenceScratch, SequenceSlot};
use crate::augment::Normalization;
use crate::error::DataError;

/// A source whose views are bytes before they are normalised: the same views in a quarter of the memory, to be normalised where they go,
/// as on a GPU. All sources of this crate are.
///
/// By [`SequenceSource::as_bytes`](super::SequenceSource::as_bytes) a loader finds it.
pub trait ByteSource {
    /// By which the bytes of red, green and blue become the values of [`SequenceSource::fill`](super::SequenceSource::fill), through a
    /// [`PixelTable`](crate::augment::PixelTable), to the bit.
    fn normalization(&self) -> Normalization;

    /// Makes the same sequence as [`SequenceSource::fill`](super::SequenceSource::fill), with views in bytes.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    fn fill_bytes(
        &self,
        key: SequenceKey,
        scratch: &mut SequenceScratch,
        slot: SequenceSlot<'_, u8>,
    ) -> Result<(), DataError>;
}
